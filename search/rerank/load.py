"""Choosing and loading the reranker that settings name. Libraries are imported only when their provider is chosen."""

from __future__ import annotations

from typing import Literal

from freshet.schemas.errors import SettingsError
from freshet.search.models.folder import Precision, folder_of
from freshet.search.rerank.base import Reranker, TimedReranker
from freshet.search.rerank.dialects import Api
from freshet.search.rerank.queue import RerankQueue
from freshet.search.rerank.remote import RemoteRerank

RerankProvider = Literal["openvino", "sentence-transformers", "http"]


def load_reranker(
    provider: RerankProvider,
    model: str,
    *,
    revision: str | None = None,
    threads: int = 0,
    precision: Precision = "auto",
    device: str | None = None,
    base_url: str | None = None,
    api: Api = "tei",
    api_key: str | None = None,
    batch_texts: int | None = None,
) -> TimedReranker:
    """The reranker of a provider, behind what keeps it in time; blocks for seconds.

    `model` is a folder or a name on the hub (with `revision`), for http the server's name for it. `threads` and
    `precision` are for models that run here, `device` for sentence-transformers, the rest for http. Raises
    SettingsError where that cannot work, and TransientError or DeniedError where the model cannot be had now: a hub is
    away, an extra is missing.
    """
    if provider == "http":
        from freshet.search.rerank.http import HTTPReranker, RerankServer

        if base_url is None:
            raise SettingsError("the provider http needs the address of a server")
        return RemoteRerank(HTTPReranker(RerankServer(base_url, api, model, api_key, batch_texts)))
    local = _openvino if provider == "openvino" else _sentence_transformers
    return RerankQueue(local(model, revision, threads, precision, device))


def _openvino(model: str, revision: str | None, threads: int, precision: Precision, _: str | None) -> Reranker:
    from freshet.search.rerank.openvino import OpenVINOReranker

    path, name = folder_of(model), None
    if path is None:
        from freshet.search.models.hub import fetch, identity

        path, name = fetch(model, revision), identity(model, revision)
    return OpenVINOReranker(path, name=name, threads=threads, precision=precision)


def _sentence_transformers(
    model: str, revision: str | None, threads: int, precision: Precision, device: str | None
) -> Reranker:
    from freshet.search.rerank.sentence_transformers import SentenceTransformersReranker

    return SentenceTransformersReranker(model, revision=revision, device=device, threads=threads, precision=precision)
