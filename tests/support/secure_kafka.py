"""A broker that lets nobody in unknown, and nobody do what no ACL allows."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiokafka.client import AIOKafkaClient
from aiokafka.protocol.admin import CreateAclsRequest, DeleteAclsRequest, DescribeAclsRequest

from freshet.local.artifacts import Artifacts
from freshet.local.folders import cache_folder
from freshet.local.kafka import LocalKafka
from freshet.local.processes import LOOPBACK, free_ports
from freshet.streams.kafka.needs import Need, Resource
from freshet.streams.kafka.rights import Operation
from tests.support.certificates import Authority
from tests.support.waiting import wait_until

ALLOW, ANY = 3, 1
TYPES = {Resource.TOPIC: 2, Resource.GROUP: 3}
LITERAL, PREFIXED = 3, 4
NULL: Any = None  # aiokafka's annotations do not know that names may be null
MODULES = "org.apache.kafka.common.security"
MECHANISMS = ("SCRAM-SHA-256", "SCRAM-SHA-512", "PLAIN", "OAUTHBEARER")
PROTOCOLS = {"login": "SASL_SSL", "clear": "SASL_PLAINTEXT", "mutual": "SSL"}


NAMES = ("worker", "search", "shop", "lag", "topics", "letters", "verifier", "again", "planner", "nobody")


@dataclass(frozen=True)
class Users:
    """Everybody who may log in, each with a password of its own; how is up to the client."""

    passwords: Mapping[str, str] = field(default_factory=lambda: {name: uuid.uuid4().hex for name in NAMES})

    @property
    def scram(self) -> list[str]:
        kinds = ("SCRAM-SHA-256", "SCRAM-SHA-512")
        return [
            f"--add-scram={kind}=[name={name},password={password},iterations=4096]"
            for kind in kinds
            for name, password in self.passwords.items()
        ]

    @property
    def plain(self) -> str:
        listed = " ".join(f'user_{name}="{password}"' for name, password in self.passwords.items())
        return f"{MODULES}.plain.PlainLoginModule required {listed};"


class SecureKafka(LocalKafka):
    """`kafka.login` speaks TLS and all kinds of SASL, `kafka.clear` SASL alone, `kafka.mutual` wants certificates.

    `kafka.bootstrap` is a back door in plain text, whose anonymous user may do everything.
    """

    def __init__(self, folder: Path, *, jars: Iterable[Path], log: Path, cleaner: Mapping[str, str]) -> None:
        self.authority = Authority(folder / "certificates")
        self.users = Users()
        self._ports = dict(zip(PROTOCOLS, free_ports(len(PROTOCOLS)), strict=True))
        self._pair = self.authority.issue("kafka")
        super().__init__(jars=list(jars), folder=folder / "kafka", log=log, extra=cleaner)

    @property
    def login(self) -> str:
        return f"{LOOPBACK}:{self._ports['login']}"

    @property
    def clear(self) -> str:
        return f"{LOOPBACK}:{self._ports['clear']}"

    @property
    def mutual(self) -> str:
        return f"{LOOPBACK}:{self._ports['mutual']}"

    def environment(self, user: str, mechanism: str = "SCRAM-SHA-512") -> dict[str, str]:
        """Settings of a process that logs in as this user."""
        return {
            "FRESHET_KAFKA__BOOTSTRAP_SERVERS": self.login,
            "FRESHET_KAFKA__SECURITY_PROTOCOL": "SASL_SSL",
            "FRESHET_KAFKA__SASL_MECHANISM": mechanism,
            "FRESHET_KAFKA__USERNAME": user,
            "FRESHET_KAFKA__PASSWORD": self.users.passwords[user],
            "FRESHET_KAFKA__CA_FILE": str(self.authority.ca),
        }

    async def allow(self, user: str, needs: Iterable[Need]) -> None:
        """Give a user these rights and no others; returns when the broker knows them."""
        creations = [_acl(user, need, operation) for need in needs for operation in need.operations]
        await self._change([DeleteAclsRequest(*_every(user)), *(CreateAclsRequest(*each, ALLOW) for each in creations)])
        await wait_until(lambda: self._holds(user, len(creations)), f"the broker knows the rights of {user}")

    async def forbid(self, user: str, need: Need, operation: Operation) -> None:
        """Take one right away."""
        before = await self._count(user)
        await self._change([DeleteAclsRequest(*_acl(user, need, operation), ALLOW)])
        await wait_until(lambda: self._holds(user, before - 1), f"the broker has taken a right from {user}")

    async def _holds(self, user: str, count: int) -> bool:
        return await self._count(user) == count

    async def _count(self, user: str) -> int:
        (answer,) = await self._change([DescribeAclsRequest(*_every(user))])
        return sum(len(acls) for *_, acls in answer.resources)

    async def _change(self, requests: Iterable[Any]) -> list[Any]:
        client = AIOKafkaClient(bootstrap_servers=self.bootstrap)
        await client.bootstrap()
        try:
            return [await client.send(client.get_random_node(), request) for request in requests]
        finally:
            await client.close()

    def _settings(self) -> dict[str, str]:
        given = super()._settings()
        listeners = ",".join(f"{name}://{LOOPBACK}:{port}" for name, port in self._ports.items()).upper()
        protocols = ",".join(f"{name.upper()}:{protocol}" for name, protocol in PROTOCOLS.items())
        return {
            **given,
            "listeners": f"{given['listeners']},{listeners}",
            "advertised.listeners": f"{given['advertised.listeners']},{listeners}",
            "listener.security.protocol.map": f"{given['listener.security.protocol.map']},{protocols}",
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "allow.everyone.if.no.acl.found": "false",
            "super.users": "User:ANONYMOUS",
            "sasl.enabled.mechanisms": ",".join(MECHANISMS),
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(self._pair.both),
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": str(self.authority.ca),
            "listener.name.mutual.ssl.client.auth": "required",
            **self._logins("login"),
            **self._logins("clear"),
        }

    def _logins(self, listener: str) -> dict[str, str]:
        scram = f"{MODULES}.scram.ScramLoginModule required;"
        # Tokens without a signature are believed, as far as their claims go.
        oauth = f'{MODULES}.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="kafka";'
        modules = {"SCRAM-SHA-256": scram, "SCRAM-SHA-512": scram, "PLAIN": self.users.plain, "OAUTHBEARER": oauth}
        return {
            f"listener.name.{listener}.{mechanism.lower()}.sasl.jaas.config": module
            for mechanism, module in modules.items()
        }

    def _java(self, main: str, *arguments: str, options: Sequence[str] = ()) -> list[str]:
        users = self.users.scram if main.endswith("StorageTool") else []
        return super()._java(main, *arguments, *users, options=options)


def _acl(user: str, need: Need, operation: Operation) -> tuple[int, str, int, str, str, int]:
    pattern = PREFIXED if need.prefixed else LITERAL
    return TYPES[need.resource], need.name, pattern, f"User:{user}", "*", int(operation)


def _every(user: str) -> tuple[int, Any, int, str, Any, int, int]:
    """What matches every right of a user."""
    return ANY, NULL, ANY, f"User:{user}", NULL, ANY, ANY


def secure_kafka(folder: Path, log: Path, cleaner: Mapping[str, str]) -> SecureKafka:
    """A broker of that kind; blocks while its jars are downloaded, once a machine."""
    return SecureKafka(folder, jars=Artifacts(cache_folder()).kafka_jars(), log=log, cleaner=cleaner)
