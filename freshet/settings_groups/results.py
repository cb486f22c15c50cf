"""Answers of searches that are kept."""

from __future__ import annotations

from pydantic import Field

from freshet.settings_groups import Group


class Cache(Group):
    """Answers of searches that are kept, and given again while the change feed proves them."""

    enabled: bool = Field(True, description="whether answers are kept")
    results_bytes: int = Field(64 << 20, ge=0, description="memory for answers in the process, about")
    ring_bytes: int = Field(64 << 20, ge=0, description="memory for recent changes, which answers are proven from")
    min_ttl_seconds: float = Field(
        60, gt=0, le=86_400, description="shortest life of an answer, where its tenant's documents change often"
    )
    max_ttl_seconds: float = Field(86_400, gt=0, le=2_592_000, description="longest life, where they hardly change")
    warm: int = Field(
        100, ge=0, le=1_000, description="popular queries that are asked in advance at the start and after a switch"
    )

    def mistakes(self) -> list[tuple[str, str]]:
        """What is wrong between these settings: the name of a setting, and why."""
        if self.max_ttl_seconds < self.min_ttl_seconds:
            return [("max_ttl_seconds", "is below FRESHET_CACHE__MIN_TTL_SECONDS")]
        return []
