"""Figures, and the file that keeps the latest of each: benchmarks/latest.json."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from freshet.schemas.errors import FreshetError

GOALS = {">=": float.__ge__, "<=": float.__le__}


class FiguresError(FreshetError):
    """The file of figures is not what this program writes."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One result. Its name is `benchmark.what`; `baseline`, in the same unit, is what `value` is to be held against."""

    name: str
    value: float
    unit: str
    goal: str | None = None
    baseline: float | None = None

    @property
    def benchmark(self) -> str:
        """What it belongs to; figures of one are replaced together."""
        return self.name.partition(".")[0]

    @property
    def reached(self) -> bool | None:
        """Whether the goal is reached; None where there is none."""
        if self.goal is None:
            return None
        return GOALS[self.goal[:2]](float(self.value), float(self.goal[2:]))


def merge(file: Path, benchmark: str, figures: Iterable[Figure]) -> None:
    """Put the figures of one benchmark in the place of those that it left before; others stay. Raises FiguresError."""
    mine = [{**asdict(each), "machine": machine()} for each in figures]
    others = [each for each in _read(file) if each["name"].partition(".")[0] != benchmark]
    text = json.dumps(sorted(others + mine, key=lambda each: str(each["name"])), indent=1, ensure_ascii=False)
    fresh = file.with_name(file.name + ".new")
    fresh.write_text(text + "\n", encoding="utf-8")
    fresh.replace(file)


def machine() -> str:
    """What the figures were measured on."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    system = f"{platform.system()}, Python {platform.python_version()}"
    return f"{_processor()}, {os.cpu_count()} cores, {memory:.0f} GiB, {system}"


def significant(value: float) -> float:
    """The value to four significant digits."""
    return float(f"{value:.4g}")


def _read(file: Path) -> list[dict[str, Any]]:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []
    except ValueError as error:
        raise FiguresError(f"{file} is not JSON: {error}") from error
    if not isinstance(found, list) or not all(isinstance(each, dict) and "name" in each for each in found):
        raise FiguresError(f"{file} is not a list of figures")
    return found


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
