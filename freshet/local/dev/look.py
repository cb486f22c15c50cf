"""Whether the parts of `freshet dev` answer."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from freshet.local.asking import is_ready
from freshet.local.dev.files import DevFolder
from freshet.schemas.errors import OutsideError
from freshet.streams.kafka.admin import admin_client
from freshet.streams.kafka.connection import KafkaConnection

ANSWER_SECONDS: Final = 3.0


@dataclass(frozen=True, slots=True)
class PartState:
    """A part: where it answers, if it runs, and what its data take on the disk."""

    part: str
    up: bool
    address: str | None
    data_bytes: int
    log: Path


async def look(folder: DevFolder) -> list[PartState]:
    """Ask both at once; a part that does not answer within three seconds is not up."""
    running = folder.running()
    kafka, qdrant = (running.bootstrap, running.url) if running else (None, None)
    kafka_up, qdrant_up = await asyncio.gather(_kafka(kafka), _qdrant(qdrant))
    return [
        PartState("Kafka", kafka_up, kafka, _size(folder.kafka), folder.log("kafka")),
        PartState("engine", qdrant_up, qdrant, _size(folder.qdrant), folder.log("qdrant")),
    ]


async def _kafka(address: str | None) -> bool:
    if address is None:
        return False
    with suppress(OutsideError, TimeoutError):
        async with asyncio.timeout(ANSWER_SECONDS), admin_client(KafkaConnection(address, client_id="freshet-dev")):
            return True
    return False


async def _qdrant(address: str | None) -> bool:
    if address is None:
        return False
    with suppress(OSError):  # TimeoutError is one
        async with asyncio.timeout(ANSWER_SECONDS):
            return await is_ready(address)
    return False


def _size(folder: Path) -> int:
    """What the files take on the disk: Kafka makes some that are long and mostly empty."""
    total = 0
    for file in folder.rglob("*"):
        with suppress(FileNotFoundError):  # both clear away while we look
            total += file.lstat().st_blocks * 512
    return total
