"""What a rebuild will take, put together: texts, tokens, money, time and room on disk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from freshet.search.embedding.base import Model
from freshet.streams.forecast.estimating import Estimate, Part, Span, disk, scale, together
from freshet.streams.forecast.looking import Looks, Texts
from freshet.streams.forecast.pace import Counting, Measured
from freshet.streams.forecast.rehearsal import Totals

POINTS_A_SECOND: Final = (5_000, 2_500, 1_000)  # that are written: fast, likely, slow
APART: Final = 1.25  # two builds on the same machine take times that differ by no more than this factor
_MILLION: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Build:
    """What the last build of a version of this index took, as was recorded with it."""

    events: int
    seconds: float
    tokens: int

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> Self | None:
        """None where nothing usable was recorded."""
        found = facts.get("build")
        if not isinstance(found, Mapping):
            return None
        events, seconds, tokens = (found.get(name) for name in ("events", "seconds", "tokens"))
        if not isinstance(events, int) or not isinstance(tokens, int) or not isinstance(seconds, int | float):
            return None
        return cls(events, seconds, tokens) if events > 0 and seconds > 0 else None


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds of the stages of a build, and of all together."""

    reading: Span
    splitting: Span
    embedding: Span
    writing: Span

    @property
    def whole(self) -> Span:
        return together([self.reading, self.splitting, self.embedding, self.writing])


@dataclass(frozen=True, slots=True)
class Forecast:
    """Counts of the log are exact, the others are estimated from `sampled` documents.

    `tokens` are those of all texts that need vectors, each text once: `cached` ones have them in the embedding cache,
    `taken` ones in the live version; `embed` is what the model will be given. Up to `replaced` tokens more it is where
    workers cut batches otherwise than was assumed. Nothing is `measured` where nothing has to be embedded. `disk` is in
    bytes.
    """

    totals: Totals
    sampled: int
    passages: Estimate
    tokens: Estimate
    cached: Estimate
    taken: Estimate
    embed: Estimate
    replaced: float
    usd: Estimate
    measured: Measured | None
    times: Times
    disk: Span


def forecast(
    totals: Totals, looks: Looks, measured: Measured | None, *, model: Model, read_seconds: float, build: Build | None
) -> Forecast:
    """From what was read, looked at and measured."""
    counting = measured.counting if measured is not None else Counting()

    def tokens(*ways: str) -> Estimate:
        def pair(texts: Texts) -> tuple[float, float]:
            amounts = [getattr(texts, way) for way in ways]
            return texts.bytes, sum(counting.given(*amount) for amount in amounts)

        first = Part([pair(each.first) for each in looks.found], totals.first_bytes)
        later = Part([pair(each.later) for each in looks.found], totals.later_bytes)
        return scale(first, later, documents=totals.documents)

    def kept(what: str) -> Estimate:
        pairs = [(each.last_bytes, getattr(each, what)) for each in looks.found]
        return scale(Part(pairs, totals.live_bytes), documents=totals.documents)

    passages, embed, every = kept("passages"), tokens("unknown"), tokens("cached", "taken", "unknown")
    bytes_embedded = totals.first_bytes + totals.later_bytes
    price = model.usd_per_million_tokens / _MILLION
    splitting = looks.seconds * bytes_embedded / max(looks.split_bytes, 1)
    return Forecast(
        totals=totals,
        sampled=len(looks.found),
        passages=passages,
        tokens=every,
        cached=tokens("cached"),
        taken=tokens("taken"),
        embed=embed,
        replaced=totals.replaced_bytes * every.value / max(bytes_embedded, 1),
        usd=Estimate(embed.value * price, embed.error * price),
        measured=measured,
        times=Times(
            reading=Span(read_seconds, read_seconds, read_seconds),
            splitting=Span(splitting, splitting, splitting),
            embedding=_embedding(embed, measured),
            writing=_writing(totals, passages.value, build),
        ),
        disk=disk(
            passages=passages.value,
            documents=totals.documents,
            dimension=model.dimension,
            terms=kept("terms").value,
            payload=kept("payload").value,
        ),
    )


def _embedding(embed: Estimate, measured: Measured | None) -> Span:
    """From the least tokens at the upper quartile of the rates to the most at the lower one."""
    if measured is None:
        return Span(0.0, 0.0, 0.0)
    slow, usual, fast = measured.pace.quartiles
    return Span(embed.low / fast, embed.value / usual, embed.high / slow)


def _writing(totals: Totals, passages: float, build: Build | None) -> Span:
    """As the last build took where it embedded nothing, else as usual; a build with embedding takes longer."""
    points = passages + totals.documents
    usual = Span(*(points / rate for rate in POINTS_A_SECOND))
    if build is None:
        return usual
    seconds = build.seconds * (totals.events + totals.again) / build.events
    if build.tokens:
        return Span(min(usual.low, seconds), min(usual.likely, seconds), min(usual.high, seconds * APART))
    return Span(seconds / APART, seconds, seconds * APART)
