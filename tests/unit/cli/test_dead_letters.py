"""Which dead letters are meant, and how they are shown: strangers wrote them, so nothing in them is trusted."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freshet.cli.app import run
from freshet.cli.choosing import choose, moment
from freshet.cli.letter_text import VALUE_CHARACTERS, as_json, print_letters, print_whole, whole_as_json
from freshet.cli.output import print_json, print_table, printable
from freshet.schemas.decoding import Reason, Record
from freshet.schemas.positions import FreshnessToken, Place
from freshet.streams.letters import Letter, State

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
NOON = NOW.timestamp()
LETTER = Letter(
    origin=FreshnessToken("documents", 1, 17),
    moment=1_000,
    attempts=1,
    reason="too_large",
    key=b"acme/kb-1",
    size=7,
    cut=False,
    place=Place(0, 3),
    time=NOON,
)
DROPPED = replace(LETTER, origin=FreshnessToken("documents", 1, 18), state=State.DROPPED, reason="not_json")
HOSTILE = "\x1b]0;title\x07\x9b31m\r\x00\u202edrowssap\u2028\x7f"


def chosen(*letters: Letter, **choice) -> list[Letter]:
    return choose(**{"state": "open", "tenants": False, **choice}).of(letters)


@pytest.mark.parametrize(
    ("choice", "is_meant"),
    [
        ({}, True),
        ({"state": "dropped"}, False),
        ({"state": "all"}, True),
        ({"reasons": ["too_large"]}, True),
        ({"reasons": ["not_json", "too_large"]}, True),
        ({"reasons": ["not_json"]}, False),
        ({"ids": ["acme/kb-1"]}, True),
        ({"ids": ["kb-1"]}, False),
        ({"ids": ["kb-1"], "tenants": True}, True),
        ({"ids": ["acme/kb-1", "other"], "tenants": True}, True),
        ({"ids": ["acme"], "tenants": True}, False),
        ({"since": "2026-11-20T12:00:00Z"}, True),
        ({"since": "2026-11-20T13:00:00.001+01:00"}, False),
        ({"until": "2026-11-20T12:00:00"}, False),
        ({"until": "2026-11-20T12:00:01", "since": "2026-11-20"}, True),
        ({"origins": ["documents/1@17"]}, True),
        ({"origins": ["documents/1@18", "documents/0@17"]}, False),
        ({"origins": ["documents/1@17"], "reasons": ["not_json"]}, False),
    ],
)
def test_a_letter_is_meant_when_all_that_was_said_fits(choice, is_meant) -> None:
    assert chosen(LETTER, **choice) == ([LETTER] if is_meant else [])


def test_only_open_ones_are_meant_unless_one_is_named() -> None:
    assert chosen(LETTER, DROPPED) == [LETTER]
    assert chosen(LETTER, DROPPED, origins=["documents/1@18"]) == [DROPPED]


def test_a_key_that_is_no_text_is_named_as_it_is_shown() -> None:
    assert chosen(replace(LETTER, key=b"k\xff"), ids=["k\\xff"]) != []
    assert chosen(replace(LETTER, key=None), ids=["k"]) == []


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("15m", 900), ("2h", 7_200), ("30d", 30 * 86_400), ("2026-11-20T11:59:59Z", 1)]
)
def test_times_are_iso_8601_or_so_long_ago(text, seconds) -> None:
    assert moment(text, now=NOW, option="--since") == NOON - seconds


@pytest.mark.parametrize("text", ["", "yesterday", "2", "h", "-2h", "2w", "2.5h", "999999999d", "2026-13-01", "٢h"])
@pytest.mark.parametrize("option", ["--since", "--until"])
def test_a_time_that_is_none_is_a_usage_error_that_names_its_option(text, option, capsys) -> None:
    assert run(["dead-letters", "list", f"{option}={text}"]) == 2
    complaint = capsys.readouterr().err
    assert option in complaint
    assert complaint.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["retry"], "which letters?"),
        (["drop"], "which letters?"),
        (["drop", "--dry-run"], "which letters?"),
        (["retry", "--all", "--reason", "too_large"], "--all"),
        (["drop", "--all", "documents/0@1"], "--all"),
        (["retry", "documents/0"], "ORIGIN"),
        (["show", "\x1b[2J"], "ORIGIN"),
        (["show"], "ORIGIN"),
        (["show", "documents/0@1", "--raw", "--json"], "--raw"),
        (["list", "--reason", "no_reason"], "too_large"),
        (["list", "--state", "lost"], "retried"),
        (["list", "--limit", "0"], "--limit"),
    ],
)
def test_a_wrong_use_is_one_line_and_exit_code_2_before_kafka_is_asked(arguments, told, capsys, monkeypatch) -> None:
    monkeypatch.setattr("freshet.cli.dead_letters.run_quietly", lambda _: pytest.fail("it asks Kafka"))
    assert run(["dead-letters", *arguments]) == 2
    captured = capsys.readouterr()
    assert told in captured.err
    assert (captured.out, captured.err.count("\n"), "\x1b" in captured.err) == ("", 1, False)


def test_every_reason_can_be_chosen() -> None:
    for reason in Reason:
        assert chosen(replace(LETTER, reason=reason.value), reasons=[reason.value])


@given(st.text())
def test_printable_text_is_printable_and_keeps_what_was(text: str) -> None:
    assert printable(text).isprintable()
    assert "".join(each for each in printable(text, kept="\n") if each == "\n") == "\n" * text.count("\n")
    if text.isprintable():
        assert printable(text) == text


@given(st.recursive(st.text(), lambda inner: st.dictionaries(st.text(), inner)))
def test_json_is_the_same_json_and_commands_no_terminal(value) -> None:
    written: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("freshet.cli.output.sys.stdout.write", written.append)
        print_json(value)
    assert json.loads("".join(written)) == value
    assert all(each.isprintable() or each == "\n" for text in written for each in text)


def test_a_hostile_letter_commands_no_terminal_wherever_it_is_shown(capsys) -> None:
    data = HOSTILE.encode()
    letter = replace(LETTER, reason=HOSTILE, key=data)
    record = Record("documents.dead-letters", 0, 3, NOON, data, data, ((HOSTILE, data), ("message", b"\x9b\xff")))
    print_letters([letter])
    print_whole(letter, record)
    print_whole(letter, replace(record, value=b"\xff" + data))
    print_json([as_json(letter), whole_as_json(letter, record)])
    shown = capsys.readouterr().out
    assert all(each.isprintable() or each == "\n" for each in shown)
    assert shown.count("drowssap") == 17  # nothing was lost, either


def test_cells_of_tables_are_what_they_are(capsys) -> None:
    print_table(["key"], [["a:key:b [bold]c[/bold]"]])
    assert "a:key:b [bold]c[/bold]" in capsys.readouterr().out


def test_a_long_key_is_shortened_in_a_table_and_a_cut_letter_says_so(capsys) -> None:
    print_letters([replace(LETTER, key=b"k" * 200, cut=True)])
    row = capsys.readouterr().out.splitlines()[-2]
    assert row.split()[3:] == ["too_large", "k" * 59 + "…", "7", "(cut)", "1"]


@pytest.mark.parametrize(
    ("key", "value", "last"),
    [
        (None, None, "null"),
        (b"k", b'{\n\t"id": "k"\n}', '{\n\t"id": "k"\n}'),
        (b"k", b"", ""),
        (b"k", b"x" * VALUE_CHARACTERS, "x" * VALUE_CHARACTERS),
        (b"k", b"x" * (VALUE_CHARACTERS + 2), "… 2 characters more; --raw writes all bytes"),
        (b"k", b"\xff\x00", "\\xff\\x00"),
    ],
)
def test_a_value_is_shown_as_text_as_far_as_it_is(key, value, last, capsys) -> None:
    print_whole(LETTER, Record("documents.dead-letters", 0, 3, NOON, key, value, (("origin", b"documents/1@17"),)))
    shown = capsys.readouterr().out
    head = ["lies at  documents.dead-letters/0@3", "state    open", "origin   documents/1@17"]
    assert shown.startswith("\n".join([*head, f"key      {'k' if key else 'none'}", "", ""]))
    assert shown.endswith(f"{last}\n")


def test_programs_get_bytes_that_are_no_text_as_base64() -> None:
    told = whole_as_json(LETTER, Record("documents.dead-letters", 0, 3, NOON, b"\xff", b"\xfe", (("n", b"1"),)))
    assert (told["key_base64"], told["value_base64"], told["headers"]) == ("/w==", "/g==", {"n": "1"})
    assert "value" not in told
    assert as_json(LETTER) == {
        "origin": "documents/1@17",
        "state": "open",
        "reason": "too_large",
        "key": "acme/kb-1",
        "bytes": 7,
        "cut": False,
        "attempts": 1,
        "time": "2026-11-20T12:00:00.000Z",
    }
