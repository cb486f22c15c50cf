import pytest

from freshet.schemas.errors import SettingsError
from freshet.streams.kafka.connection import KafkaConnection


def test_several_addresses_may_be_given_with_commas():
    connection = KafkaConnection("a:9092, [::1]:9093", client_id="me", timeout=1.5)

    assert connection.options() == {
        "bootstrap_servers": ["a:9092", "[::1]:9093"],
        "client_id": "me",
        "request_timeout_ms": 1500,
        "security_protocol": "PLAINTEXT",
        "ssl_context": None,
    }


@pytest.mark.parametrize("address", ["", "kafka", "kafka:", ":9092", "kafka:port", "kafka:99999", "a:1,,b:2"])
def test_an_address_that_cannot_be_is_named(address):
    with pytest.raises(SettingsError, match="not of the form host:port"):
        KafkaConnection(address)
