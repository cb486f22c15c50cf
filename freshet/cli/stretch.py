"""Which part of the log a command means, by its arguments."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import typer

from freshet.cli.choosing import is_moment, moment

if TYPE_CHECKING:
    from freshet.schemas.positions import FreshnessToken

_LIKE_A_TIME: Final = re.compile(r"-?\d[\d\s.,:/+TZ-]*[a-z]{0,7}")
_LIKE_AN_OFFSET: Final = re.compile(r".*@-?\d*")


@dataclass(frozen=True, slots=True)
class Stretch:
    """All since a time, a partition from an offset on, or some documents by id or key.

    `surely` where it was said that ids are meant.
    """

    since: float | None = None
    start: FreshnessToken | None = None
    ids: frozenset[str] = frozenset()
    surely: bool = False


def stretch_of(what: Sequence[str], *, topic: str, by_id: bool) -> Stretch:
    """What the arguments mean. Raises typer.BadParameter for an offset of another topic."""
    from freshet.schemas.positions import FreshnessToken

    if by_id or len(what) > 1:
        return Stretch(ids=frozenset(what), surely=by_id)
    (text,) = what
    try:
        start = FreshnessToken.parse(text)
    except ValueError:
        start = None
    if start is not None:
        if start.topic != topic:
            raise typer.BadParameter(f"{text!r} is no offset of {topic}")
        return Stretch(start=start)
    if is_moment(text):
        return Stretch(since=moment(text, now=datetime.now(UTC), option="TIME"))
    return Stretch(ids=frozenset({text}))


def meant(text: str, *, topic: str) -> str:
    """A hint, where an id that nobody knows looks like a mistyped time or offset; else nothing."""
    if text.startswith(f"{topic}/") or _LIKE_AN_OFFSET.fullmatch(text):
        return f" (an offset is written alone, such as {topic}/0@17)"
    if _LIKE_A_TIME.fullmatch(text) and not text.isdigit():
        return " (a time is written alone, such as 2026-11-20T12:00:00Z, or 2h for ago)"
    return ""
