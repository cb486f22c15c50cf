"""What is left of a deleted document in Redis: vectors of its texts, and answers that came across it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AsyncExitStack
from typing import Final, NamedTuple

from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from freshet.schemas.erasure import RemainFacts
from freshet.schemas.errors import FreshetError
from freshet.search.embedding.base import Embedder
from freshet.search.embedding.cache import cache_key
from freshet.search.embedding.metrics import EmbeddingMetrics
from freshet.search.embedding.redis import KEY_PREFIX
from freshet.search.passages import split
from freshet.search.redis import connect
from freshet.search.results.leftovers import Leftovers, Wanted, find_leftovers
from freshet.settings import Settings
from freshet.streams.erasing import moment
from freshet.wiring.parts import identity, open_embedder

VECTORS: Final = "embedding cache"
ANSWERS: Final = "kept answers"
_DAY: Final = 86_400
_LEAST_TIMEOUT: Final = 5.0  # seconds for a call: nobody waits for a search here, and several answers may be large
_UNLINK: Final = "redis-cli UNLINK these keys; in the memory of {} they stay until those are started again"
Texts = list[tuple[str, str]]  # (title, text)


class Sought(NamedTuple):
    """The document, the texts of its states that somebody still has, and for how long to look through answers."""

    document: Wanted
    texts: Texts
    seconds: float


async def in_caches(
    settings: Settings,
    stack: AsyncExitStack,
    sought: Sought,
    load: Callable[[Settings], Embedder],
    untold: Callable[[str], None],
) -> list[RemainFacts]:
    """What Redis holds; nothing where there is none. What could not be looked at is `untold`."""
    if settings.redis.url is None:
        return []
    found = list[RemainFacts]()
    try:
        found += await _vectors(settings, stack, sought.texts, load)
    except FreshetError as error:
        untold(f"{VECTORS}: {error}")
    try:
        leftovers = await _answers(settings, settings.redis.url, stack, sought)
    except FreshetError as error:
        untold(f"{ANSWERS}: {error}")
        return found
    if not leftovers.complete:
        untold(f"{ANSWERS}: there was time for {leftovers.looked:,} of them; raise --seconds")
    return [*found, *_of_answers(leftovers)]


async def _vectors(
    settings: Settings, stack: AsyncExitStack, known: Texts, load: Callable[[Settings], Embedder]
) -> list[RemainFacts]:
    """Of those of its texts that are still known somewhere: their keys are digests of the texts."""
    metrics = EmbeddingMetrics(CollectorRegistry())
    timeout = settings.redis.worker_timeout_seconds
    embedder = await open_embedder(settings, metrics, stack, redis_timeout=timeout, load=load)
    recipe = identity(settings, embedder.model).recipe
    pieces = [piece for title, text in known for piece in split(title, text, recipe, embedder.token_ends)]
    texts = list(dict.fromkeys(piece.embedded for piece in pieces))
    vectors = await embedder.known(texts)
    there = [text for text, vector in zip(texts, vectors, strict=True) if vector is not None]
    keys = [KEY_PREFIX + cache_key(embedder.model, "index", text) for text in there]
    return [_of_vectors(settings, keys)] if keys else []


def _of_vectors(settings: Settings, keys: Iterable[str]) -> RemainFacts:
    return RemainFacts(
        place=VECTORS,
        what="vectors of its texts, under digests of them",
        where=list(keys),
        until=f"{settings.embedding.cache_seconds / _DAY:.0f} days after they were put there",
        todo=_UNLINK.format("workers"),
    )


async def _answers(settings: Settings, url: SecretStr, stack: AsyncExitStack, sought: Sought) -> Leftovers:
    timeout = max(_LEAST_TIMEOUT, settings.redis.worker_timeout_seconds)
    client = connect(url.get_secret_value(), timeout=timeout, ca_file=settings.redis.ca_file)
    stack.push_async_callback(client.aclose)
    return await find_leftovers(client, sought.document, seconds=sought.seconds)


def _of_answers(leftovers: Leftovers) -> Iterator[RemainFacts]:
    told: Sequence[tuple[str, list[str]]] = (
        ("answers that show it, with a passage of its text", leftovers.showing),
        ("answers that came across it, with its key alone", leftovers.naming),
    )
    for what, names in told:
        if names:
            until = f"at the latest {moment(leftovers.expires)}"
            yield RemainFacts(
                place=ANSWERS, what=what, where=names, until=until, todo=_UNLINK.format("search services")
            )
