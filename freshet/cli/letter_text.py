"""Dead letters as people and programs read them. They hold what strangers sent: no byte of it commands a terminal."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from freshet.cli.choosing import as_text
from freshet.cli.output import counted, print_line, print_table, printable, shortened

if TYPE_CHECKING:
    from freshet.schemas.decoding import Record
    from freshet.streams.letters import Letter

COLUMNS: Final = ("time", "origin", "state", "reason", "key", "bytes", "attempts")
KEY_CHARACTERS: Final = 60
VALUE_CHARACTERS: Final = 4_000


def print_letters(letters: Iterable[Letter]) -> None:
    """A table."""
    print_table(COLUMNS, [_row(letter) for letter in letters], right=("bytes", "attempts"))


def print_whole(letter: Letter, record: Record) -> None:
    """All of a letter, but of a long value only the beginning."""
    told = [
        ("lies at", f"{record.topic}/{record.partition}@{record.offset}"),
        ("state", letter.state.value),
        *((printable(name), printable(as_text(value or b""))) for name, value in record.headers),
        ("key", "none" if record.key is None else printable(as_text(record.key))),
    ]
    width = max(len(name) for name, _ in told)
    for name, value in told:
        print_line(f"{name:<{width}}  {value}".rstrip())
    print_line("")
    _print_value(record.value)


def as_json(letter: Letter) -> dict[str, Any]:
    """What a list tells of a letter."""
    return {
        "origin": str(letter.origin),
        "state": letter.state.value,
        "reason": letter.reason,
        **_text_or_base64("key", letter.key),
        "bytes": letter.size,
        "cut": letter.cut,
        "attempts": letter.attempts,
        "time": _iso(letter.time, "milliseconds"),
    }


def whole_as_json(letter: Letter, record: Record) -> dict[str, Any]:
    """The same with headers and value, all of it."""
    headers = {name: as_text(value or b"") for name, value in record.headers}
    return {
        **as_json(letter),
        **_text_or_base64("key", record.key),
        "headers": headers,
        **_text_or_base64("value", record.value),
    }


def _row(letter: Letter) -> tuple[str, ...]:
    key = "" if letter.key is None else shortened(printable(as_text(letter.key)), KEY_CHARACTERS)
    size = f"{letter.size:,}" + (" (cut)" if letter.cut else "")
    state, reason = letter.state.value, printable(letter.reason)
    return _iso(letter.time, "seconds"), str(letter.origin), state, reason, key, size, str(letter.attempts)


def _print_value(value: bytes | None) -> None:
    if value is None:
        print_line("null")
        return
    text = as_text(value)
    print_line(printable(text[:VALUE_CHARACTERS], kept="\n\t"))
    if len(text) > VALUE_CHARACTERS:
        print_line(f"… {counted(len(text) - VALUE_CHARACTERS, 'character')} more; --raw writes all bytes")


def _text_or_base64(name: str, value: bytes | None) -> dict[str, str | None]:
    try:
        return {name: None if value is None else value.decode()}
    except UnicodeDecodeError:
        return {f"{name}_base64": base64.b64encode(value or b"").decode("ascii")}


def _iso(time: float, precision: str) -> str:
    return datetime.fromtimestamp(time, UTC).isoformat(timespec=precision).replace("+00:00", "Z")
