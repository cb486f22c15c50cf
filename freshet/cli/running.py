"""What commands that talk to Kafka have in common."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from freshet.settings import Settings
    from freshet.streams.kafka.connection import KafkaConnection
    from freshet.streams.publisher import Publisher

T = TypeVar("T")


def run_quietly(work: Coroutine[Any, Any, T]) -> T:
    """Run a command's work; what clients of Kafka would log reaches the user as an error instead."""
    import asyncio

    from freshet.streams.kafka.logs import silence_client_logs

    silence_client_logs()
    return asyncio.run(work)


def settings() -> Settings:
    """The settings. Raises SettingsError with every mistake."""
    from freshet.settings import load_settings

    return load_settings()


def connection(given: Settings) -> KafkaConnection:
    from freshet.streams.kafka.connection import KafkaConnection

    return KafkaConnection(given.kafka.bootstrap_servers, client_id="freshet-cli", security=given.kafka.security())


def publisher(given: Settings) -> Publisher:
    from freshet.streams.publisher import Publisher

    return Publisher.over(connection(given), topic=given.topics.documents, rules=given.rules)
