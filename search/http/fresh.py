"""Freshness tokens as requests and answers carry them beside their bodies."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from freshet.schemas.http import MAX_TOKENS, IndexState
from freshet.schemas.positions import FreshnessToken
from freshet.search.freshness import tokens_of
from freshet.search.http.edge import seconds_left
from freshet.search.http.problems import Problem, field_error

FRESH_AFTER: Final = "Freshet-Fresh-After"
WATERMARK: Final = "Freshet-Watermark"
TAKES: Final = {FRESH_AFTER: "tokens that come to those of `fresh_after`, with commas between them"}
TELLS: Final = {
    WATERMARK: (
        f"`index.watermarks` as freshness tokens, to be sent back as `{FRESH_AFTER}`: who does never sees an older "
        "state than before. Left out where nothing is known, and where there are more than 100 partitions"
    )
}
_MOST_CHARACTERS: Final = 4_000  # of a header: half of what servers and proxies take as they come
_MOST_SPARE_SECONDS: Final = 1.0  # between the end of a wait and the request's deadline


def read_tokens(request: web.Request, given: tuple[str, ...]) -> tuple[str, ...]:
    """The tokens of a request: those that are given otherwise, and its headers'. Raises Problem 422."""
    texts = [text.strip() for line in request.headers.getall(FRESH_AFTER, []) for text in line.split(",")]
    try:
        found = dict.fromkeys([*given, *(str(FreshnessToken.parse(text)) for text in texts if text)])
    except ValueError as error:
        raise Problem.invalid(field_error(FRESH_AFTER, str(error))) from error
    if len(found) > MAX_TOKENS:
        raise Problem.invalid(field_error(FRESH_AFTER, f"these are {len(found)} tokens, the limit is {MAX_TOKENS}"))
    return tuple(found)


def longest_wait(request: web.Request, wait_ms: int) -> float:
    """Seconds that a request may wait for events, so that there is time left to answer it."""
    left = seconds_left(request)
    return min(wait_ms / 1000, left - min(_MOST_SPARE_SECONDS, left / 2))


def watermark(index: IndexState) -> dict[str, str]:
    """The header of an answer; none where nothing is known, or there are more partitions than a request may name."""
    tokens = tokens_of(index)
    text = ",".join(tokens)
    return {WATERMARK: text} if text and len(tokens) <= MAX_TOKENS and len(text) <= _MOST_CHARACTERS else {}
