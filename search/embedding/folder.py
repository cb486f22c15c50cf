"""What a model's folder says: where its files are, how tokens become one vector, and what the model is called."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final, Literal, cast

from freshet.schemas.errors import SettingsError

Pooling = Literal["mean", "cls"]

# Read by OpenVINO as they are. Its own format first: where a model brings both, that one loads faster.
GRAPHS: Final = ("openvino_model.xml", "openvino/openvino_model.xml", "model.onnx", "onnx/model.onnx")
TOKENIZER: Final = "tokenizer.json"
DESCRIPTIONS: Final = (
    "freshet-model.json",
    "modules.json",
    "config_sentence_transformers.json",
    "sentence_bert_config.json",
    "tokenizer_config.json",
    "config.json",
    "*_Pooling/config.json",
)
_EXTRA: Final = "Install freshet[torch] and choose the provider sentence-transformers"
_LONGEST_WINDOW: Final = 8192
_USUAL_WINDOW: Final = 512
_UNKNOWN: Final = 1_000_000  # tokenizers write 10^30 for "I don't know"
_DOCUMENT_PROMPTS: Final = ("document", "passage", "corpus")
# Families whose position table begins with places that no token takes.
_SHIFTED_POSITIONS: Final = ("roberta", "xlm-roberta", "camembert", "mpnet")


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """A model on disk. `max_tokens` is the window, special tokens and prompt included; prompts go before a text."""

    path: Path
    pooling: Pooling
    max_tokens: int
    hidden_size: int | None
    query_prompt: str
    document_prompt: str
    given_name: str | None

    @classmethod
    def read(cls, path: Path) -> ModelFolder:
        """Read the descriptions beside a model. Raises SettingsError where there is no folder or a wrong file."""
        if not path.is_dir():
            raise SettingsError(f"the model folder {path} does not exist")
        _refuse_more_than_pooling(path)
        ours = _load(path / "freshet-model.json")
        config = _load(path / "config.json")
        prompts = _load(path / "config_sentence_transformers.json").get("prompts") or {}
        return cls(
            path=path,
            pooling=_pooling(path, ours),
            max_tokens=_max_tokens(path, ours, config),
            hidden_size=config.get("hidden_size"),
            query_prompt=prompts.get("query") or "",
            document_prompt=next((prompts[name] for name in _DOCUMENT_PROMPTS if prompts.get(name)), ""),
            given_name=ours.get("name"),
        )

    def graph(self) -> Path:
        """The file that OpenVINO runs. Raises SettingsError where there is none."""
        for name in GRAPHS:
            if (self.path / name).is_file():
                return self.path / name
        raise SettingsError(f"{self.path} holds no ONNX or OpenVINO file ({', '.join(GRAPHS)}). {_EXTRA}")

    def tokenizer(self) -> Path:
        """The tokenizer's file. Raises SettingsError where there is none."""
        path = self.path / TOKENIZER
        if not path.is_file():
            raise SettingsError(f"{self.path} holds no {TOKENIZER}")
        return path

    def name(self, *files: Path) -> str:
        """What identifies the model: the name that it was given, else a digest of `files`, its weights."""
        return self.given_name or f"blake2b:{_digest(files)}"


def weights_of(graph: Path) -> tuple[Path, ...]:
    """The files that hold a graph's numbers: OpenVINO keeps them beside it, and ONNX does for big models."""
    beside = (graph.with_suffix(".bin"), graph.with_name(f"{graph.name}_data"))
    return (graph, *(path for path in beside if path.is_file()))


def _load(path: Path) -> Mapping[str, Any]:
    content = _json(path)
    if not isinstance(content, dict):
        raise SettingsError(f"{path} is not a JSON object")
    return content


def _json(path: Path) -> Any:
    if not path.is_file():
        return {}
    try:
        return json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise SettingsError(f"{path} is not valid JSON: {error}") from error


def _refuse_more_than_pooling(path: Path) -> None:
    """A graph file holds the transformer only; what sentence-transformers puts after the pooling would be left out."""
    kinds = [str(module.get("type", "")).rpartition(".")[2] for module in _json(path / "modules.json")]
    if other := set(kinds) - {"Transformer", "Pooling", "Normalize"}:
        raise SettingsError(
            f"the model in {path} has modules that are not in its graph file: {', '.join(other)}. {_EXTRA}"
        )


def _pooling(path: Path, ours: Mapping[str, Any]) -> Pooling:
    """Ours, else that of sentence-transformers' pooling module, else the mean."""
    files = sorted(path.glob("*_Pooling/config.json"))
    theirs = _load(files[0]) if files else {}
    pooling = ours.get("pooling") or _pooling_mode(theirs)
    if pooling not in ("mean", "cls"):
        raise SettingsError(
            f"the model in {path} pools its tokens by {pooling!r}, which is neither mean nor cls. {_EXTRA}"
        )
    return cast("Pooling", pooling)


def _pooling_mode(config: Mapping[str, Any]) -> str:
    """Older files have a flag for each mode, newer ones a name."""
    if "pooling_mode" in config:
        return str(config["pooling_mode"])
    flags = [name.removeprefix("pooling_mode_") for name, value in config.items() if value is True]
    modes = [{"mean_tokens": "mean", "cls_token": "cls"}.get(flag, flag) for flag in flags if flag != "include_prompt"]
    return "+".join(modes) or "mean"


def _max_tokens(path: Path, ours: Mapping[str, Any], config: Mapping[str, Any]) -> int:
    """The first that says it, within the positions that the model has and what is sensible."""
    said = (
        ours.get("max_tokens")
        or _load(path / "sentence_bert_config.json").get("max_seq_length")
        or _load(path / "tokenizer_config.json").get("model_max_length")
        or _UNKNOWN
    )
    positions = config.get("max_position_embeddings") or _UNKNOWN
    if positions < _UNKNOWN and config.get("model_type") in _SHIFTED_POSITIONS:
        positions -= config.get("pad_token_id", 1) + 1
    window = min(said, positions)
    return _USUAL_WINDOW if window >= _UNKNOWN else int(min(window, _LONGEST_WINDOW))


def _digest(files: tuple[Path, ...]) -> str:
    hasher = blake2b(digest_size=16)
    for path in files:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                hasher.update(block)
    return hasher.hexdigest()
