"""Fetching a model from the Hugging Face hub: only the files that are needed, and never code."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from freshet.schemas.errors import SettingsError, TransientError
from freshet.search.models.folder import DESCRIPTIONS, GRAPHS, TOKENIZER

_WEIGHTS_BESIDE: Final = {".xml": (".bin",), ".onnx": (".onnx_data",)}


def fetch(model: str, revision: str | None = None) -> Path:
    """The folder of a hub's model with one graph file, from the cache where it is there; blocks.

    What is in the cache is not looked for again: the same name must go on giving the same vectors.
    Raises SettingsError where the hub has no such model or it holds no file that OpenVINO reads, TransientError where
    the hub cannot be reached.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, RepositoryNotFoundError, RevisionNotFoundError

    try:
        if (cached := _cached(model, revision)) is not None:
            return cached
        files = snapshot_download(model, revision=revision, allow_patterns=list(GRAPHS), dry_run=True)
        graph = _choose(model, [file.filename for file in files])
        patterns = [*DESCRIPTIONS, TOKENIZER, graph, *_beside(graph)]
        return Path(snapshot_download(model, revision=revision, allow_patterns=patterns))
    except HFValidationError as error:
        raise SettingsError(f"{model!r} is neither a folder nor a name on the hub: {error}") from error
    except OSError as error:
        missing = (RepositoryNotFoundError, RevisionNotFoundError)
        if isinstance(error, missing) or isinstance(error.__cause__, missing):  # a dry run wraps it
            at = f" at revision {revision}" if revision else ""
            raise SettingsError(f"the hub has no model {model!r}{at} that you may read") from error
        hint = "without a way to the hub name a folder; another hub is set by HF_ENDPOINT"
        raise TransientError("fetch a model", f"{model}: {error}", hint=hint) from error


def identity(model: str, revision: str | None) -> str:
    """What a hub's model is called: its name, and the revision where one is asked for."""
    return model if revision is None else f"{model}@{revision}"


def _cached(model: str, revision: str | None) -> Path | None:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        folder = Path(snapshot_download(model, revision=revision, local_files_only=True))
    except LocalEntryNotFoundError:
        return None
    complete = (folder / TOKENIZER).is_file() and any((folder / name).is_file() for name in GRAPHS)
    return folder if complete else None


def _choose(model: str, files: list[str]) -> str:
    for name in GRAPHS:
        if name in files:
            return name
    raise SettingsError(
        f"the hub's model {model!r} holds no ONNX or OpenVINO file ({', '.join(GRAPHS)}); install freshet[torch] and "
        "choose the provider sentence-transformers"
    )


def _beside(graph: str) -> list[str]:
    path = Path(graph)
    return [str(path.with_suffix(suffix)) for suffix in _WEIGHTS_BESIDE[path.suffix]]
