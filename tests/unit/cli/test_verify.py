"""What `freshet verify` says of what it found, and how it ends."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

from freshet.cli.app import run
from freshet.cli.exits import DONE, FAILED
from freshet.streams.comparing import Difference, Kind
from freshet.streams.verifying import Found
from freshet.wiring import parts
from freshet.wiring import verify as wiring

NOBODY = "nobody follows this version now; to have them mended, start: freshet worker (or freshet replay run)"


def found(*kinds: Kind, **counts: Any) -> Found:
    return Found(**counts, kinds=Counter(kinds), first=[Difference(kind, "a", "it differs") for kind in kinds])


@pytest.fixture
def finding(monkeypatch):
    """Have a verification find this."""

    def find(*kinds: Kind, **counts: Any) -> None:
        async def verify(*_: Any, **__: Any) -> Found:
            return found(*kinds, **counts)

        monkeypatch.setattr(wiring, "verify", verify)
        monkeypatch.setattr(parts, "fetch_model", lambda _settings: None)

    return find


def test_an_index_that_has_all_of_the_log_equals_it(finding, capsys):
    finding(documents=3, passages=4, vectors=4, ahead=1)
    assert run(["verify"]) == DONE
    assert capsys.readouterr().out.splitlines() == [
        "compared 3 documents, 4 passages, 4 vectors; 1 document changed meanwhile",
        "the index equals the log",
    ]


@pytest.mark.parametrize(
    ("waiting", "ahead", "told"),
    [
        (1_313, 1_313, "1,313 documents wait for workers"),
        (1, 3, "1 document waits for workers; 2 documents changed meanwhile"),
    ],
)
def test_what_waits_for_workers_is_told_from_what_changed_and_the_index_is_not_said_to_equal_the_log(
    waiting, ahead, told, finding, capsys
):
    finding(documents=191, passages=191, vectors=191, waiting=waiting, ahead=ahead)
    assert run(["verify"]) == DONE
    assert capsys.readouterr().out.splitlines() == [
        f"compared 191 documents, 191 passages, 191 vectors; {told}",
        "what workers have done equals the log",
    ]
    assert run(["verify", "--json"]) == DONE
    said = json.loads(capsys.readouterr().out)
    assert (said["waiting"], said["ahead"]) == (waiting, ahead)


def test_it_says_of_how_many_vectors_so_many_were_looked_at(finding, capsys):
    finding(documents=2_000, passages=2_836, vectors=100)
    assert run(["verify"]) == DONE
    assert "compared 2,000 documents, 2,836 passages, 100 of 2,836 vectors\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("kind", "vectors", "options"),
    [
        (Kind.TEXT, 100, []),
        (Kind.VECTOR, 2_836, ["--all-vectors"]),
        (Kind.TEXT, 7, ["--sample", "7"]),
        (Kind.VECTOR, 2_836, []),  # all were known, or in the sample
        (Kind.VECTOR, 1_000, ["--sample", "0"]),  # the cache knows the same ones again
    ],
)
def test_what_is_to_mend_it_looks_at_the_same_vectors(kind, vectors, options, finding, capsys):
    finding(kind, documents=2_000, passages=2_836, vectors=vectors)
    assert run(["verify", *options]) == FAILED
    hint = " ".join(["freshet verify --heal", *options])
    assert capsys.readouterr().out.splitlines()[-1] == f"1 difference: mend them with: {hint}"
    assert run(["verify", "--heal", *options]) == DONE


def test_a_vector_that_a_sample_found_is_mended_by_looking_at_all(finding, capsys):
    finding(Kind.VECTOR, documents=2_000, passages=2_836, vectors=100)
    assert run(["verify"]) == FAILED
    assert capsys.readouterr().out.endswith(
        "mend them with: freshet verify --heal --all-vectors (a sample is another one each time)\n"
    )


@pytest.mark.parametrize(
    ("kinds", "counts", "told"),
    [
        ([Kind.TEXT, Kind.TEXT], {}, "2 differences: workers mend them now; then verify again"),
        (
            [Kind.TEXT, Kind.ORPHAN],
            {"removed": 1},
            "2 differences: 1 removed; workers mend the others now; then verify again",
        ),
        (
            [Kind.TEXT],
            {"followed": False},
            f"1 difference: {NOBODY}",
        ),
        ([Kind.EXTRA], {"followed": False, "removed": 1}, "1 difference: 1 removed; verify again"),
    ],
)
def test_who_mends_what_is_told(kinds, counts, told, finding, capsys):
    finding(*kinds, **counts)
    assert run(["verify", "--heal"]) == DONE
    assert capsys.readouterr().out.splitlines()[-1] == told
