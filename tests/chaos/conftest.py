"""Clients of a Kafka that is killed on purpose have nothing to say."""

import logging
from collections.abc import Iterator

import pytest

from freshet.streams.kafka.logs import silence_client_logs


@pytest.fixture(autouse=True)
def quiet_clients() -> Iterator[None]:
    """For the length of a test: others of the process listen to these clients."""
    logger = logging.getLogger("aiokafka")
    handlers, propagate = logger.handlers[:], logger.propagate
    silence_client_logs()
    yield
    logger.handlers, logger.propagate = handlers, propagate
