"""How clients prove to Kafka who they are, and how they know that it is Kafka."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from freshet.schemas.errors import SettingsError
from freshet.search.loopback import is_loopback

Protocol = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
Mechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"]
OAUTH: Final = "OAUTHBEARER"
Mistake = tuple[str, str]  # the field, and what is wrong with it


@dataclass(frozen=True, slots=True)
class KafkaSecurity:
    """A listener's protocol, and what it asks for:

        KafkaSecurity("SASL_SSL", mechanism="SCRAM-SHA-512", username="shop", password="…", ca_file="ca.pem")

    Files are PEM. Without `ca_file` the system's certificates are trusted. With OAUTHBEARER, `username` and `password`
    are the id and the secret of a client, for which `token_url` gives tokens of `token_scope`. Raises SettingsError
    that names every field which contradicts another or cannot be used.
    """

    protocol: Protocol = "PLAINTEXT"
    mechanism: Mechanism | None = None
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    token_url: str | None = None
    token_scope: str | None = None
    ca_file: Path | str | None = None
    certificate_file: Path | str | None = None
    key_file: Path | str | None = None
    key_password: str | None = field(default=None, repr=False)
    _options: dict[str, Any] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        mistakes = [*_contradictions(self)]
        context = None
        if self.encrypted and not mistakes:
            context = _context(self, mistakes)
        if mistakes:
            raise SecurityError(mistakes)
        object.__setattr__(self, "_options", self._made(context))

    @property
    def encrypted(self) -> bool:
        """Whether it is TLS."""
        return self.protocol in ("SSL", "SASL_SSL")

    @property
    def authenticated(self) -> bool:
        """Whether it is SASL."""
        return self.protocol.startswith("SASL")

    @property
    def user(self) -> str:
        """Whom the brokers see, in words for people."""
        if self.authenticated:
            return f"the user {self.username!r}"
        return f"the user of {self.certificate_file}" if self.certificate_file else "the anonymous user"

    def shows_password(self, host: str) -> bool:
        """Whether whoever listens on the way to this host reads the password."""
        return self.mechanism == "PLAIN" and not self.encrypted and not is_loopback(host)

    def options(self) -> dict[str, Any]:
        """Keyword arguments that every aiokafka client takes."""
        return self._options

    def _made(self, context: ssl.SSLContext | None) -> dict[str, Any]:
        options: dict[str, Any] = {"security_protocol": self.protocol, "ssl_context": context}
        if self.mechanism == OAUTH:
            from freshet.streams.kafka.tokens import ClientTokens

            tokens = ClientTokens(
                self.token_url or "",
                client=self.username or "",
                secret=self.password or "",
                scope=self.token_scope,
                ca_file=self.ca_file,
            )
            return options | {"sasl_mechanism": OAUTH, "sasl_oauth_token_provider": tokens}
        if self.authenticated:
            names = {"sasl_plain_username": self.username, "sasl_plain_password": self.password}
            return options | {"sasl_mechanism": self.mechanism, **names}
        return options


class SecurityError(SettingsError):
    """Fields of a KafkaSecurity that cannot be; `mistakes` has them one by one."""

    def __init__(self, mistakes: list[Mistake]) -> None:
        super().__init__("\n".join(f"{name}: {text}" for name, text in mistakes))
        self.mistakes = mistakes


def _contradictions(given: KafkaSecurity) -> Iterator[Mistake]:
    yield from _of_sasl(given) if given.authenticated else _of_no_sasl(given)
    if not given.encrypted:
        for name in ("ca_file", "certificate_file", "key_file", "key_password"):
            if getattr(given, name) is not None:
                yield name, f"means nothing with the protocol {given.protocol}, which is not encrypted"
        return
    if given.key_file is not None and given.certificate_file is None:
        yield "certificate_file", "is missing, and there is a key for it"
    if given.certificate_file is not None and given.key_file is None:
        yield "key_file", "is missing, and there is a certificate for it"
    if given.key_password is not None and given.key_file is None:
        yield "key_password", "is given, and there is no key"


def _of_sasl(given: KafkaSecurity) -> Iterator[Mistake]:
    if given.mechanism is None:
        yield "mechanism", f"is missing, and the protocol is {given.protocol}"
    for name in ("username", "password"):
        if not getattr(given, name):
            yield name, f"is missing, and the protocol is {given.protocol}"
    if given.mechanism == OAUTH:
        yield from _of_tokens(given.token_url)
        return
    for name in ("token_url", "token_scope"):
        if getattr(given, name) is not None:
            yield name, f"means nothing with the mechanism {given.mechanism}; tokens are for {OAUTH}"


def _of_no_sasl(given: KafkaSecurity) -> Iterator[Mistake]:
    for name in ("mechanism", "username", "password", "token_url", "token_scope"):
        if getattr(given, name) is not None:
            yield name, f"means nothing with the protocol {given.protocol}, which knows no SASL"


def _of_tokens(url: str | None) -> Iterator[Mistake]:
    if not url:
        yield "token_url", f"is missing, and the mechanism is {OAUTH}"
        return
    try:
        parts = urlsplit(url)
        _ = parts.port  # only now looked at
    except ValueError:
        yield "token_url", "must look like https://host/path"
        return
    if parts.scheme not in ("http", "https") or not parts.hostname:
        yield "token_url", "must look like https://host/path"
    elif "@" in parts.netloc:  # it would be shown with the URL
        yield "token_url", "must hold no user and password; they belong in username and password"
    elif parts.scheme == "http" and not is_loopback(parts.hostname):
        yield "token_url", "must begin with https://, for a secret is sent there"


def _context(given: KafkaSecurity, mistakes: list[Mistake]) -> ssl.SSLContext | None:
    """What TLS is made with; adds to the mistakes what files do not hold."""
    for name in ("ca_file", "certificate_file", "key_file"):
        mistakes += _unreadable(name, getattr(given, name))
    if mistakes:
        return None
    try:
        context = ssl.create_default_context(cafile=given.ca_file)
    except (OSError, ValueError):
        mistakes.append(("ca_file", f"{given.ca_file} holds no certificates in PEM"))
        return None
    if given.certificate_file is not None:
        try:  # without a password OpenSSL would ask for one on the terminal
            context.load_cert_chain(given.certificate_file, given.key_file, given.key_password or "")
        except (OSError, ValueError):
            text = f"{given.key_file} is no key (PEM) of {given.certificate_file}"
            mistakes.append(("key_file", f"{text}, or its password is another"))
    return context


def _unreadable(name: str, file: Path | str | None) -> Iterator[Mistake]:
    if file is None:
        return
    try:
        with Path(file).open("rb"):
            return
    except OSError as error:
        yield name, f"cannot read {file}: {error.strerror}"
