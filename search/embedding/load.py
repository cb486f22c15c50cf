"""Choosing and loading the embedder that settings name. Libraries are imported only when their provider is chosen."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, Literal

from freshet.schemas.errors import SettingsError
from freshet.search.embedding.base import Embedder

Provider = Literal["openvino", "sentence-transformers", "openai"]
Precision = Literal["auto", "f32", "bf16"]


async def load_embedder(
    *,
    provider: Provider,
    model: str,
    revision: str | None = None,
    name: str | None = None,
    threads: int = 0,
    precision: Precision = "auto",
    device: str | None = None,
    base_url: str | None = None,
    api_key: str | None = None,
    dimensions: int | None = None,
    batch: int | None = None,
    max_tokens: int | None = None,
    encoding: Literal["base64", "float"] = "base64",
    usd_per_million_tokens: float | None = None,
    timeout: float = 60.0,
) -> Embedder:
    """The embedder of a provider; it loads in a thread.

    `model` is a folder or a name on the hub (with `revision`), for openai the API's name. `name` is what a folder's
    model is identified by: equal names promise equal vectors. `threads` and `precision` are for models that run here,
    `device` for sentence-transformers, the rest for openai. Raises SettingsError where that cannot work, TransientError
    where a hub or server is away.
    """
    if provider == "openvino":
        return await asyncio.to_thread(_openvino, model, revision, name, threads, precision)
    if provider == "sentence-transformers":
        from freshet.search.embedding.sentence_transformers import SentenceTransformersEmbedder

        def load() -> Embedder:
            return SentenceTransformersEmbedder(
                model, revision=revision, name=name, device=device, threads=threads, precision=precision
            )

        return await asyncio.to_thread(load)
    try:
        from freshet.search.embedding.openai import Endpoint, OpenAIEmbedder
    except ImportError as error:
        raise SettingsError("the embedding provider openai needs the extra: pip install 'freshet[openai]'") from error
    endpoint = Endpoint(
        model,
        api_key=api_key,
        dimensions=dimensions,
        encoding=encoding,
        usd_per_million_tokens=usd_per_million_tokens,
        timeout=timeout,
        **_given(base_url=base_url, batch=batch, max_tokens=max_tokens),
    )
    return await OpenAIEmbedder.connect(endpoint)


def _given(**options: object) -> dict[str, Any]:
    """Those that were set, so that the adapter's own defaults hold for the others."""
    return {name: value for name, value in options.items() if value is not None}


def _openvino(model: str, revision: str | None, name: str | None, threads: int, precision: Precision) -> Embedder:
    from freshet.search.embedding.openvino import OpenVINOEmbedder

    if Path(model).is_dir() or model.startswith((".", "/", "~")):
        return OpenVINOEmbedder(Path(model).expanduser(), name=name, threads=threads, precision=precision)
    from freshet.search.embedding.hub import fetch

    folder = fetch(model, revision)
    identity = name or (model if revision is None else f"{model}@{revision}")
    return OpenVINOEmbedder(folder, name=identity, threads=threads, precision=precision)
