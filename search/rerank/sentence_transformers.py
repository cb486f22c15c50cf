"""Reranking with sentence-transformers and torch: any of its cross-encoders. Needs the extra freshet[torch]."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import numpy as np

from freshet.schemas.errors import DeniedError, PermanentError, SettingsError, TransientError
from freshet.search.models.folder import ModelFiles, Precision, folder_of
from freshet.search.models.hub import identity
from freshet.search.models.tokens import not_unicode, seen
from freshet.search.rerank.base import RerankModel, Scores
from freshet.search.rerank.scores import sigmoid

_BATCH: Final = 16
_LONGEST_WINDOW: Final = 8192
_AWAY: Final = {"LocalEntryNotFoundError", "OfflineModeIsEnabled"}  # of huggingface_hub, beneath what is raised


class SentenceTransformersReranker:
    """A cross-encoder in a folder or on the hub. `precision` "auto" is f32, as in SentenceTransformersEmbedder.

    One thread works. Importing and loading block for some seconds. Raises DeniedError without the extra,
    TransientError where a hub's model cannot be had, and SettingsError for a model that gives no single score, or
    whose weights are not safetensors.
    """

    def __init__(
        self,
        model: str,
        *,
        revision: str | None = None,
        device: str | None = None,
        threads: int = 0,
        precision: Precision = "auto",
    ) -> None:
        folder = folder_of(model)
        files = None if folder is None else ModelFiles.find(folder)
        where = model if folder is None else str(folder)
        self._encoder = _load(where, revision, device, threads, precision, is_folder=folder is not None)
        if self._encoder.num_labels != 1:
            raise SettingsError(
                f"the model {model!r} tells {self._encoder.num_labels} labels apart; a reranker gives one score"
            )
        name = identity(model, revision) if files is None else files.name(*sorted(files.path.rglob("*.safetensors")))
        self._model = RerankModel("sentence-transformers", name)
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="rerank")
        self._closed = threading.Event()
        self._score("ready", ["ready"])

    @property
    def model(self) -> RerankModel:
        return self._model

    async def score(self, query: str, texts: Sequence[str]) -> Scores:
        """As `Reranker.score`. When the caller is cancelled, the work ends with the batch in hand."""
        loop = asyncio.get_running_loop()
        scores = np.empty(len(texts), np.float32)
        order = sorted(range(len(texts)), key=lambda row: -len(texts[row]))
        for start in range(0, len(order), _BATCH):
            if self._closed.is_set():
                raise TransientError("rerank", "the model was closed")
            rows = order[start : start + _BATCH]
            work = loop.run_in_executor(self._executor, self._score, query, [texts[row] for row in rows])
            scores[rows] = await work
        return scores

    async def close(self) -> None:
        """Idempotent. What is being scored ends with the batch in hand."""
        self._closed.set()
        self._executor.shutdown(wait=False)

    def _score(self, query: str, texts: list[str]) -> Scores:
        window = self._encoder.max_seq_length or _LONGEST_WINDOW
        pairs = [(seen(query, window), seen(text, window)) for text in texts]
        try:
            logits = self._encoder.predict(pairs, batch_size=_BATCH, show_progress_bar=False)
        except TypeError as error:
            raise not_unicode(error) from error
        except (RuntimeError, IndexError) as error:
            raise PermanentError("rerank", f"the model refused the texts: {error}") from error
        return sigmoid(logits)


def _load(
    model: str, revision: str | None, device: str | None, threads: int, precision: Precision, *, is_folder: bool
) -> Any:
    try:
        import torch
        from sentence_transformers import CrossEncoder
    except ImportError as error:
        hint = "pip install '.[torch]' in a checkout"
        raise DeniedError("load the reranker", "sentence-transformers is not installed", hint=hint) from error
    if threads:
        torch.set_num_threads(threads)
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    try:
        return CrossEncoder(
            model,
            revision=revision,
            device=device,
            trust_remote_code=False,
            local_files_only=is_folder,  # else the hub is asked even for a folder
            model_kwargs={"dtype": dtype, "use_safetensors": True},
            activation_fn=torch.nn.Identity(),  # models name another or none; ours is the same for every runtime
        )
    except (OSError, ValueError) as error:
        if _is_away(error):
            hint = "without a way to the hub name a folder"
            raise TransientError("load the reranker", f"{model}: {error}", hint=hint) from error
        raise SettingsError(f"the model {model!r} cannot be loaded: {error}") from error


def _is_away(error: BaseException | None) -> bool:
    """Whether somewhere in the causes stands that a hub was not reached and the cache does not know the model."""
    while error is not None:
        if type(error).__name__ in _AWAY:
            return True
        error = error.__cause__ or error.__context__
    return False
