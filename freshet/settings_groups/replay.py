"""Building an index version beside the live one."""

from __future__ import annotations

from pydantic import Field

from freshet.settings_groups import Group


class Replay(Group):
    """`freshet replay run`, which builds an index version beside the live one."""

    nice: int = Field(19, ge=0, le=19, description="how far it steps back for other processes: the system's `nice`")
    yield_seconds: float = Field(
        5, gt=0, le=3_600, description="it rests while the live version has not done what came so long ago"
    )
