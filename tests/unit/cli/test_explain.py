"""What `freshet explain` prints: nothing of a document commands a terminal, and what a setting asks for is demanded."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from freshet.cli.app import run
from freshet.cli.explain_text import MOST_PLACES, print_facts, print_remains
from freshet.schemas.erasure import ErasureFacts, RemainFacts
from freshet.schemas.explain import DocumentFacts, EventFacts, IndexedFacts, LookedFacts, StageTimes, VectorFacts
from freshet.schemas.http import IndexState
from freshet.search.documents.explaining import Explainer, UnknownDocument
from freshet.search.documents.facts import LogFacts, Looked

LONG = f"Once it is mended: freshet dead-letters retry {'documents/0@7 ' * 20}".rstrip()
EVIL = "a\x1b[2Jb\r\u202ec"
AT = datetime(2026, 11, 20, 12, tzinfo=UTC)


def facts() -> DocumentFacts:
    event = EventFacts(event="documents/0@7", at=AT, written_at=AT, version=3, producer={"ce_source": EVIL})
    indexed = IndexedFacts(
        index_version="documents__abc",
        model="words",
        event=event,
        since=AT,
        again=False,
        title=EVIL,
        passages=1_234,
        tokens=9,
        cost_usd=None,
        vectors=VectorFacts(embedded=2, cached=0, taken_over=1, kept=1_231, tokens=5_000),
        stages=StageTimes(queued=61.5, decode=0.001, plan=0, embed=1.5, write=0.25),
        texts=["first\nline", EVIL],
    )
    return DocumentFacts(
        id=EVIL,
        tenant="acme",
        state="searchable",
        told=["It is searchable.", LONG],
        indexed=indexed,
        newer=None,
        dead_letters=[],
        looked=[],
        untold=[],
        index=IndexState(version="documents__abc", topic="documents"),
    )


def test_what_it_prints_can_be_read_and_commands_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    print_facts(facts())
    out = capsys.readouterr().out
    assert not set(out) & set("\x1b\r\u202e")
    assert "1,234: 2 embedded, 1 with the vector that it had, 1,231 unchanged" in out
    assert "5,000 tokens at an unknown price" in out
    assert "queued 61.5 s, decode 1 ms, plan 0 ms, embed 1.5 s, write 250 ms; in all 63.3 s" in out
    assert "first\nline" in out
    assert LONG in out.splitlines()


def test_of_an_event_that_came_again_the_time_until_then_is_no_lag(capsys: pytest.CaptureFixture[str]) -> None:
    known = facts()
    assert known.indexed is not None
    stages = StageTimes(queued=None, decode=0.001, plan=0, embed=1.5, write=0.25)
    print_facts(known.model_copy(update={"indexed": known.indexed.model_copy(update={"stages": stages})}))
    assert "decode 1 ms, plan 0 ms, embed 1.5 s, write 250 ms\n" in capsys.readouterr().out


def test_what_is_left_is_told_place_by_place_and_long_lists_are_cut(capsys: pytest.CaptureFixture[str]) -> None:
    where = [f"documents/0@{number}" for number in range(MOST_PLACES + 5)]
    remain = RemainFacts(place="documents", what="older events", where=where, until="never", todo=f"{EVIL}: {LONG}")
    looked = [LookedFacts(topic="documents", offsets=10, of=2_000)]
    print_remains(
        ErasureFacts(id="a", tenant=None, is_deleted=False, remains=[remain], looked=looked, untold=["caches: away"])
    )
    out = capsys.readouterr().out
    assert out.startswith("It is not deleted")
    assert "… and 5 more; --json tells all" in out
    assert "the newest 10 of 2,000 offsets were looked through" in out
    assert "this could not be told: caches: away" in out
    assert LONG in out
    assert "\x1b" not in out


@pytest.mark.parametrize(("tenants", "given"), [("true", []), ("false", ["--tenant", "acme"])])
def test_a_tenant_is_named_where_there_are_some_and_only_there(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tenants: str, given: list[str]
) -> None:
    monkeypatch.setenv("FRESHET_TENANTS", tenants)
    assert run(["explain", "a", *given]) == 2
    assert "--tenant" in capsys.readouterr().err


def test_what_is_unknown_is_one_line_and_exit_code_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def explain(*_: object, **__: object) -> DocumentFacts:
        raise UnknownDocument(LogFacts(looked={"documents": Looked(10, 2_000)}))

    monkeypatch.setattr(Explainer, "explain", explain)
    assert run(["explain", "nobody"]) == 1
    told = "the index holds nothing of it, nor is it among the newest 10 of the 2,000 offsets in documents"
    assert capsys.readouterr().err == f"freshet: nothing is known of this document: {told}\n"
