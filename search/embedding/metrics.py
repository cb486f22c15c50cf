"""Prometheus metrics of embedding: what the cache spared, what models were given, and what that cost."""

from __future__ import annotations

from typing import Final

from prometheus_client import CollectorRegistry, Counter

from freshet.search.embedding.base import Model, Purpose

_PER_MILLION: Final = 1_000_000


class EmbeddingMetrics:
    """One verb for each thing that happens; at most one object per registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        # The cache's two names are the guide's, without our prefix and without labels.
        self._hits = Counter("embedding_cache_hits_total", "Texts whose vector was known already", registry=registry)
        self._misses = Counter("embedding_cache_misses_total", "Texts that a model had to embed", registry=registry)
        self._saved = Counter(
            "freshet_embedding_saved_tokens_total", "Tokens that no model had to be given again", registry=registry
        )
        labels = ("provider", "model", "purpose")
        self._tokens = Counter(
            "freshet_embedding_tokens_total", "Tokens that models were given", labels, registry=registry
        )
        told = "What those tokens cost by the provider's price; 0 for a model that runs here"
        self.given = 0  # all tokens that models were given
        self._cost = Counter("freshet_embedding_cost_usd_total", told, labels, registry=registry)

    def looked_up(self, *, hits: int, misses: int) -> None:
        """A cache was asked for `hits + misses` texts."""
        self._hits.inc(hits)
        self._misses.inc(misses)

    def saved(self, tokens: int) -> None:
        """`tokens` need not be embedded, because their text did not change."""
        self._saved.inc(tokens)

    def embedded(self, model: Model, purpose: Purpose, tokens: int) -> None:
        """A model was given `tokens`."""
        self.given += tokens
        labels = (model.provider, model.name, purpose)
        self._tokens.labels(*labels).inc(tokens)
        self._cost.labels(*labels).inc(tokens * model.usd_per_million_tokens / _PER_MILLION)
