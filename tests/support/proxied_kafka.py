"""A broker with a second door, behind a proxy."""

from __future__ import annotations

from typing import Any

from freshet.local.kafka import LocalKafka
from freshet.local.processes import LOOPBACK


class ProxiedKafka(LocalKafka):
    """Listens at the port `behind`, too, and sends whoever comes in there to the port `before`: that of a proxy.

    Kafka tells its clients where to connect, so a proxy whose address it does not tell is soon left.
    """

    def __init__(self, *, before: int, behind: int, **settings: Any) -> None:
        super().__init__(**settings)
        self._more = {
            "listeners": f"PROXIED://{LOOPBACK}:{behind}",
            "advertised.listeners": f"PROXIED://{LOOPBACK}:{before}",
            "listener.security.protocol.map": "PROXIED:PLAINTEXT",
        }

    def _settings(self) -> dict[str, str]:
        settings = super()._settings()
        return {**settings, **{name: f"{settings[name]},{value}" for name, value in self._more.items()}}
