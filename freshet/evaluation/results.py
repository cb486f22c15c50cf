"""What an evaluation finds, as it is printed, kept, and read again."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from freshet.schemas.errors import SettingsError

_NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,100}")
_Share = Annotated[float, Field(ge=0, le=1)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)


class Corpus(_Part):
    """What was searched, and what was asked; equal digests mean the same documents, or the same queries and grades."""

    name: str
    documents: int
    passages: int
    digest: str
    split: str
    queries: int
    queries_digest: str


class Setup(_Part):
    """How it was searched."""

    model: str
    window: int
    languages: list[str]
    average_length: int
    fusion: str
    list_length: int
    fingerprint: str


class Latency(_Part):
    """Milliseconds of a search, of one after the other."""

    p50: float
    p95: float


class RunResult(_Part):
    """One way of asking: the means of the measures, and by query each of them.

    `degraded` counts answers that had to do without something, such as a reranker that was late.
    """

    name: str
    degraded: int = 0
    measures: dict[str, float]
    latency_ms: Latency
    queries: dict[str, dict[str, _Share]]


class Evaluation(_Part):
    """All ways of asking, over one collection."""

    corpus: Corpus
    setup: Setup
    runs: list[RunResult]


def save(evaluation: Evaluation, name: str, folder: Path) -> Path:
    """Keep it under a name; the file."""
    file = kept(name, folder)
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh = file.with_name(file.name + ".new")
    fresh.write_text(evaluation.model_dump_json(indent=2) + "\n", encoding="utf-8")
    return fresh.replace(file)


def kept(name: str, folder: Path) -> Path:
    """Where it is kept under this name. Raises SettingsError."""
    if not _NAME.fullmatch(name) or name.startswith("."):
        raise SettingsError(f"{name!r} cannot be a name: take letters, digits, dots, dashes and underscores")
    return folder / f"{name}.json"


def load(given: str, folder: Path) -> Evaluation:
    """One that was kept under a name, or one in a file that `--json` printed. Raises SettingsError."""
    file = Path(given)
    if not file.is_file() and _NAME.fullmatch(given):
        file = folder / f"{given}.json"
    try:
        return Evaluation.model_validate_json(file.read_bytes())
    except FileNotFoundError as error:
        raise SettingsError(f"nothing was kept as {given!r}, and there is no such file") from error
    except OSError as error:
        raise SettingsError(f"cannot read {file}: {error.strerror}") from error
    except ValidationError as error:
        wrong = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in wrong["loc"])
        raise SettingsError(
            f"{file} is no result of freshet evaluate: {where or 'all of it'}: {wrong['msg']}"
        ) from error
