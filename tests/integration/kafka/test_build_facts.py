"""What is recorded with a version when its build begins, of the topics as they are then."""

import uuid
from datetime import UTC, datetime

from aiokafka import AIOKafkaProducer, TopicPartition

from freshet.schemas.topics import Topics
from freshet.search.index.facts import again_built_to, began_at, built_to
from freshet.streams.kafka.connection import KafkaConnection
from freshet.wiring.starting import build_facts
from tests.integration.kafka.reading import commit
from tests.support.servers import KafkaServer, create_topics

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


async def test_a_build_knows_where_the_log_ended_and_how_far_the_live_version_had_done_what_came_again(
    kafka: KafkaServer,
):
    topics = Topics(f"documents-{uuid.uuid4().hex[:12]}")
    await create_topics(kafka.bootstrap, {topics.documents: 2, topics.again: 2})
    async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap) as producer:
        for topic, many in ((topics.documents, 5), (topics.again, 3)):
            for _ in range(many):
                await producer.send_and_wait(topic, b"x", key=b"k", partition=1)
    group = f"freshet.test.{uuid.uuid4().hex[:8]}"
    connection = KafkaConnection(kafka.bootstrap)

    facts = await build_facts(connection, topics, group, NOW)
    assert (built_to(facts), again_built_to(facts), began_at(facts)) == ({0: 0, 1: 5}, {0: 0, 1: 0}, NOW)

    await commit(kafka.bootstrap, group, {TopicPartition(topics.documents, 1): 1, TopicPartition(topics.again, 1): 2})
    facts = await build_facts(connection, topics, group, NOW)
    assert (built_to(facts), again_built_to(facts)) == ({0: 0, 1: 5}, {0: 0, 1: 2})
