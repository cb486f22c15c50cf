"""`freshet dead-letters` against a real broker."""

import json
import time
from collections.abc import Sequence

import pytest
from aiokafka import AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.admin.records_to_delete import RecordsToDelete

from freshet.schemas.again import Again, Why
from freshet.schemas.decoding import BadEvent, Reason, Record
from freshet.schemas.topics import Topics
from freshet.streams.again import wrap
from freshet.streams.batch import Batch, DeadLetter
from freshet.streams.kafka.admin import admin_client
from freshet.streams.kafka.connection import KafkaConnection
from freshet.streams.kafka.producer import KafkaProducer
from tests.integration.kafka.command import Done, Freshet
from tests.integration.kafka.reading import read_all
from tests.support.announcing import announcer_to
from tests.support.servers import KafkaServer

HOUR_MS = 3_600_000
Written = tuple[int | None, bytes | None, bytes | None, tuple[tuple[str, bytes], ...]]


class Buried:
    """Letters in the topic, as the worker puts them there, and what the command makes of them."""

    def __init__(self, freshet: Freshet) -> None:
        self.freshet = freshet
        self.topic = f"{freshet.topic}.dead-letters"

    async def __call__(self, *arguments: str) -> Done:
        return await self.freshet("dead-letters", *arguments)

    async def json(self, *arguments: str) -> "list[dict[str, object]]":
        done = await self(*arguments, "--json")
        assert done.code == 0, done.err
        found: list[dict[str, object]] = json.loads(done.out)
        return found

    async def open(self, *arguments: str) -> "list[object]":
        return [letter["origin"] for letter in await self.json("list", *arguments)]

    async def bury(self, records: Sequence[Record], reason: Reason = Reason.TOO_LARGE) -> None:
        async with KafkaProducer(KafkaConnection(self.freshet.bootstrap)) as sink:
            announcer = announcer_to(sink, topics=Topics(self.freshet.topic), clock=time.time)
            dead = [DeadLetter(record, BadEvent(reason, "no", field="text")) for record in records]
            await announcer.announce(Batch((), {}, {}, 0, dead=dead))

    async def put(self, key: bytes, value: bytes, ago_ms: int = 0, **headers: str) -> None:
        """A record as it may lie there, written so long ago."""
        encoded = [(name, text.encode()) for name, text in headers.items()]
        async with AIOKafkaProducer(bootstrap_servers=self.freshet.bootstrap) as producer:
            moment = int(time.time() * 1_000) - ago_ms
            await producer.send_and_wait(self.topic, value, key, headers=encoded, timestamp_ms=moment)

    def event(
        self, offset: int, *, key: bytes | None = b"k", value: bytes | None = b"{}", partition: int = 0
    ) -> Record:
        return Record(self.freshet.topic, partition, offset, 7.5 + offset, key, value)

    def origin(self, offset: int, partition: int = 0) -> str:
        return f"{self.freshet.topic}/{partition}@{offset}"

    async def records(self, topic: str) -> "list[ConsumerRecord[bytes, bytes]]":
        return await read_all(self.freshet.bootstrap, f"{self.freshet.topic}.{topic}", 2)

    async def again(self) -> "list[Written]":
        """What lies in the topic of what is processed again, in the order of its partitions."""
        found = await self.records("again")
        return [(each.partition, each.key, each.value, tuple(each.headers)) for each in found]

    def retried(self, record: Record, attempts: int = 1) -> "Written":
        message = wrap(record, Again(Why.RETRIED, attempts), "again")
        return message.partition, message.key, message.value, tuple(message.headers)


@pytest.fixture
def letters(freshet: Freshet) -> Buried:
    return Buried(freshet)


async def test_letters_are_listed_by_state_reason_time_and_document(letters: Buried):
    for offset, (reason, ago) in enumerate([("too_large", 3), ("not_json", 2), ("too_large", 1)]):
        key = f"kb-{offset}".encode()
        await letters.put(key, b"{", ago * HOUR_MS - 60_000, origin=letters.origin(offset), reason=reason, attempts="1")

    first, second, third = (letters.origin(offset) for offset in range(3))
    assert await letters.open() == [first, second, third]
    assert await letters.open("--reason", "too_large") == [first, third]
    assert await letters.open("--reason", "too_large", "--reason", "not_json") == [first, second, third]
    assert await letters.open("--since", "2h") == [second, third]
    assert await letters.open("--since", "2h", "--until", "1h") == [second]
    assert await letters.open("--id", "kb-0", "--id", "kb-1", "--since", "2h") == [second]
    assert await letters.open("--limit", "1") == [third]
    assert await letters.open("--state", "retried") == []

    table = await letters("list", "--limit", "2")
    assert (table.code, table.err) == (0, "")
    assert [line.split()[1] for line in table.out.splitlines() if "open  " in line] == [second, third]
    assert table.out.splitlines()[-1] == "3 open dead letters, the newest 2 of them shown"


async def test_an_empty_topic_is_fine_and_a_missing_one_names_the_command(
    kafka: KafkaServer, letters: Buried, tmp_path
):
    done = await letters("list")
    assert (done.code, done.out) == (0, "0 open dead letters\n")
    assert await letters.json("list") == []
    nothing = await letters("retry", "--all")
    assert (nothing.code, nothing.out) == (0, "no open dead letter is of that choice: nothing retried\n")

    missing = Freshet(kafka, tmp_path)
    for arguments in (["list"], ["show", "documents/0@1"], ["drop", "--all"]):
        done = await missing("dead-letters", *arguments)
        hint = f"there is no topic {missing.topic}.dead-letters (create the topics with: freshet topics create)"
        assert (done.code, done.out, done.err) == (1, "", f"freshet: describe topics: {hint}\n")


async def test_a_letter_is_shown_whole_and_its_bytes_come_out_as_they_went_in(letters: Buried):
    value = b'{"id": "k", "text": "\xff\x1b[2J"}'
    await letters.bury([letters.event(3, value=b"another"), letters.event(4, value=value), letters.event(5)])

    shown = await letters("show", letters.origin(4))
    assert shown.code == 0, shown.err
    assert shown.out.endswith('\n\n{"id": "k", "text": "\\xff\\x1b[2J"}\n')
    assert f"origin     {letters.origin(4)}\nreason     too_large\nmessage    text: no\n" in shown.out
    raw = await letters("show", letters.origin(4), "--raw")
    assert raw.out.encode("utf-8", "surrogateescape") == value
    told = json.loads((await letters("show", letters.origin(5), "--json")).out)
    assert (told["key"], told["value"], told["headers"]["timestamp"]) == ("k", "{}", "12500")

    other = await letters("show", letters.origin(6))
    assert (other.code, other.err) == (1, f"freshet: there is no such dead letter: {letters.origin(6)}\n")


async def test_retried_events_lie_in_the_again_topic_at_their_origins_and_are_open_no_more(letters: Buried):
    events = [
        letters.event(1),
        letters.event(2, key=None, value=b"\xff\x00"),
        letters.event(3, key=b"\xff", value=None),
        letters.event(4, partition=1, value=b""),
    ]
    await letters.bury(events)
    await letters.bury([letters.event(5)], Reason.NOT_JSON)

    dry = await letters("retry", "--reason", "too_large", "--dry-run")
    assert dry.code == 0, dry.err
    assert dry.out.endswith("4 letters would be retried\n")
    assert len(await letters.open()) == 5
    assert await letters.records("again") == []

    done = await letters("retry", "--reason", "too_large")
    told = f"retried 4 letters: workers read the events in {letters.freshet.topic}.again\n"
    assert (done.code, done.out, done.err) == (0, told, "")
    assert sorted(await letters.again(), key=str) == sorted(map(letters.retried, events), key=str)
    assert await letters.open() == [letters.origin(5)]
    assert len(await letters.open("--state", "retried")) == 4

    repeated = await letters("retry", "--reason", "too_large")
    assert (repeated.code, len(await letters.records("again"))) == (0, 4)


async def test_one_that_fails_again_is_open_again_and_its_next_retry_says_so(letters: Buried):
    await letters.bury([letters.event(1)])
    origin = letters.origin(1)
    assert (await letters("retry", origin)).code == 0
    await letters.put(b"k", b"{}", origin=origin, reason="too_large", attempts="2", timestamp="8500")
    assert [letter["attempts"] for letter in await letters.json("list")] == [2]

    assert (await letters("retry", "--all")).code == 0
    assert await letters.again() == [letters.retried(letters.event(1), attempts) for attempts in (1, 2)]
    assert await letters.open() == []


async def test_what_was_cut_cannot_be_retried_and_harms_no_other(letters: Buried):
    await letters.put(b"k", b"{", origin=letters.origin(1), reason="too_large", attempts="1", cut="3000000")
    refused = await letters("retry", "--all")
    assert (refused.code, refused.out) == (1, "nothing was retried\n")
    assert f"{letters.origin(1)} cannot be retried: not all of its bytes were kept" in refused.err
    dry = await letters("retry", "--all", "--dry-run")
    assert dry.code == 1

    await letters.bury([letters.event(2)])
    done = await letters("retry", "--all", "--json")
    told = json.loads(done.out)
    assert (done.code, told["retried"], told["dry_run"]) == (0, [letters.origin(2)], False)
    assert [each["origin"] for each in told["refused"]] == [letters.origin(1)]
    assert await letters.open() == [letters.origin(1)]


async def test_dropped_letters_are_listed_no_more_and_keep_their_bytes(letters: Buried):
    await letters.bury([letters.event(number, value=b"%d" % number) for number in range(5)])
    assert (await letters("drop", "--id", "k", "--dry-run")).out.endswith("5 letters would be dropped\n")
    assert len(await letters.open()) == 5

    done = await letters("drop", letters.origin(1), letters.origin(3))
    assert done.out == f"dropped 2 letters: the bytes stay in {letters.topic} until its retention ends\n"
    assert await letters.open() == [letters.origin(number) for number in (0, 2, 4)]
    assert await letters.open("--state", "dropped") == [letters.origin(1), letters.origin(3)]
    assert (await letters("show", letters.origin(3), "--raw")).out == "3"
    assert await letters.records("again") == []

    missing = await letters("drop", letters.origin(1), letters.origin(9))
    assert (missing.code, missing.err) == (1, f"freshet: there is no such dead letter: {letters.origin(9)}\n")
    assert (await letters("retry", letters.origin(3))).code == 0
    assert await letters.open("--state", "retried") == [letters.origin(3)]


async def test_records_of_others_are_told_and_left_out(letters: Buried):
    await letters.put(b"k", b"{}")
    await letters.put(b"k", b"{}", origin="here")
    await letters.bury([letters.event(1)])
    done = await letters("list", "--json")
    assert [letter["origin"] for letter in json.loads(done.out)] == [letters.origin(1)]
    assert done.err == "2 records of the topic left out: no dead letters of Freshet's\n"


async def test_large_letters_and_those_whose_time_has_come_are_no_trouble(letters: Buried):
    """More than is fetched at once, and partitions that no longer begin at their first offsets."""
    await letters.bury([letters.event(number, key=b"%d" % number, value=b"x" * 1_000_000) for number in range(12)])
    found = await letters.records("dead-letters")
    first = next(each for each in found if each.partition == 1)
    async with admin_client(KafkaConnection(letters.freshet.bootstrap)) as admin:
        await admin.delete_records({TopicPartition(letters.topic, 1): RecordsToDelete(before_offset=first.offset + 1)})
    gone = dict(first.headers)["origin"].decode()

    done, shown = await letters.freshet.on_terminal("dead-letters", "retry", "--all")
    assert done.out.startswith("retried 11 letters")
    assert "retrying" in shown
    assert [len(each.value or b"") for each in await letters.records("again")] == [1_000_000] * 11
    assert await letters.open() == []
    assert (await letters("show", gone)).code == 1
