"""The real commands, as processes of their own, against a real broker."""

import json
import re
from pathlib import Path

from aiokafka import AIOKafkaProducer, TopicPartition

from freshet.schemas.feed import Watermark
from tests.integration.kafka.command import Freshet
from tests.integration.kafka.reading import commit
from tests.support.servers import KafkaServer


async def test_topics_are_created_checked_and_listed(kafka: KafkaServer, tmp_path: Path):
    freshet = Freshet(kafka, tmp_path)
    before = await freshet("topics", "check")
    created = await freshet("topics", "create")
    after = await freshet("topics", "check")
    listed = await freshet("topics", "list", "--json")

    assert before.code == 1
    assert f"{freshet.topic}.again: the topic is missing" in before.err
    assert created.code == 0
    assert f"{freshet.topic}.dead-letters" in created.out
    assert (after.code, after.out) == (0, "every topic is as it should be\n")
    documents = json.loads(listed.out)[0]
    assert (documents["topic"], documents["partitions"]) == (freshet.topic, 2)
    assert freshet.topic in (await freshet("topics", "list")).out


async def test_a_documents_topic_with_wrong_settings_is_not_overlooked(kafka: KafkaServer, tmp_path: Path):
    freshet = Freshet(kafka, tmp_path)
    freshet.topic = await kafka.create_topic("documents")
    freshet._settings["FRESHET_TOPICS__DOCUMENTS"] = freshet.topic
    done = await freshet("topics", "create", "--json")

    assert done.code == 1
    assert f"{freshet.topic}: cleanup.policy is delete, should be compact" in done.err


async def test_a_file_is_published_and_its_bad_lines_are_told(freshet: Freshet, tmp_path: Path):
    lines = [
        '{"id": "a", "text": "A document.", "title": "A"}',
        '{"id": "b"}',
        "",
        "nonsense",
        '{"type": "delete", "id": "c", "version": 3}',
    ]
    (tmp_path / "events.jsonl").write_text("\n".join(lines))
    done = await freshet("publish", "events.jsonl")

    assert done.code == 1
    assert done.out.startswith("published 2 events in ")
    assert "line 2: text: the field is required (missing_field)" in done.err
    assert "line 4: " in done.err
    assert "2 events refused" in done.err
    assert await freshet.records() == {
        "a": {"type": "upsert", "id": "a", "text": "A document.", "title": "A"},
        "c": {"type": "delete", "id": "c", "version": 3},
    }


async def test_standard_input_is_published(freshet: Freshet):
    lines = b"".join(b'{"id": "d%d", "text": "x"}\n' % number for number in range(1200))
    done = await freshet("publish", "-", "--json", stdin=lines)
    summary = json.loads(done.out)

    assert (done.code, done.err) == (0, "")
    assert (summary["published"], summary["bad"]) == (1200, [])
    ends = sum(int(token.rpartition("@")[2]) + 1 for token in summary["tokens"])
    assert ends == len(await freshet.records()) == 1200


async def test_a_folder_is_published(freshet: Freshet, tmp_path: Path):
    (tmp_path / "docs" / "deep").mkdir(parents=True)
    (tmp_path / "docs" / "deep" / "guide.md").write_text("# The guide\n\nText.")
    (tmp_path / "docs" / "plain.txt").write_text("Just text.")
    (tmp_path / "docs" / "image.png").write_bytes(b"\x89PNG")
    done = await freshet("publish", "docs")

    assert done.code == 0, done.err
    records = await freshet.records()
    assert {key: record["title"] for key, record in records.items()} == {
        "deep/guide.md": "The guide",
        "plain.txt": "plain.txt",
    }


async def test_an_empty_source_publishes_nothing_and_is_fine(freshet: Freshet):
    done = await freshet("publish", "-")

    assert (done.code, done.out.split(" in ")[0]) == (0, "published 0 events")


async def test_a_tenant_is_given_to_documents_that_name_none(kafka: KafkaServer, tmp_path: Path):
    freshet = Freshet(kafka, tmp_path, FRESHET_TENANTS="true")
    await freshet("topics", "create")
    lines = b'{"id": "a", "text": "x"}\n{"id": "b", "text": "x", "tenant": "other"}\n'
    without = await freshet("publish", "-", stdin=lines)
    done = await freshet("publish", "-", "--tenant", "acme", stdin=lines)
    deleted = await freshet("delete", "a", "--tenant", "acme")

    assert (without.code, done.code, deleted.code) == (1, 0, 0)
    assert "tenants are on" in without.err
    records = await freshet.records()
    assert {key: record["type"] for key, record in records.items()} == {"acme/a": "delete", "other/b": "upsert"}


async def test_documents_are_deleted_by_their_ids(freshet: Freshet):
    done = await freshet("delete", "a", "b", "--version", "7", "--json")

    assert done.code == 0
    assert [entry["id"] for entry in json.loads(done.out)] == ["a", "b"]
    assert await freshet.records() == {
        "a": {"type": "delete", "id": "a", "version": 7},
        "b": {"type": "delete", "id": "b", "version": 7},
    }


async def test_publishing_to_a_topic_that_is_missing_names_the_command(kafka: KafkaServer, tmp_path: Path):
    done = await Freshet(kafka, tmp_path)("publish", "-", stdin=b'{"id": "a", "text": "x"}')

    assert done.code == 1
    assert "freshet topics create" in done.err


async def test_lag_counts_everything_before_the_first_worker_and_what_is_left_after_it(freshet: Freshet):
    group = f"freshet.{freshet.index}.abc"
    await freshet("publish", "-", stdin=b'{"id": "a", "text": "x"}\n' * 5)
    before = json.loads((await freshet("lag", "--json")).out)
    ends = {TopicPartition(entry["topic"], entry["partition"]): entry["end"] for entry in before}
    await commit(freshet.bootstrap, group, {part: max(end - 2, 0) for part, end in ends.items()})
    behind = json.loads((await freshet("lag", "--json")).out)
    await commit(freshet.bootstrap, group, ends)
    table = await freshet("lag")

    assert sum(entry["events"] for entry in before) == 5
    assert {entry["group"] for entry in behind} == {group}
    assert sum(entry["events"] for entry in behind) == 2
    assert max(entry["seconds"] for entry in behind) > 0
    assert (table.code, table.out.splitlines()[-1]) == (0, "caught up")
    assert group in table.out


async def test_a_version_of_another_topic_is_measured_against_that_one(freshet: Freshet, kafka: KafkaServer):
    other = await kafka.create_topic("moved")
    await freshet("publish", "-", stdin=b'{"id": "a", "text": "x"}\n' * 5)
    async with AIOKafkaProducer(bootstrap_servers=freshet.bootstrap) as producer:
        for _ in range(3):
            await producer.send_and_wait(other, b"x", key=b"k", partition=0)
    await commit(freshet.bootstrap, f"freshet.{freshet.index}.abc", {TopicPartition(other, 0): 1})
    lags = json.loads((await freshet("lag", "--json")).out)
    assert {each["topic"] for each in lags} == {other}
    assert sum(each["events"] for each in lags) == 2


async def test_what_must_be_processed_again_is_lag_too(freshet: Freshet):
    async with AIOKafkaProducer(bootstrap_servers=freshet.bootstrap) as producer:
        await producer.send_and_wait(f"{freshet.topic}.again", b"x", key=b"k", partition=1)
    lags = json.loads((await freshet("lag", "--json")).out)
    behind = [(entry["topic"], entry["partition"], entry["events"]) for entry in lags if entry["events"]]
    assert behind == [(f"{freshet.topic}.again", 1, 1)]
    assert (await freshet("lag")).out.splitlines()[-1].startswith("1 events behind")


async def test_on_a_terminal_there_is_a_bar_with_rate_and_remaining_time(freshet: Freshet):
    lines = b"".join(b'{"id": "d%d", "text": "x"}\n' % number for number in range(2000))
    (freshet.folder / "many.jsonl").write_bytes(lines)
    done, shown = await freshet.on_terminal("publish", "many.jsonl")

    assert done.out.startswith("published 2,000 events in ")
    assert re.search(r"publishing .*2000/2000 +[\d,]+/s +\d:\d\d", shown)


async def test_publish_and_delete_wait_until_it_is_searchable_and_tell_how_long_that_took(freshet: Freshet):
    event = b'{"id": "a", "text": "A document."}'
    late = await freshet("publish", "-", "--wait", "--timeout", "0.5", "--json", stdin=event)
    (token,) = json.loads(late.out)["tokens"]
    assert (late.code, json.loads(late.out)["searchable_seconds"]) == (1, None)
    assert f"{token} was not searchable within 0.5 s (is a worker running? freshet lag tells)" in late.err

    async with AIOKafkaProducer(bootstrap_servers=freshet.bootstrap) as producer:
        for partition in range(2):  # a worker that is ahead of what is yet to come
            mark = Watermark(index_version="v", topic=freshet.topic, partition=partition, offset=100, live=True)
            await producer.send_and_wait(
                f"{freshet.topic}.indexed", mark.model_dump_json().encode(), partition=partition
            )
    done = await freshet("publish", "-", "--wait", stdin=event)
    assert (done.code, done.err) == (0, "")
    assert re.search(r"^searchable \d+\.\d s after it was published$", done.out, re.MULTILINE)
    deleted = await freshet("delete", "a", "--wait", "--json")
    (told,) = json.loads(deleted.out)
    assert (deleted.code, told["id"]) == (0, "a")
    assert told["searchable_seconds"] > 0
