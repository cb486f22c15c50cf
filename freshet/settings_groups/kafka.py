"""Where Kafka is, and how it is reached."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr

from freshet.settings_groups import Group
from freshet.streams.kafka.security import KafkaSecurity, Mechanism, Protocol, SecurityError


class Kafka(Group):
    """Where Kafka is, and what it asks for."""

    bootstrap_servers: str = Field("127.0.0.1:9092", min_length=1, description="host:port, several with commas")
    security_protocol: Protocol = Field("PLAINTEXT", description="what the listener speaks: TLS is SSL or SASL_SSL")
    sasl_mechanism: Mechanism | None = Field(None, description="how the user proves who it is, with SASL")
    username: str | None = Field(None, description="user; with OAUTHBEARER the id of the client")
    password: SecretStr | None = Field(None, description="its password; with OAUTHBEARER the client's secret")
    token_url: str | None = Field(None, description="where OAUTHBEARER gets tokens, by client credentials")
    token_scope: str | None = Field(None, description="scope of these tokens")
    ca_file: Path | None = Field(None, description="certificates (PEM) that brokers are checked against")
    certificate_file: Path | None = Field(None, description="our certificate (PEM), for mutual TLS")
    key_file: Path | None = Field(None, description="its private key (PEM)")
    key_password: SecretStr | None = Field(None, description="password of an encrypted key")

    def security(self) -> KafkaSecurity:
        """As clients take it. Raises SecurityError."""
        return KafkaSecurity(
            protocol=self.security_protocol,
            mechanism=self.sasl_mechanism,
            username=self.username,
            password=_open(self.password),
            token_url=self.token_url,
            token_scope=self.token_scope,
            ca_file=self.ca_file,
            certificate_file=self.certificate_file,
            key_file=self.key_file,
            key_password=_open(self.key_password),
        )

    def mistakes(self) -> list[tuple[str, str]]:
        """What is wrong between these settings: the name of a setting, and why."""
        names = {"mechanism": "sasl_mechanism"}
        try:
            self.security()
        except SecurityError as error:
            return [(names.get(name, name), text) for name, text in error.mistakes]
        return []


def _open(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()
