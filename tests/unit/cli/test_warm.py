"""`freshet warm`, against a search service on documents in memory: what it sends, what it tells, how it ends."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from io import BytesIO, TextIOWrapper
from pathlib import Path
from typing import Any

import pytest

from freshet.cli.app import run
from freshet.cli.exits import DONE, FAILED, USAGE
from freshet.local.processes import free_port
from freshet.schemas.errors import PermanentError
from freshet.schemas.fields import Kind
from freshet.schemas.http import SearchRequest
from freshet.search.asking import Asked
from freshet.search.live import LiveVersion
from freshet.search.results.base import Answered, Compute, Resolve
from freshet.search.results.uncached import Uncached
from freshet.streams import recorded_requests
from tests.unit.search.http.keys import SEARCHER, keys
from tests.unit.search.http.world import MemoryReader, World

CATS = {"must": [{"key": "metadata.lang", "match": {"value": "en"}}]}


class Kept:
    """Keeps every answer for ever; what was asked stands in `requests`."""

    def __init__(self) -> None:
        self.requests: list[SearchRequest] = []
        self._answers: dict[str, Answered] = {}
        self._computing = Uncached(None)

    async def answer(
        self, asked: Asked, resolve: Resolve, compute: Compute, *, at_least: Mapping[int, int]
    ) -> Answered:
        self.requests.append(asked.request)
        name = asked.request.model_dump_json()
        if name in self._answers:
            return replace(self._answers[name], cached=True)
        self._answers[name] = await self._computing.answer(asked, resolve, compute, at_least=at_least)
        return self._answers[name]

    def keeps(self, live: LiveVersion) -> bool:  # noqa: ARG002
        return True


@pytest.fixture
async def world() -> AsyncIterator[World]:
    reader = MemoryReader()
    reader.fields = {"lang": Kind.KEYWORD}
    world = World(reader=reader, results=Kept())
    world.reader.put("cats", "the cat sat on a mat", title="Cats", lang="en")
    async with world.serving():
        yield world


async def warm(world: World, *arguments: str) -> int:
    """In a thread of its own, for the service lives on this loop."""
    return await asyncio.to_thread(run, ["warm", *arguments, "--url", f"http://127.0.0.1:{world.port}"])


def written(tmp_path: Path, *lines: str | bytes) -> str:
    file = tmp_path / "queries.txt"
    file.write_bytes(b"\n".join(line if isinstance(line, bytes) else line.encode() for line in lines))
    return str(file)


def asked(world: World) -> list[SearchRequest]:
    assert isinstance(world.results, Kept)
    return world.results.requests


async def test_the_searches_of_a_file_are_asked_each_once_as_texts_or_as_bodies(world, tmp_path, capsys):
    body = {"query": "cat", "limit": 2, "mode": "sparse", "filters": CATS}
    file = written(tmp_path, "the cat", "", "  the cat ", json.dumps(body))
    assert await warm(world, file) == DONE
    assert sorted(asked(world), key=lambda each: each.query) == [
        SearchRequest.model_validate_json(json.dumps(body)),
        SearchRequest(query="the cat"),
    ]
    assert capsys.readouterr().out == "2 answers computed, 0 already kept, 0 failed\n"
    assert await warm(world, file) == DONE
    assert capsys.readouterr().out == "0 answers computed, 2 already kept, 0 failed\n"
    assert world.quality.answers == []


async def test_bad_lines_and_searches_that_are_refused_are_told_and_the_others_asked(world, tmp_path, capsys):
    file = written(tmp_path, b"\xff", '{"query": 3}', '{"quary": "cat"}', "the cat", '{"query": "a", "tenant": "acme"}')
    assert await warm(world, file, "--json") == FAILED
    told = capsys.readouterr()
    summary = json.loads(told.out)
    assert {name: summary[name] for name in ("computed", "cached", "not_kept")} == {
        "computed": 1,
        "cached": 0,
        "not_kept": 0,
    }
    assert [each["query"] for each in summary["failed"]] == ["line 1", "line 2", "line 3", "a"]
    assert "line 3: quary" in told.err
    assert "tenants are off" in told.err


async def test_searches_come_from_standard_input_too(world, monkeypatch):
    monkeypatch.setattr(sys, "stdin", TextIOWrapper(BytesIO(b"the cat\na dog\n")))
    assert await warm(world, "-", "--at-once", "1") == DONE
    assert [each.query for each in asked(world)] == ["the cat", "a dog"]


async def test_the_most_frequent_recorded_queries_are_asked(world, monkeypatch, capsys):
    async def count(_connection: object, topics: Any, counts: Any, **given: Any) -> int:
        assert (topics.queries, given["index"]) == ("search.queries", "documents")
        for query in ("b", "a", "c", "a", "b", "a"):
            counts.asked(SearchRequest(query=query))
        return 6

    monkeypatch.setattr(recorded_requests, "count_recorded", count)
    assert await warm(world, "--from-queries", "--top", "2", "--at-once", "1") == DONE
    assert [each.query for each in asked(world)] == ["a", "b"]
    assert "2 answers computed" in capsys.readouterr().out


async def test_it_says_where_nothing_was_recorded_or_may_not_be_read(world, monkeypatch, capsys):
    async def nothing(*_: object, **__: object) -> int:
        return 0

    async def denied(*_: object, **__: object) -> int:
        raise PermanentError("read search.queries", "there is no such topic")

    monkeypatch.setattr(recorded_requests, "count_recorded", nothing)
    assert await warm(world, "--from-queries") == DONE
    assert "FRESHET_SEARCH__RECORD_QUERIES=text" in capsys.readouterr().err
    monkeypatch.setattr(recorded_requests, "count_recorded", denied)
    assert await warm(world, "--from-queries") == FAILED
    assert "no such topic" in capsys.readouterr().err


async def test_a_key_comes_from_a_file_and_a_service_that_wants_one_ends_it_at_once(tmp_path, capsys):
    world = World()
    world.reader.put("cats", "the cat sat on a mat")
    file = written(tmp_path, *(f"cat {number}" for number in range(20)))
    secret = tmp_path / "key"
    secret.write_text(f"{SEARCHER.key}\n")
    async with world.serving(keys=keys(SEARCHER)):
        assert await warm(world, file) == FAILED
        assert len(capsys.readouterr().err.splitlines()) == 1
        assert await warm(world, file, "--key-file", str(secret)) == DONE
        assert "20 answers computed" in capsys.readouterr().out


def test_a_service_that_is_not_there_is_told_after_some_tries(tmp_path, capsys):
    file = written(tmp_path, *(f"cat {number}" for number in range(100)))
    assert run(["warm", file, "--url", f"http://127.0.0.1:{free_port()}"]) == FAILED
    told = capsys.readouterr().err.splitlines()
    assert told[-1].startswith("freshet: warm at http://127.0.0.1")
    assert len(told) <= 11


@pytest.mark.parametrize("arguments", [[], ["queries.txt", "--from-queries"], ["not-there.txt"], ["-", "--at-once=0"]])
def test_what_cannot_be_meant_is_a_mistake_of_usage(arguments):
    assert run(["warm", *arguments]) == USAGE
