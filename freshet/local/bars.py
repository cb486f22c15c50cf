"""Progress bars for the downloads, for people at a terminal."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from freshet.local.artifacts import Artifacts
from freshet.local.downloads import Progress as OnProgress


def fetch_kafka(artifacts: Artifacts, console: Console) -> list[Path]:
    """Kafka's class path, downloaded under a progress bar when it is not there yet. Blocks; raises `DownloadError`."""
    if artifacts.has_kafka():
        return artifacts.kafka_jars()
    with download_bar("Apache Kafka", console) as progress:
        return artifacts.kafka_jars(progress)


def fetch_model(artifacts: Artifacts, console: Console) -> Path:
    """The model's folder, downloaded under a progress bar when it is not there yet. Blocks; raises `DownloadError`."""
    if artifacts.has_model():
        return artifacts.model_folder()
    with download_bar("Embedding model", console) as progress:
        return artifacts.model_folder(progress)


@contextlib.contextmanager
def download_bar(title: str, console: Console) -> Iterator[OnProgress]:
    """Yields what shows the bytes done on a bar that appears with the first of them."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=console) as bars:
        task = bars.add_task(title, total=None)
        yield lambda done, total: bars.update(task, completed=done, total=total)
