"""Members of the group that have names of their own, on a real broker."""

import asyncio
import uuid

import pytest

from freshet.schemas.errors import MisfitError
from freshet.schemas.topics import Topics
from freshet.streams.kafka.connection import KafkaConnection
from freshet.streams.kafka.consumer import DocumentsConsumer
from tests.support.servers import create_topics
from tests.support.waiting import wait_until

PARTITIONS = 4
SESSION = 6.0  # seconds; as short as brokers allow


class Member:
    """A consumer with its partitions as it knows them."""

    def __init__(self, bootstrap, topic, group, name, session):
        self.partitions: frozenset[int] = frozenset()
        self.rebalances = 0
        self.errors: list[MisfitError] = []
        self.consumer = DocumentsConsumer(
            connection=KafkaConnection(bootstrap),
            topics=Topics(topic),
            group=group,
            max_events=10,
            session_seconds=session,
            on_assigned=self._assigned,
            on_revoked=self._revoked,
            name=name,
            on_replaced=self.errors.append,
        )

    async def _assigned(self, partitions):
        self.partitions = partitions
        self.rebalances += 1

    async def _revoked(self, _partitions):
        self.partitions = frozenset()


@pytest.fixture
async def join(kafka):
    """`await join("a")` makes a member of one group; all are stopped at the end."""
    topic, group = await kafka.create_topic("named", partitions=PARTITIONS), f"group-{uuid.uuid4().hex}"
    await create_topics(kafka.bootstrap, {Topics(topic).again: PARTITIONS})
    members = []

    async def start(name, session=SESSION):
        member = Member(kafka.bootstrap, topic, group, name, session)
        members.append(member)
        await member.consumer.start()
        return member

    yield start
    await asyncio.gather(*(member.consumer.stop() for member in members))


async def share(*members):
    """Wait until these have all partitions between them."""
    await wait_until(
        lambda: (
            sorted(each for member in members for each in member.partitions) == list(range(PARTITIONS))
            and all(member.partitions for member in members)
        ),
        "every partition has a member",
    )


async def test_one_that_is_back_within_its_session_has_its_partitions_and_disturbs_nobody(join):
    first, other = await asyncio.gather(join("a"), join("b"))
    await share(first, other)
    had, rebalances = first.partitions, other.rebalances
    await first.consumer.stop()
    back = await join("a")
    await share(back, other)
    assert back.partitions == had
    assert (other.rebalances, other.errors) == (rebalances, [])


async def test_one_that_stays_away_loses_its_partitions_when_its_session_ends(join):
    first, other = await asyncio.gather(join("a"), join("b"))
    await share(first, other)
    await first.consumer.stop()
    assert len(other.partitions) < PARTITIONS
    await share(other)


async def test_without_a_name_a_member_leaves_when_it_stops(join):
    first, other = await asyncio.gather(join(None), join(None))
    await share(first, other)
    async with asyncio.timeout(SESSION):
        await first.consumer.stop()
        await share(other)


@pytest.mark.parametrize("session", [SESSION, 50 * SESSION], ids=["by a heartbeat", "before the next heartbeat"])
async def test_of_two_with_one_name_the_older_hears_of_it_and_the_newer_stays(join, session):
    older = await join("a", session)
    await share(older)
    newer = await join("a", session)
    await share(newer)
    [error] = await wait_until(lambda: older.errors, "the older one hears of it", deadline=20)
    assert "'a'" in str(error)
    assert "FRESHET_WORKER__INSTANCE_ID" in str(error)
    rebalances = newer.rebalances
    await older.consumer.stop()
    await newer.consumer.fetch()
    assert (newer.rebalances, newer.errors, len(newer.partitions)) == (rebalances, [], PARTITIONS)
