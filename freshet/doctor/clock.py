"""Whether this machine's clock agrees with those of the servers: freshness is a difference of times."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from freshet.doctor.findings import Finding, Mark

TOLERATED_SECONDS: Final = 2.0


def judge_clock(ahead: Mapping[str, float]) -> Sequence[Finding]:
    """`ahead` says by server, by how many seconds its clock is ahead of ours."""
    if not ahead:
        return [Finding("clock", Mark.NOT_CHECKED, "no server told its time")]
    text = ", ".join(f"{seconds:+.1f} s at {server}" for server, seconds in ahead.items())
    if max(abs(seconds) for seconds in ahead.values()) <= TOLERATED_SECONDS:
        return [Finding("clock", Mark.OK, f"agrees with the servers ({text})")]
    hint = "freshness and lag in seconds would be wrong; synchronise the clocks (NTP)"
    return [Finding("clock", Mark.WARN, f"another time than ours: {text}", hint)]
