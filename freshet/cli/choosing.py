"""Which dead letters a command means, by its arguments and options."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Final

import typer

from freshet.schemas.errors import FreshetError

if TYPE_CHECKING:
    from freshet.schemas.positions import FreshnessToken
    from freshet.streams.letters import Letter, State

_AGO: Final = re.compile(r"([0-9]{1,9})([smhd])")
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}

Reasons = Annotated[list[str] | None, typer.Option("--reason", metavar="WORD", help="Only those of this reason.")]
Ids = Annotated[
    list[str] | None,
    typer.Option("--id", metavar="ID", help="Only those of this document, by its id or its key."),
]
Since = Annotated[
    str | None,
    typer.Option(
        metavar="TIME",
        help="Only those that were put there at this time or later: ISO 8601, or 2h for ago. "
        "A rebuild puts open ones there once more.",
    ),
]
Until = Annotated[str | None, typer.Option(metavar="TIME", help="Only those that were put there before this time.")]


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What to choose letters by; of what is empty or None anything will do. Times are seconds since the epoch."""

    states: frozenset[State]
    origins: frozenset[FreshnessToken] = frozenset()
    reasons: frozenset[str] = frozenset()
    ids: frozenset[str] = frozenset()
    since: float | None = None
    until: float | None = None
    tenants: bool = False

    @property
    def is_narrow(self) -> bool:
        return bool(self.origins or self.reasons or self.ids) or (self.since, self.until) != (None, None)

    def of(self, letters: Iterable[Letter]) -> list[Letter]:
        return [letter for letter in letters if self._takes(letter)]

    def _takes(self, letter: Letter) -> bool:
        return (
            # One that is named is meant whatever was done about it.
            (letter.origin in self.origins if self.origins else letter.state in self.states)
            and (not self.reasons or letter.reason in self.reasons)
            and (not self.ids or not self.ids.isdisjoint(names_of(as_text(letter.key or b""), tenants=self.tenants)))
            and (self.since is None or letter.time >= self.since)
            and (self.until is None or letter.time < self.until)
        )


def choose(
    *,
    state: str,
    origins: Iterable[str] | None = None,
    reasons: Iterable[str] | None = None,
    ids: Iterable[str] | None = None,
    since: str | None = None,
    until: str | None = None,
    tenants: bool,
) -> Choice:
    """The choice that these arguments and options make. Raises typer.BadParameter that names the one at fault."""
    now = datetime.now(UTC)
    return Choice(
        states=_states(state),
        origins=frozenset(_origin(each) for each in origins or ()),
        reasons=frozenset(_reason(each) for each in reasons or ()),
        ids=frozenset(ids or ()),
        since=None if since is None else moment(since, now=now, option="--since"),
        until=None if until is None else moment(until, now=now, option="--until"),
        tenants=tenants,
    )


def demand_choice(choice: Choice, *, everything: bool) -> None:
    """Raise typer.BadParameter unless it was said which letters are meant, in one way."""
    if everything and choice.is_narrow:
        raise typer.BadParameter("--all means every open letter: leave it out, or all else that chooses")
    if not everything and not choice.is_narrow:
        raise typer.BadParameter("which letters? Name their origins, choose some (see --help), or take --all")


def demand_found(choice: Choice, letters: Iterable[Letter]) -> None:
    """Raise FreshetError where a letter that was named is not there."""
    missing = sorted(choice.origins - {letter.origin for letter in letters})
    if missing:
        raise FreshetError("\n".join(f"there is no such dead letter: {each}" for each in missing))


def moment(text: str, *, now: datetime, option: str) -> float:
    """Seconds since the epoch: an ISO 8601 time, in UTC where it says nothing else, or `90s`, `15m`, `2h`, `3d` ago."""
    try:
        if ago := _AGO.fullmatch(text):
            return (now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})).timestamp()
        found = datetime.fromisoformat(text)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        hint = "such as 2026-11-20T12:00:00Z, or 90s, 15m, 2h, 3d for ago"
        raise typer.BadParameter(f"{text!r} is no time ({hint})", param_hint=option) from None


def names_of(key: str, *, tenants: bool) -> set[str]:
    """What people may call a document by: its key and, where tenants are on, its id alone."""
    return {key, key.partition("/")[2]} if tenants else {key}


def is_moment(text: str) -> bool:
    """Whether `moment` takes it for a time."""
    try:
        moment(text, now=datetime.now(UTC), option="")
    except typer.BadParameter:
        return False
    return True


def as_text(data: bytes) -> str:
    """Bytes as people read them: those that are not UTF-8 escaped."""
    return data.decode("utf-8", "backslashreplace")


def _states(text: str) -> frozenset[State]:
    from freshet.streams.letters import State

    states = {state.value: frozenset({state}) for state in State} | {"all": frozenset(State)}
    return states[_one_of(list(states), text, option="--state")]


def _reason(text: str) -> str:
    from freshet.schemas.decoding import Reason

    return _one_of([reason.value for reason in Reason], text, option="--reason")


def _one_of(words: Sequence[str], text: str, *, option: str) -> str:
    if text not in words:
        raise typer.BadParameter(f"{text!r} is none of {', '.join(words)}", param_hint=option)
    return text


def _origin(text: str) -> FreshnessToken:
    from freshet.schemas.positions import FreshnessToken

    try:
        return FreshnessToken.parse(text)
    except ValueError:
        hint = "topic/partition@offset, such as documents/0@17"
        raise typer.BadParameter(f"{text!r} is not where an event lay ({hint})", param_hint="ORIGIN") from None
