"""The command line over a documents topic of its own."""

from pathlib import Path

import pytest

from tests.integration.kafka.command import Freshet
from tests.support.servers import KafkaServer


@pytest.fixture
async def freshet(kafka: KafkaServer, tmp_path: Path) -> Freshet:
    command = Freshet(kafka, tmp_path)
    done = await command("topics", "create")
    assert done.code == 0, done.err
    return command
