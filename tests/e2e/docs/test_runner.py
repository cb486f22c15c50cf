"""The runner of the pages notices when a page is wrong."""

import sqlite3
from pathlib import Path

import pytest
import yaml

from freshet.schemas.errors import SettingsError
from tests.e2e.docs.blocks import Block, blocks_of
from tests.e2e.docs.console import steps
from tests.e2e.docs.data import CHECKS
from tests.e2e.docs.expect import as_shown
from tests.e2e.docs.running import Reader
from tests.e2e.docs.shell import Shell
from tests.e2e.docs.world import World
from tests.support.waiting import wait_until


def block(language: str, text: str, marker: str = "") -> Block:
    return Block("page.md", 1, language, marker, text)


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        ("published 1 event in 0.1 s (9/s)", "published 1 event in 12.0 s (1,009/s)"),
        ('{"token":"documents/2@41"}', '{"token": "documents/0@7"}'),
        ('{"query_id":"…","results":[{"id":"kb-17",…', '{"query_id":"0af3","results":[{"id":"kb-17","score":0.5}]}'),
        ("…\ncaught up", "group topic\n\na b\ncaught up\n"),
        ("at 2026-11-20T12:00:00Z in documents__0c3f…", "at 2026-11-21T01:02:03.5Z in documents__77aabb00"),
    ],
)
def test_what_differs_from_run_to_run_may_differ(shown, printed):
    assert as_shown(shown, printed)


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        ("published 1 event", "published 1 event\n1 event refused"),
        ('{"token":"documents/2@41"}', '{"token":"articles/2@41"}'),
        ('{"token":"documents/2@41"}', '{"token":"documents/2@41","more":true}'),
        ('{"results":[{"id":"kb-17"}]}', '{"results":[{"id":"kb-18"}]}'),
        ('{"degraded":[]}', '{"degraded":["redis"]}'),
        ("caught up", "3 events behind, the oldest for 0.1 s"),
    ],
)
def test_everything_else_is_noticed(shown, printed):
    assert not as_shown(shown, printed)


@pytest.mark.parametrize(
    ("language", "text", "marker"),
    [
        ("json", '{"type": "upsert", "id": "a", "text": "b"}', ""),
        ("json", '{"type": "upsert", "id": "a"}', "event"),
        ("json", '{"type": "upsert", "id": "a", "text": "b", "lang": "en"}', "event"),
        ("json", '{"query": "a", "limit": 1000}', "SearchRequest"),
        ("dotenv", "FRESHET_QDRANT_URL=http://qdrant:6333", ""),
        ("dotenv", "FRESHET_QDRANT__URL=qdrant:6333", ""),
        ("yaml", "a: [", ""),
        ("sql", "CREATE TABLE t (a integer; ", ""),
        ("nginx", "server { lisen 443 ssl; }", ""),
        ("mermaid", 'flowchart LR\n    a["one] --> b', ""),
    ],
)
def test_data_that_is_not_what_it_is_shown_for_is_noticed(language, text, marker):
    with pytest.raises((AssertionError, ValueError, SettingsError, sqlite3.Error, yaml.YAMLError)):
        CHECKS[language](block(language, text, marker))


def test_blocks_that_nobody_would_run_are_refused():
    with pytest.raises(ValueError, match="indented"):
        blocks_of("page.md", "Do this:\n\n    freshet publish articles.jsonl\n")
    with pytest.raises(ValueError, match="no end"):
        blocks_of("page.md", "```console\n$ freshet version\n")
    with pytest.raises(ValueError, match="begins with"):
        steps("freshet version")


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("", "freshet version"),
        ("ruby", "puts 1"),
        ("console", "$ freshet publsh articles.jsonl"),
        ("console", "$ freshet version\nfreshet of some day"),
        ("console", "$ curl -X PUT http://127.0.0.1:8080/documents/a -H 'Content-Type: application/json' -d '{}'"),
        ("console", "$ make demo ARGS=--quarry"),
        ("console", "$ make tests"),
        ("console", "$ pip install '.[gpu]'"),
        ("console", "$ pip install freshet"),
        ("console", "$ docker compose up --detach wroker"),
        ("python", 'async with Publisher("kafka:9092") as publisher:\n    await publisher.upsert("a")'),
    ],
)
async def test_what_does_not_work_is_noticed(language, text, world: World, tmp_path: Path):
    folder = world.folder(tmp_path)
    async with Shell(folder, world.environment) as shell:
        with pytest.raises(AssertionError, match=r"page.md, line 1"):
            await Reader(world, folder, shell).follow(block(language, text))


async def test_a_command_that_should_go_on_and_ends_is_noticed(world: World, tmp_path: Path):
    folder = world.folder(tmp_path)
    async with Shell(folder, world.environment) as shell:
        reader = Reader(world, folder, shell)
        await reader.follow(block("console", "$ true   # runs until Ctrl-C"))

        async def noticed():
            try:
                await reader.finish()
            except AssertionError as error:
                return "ended" in str(error)
            return False

        await wait_until(noticed)
