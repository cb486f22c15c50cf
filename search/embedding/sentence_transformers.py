"""Embedding with sentence-transformers and torch: any of its models, on any device. Needs the extra freshet[torch]."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import numpy as np

from freshet.schemas.errors import PermanentError, SettingsError, TransientError
from freshet.search.embedding.base import Embedded, Model, Purpose, Vectors
from freshet.search.embedding.folder import ModelFolder
from freshet.search.embedding.vectors import unit
from freshet.search.models.folder import Precision, folder_of
from freshet.search.models.hub import identity
from freshet.search.models.tokens import bare, estimated_ends, exact_ends, not_unicode

_BATCH: Final = 32  # of texts of one length; more gains nothing on a CPU and makes a query wait for longer


class SentenceTransformersEmbedder:
    """A model in a folder or on the hub. `precision` "auto" is f32; bf16 is faster where the hardware computes in it.

    One thread works; between two batches of a window it takes what came in the meantime, so a query waits for one batch
    at most. Importing and loading block for some seconds. Raises SettingsError without the extra, without the model, or
    where its weights are not safetensors.
    """

    def __init__(
        self,
        model: str,
        *,
        revision: str | None = None,
        name: str | None = None,
        device: str | None = None,
        threads: int = 0,
        precision: Precision = "auto",
    ) -> None:
        path = folder_of(model)
        folder = None if path is None else ModelFolder.read(path)
        where = model if path is None else str(path)
        self._encoder = _load(where, revision, device, threads, precision, is_folder=path is not None)
        backend = getattr(self._encoder.tokenizer, "backend_tokenizer", None)
        self._tokenizer = None if backend is None else bare(backend)
        prompt = self._prompt("index")
        self._model = Model(
            provider="sentence-transformers",
            name=name or _name(model, revision, folder),
            dimension=self._encoder.get_embedding_dimension(),
            max_tokens=self._encoder.max_seq_length - len(self.token_ends(prompt)),
        )
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="embedding")
        self._closed = threading.Event()

    @property
    def model(self) -> Model:
        return self._model

    async def embed(self, texts: Sequence[str], *, purpose: Purpose = "index") -> Embedded:
        """As `Embedder.embed`."""
        loop = asyncio.get_running_loop()
        vectors = np.empty((len(texts), self._model.dimension), np.float32)
        tokens = 0
        order = sorted(range(len(texts)), key=lambda row: -len(texts[row]))
        for start in range(0, len(order), _BATCH):
            if self._closed.is_set():
                raise TransientError("embed", "the model was closed")
            rows = order[start : start + _BATCH]
            # One job a batch, not one a window: so jobs of others come in between.
            work = loop.run_in_executor(self._executor, self._encode, [texts[row] for row in rows], purpose)
            vectors[rows], given = await work
            tokens += given
        return Embedded(vectors, tokens)

    def token_ends(self, text: str) -> Sequence[int]:
        """As `Embedder.token_ends`: exact, or estimated where the model's tokenizer is not a fast one."""
        return estimated_ends(text) if self._tokenizer is None else exact_ends(self._tokenizer, text)

    async def close(self) -> None:
        """Idempotent. What is being embedded ends with the batch in hand."""
        self._closed.set()
        self._executor.shutdown(wait=False)

    def _encode(self, texts: list[str], purpose: Purpose) -> tuple[Vectors, int]:
        encode = self._encoder.encode_query if purpose == "query" else self._encoder.encode_document
        try:
            vectors = encode(texts, batch_size=_BATCH, show_progress_bar=False, convert_to_numpy=True)
        except TypeError as error:
            raise not_unicode(error) from error
        except (RuntimeError, IndexError) as error:
            raise PermanentError("embed", f"the model refused the texts: {error}") from error
        return unit(vectors), self._count(texts, purpose)

    def _count(self, texts: list[str], purpose: Purpose) -> int:
        """Tokens that the model was given, special ones included."""
        prompt, special = self._prompt(purpose), self._encoder.tokenizer.num_special_tokens_to_add()
        lengths = (len(self.token_ends(prompt + text)) + special for text in texts)
        return sum(min(length, self._encoder.max_seq_length) for length in lengths)

    def _prompt(self, purpose: Purpose) -> str:
        prompts = self._encoder.prompts
        names = ("query",) if purpose == "query" else ("document", "passage", "corpus")
        return next((prompts[name] for name in names if prompts.get(name)), "")


def _load(
    model: str, revision: str | None, device: str | None, threads: int, precision: Precision, *, is_folder: bool
) -> Any:
    try:
        import torch
        from sentence_transformers import SentenceTransformer
    except ImportError as error:
        raise SettingsError(
            "the embedding provider sentence-transformers needs the extra: pip install '.[torch]' in a checkout"
        ) from error
    if threads:
        torch.set_num_threads(threads)
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    try:
        return SentenceTransformer(
            model,
            revision=revision,
            device=device,
            trust_remote_code=False,
            local_files_only=is_folder,  # else the hub is asked even for a folder
            model_kwargs={"dtype": dtype, "use_safetensors": True},
        )
    except (OSError, ValueError) as error:
        raise SettingsError(f"the model {model!r} cannot be loaded: {error}") from error


def _name(model: str, revision: str | None, folder: ModelFolder | None) -> str:
    if folder is None:
        return identity(model, revision)
    return folder.name(*sorted(folder.path.rglob("*.safetensors")))
