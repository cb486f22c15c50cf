"""Every way to log in to Kafka, and what is said where Kafka lets nobody in."""

import socket
from typing import Any

import pytest

from freshet import DeniedError, Publisher, TransientError
from freshet.local.processes import LOOPBACK
from freshet.schemas.topics import Topics
from freshet.streams.kafka.cluster import describe_cluster
from freshet.streams.kafka.connection import KafkaConnection
from freshet.streams.kafka.demanding import demand_rights
from freshet.streams.kafka.groups import KafkaGroups
from freshet.streams.kafka.needs import Process, Resource, names, needs
from freshet.streams.kafka.rights import ask_rights
from freshet.streams.kafka.security import KafkaSecurity
from freshet.streams.kafka.tokens import ClientTokens
from tests.support.certificates import Authority
from tests.support.secure_kafka import SecureKafka
from tests.support.servers import create_topics
from tests.support.tls_proxy import TlsProxy
from tests.support.token_server import TokenServer


def login(kafka: SecureKafka, **changed: Any) -> KafkaSecurity:
    given = {
        "protocol": "SASL_SSL",
        "mechanism": "SCRAM-SHA-512",
        "username": "shop",
        "password": kafka.users.passwords["shop"],
        "ca_file": kafka.authority.ca,
    }
    return KafkaSecurity(**{**given, **changed})


async def reach(bootstrap: str, security: KafkaSecurity) -> list[str]:
    """The addresses of the brokers."""
    cluster = await describe_cluster(KafkaConnection(bootstrap, security=security, timeout=5))
    assert cluster.unreachable == []
    return cluster.brokers


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
async def test_a_user_logs_in_over_tls_and_without(guarded_kafka: SecureKafka, mechanism):
    for bootstrap, protocol in ((guarded_kafka.login, "SASL_SSL"), (guarded_kafka.clear, "SASL_PLAINTEXT")):
        ca_file = guarded_kafka.authority.ca if protocol == "SASL_SSL" else None
        security = login(guarded_kafka, protocol=protocol, mechanism=mechanism, ca_file=ca_file)
        assert await reach(bootstrap, security) == [bootstrap]


async def test_the_owner_of_a_certificate_publishes_where_it_may(guarded_kafka: SecureKafka):
    topics = {"certified": Topics("certified"), "foreign": Topics("foreign")}
    await create_topics(guarded_kafka.bootstrap, {each.documents: 1 for each in topics.values()})
    await guarded_kafka.allow("CN=shop", needs(Process.PUBLISHER, topics["certified"], "any"))
    pair = guarded_kafka.authority.issue("shop")
    security = KafkaSecurity(
        "SSL", ca_file=guarded_kafka.authority.ca, certificate_file=pair.certificate, key_file=pair.key
    )
    async with Publisher(guarded_kafka.mutual, topic="certified", security=security) as publisher:
        assert (await publisher.upsert("a", "text")).topic == "certified"
    async with Publisher(guarded_kafka.mutual, topic="foreign", security=security) as publisher:
        with pytest.raises(TransientError, match=r"or may the user of .*shop\.pem not see it\?"):
            await publisher.upsert("a", "text")


async def test_groups_are_deleted_by_whoever_has_the_rights_of_dropping_a_version(guarded_kafka: SecureKafka):
    mine, foreign = "freshet.mine.0a1b", "freshet.foreign.0a1b"
    rights = {"mine": Process.VERSIONS_DROP, "foreign": Process.VERSIONS}
    needed = [need for index, process in rights.items() for need in needs(process, Topics(index), index)]
    await guarded_kafka.allow("shop", needed)
    connection = KafkaConnection(guarded_kafka.login, security=login(guarded_kafka), timeout=5)
    async with KafkaGroups(connection) as groups:
        assert await groups.members(mine) == []
        await groups.delete(mine)
        assert await groups.members(foreign) == []
        with pytest.raises(DeniedError, match="GroupAuthorizationFailed"):
            await groups.delete(foreign)
        with pytest.raises(DeniedError):
            await groups.members("freshet.unknown.0a1b")


async def test_a_client_of_the_companys_login_is_known_to_kafka_by_its_token(guarded_kafka: SecureKafka):
    topics = Topics("by-token")
    await create_topics(guarded_kafka.bootstrap, {topics.documents: 1})
    await guarded_kafka.allow("search", needs(Process.PUBLISHER, topics, "any"))
    async with TokenServer({"search": "s%cret+"}) as tokens:
        security = login(
            guarded_kafka,
            mechanism="OAUTHBEARER",
            username="search",
            password="s%cret+",
            token_url=tokens.url,
            token_scope="kafka",
        )
        async with Publisher(guarded_kafka.login, topic="by-token", security=security) as publisher:
            assert (await publisher.upsert("a", "text")).topic == "by-token"
        assert tokens.given == ["kafka"]  # one token for all connections
    with pytest.raises(TransientError, match="no broker answers"):  # nobody gives a token now
        await reach(guarded_kafka.login, login(guarded_kafka, mechanism="OAUTHBEARER", token_url=tokens.url))


async def test_a_token_is_renewed_before_it_ends(guarded_kafka: SecureKafka):
    now = 0.0
    async with TokenServer({"me": "x"}, seconds=100) as server:
        tokens = ClientTokens(server.url, client="me", secret="x", clock=lambda: now)
        first = await tokens.token()
        now = 79.0
        assert await tokens.token() == first
        now = 81.0
        assert await tokens.token() != first


async def test_each_reason_to_be_refused_has_its_sentence(guarded_kafka: SecureKafka, strangers: Authority):
    kafka, stranger = guarded_kafka, strangers.issue("shop")
    ours: Any = {"ca_file": kafka.authority.ca}
    async with TokenServer({}) as tokens:
        wrong = [
            (kafka.login, login(kafka, password="wrong"), "the user 'shop' is refused", "__PASSWORD"),
            (
                kafka.login,
                login(kafka, password="wrong", mechanism="PLAIN"),
                "the user 'shop' is refused",
                "__USERNAME",
            ),
            (kafka.login, login(kafka, mechanism="OAUTHBEARER", token_url=tokens.url), "invalid_client", "__PASSWORD"),
            (kafka.login, login(kafka, ca_file=strangers.ca), "not to be trusted: self-signed", "__CA_FILE"),
            (kafka.login, KafkaSecurity(), "the listener speaks TLS, and we do not", "__SECURITY_PROTOCOL"),
            (kafka.bootstrap, login(kafka, protocol="SASL_PLAINTEXT", ca_file=None), "does not speak SASL", "PROTOCOL"),
            (kafka.mutual, KafkaSecurity("SSL", **ours), "refuses the TLS connection: certificate required", "_FILE"),
            (
                kafka.mutual,
                KafkaSecurity("SSL", **ours, certificate_file=stranger.certificate, key_file=stranger.key),
                "refuses the TLS connection",
                "__CERTIFICATE_FILE",
            ),
        ]
        for bootstrap, security, text, hint in wrong:
            with pytest.raises(DeniedError) as raised:
                await reach(bootstrap, security)
            assert text in raised.value.message, raised.value
            assert hint in raised.value.hint, raised.value


async def test_a_listener_that_wants_sasl_just_hangs_up_which_is_told_and_not_taken_for_a_refusal(
    guarded_kafka: SecureKafka,
):
    """So does a broker that is going down, and a worker must not end with it."""
    kafka = guarded_kafka
    encrypted = KafkaSecurity("SSL", ca_file=kafka.authority.ca)
    for bootstrap, security in ((kafka.login, encrypted), (kafka.clear, KafkaSecurity())):
        with pytest.raises(TransientError) as raised:
            await reach(bootstrap, security)
        assert "hangs up on us, as listeners do that want SASL" in raised.value.message, raised.value
        assert "__SECURITY_PROTOCOL" in raised.value.hint, raised.value


async def test_a_certificate_for_other_names_is_refused_and_the_names_are_to_be_looked_at(authority: Authority):
    elsewhere = authority.issue("elsewhere", hosts="DNS:elsewhere.example")
    async with TlsProxy(1, elsewhere) as proxy:  # nobody is behind it, for nobody gets so far
        with pytest.raises(DeniedError, match=r"IP address mismatch.*FRESHET_KAFKA__BOOTSTRAP_SERVERS"):
            await reach(f"{LOOPBACK}:{proxy.port}", KafkaSecurity("SSL", ca_file=authority.ca))


async def test_what_may_be_an_outage_is_tried_again_and_says_what_else_it_may_be(guarded_kafka: SecureKafka):
    with pytest.raises(TransientError, match=r"hangs up instead of speaking TLS .*SECURITY_PROTOCOL"):
        await reach(guarded_kafka.bootstrap, KafkaSecurity("SSL", ca_file=guarded_kafka.authority.ca))
    with socket.create_server((LOOPBACK, 0)) as closed:
        nobody = f"{LOOPBACK}:{closed.getsockname()[1]}"
    with pytest.raises(TransientError, match="no broker answers"):
        await reach(nobody, login(guarded_kafka))


@pytest.mark.parametrize("process", [Process.WORKER, Process.SEARCH])
async def test_each_right_that_a_process_lacks_is_found_by_asking_the_broker(guarded_kafka: SecureKafka, process):
    name = f"lacking-{process}"
    needed = needs(process, Topics(name, f"{name}.queries", f"{name}.feedback"), name)
    await create_topics(guarded_kafka.bootstrap, dict.fromkeys(names(needed, Resource.TOPIC), 1))
    groups = [f"{prefix}0123" for prefix in names(needed, Resource.GROUP)]
    connection = KafkaConnection(guarded_kafka.login, security=login(guarded_kafka))
    await guarded_kafka.allow("shop", needed)
    await demand_rights(connection, needed, groups)
    for need in needed:
        for operation in sorted(need.operations, reverse=True):  # who may not read may see nothing else either
            await guarded_kafka.forbid("shop", need, operation)
            with pytest.raises(DeniedError, match=rf"the user 'shop' lacks .*\b{operation.title} on {need.name}"):
                await demand_rights(connection, needed, groups)


async def test_what_a_user_may_not_even_see_is_told_as_lacking_and_not_as_missing(guarded_kafka: SecureKafka):
    await create_topics(guarded_kafka.bootstrap, {"hidden": 1})
    await guarded_kafka.allow("nobody", [])
    security = login(guarded_kafka, username="nobody", password=guarded_kafka.users.passwords["nobody"])
    rights = await ask_rights(KafkaConnection(guarded_kafka.login, security=security), ["hidden"], ["freshet.a.b"])
    assert rights is not None
    assert (rights.topics, rights.groups) == ({"hidden": frozenset()}, {"freshet.a.b": frozenset()})
