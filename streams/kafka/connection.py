"""How a process reaches Kafka."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from freshet.schemas.errors import SettingsError
from freshet.streams.kafka.security import KafkaSecurity


@dataclass(frozen=True, slots=True)
class KafkaConnection:
    """Where Kafka is: `host:port`, several with commas. `timeout` bounds each request, in seconds.

    `security` is how it is reached, by default in plain text.

    Raises SettingsError where an address is not of that form.
    """

    bootstrap_servers: str = "127.0.0.1:9092"
    client_id: str = "freshet"
    timeout: float = 30.0
    security: KafkaSecurity = field(default_factory=KafkaSecurity)

    def __post_init__(self) -> None:
        for address in self.addresses:
            host, colon, port = address.rpartition(":")
            if not (host and colon and port.isdecimal() and int(port) < 2**16):
                raise SettingsError(f"the Kafka address {address!r} is not of the form host:port")

    @property
    def addresses(self) -> list[str]:
        return [address.strip() for address in self.bootstrap_servers.split(",")]

    @property
    def exposes_password(self) -> bool:
        """Whether others can read the password on its way."""
        return any(self.security.shows_password(address.rpartition(":")[0]) for address in self.addresses)

    @property
    def no_topic_hint(self) -> str:
        """What to do where a topic is not to be seen: brokers do not tell a user whether it may only not see it."""
        hint = "create the topics with: freshet topics create"
        return hint if self.security.protocol == "PLAINTEXT" else f"{hint}; or may {self.security.user} not see it?"

    def options(self) -> dict[str, Any]:
        """Keyword arguments that every aiokafka client takes."""
        return {
            "bootstrap_servers": self.addresses,
            "client_id": self.client_id,
            "request_timeout_ms": int(self.timeout * 1000),
            **self.security.options(),
        }
