"""What an embedding model's folder says beside what any says: how tokens become one vector, and its prompts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, cast

from freshet.schemas.errors import SettingsError
from freshet.search.models.folder import USE_TORCH, ModelFiles, read_json, read_object

Pooling = Literal["mean", "cls"]

_DOCUMENT_PROMPTS: Final = ("document", "passage", "corpus")


@dataclass(frozen=True, slots=True)
class ModelFolder(ModelFiles):
    """An embedding model on disk. The window holds the prompt too; prompts go before a text."""

    pooling: Pooling
    query_prompt: str
    document_prompt: str

    @classmethod
    def read(cls, path: Path) -> ModelFolder:
        """Read the descriptions beside a model. Raises SettingsError where there is no folder or a wrong file."""
        files = ModelFiles.find(path)
        _refuse_more_than_pooling(path)
        prompts = read_object(path / "config_sentence_transformers.json").get("prompts") or {}
        return cls(
            path=path,
            max_tokens=files.max_tokens,
            given_name=files.given_name,
            config=files.config,
            pooling=_pooling(path, read_object(path / "freshet-model.json")),
            query_prompt=prompts.get("query") or "",
            document_prompt=next((prompts[name] for name in _DOCUMENT_PROMPTS if prompts.get(name)), ""),
        )

    @property
    def hidden_size(self) -> int | None:
        """How many numbers stand for a token, where the model's makers say it."""
        return self.config.get("hidden_size")


def _refuse_more_than_pooling(path: Path) -> None:
    """A graph file holds the transformer only; what sentence-transformers puts after the pooling would be left out."""
    kinds = [str(module.get("type", "")).rpartition(".")[2] for module in read_json(path / "modules.json")]
    if other := set(kinds) - {"Transformer", "Pooling", "Normalize"}:
        raise SettingsError(
            f"the model in {path} has modules that are not in its graph file: {', '.join(other)}. {USE_TORCH}"
        )


def _pooling(path: Path, ours: Mapping[str, Any]) -> Pooling:
    """Ours, else that of sentence-transformers' pooling module, else the mean."""
    files = sorted(path.glob("*_Pooling/config.json"))
    theirs = read_object(files[0]) if files else {}
    pooling = ours.get("pooling") or _pooling_mode(theirs)
    if pooling not in ("mean", "cls"):
        raise SettingsError(
            f"the model in {path} pools its tokens by {pooling!r}, which is neither mean nor cls. {USE_TORCH}"
        )
    return cast("Pooling", pooling)


def _pooling_mode(config: Mapping[str, Any]) -> str:
    """Older files have a flag for each mode, newer ones a name."""
    if "pooling_mode" in config:
        return str(config["pooling_mode"])
    flags = [name.removeprefix("pooling_mode_") for name, value in config.items() if value is True]
    modes = [{"mean_tokens": "mean", "cls_token": "cls"}.get(flag, flag) for flag in flags if flag != "include_prompt"]
    return "+".join(modes) or "mean"
