"""What any model's folder holds: its graph, its tokenizer, how long a text may be, and what the model is called."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final, Literal

from freshet.schemas.errors import SettingsError

Precision = Literal["auto", "f32", "bf16"]

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
USE_TORCH: Final = "Install freshet[torch] and choose the provider sentence-transformers"
_LONGEST_WINDOW: Final = 8192
_USUAL_WINDOW: Final = 512
_UNKNOWN: Final = 1_000_000  # tokenizers write 10^30 for "I don't know"
# Families whose position table begins with places that no token takes.
_SHIFTED_POSITIONS: Final = ("roberta", "xlm-roberta", "camembert", "mpnet")


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """A model on disk. `max_tokens` is the window, special tokens included; `config` is what its makers say of it."""

    path: Path
    max_tokens: int
    given_name: str | None
    config: Mapping[str, Any]

    @classmethod
    def find(cls, path: Path) -> ModelFiles:
        """Read the descriptions beside a model. Raises SettingsError where there is no folder or a wrong file."""
        if not path.is_dir():
            raise SettingsError(f"the model folder {path} does not exist")
        ours, config = read_object(path / "freshet-model.json"), read_object(path / "config.json")
        return cls(path, _max_tokens(path, ours, config), ours.get("name"), config)

    def graph(self) -> Path:
        """The file that OpenVINO runs. Raises SettingsError where there is none."""
        for name in GRAPHS:
            if (self.path / name).is_file():
                return self.path / name
        raise SettingsError(f"{self.path} holds no ONNX or OpenVINO file ({', '.join(GRAPHS)}). {USE_TORCH}")

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


def folder_of(model: str | Path) -> Path | None:
    """The folder that a setting means, there or not; None for a name on a hub."""
    path = Path(model).expanduser()
    is_folder = isinstance(model, Path) or path.is_dir() or model.startswith((".", "/", "~"))
    return path if is_folder else None


def read_object(path: Path) -> Mapping[str, Any]:
    """The JSON object in a file, empty where there is no file. Raises SettingsError."""
    content = read_json(path)
    if not isinstance(content, dict):
        raise SettingsError(f"{path} is not a JSON object")
    return content


def read_json(path: Path) -> Any:
    """The JSON in a file, an empty object where there is no file. Raises SettingsError."""
    if not path.is_file():
        return {}
    try:
        return json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise SettingsError(f"{path} is not valid JSON: {error}") from error


def _max_tokens(path: Path, ours: Mapping[str, Any], config: Mapping[str, Any]) -> int:
    """The first that says it, within the positions that the model has and what is sensible."""
    said = (
        ours.get("max_tokens")
        or read_object(path / "sentence_bert_config.json").get("max_seq_length")
        or read_object(path / "tokenizer_config.json").get("model_max_length")
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
