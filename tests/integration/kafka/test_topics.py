import asyncio
import uuid

import pytest

from freshet.local.processes import free_port
from freshet.schemas.errors import MisfitError, PermanentError, TransientError
from freshet.schemas.topics import DAY_MS, Topics, TopicSpec, findings, topic_specs
from freshet.streams.kafka.connection import KafkaConnection
from freshet.streams.kafka.topics import create_topics, describe_topics, ensure_topics, prepare_topics
from freshet.streams.retry import Retry, Weather
from tests.conftest import StartKafka
from tests.support.servers import KafkaServer
from tests.support.servers import create_topics as create_as_others_do
from tests.support.waiting import wait_until


def some_topics() -> Topics:
    unique = uuid.uuid4().hex[:8]
    return Topics(f"kb-{unique}", f"queries-{unique}", f"feedback-{unique}")


def specs_of(topics: Topics, *, partitions: int = 3) -> tuple[TopicSpec, ...]:
    return topic_specs(topics, partitions=partitions)


@pytest.fixture
def connection(kafka: KafkaServer) -> KafkaConnection:
    return KafkaConnection(kafka.bootstrap)


async def test_missing_topics_are_created_with_their_settings(connection: KafkaConnection):
    topics = some_topics()
    specs = specs_of(topics)
    await ensure_topics(connection, specs)

    states = await describe_topics(connection, [spec.name for spec in specs])
    assert {state.partitions for state in states.values()} == {3}
    assert states[topics.documents].configs["cleanup.policy"] == "compact"
    assert states[topics.documents].configs["min.compaction.lag.ms"] == str(DAY_MS)
    assert states[topics.dead_letters].configs["retention.ms"] == str(30 * DAY_MS)
    assert findings(specs, states) == []


async def test_creating_again_creates_nothing(connection: KafkaConnection):
    specs = specs_of(some_topics())

    assert len(await create_topics(connection, specs)) == 6
    assert await create_topics(connection, specs) == []


async def test_processes_that_start_together_do_not_disturb_each_other(connection: KafkaConnection):
    specs = specs_of(some_topics())
    await asyncio.gather(*(ensure_topics(connection, specs) for _ in range(4)))

    assert len(await describe_topics(connection, [spec.name for spec in specs])) == 6


async def test_a_documents_topic_of_others_is_kept_and_its_sisters_follow_it(
    kafka: KafkaServer, connection: KafkaConnection
):
    topics = some_topics()
    specs = specs_of(topics, partitions=3)
    settings = specs[0].configs | {"max.message.bytes": "5000000"}
    await create_as_others_do(kafka.bootstrap, {topics.documents: 5}, settings=settings)
    await wait_until(lambda: describe_topics(connection, [topics.documents]), "the broker knows the topic")
    await ensure_topics(connection, specs)

    states = await describe_topics(connection, [spec.name for spec in specs])
    assert [states[name].partitions for name in (topics.documents, topics.again, topics.indexed)] == [5, 5, 5]
    assert int(states[topics.dead_letters].configs["max.message.bytes"]) > 5_000_000


async def test_a_topic_with_wrong_settings_stops_the_start_and_says_what_to_do(
    kafka: KafkaServer, connection: KafkaConnection
):
    topics = some_topics()
    await create_as_others_do(kafka.bootstrap, {topics.documents: 2}, settings={"cleanup.policy": "delete"})

    with pytest.raises(MisfitError) as raised:
        await ensure_topics(connection, specs_of(topics))
    first = str(raised.value).splitlines()[0]
    assert first.startswith(f"{topics.documents}: cleanup.policy is delete, should be compact; change it with: ")


async def test_where_creating_is_forbidden_missing_topics_are_told(connection: KafkaConnection):
    topics = some_topics()

    with pytest.raises(MisfitError, match=rf"{topics.documents}: the topic is missing.*freshet topics create"):
        await ensure_topics(connection, specs_of(topics), create=False)
    assert await describe_topics(connection, [topics.documents]) == {}


async def test_a_setting_that_kafka_refuses_is_told_in_its_words(connection: KafkaConnection):
    name = some_topics().documents
    with pytest.raises(PermanentError, match=f"create the topic {name}: .*min.compaction.lag.ms"):
        await create_topics(
            connection, (TopicSpec(name, specs_of(Topics())[0].cleanup, 1, 1, {"min.compaction.lag.ms": -5}),)
        )


async def test_more_replicas_than_brokers_is_told(connection: KafkaConnection):
    specs = topic_specs(some_topics(), partitions=1, replication_factor=3)

    with pytest.raises(PermanentError, match=r"[Rr]eplication factor"):
        await create_topics(connection, specs)


async def test_a_broker_that_is_away_is_an_error_at_once():
    with pytest.raises(TransientError, match="no broker answers"):
        await describe_topics(KafkaConnection(f"127.0.0.1:{free_port()}"), ["documents"])


async def test_a_broker_that_is_away_at_the_start_is_waited_for(
    restartable_kafka: StartKafka, caplog: pytest.LogCaptureFixture
):
    broker = await restartable_kafka()
    await broker.stop()
    caplog.clear()
    weather = Weather()
    connection, specs = KafkaConnection(broker.bootstrap), specs_of(some_topics())
    preparing = asyncio.create_task(prepare_topics(connection, specs, retry=Retry(weather=weather, longest_wait=0.2)))
    await wait_until(lambda: weather.failing, "the absence of the broker is known")
    await broker.start()
    await asyncio.wait_for(preparing, 60)

    assert len(await describe_topics(connection, [spec.name for spec in specs])) == 6
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("freshet")]
    assert len(ours) == 2
    assert "no broker answers" in ours[0]
    assert "works again" in ours[1]
