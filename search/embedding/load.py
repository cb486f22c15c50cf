"""Choosing and loading the embedder that settings name. Libraries are imported only when their provider is chosen."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from freshet.schemas.errors import SettingsError
from freshet.search.embedding.base import Embedder
from freshet.search.models.folder import Precision, folder_of

Provider = Literal["openvino", "sentence-transformers", "openai"]


def load_embedder(
    provider: Provider,
    model: str | Path,
    *,
    revision: str | None = None,
    name: str | None = None,
    threads: int = 0,
    precision: Precision = "auto",
    device: str | None = None,
    base_url: str | None = None,
    api_key: str | None = None,
    dimensions: int | None = None,
    max_inputs: int = 2048,
    max_tokens: int = 8192,
    encoding: Literal["base64", "float"] = "base64",
    usd_per_million_tokens: float | None = None,
    timeout: float = 60.0,
) -> Embedder:
    """The embedder of a provider; blocks for seconds.

    `model` is a folder or a name on the hub (with `revision`), for openai the API's name. `name` is what a folder's
    model is identified by: equal names promise equal vectors. `threads` and `precision` are for models that run here,
    `device` for sentence-transformers, the rest for openai. Raises SettingsError where that cannot work, TransientError
    where a hub or server is away, PermanentError where it refuses.
    """
    if provider == "openvino":
        return _openvino(model, revision, name, threads, precision)
    if provider == "sentence-transformers":
        from freshet.search.embedding.sentence_transformers import SentenceTransformersEmbedder

        return SentenceTransformersEmbedder(
            str(model), revision=revision, name=name, device=device, threads=threads, precision=precision
        )
    try:
        from freshet.search.embedding.openai import OPENAI_URL, Endpoint, OpenAIEmbedder
    except ImportError as error:
        raise SettingsError(
            "the embedding provider openai needs the extra: pip install '.[openai]' in a checkout"
        ) from error
    return OpenAIEmbedder.connect(
        Endpoint(
            str(model),
            base_url=base_url or OPENAI_URL,
            api_key=api_key,
            dimensions=dimensions,
            max_inputs=max_inputs,
            max_tokens=max_tokens,
            encoding=encoding,
            usd_per_million_tokens=usd_per_million_tokens,
            timeout=timeout,
        )
    )


def _openvino(
    model: str | Path, revision: str | None, name: str | None, threads: int, precision: Precision
) -> Embedder:
    from freshet.search.embedding.openvino import OpenVINOEmbedder

    path = folder_of(model)
    if path is None:
        from freshet.search.models.hub import fetch, identity

        path, name = fetch(str(model), revision), name or identity(str(model), revision)
    return OpenVINOEmbedder(path, name=name, threads=threads, precision=precision)
