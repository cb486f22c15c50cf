"""Clients of a Kafka that is killed on purpose have nothing to say."""

import logging
from collections.abc import Iterator

import pytest

from freshet.streams.kafka.logs import silence_client_logs


@pytest.fixture(autouse=True)
def quiet_clients() -> Iterator[None]:
    before = {name: logging.getLogger(name).level for name in ("aiokafka", "aiokafka.producer.sender")}
    silence_client_logs()
    yield
    for name, level in before.items():
        logging.getLogger(name).setLevel(level)
