"""The supervisor of `freshet dev`: `python -m freshet.local.dev FOLDER`, with the folder's lock inherited.

It holds Kafka and the engine, says in the folder when both answer, and ends both when it gets SIGTERM or when one of
them ends by itself. They die with it, however it ends. Exit codes: 0 told to end, 1 a part failed.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from pathlib import Path
from typing import Final

from freshet.local.artifacts import Artifacts
from freshet.local.dev.files import DevFolder, Running
from freshet.local.dev.ports import choose
from freshet.local.engine import LocalQdrant
from freshet.local.folders import cache_folder
from freshet.local.kafka import LocalKafka
from freshet.local.processes import LocalPartError
from freshet.local.stack import together
from freshet.schemas.errors import FreshetError

GRACE_SECONDS: Final = 6.0
WATCH_SECONDS: Final = 0.2
logger = logging.getLogger("freshet.dev")

Part = LocalKafka | LocalQdrant


class Supervisor:
    """Kafka and the engine, with their data in the folder."""

    def __init__(self, folder: DevFolder, jars: list[Path]) -> None:
        self._folder = folder
        self._kept = kept = choose(folder.kept())
        folder.keep(kept)
        self.kafka = LocalKafka(jars=jars, folder=folder.kafka, log=folder.log("kafka"), port=kept.kafka_port)
        self.qdrant = LocalQdrant(
            folder=folder.qdrant, log=folder.log("qdrant"), port=kept.qdrant_port, api_key=kept.api_key
        )

    async def run(self, stop: asyncio.Event) -> None:
        """Return when told to stop, with both ended. Raises LocalPartError where one cannot start or dies."""
        working, stopping = asyncio.create_task(self._work()), asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                working.result()
        finally:
            self._folder.withdraw()
            for task in (working, stopping):
                task.cancel()
            await asyncio.gather(working, stopping, return_exceptions=True)
            await asyncio.gather(*(part.process.stop(GRACE_SECONDS) for part in self._parts()))

    async def _work(self) -> None:
        await together(*(_start(part) for part in self._parts()))
        kept = self._kept
        self._folder.announce(Running(os.getpid(), kept.kafka_port, kept.qdrant_port, kept.api_key))
        logger.info("Kafka answers at %s, the engine at %s", self.kafka.bootstrap, self.qdrant.url)
        while True:
            for part in self._parts():
                if not part.process.alive:
                    raise LocalPartError(f"{part.process.name} ended by itself; its log is {part.process.log}")
            await asyncio.sleep(WATCH_SECONDS)

    def _parts(self) -> tuple[Part, ...]:
        return self.kafka, self.qdrant


async def _start(part: Part) -> None:
    try:
        await part.start()
    except LocalPartError as error:
        logger.error("%s", error)  # noqa: TRY400 (its text holds the end of the part's log)
        first = str(error).partition("\n")[0].partition(" Its log ")[0].rstrip(".")
        raise LocalPartError(f"{first}; its log is {part.process.log}") from error


def main() -> int:
    folder = DevFolder(Path(sys.argv[1]))
    folder.sign(os.getpid())
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # it is asked while it starts, and says so many times
    folder.say_why(None)
    try:
        asyncio.run(_until_told(folder))
    except (FreshetError, OSError) as error:
        logger.error("%s", error)  # noqa: TRY400 (one line says it)
        folder.say_why(str(error))
        return 1
    logger.info("ended")
    return 0


async def _until_told(folder: DevFolder) -> None:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await Supervisor(folder, Artifacts(cache_folder()).kafka_jars()).run(stop)


if __name__ == "__main__":
    sys.exit(main())
