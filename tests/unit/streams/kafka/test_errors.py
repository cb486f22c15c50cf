import pytest
from aiokafka import errors as kafka

from freshet.schemas.errors import DeniedError, OverloadedError, PermanentError, TransientError
from freshet.streams.kafka.errors import kafka_errors, outside_error


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (kafka.KafkaConnectionError("refused"), TransientError),
        (kafka.KafkaTimeoutError(), TransientError),
        (kafka.NotEnoughReplicasError(), TransientError),
        (kafka.RequestTimedOutError(), TransientError),
        (kafka.OutOfOrderSequenceNumber(), TransientError),
        (kafka.ProducerFenced(), TransientError),
        (kafka.CommitFailedError(), TransientError),
        (kafka.KafkaError("anything that nobody foresaw"), TransientError),
        (TimeoutError(), TransientError),
        (ConnectionResetError(), TransientError),
        (kafka.QuotaViolationError(), OverloadedError),
        (kafka.MessageSizeTooLargeError(), PermanentError),
        (kafka.TopicAuthorizationFailedError("documents"), DeniedError),
        (kafka.AuthenticationFailedError(), DeniedError),
        (kafka.PolicyViolationError(), PermanentError),
    ],
)
def test_each_error_says_whether_trying_again_can_help(error, kind):
    assert type(outside_error("write to Kafka", error)) is kind


def test_what_is_raised_names_the_operation_and_keeps_the_cause():
    cause = kafka.TopicAuthorizationFailedError("documents")

    with (
        pytest.raises(PermanentError, match=r"write to Kafka: .*documents.*ACLs") as raised,
        kafka_errors("write to Kafka"),
    ):
        raise cause

    assert raised.value.__cause__ is cause


def test_a_record_that_cannot_be_decoded_is_told_and_may_be_gone_later():
    with (
        pytest.raises(TransientError, match=r"read documents: .*a header whose name is not UTF-8"),
        kafka_errors("read documents"),
    ):
        b"gr\xf6\xdfe".decode()


def test_a_missing_topic_comes_with_the_command_that_creates_it():
    error = outside_error("write to Kafka", kafka.UnknownTopicOrPartitionError())

    assert "freshet topics create" in str(error)


def test_a_mistake_of_ours_is_no_error_of_kafka():
    with pytest.raises(ValueError, match="ours"), kafka_errors("write to Kafka"):
        raise ValueError("ours")


def test_an_error_code_is_told_in_words():
    assert "a message larger than this maximum" in outside_error("write", kafka.MessageSizeTooLargeError()).message
    assert outside_error("write", TimeoutError()).message == "no answer in time"
