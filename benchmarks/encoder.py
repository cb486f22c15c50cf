"""The encoder alone, in a process of its own: what everything around it is measured against.

`python -m benchmarks.encoder rate|latency FILE` reads `{"warm_up": [event, …], "events": [event, …]}`, splits the
documents as the worker does, and prints what `Rate` or `Latency` hold, as JSON. Threads and precision are those of the
settings, as the worker's are.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from freshet.local.processes import LocalPartError

# The loop's windows. The encoder sorts a window by length, so it does better in large ones; larger ones gain no more.
WINDOW = 4096
REPOSITORY = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Rate:
    """Seconds and CPU seconds for all passages, different ones only, as the worker's cache embeds equal ones once."""

    passages: int
    tokens: int
    seconds: float
    cpu_seconds: float


@dataclass(frozen=True, slots=True)
class Latency:
    """Seconds to embed each event's first passage, one after the other."""

    seconds: list[float]


async def measure(mode: str, folder: Path, warm_up: Sequence[Any], events: Sequence[Any]) -> dict[str, Any]:
    """Run this module as a program on these events. Raises LocalPartError with what it said when it failed."""
    file = folder / "passages.json"
    file.write_text(json.dumps({"warm_up": warm_up, "events": events}), encoding="utf-8")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.encoder", mode, str(file)),
        cwd=REPOSITORY,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        output, complaint = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        raise LocalPartError(f"the encoder failed:\n{complaint.decode(errors='replace').strip()}")
    answer: dict[str, Any] = json.loads(output)
    return answer


def main(mode: str, file: Path) -> None:
    from freshet.local.artifacts import Artifacts
    from freshet.local.folders import cache_folder
    from freshet.search.embedding.openvino import OpenVINOEmbedder
    from freshet.search.passages import Recipe, split
    from freshet.settings import load_settings

    given = load_settings().embedding
    model = Artifacts(cache_folder()).model_folder()
    embedder = OpenVINOEmbedder(model, threads=given.threads, precision=given.precision)
    recipe = Recipe(window=embedder.model.max_tokens)
    events = json.loads(file.read_text(encoding="utf-8"))

    def passages(events: Sequence[Any]) -> list[list[str]]:
        pieces = (split(each["title"], each["text"], recipe, embedder.token_ends) for each in events)
        return [[piece.embedded for piece in several] for several in pieces]

    warm_up, measured = passages(events["warm_up"]), passages(events["events"])
    embedder.encode([text for several in warm_up for text in several])
    found = rate(embedder, measured) if mode == "rate" else latency(embedder, measured)
    print(json.dumps(asdict(found)))


def rate(embedder: Any, documents: Sequence[Sequence[str]]) -> Rate:
    """All passages, window after window."""
    texts = list(dict.fromkeys(text for several in documents for text in several))
    began, cpu_began = time.perf_counter(), time.process_time()
    tokens = sum(embedder.encode(texts[at : at + WINDOW]).tokens for at in range(0, len(texts), WINDOW))
    return Rate(len(texts), tokens, time.perf_counter() - began, time.process_time() - cpu_began)


def latency(embedder: Any, documents: Sequence[Sequence[str]]) -> Latency:
    """One passage at a time."""
    found = []
    for first, *_ in documents:
        began = time.perf_counter()
        embedder.encode([first])
        found.append(time.perf_counter() - began)
    return Latency(found)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
