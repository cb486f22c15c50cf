"""`freshet doctor` over real servers: healthy, missing, away, hanging, and built for something else."""

import asyncio
import json
import os
import socket
import sys
import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from aiokafka.client import AIOKafkaClient
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Array, Int8, Int16, Int32, Schema, String
from redis.asyncio import Redis

from freshet.doctor.checks import diagnose
from freshet.doctor.findings import Finding, Mark
from freshet.local.processes import LOOPBACK, free_port
from freshet.schemas.topics import Topics, topic_specs
from freshet.search.embedding.base import Model
from freshet.search.index.facts import BUILT_AT
from freshet.search.index.identity import Identity
from freshet.search.index.qdrant.client import connect
from freshet.search.index.qdrant.versions import QdrantVersions
from freshet.search.passages import Recipe
from freshet.settings import load_settings
from freshet.streams.kafka.connection import KafkaConnection
from freshet.streams.kafka.topics import create_topics
from freshet.wiring.parts import identity, load_model
from tests.support.road import Process
from tests.support.servers import KafkaServer, QdrantServer
from tests.support.tiny_model import write_tiny_model

EXAMINATION_SECONDS = 60.0
SECRET = "s3cr3t-of-ours"


class Installation:
    """Settings by their variables, and what the doctor says of them, by part."""

    def __init__(self, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
        self.environment = environment
        self._monkeypatch = monkeypatch

    async def examine(self, **changed: str) -> dict[str, list[Finding]]:
        with self._monkeypatch.context() as patched:
            for name, value in {**self.environment, **changed}.items():
                patched.setenv(name, value)
            settings = load_settings()
        found: dict[str, list[Finding]] = {}
        async with asyncio.timeout(EXAMINATION_SECONDS):
            async for finding in diagnose(settings):
                found.setdefault(finding.part, []).append(finding)
        return found

    async def command(self, *arguments: str, **changed: str) -> tuple[int, str, str]:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "freshet", "doctor", *arguments),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=Process.inherited({**self.environment, **changed}),
        )
        out, err = await asyncio.wait_for(process.communicate(), EXAMINATION_SECONDS)
        return process.returncode or 0, out.decode(), err.decode()


@pytest.fixture(scope="module")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("model"))


@pytest.fixture
def bare(
    kafka: KafkaServer, qdrant: QdrantServer, redis_url: str, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> Installation:
    """Servers that answer, with nothing of Freshet's on them."""
    for name in [name for name in os.environ if name.startswith("FRESHET_") and "__" in name]:
        monkeypatch.delenv(name)
    name = uuid.uuid4().hex[:10]
    environment = {
        "FRESHET_KAFKA__BOOTSTRAP_SERVERS": kafka.bootstrap,
        "FRESHET_TOPICS__DOCUMENTS": f"documents-{name}",
        "FRESHET_INDEX": f"index-{name}",
        "FRESHET_QDRANT__URL": qdrant.url,
        "FRESHET_QDRANT__API_KEY": qdrant.api_key or "",
        "FRESHET_REDIS__URL": redis_url,
        "FRESHET_EMBEDDING__MODEL": str(tiny_model),
        "FRESHET_SEARCH__PORT": "0",
        "FRESHET_PROBES__PORT": "0",
    }
    return Installation(environment, monkeypatch)


@pytest.fixture
async def installation(bare: Installation) -> Installation:
    """With its topics."""
    connection = KafkaConnection(bare.environment["FRESHET_KAFKA__BOOTSTRAP_SERVERS"])
    await create_topics(connection, topic_specs(Topics(bare.environment["FRESHET_TOPICS__DOCUMENTS"]), partitions=2))
    return bare


@pytest.fixture
async def silent() -> AsyncIterator[int]:
    """The port of a server that takes connections and never answers."""
    open_ones = set()

    async def take(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        open_ones.add(writer)

    server = await asyncio.start_server(take, LOOPBACK, 0)
    yield server.sockets[0].getsockname()[1]
    server.close()
    for writer in open_ones:
        writer.transport.abort()


def only(found: dict[str, list[Finding]], part: str) -> Finding:
    (finding,) = found[part]
    return finding


def marks(found: dict[str, list[Finding]]) -> dict[str, Mark]:
    order = [Mark.OK, Mark.WARN, Mark.NOT_CHECKED, Mark.FAIL]
    return {part: max((each.mark for each in findings), key=order.index) for part, findings in found.items()}


async def test_everything_is_well_while_a_worker_consumes(
    installation: Installation, log_name: Callable[[str], str], qdrant: QdrantServer
):
    async with Process("worker", installation.environment, log=log_name("worker"), ready="/readyz") as worker:
        probes = worker.probes.rpartition(":")[2]
        found = await installation.examine(FRESHET_PROBES__PORT=probes)
        code, out, err = await installation.command(FRESHET_PROBES__PORT=probes)

    assert set(marks(found).values()) == {Mark.OK}, found
    assert "2 partitions" in only(found, "topics").found
    assert "consuming, members: 1, caught up" in only(found, "workers").found
    assert "16 dimensions" in only(found, "model").found
    assert only(found, "ports").found == f"127.0.0.1:{probes} is answered by Freshet"
    assert (code, err) == (0, "")
    assert [line.split()[:2] for line in out.splitlines()] == [["ok", part] for part in found]
    assert (qdrant.api_key or SECRET) not in out


async def test_before_the_first_worker_there_are_warnings_and_no_failure(installation: Installation):
    found = await installation.examine()
    warned = {part: only(found, part).hint for part, mark in marks(found).items() if mark == Mark.WARN}
    assert set(warned) == {"workers", "index"}
    assert all("freshet worker" in hint for hint in warned.values())
    assert Mark.FAIL not in marks(found).values()


async def test_a_search_service_that_would_not_start_for_want_of_keys_is_told(bare: Installation):
    finding = only(await bare.examine(FRESHET_SEARCH__HOST="0.0.0.0"), "settings")
    assert finding.mark is Mark.WARN
    assert finding.hint.startswith("FRESHET_SEARCH__KEYS: ")


async def test_a_password_that_others_can_read_on_its_way_is_told(bare: Installation):
    login = {"SECURITY_PROTOCOL": "SASL_PLAINTEXT", "SASL_MECHANISM": "PLAIN", "USERNAME": "me", "PASSWORD": SECRET}
    given = {f"FRESHET_KAFKA__{name}": value for name, value in login.items()}
    found = await bare.examine(**given, FRESHET_KAFKA__BOOTSTRAP_SERVERS="kafka.invalid:9092")
    finding = only(found, "settings")
    assert (finding.mark, finding.found) == (Mark.WARN, "the password for Kafka is sent in clear text")
    assert SECRET not in str(found)


async def test_missing_topics_are_one_line_with_the_command_that_makes_them(bare: Installation):
    code, out, _ = await bare.command("--json")
    found = {each["part"]: each for each in json.loads(out)}
    assert code == 1
    assert found["topics"]["mark"] == "fail"
    assert bare.environment["FRESHET_TOPICS__DOCUMENTS"] in found["topics"]["found"]
    assert "freshet topics create" in found["topics"]["hint"]
    assert found["workers"]["mark"] == "not checked"


async def test_a_topic_with_a_wrong_setting_is_told_with_the_command_that_mends_it(
    bare: Installation, kafka: KafkaServer
):
    topic = await kafka.create_topic("documents")
    found = await bare.examine(FRESHET_TOPICS__DOCUMENTS=topic)
    told = [each for each in found["topics"] if "cleanup.policy is delete, should be compact" in each.found]
    assert "kafka-configs.sh" in told[0].hint


async def test_a_wrong_key_of_qdrant_is_told_without_it_and_the_index_is_not_checked(installation: Installation):
    code, out, _ = await installation.command(FRESHET_QDRANT__API_KEY=SECRET)
    lines = {line[13:].split()[0]: line for line in out.splitlines()}
    assert code == 1
    assert lines["Qdrant"].startswith("fail ")
    assert "FRESHET_QDRANT__API_KEY" in lines["Qdrant"]
    assert lines["index"].startswith("not checked ")
    assert lines["topics"].startswith("ok ")
    assert lines["clock"].startswith("ok ")
    assert SECRET not in out


async def test_servers_that_are_away_are_told_and_so_are_all_others(installation: Installation):
    nowhere = free_port()
    found = await installation.examine(
        FRESHET_KAFKA__BOOTSTRAP_SERVERS=f"{LOOPBACK}:{nowhere}",
        FRESHET_REDIS__URL=f"redis://me:{SECRET}@{LOOPBACK}:{nowhere}/0",
    )
    told = marks(found)
    assert {part for part, mark in told.items() if mark == Mark.FAIL} == {"Kafka", "Redis"}
    assert {part for part, mark in told.items() if mark == Mark.NOT_CHECKED} == {"topics", "rights", "workers"}
    assert told["Qdrant"] == told["model"] == told["clock"] == Mark.OK
    assert all(only(found, part).hint for part in ("Kafka", "Redis"))
    assert SECRET not in str(found)


async def test_servers_that_take_connections_and_never_answer_are_told_in_time(bare: Installation, silent: int):
    found = await bare.examine(
        FRESHET_KAFKA__BOOTSTRAP_SERVERS=f"{LOOPBACK}:{silent}",
        FRESHET_QDRANT__URL=f"http://{LOOPBACK}:{silent}",
        FRESHET_REDIS__URL=f"redis://{LOOPBACK}:{silent}/0",
    )
    told = marks(found)
    assert {part for part, mark in told.items() if mark == Mark.FAIL} == {"Kafka", "Qdrant", "Redis"}
    assert told["clock"] == Mark.NOT_CHECKED
    assert told["model"] == Mark.OK


async def test_a_broker_that_sends_its_clients_where_nobody_is_is_told(bare: Installation, restartable_kafka):
    elsewhere = f"{LOOPBACK}:{free_port()}"
    broker = await restartable_kafka(extra={"advertised.listeners": f"PLAINTEXT://{elsewhere}"})
    finding = only(await bare.examine(FRESHET_KAFKA__BOOTSTRAP_SERVERS=broker.bootstrap), "Kafka")
    assert finding.mark == Mark.FAIL
    assert finding.found.endswith(f"where nobody answers: {elsewhere}")
    assert "advertised.listeners" in finding.hint


async def test_a_live_version_that_was_built_for_another_model_is_told(
    installation: Installation, qdrant: QdrantServer
):
    index = installation.environment["FRESHET_INDEX"]
    other = Identity(index, Model("openvino", "another model", 8, 128), Recipe(window=128))
    client = connect(qdrant.url, api_key=qdrant.api_key)
    versions = QdrantVersions(client, index=index)
    await versions.create(other.info(topic="documents", partitions=2))
    await versions.make_live(other.version)
    try:
        finding = only(await installation.examine(), "index")
    finally:
        await client.delete_collection(other.version)
        await client.close()
    assert finding.mark == Mark.FAIL
    assert "was built for another model with a window of 128 tokens" in finding.found
    assert "FRESHET_EMBEDDING__" in finding.hint


async def test_a_live_version_whose_topic_was_created_again_is_told(
    installation: Installation, qdrant: QdrantServer, monkeypatch: pytest.MonkeyPatch
):
    for name, value in installation.environment.items():
        monkeypatch.setenv(name, value)
    given = load_settings()
    wanted = identity(given, load_model(given).model)
    client = connect(qdrant.url, api_key=qdrant.api_key)
    versions = QdrantVersions(client, index=given.index)
    await versions.create(wanted.info(topic=given.topics.documents, partitions=2, topic_id=str(uuid.uuid4())))
    await versions.make_live(wanted.version)
    try:
        finding = only(await installation.examine(), "index")
    finally:
        await client.delete_collection(wanted.version)
        await client.close()
    assert finding.mark == Mark.FAIL
    assert "was deleted and created again" in finding.found
    assert "freshet replay run" in finding.hint


async def test_what_the_settings_are_for_beside_the_live_version_is_told(
    installation: Installation, qdrant: QdrantServer, monkeypatch: pytest.MonkeyPatch
):
    for name, value in installation.environment.items():
        monkeypatch.setenv(name, value)
    given = load_settings()
    live, ready, other = (replace(identity(given, load_model(given).model), generation=each) for each in (1, 2, 3))
    client = connect(qdrant.url, api_key=qdrant.api_key)
    versions = QdrantVersions(client, index=given.index)
    try:
        for each in (live, ready, other):
            await versions.create(each.info(topic=given.topics.documents, partitions=2))
        await versions.record(ready.version, {BUILT_AT: "2026-11-20T12:00:00+00:00"})
        await versions.make_live(live.version)
        own, others = (await installation.examine(FRESHET_GENERATION="2"))["index"]
        missing = only(await installation.examine(FRESHET_GENERATION="4"), "index")
    finally:
        for each in (live, ready, other):
            await client.delete_collection(each.version)
        await client.close()
    assert own.mark == Mark.OK
    assert own.found == f"{live.version} is live, and the settings describe {ready.version}, which is ready"
    assert own.hint == "put it live with: freshet promote"
    assert others.found == f"there are also {other.version} (building)"
    assert missing.mark == Mark.FAIL
    assert "which is not there" in missing.found
    assert "freshet replay run" in missing.hint


async def test_without_redis_nothing_is_missing(installation: Installation):
    del installation.environment["FRESHET_REDIS__URL"]
    finding = only(await installation.examine(), "Redis")
    assert (finding.mark, finding.found) == (Mark.OK, "not configured: caches live in the process")


async def test_a_redis_that_takes_nothing_new_when_it_is_full_is_told(installation: Installation, restartable_redis):
    redis = await restartable_redis()
    client = Redis.from_url(redis.url)
    await client.config_set("maxmemory", 50_000_000)
    await client.aclose()
    finding = only(await installation.examine(FRESHET_REDIS__URL=redis.url), "Redis")
    assert finding.mark == Mark.WARN
    assert "allkeys-lru" in finding.hint


async def test_a_redis_user_with_no_more_rights_than_the_cache_needs_is_enough(
    installation: Installation, restartable_redis
):
    redis = await restartable_redis()
    client = Redis.from_url(redis.url)
    await client.execute_command(
        "ACL", "SETUSER", "cache", "on", ">pa55word", "~freshet:*", "+get", "+mget", "+set", "+ping"
    )
    await client.aclose()
    address = redis.url.replace("redis://", "redis://cache:pa55word@")
    finding = only(await installation.examine(FRESHET_REDIS__URL=address), "Redis")
    assert finding.mark == Mark.OK, finding
    assert "does not tell its limit of memory" in finding.found
    finding = only(await installation.examine(FRESHET_REDIS__URL=address.replace("pa55word", "wrong")), "Redis")
    assert finding.mark == Mark.FAIL
    client = Redis.from_url(redis.url)
    await client.execute_command("ACL", "SETUSER", "cache", "-mget")
    await client.aclose()
    finding = only(await installation.examine(FRESHET_REDIS__URL=address), "Redis")
    assert finding.mark == Mark.FAIL
    assert "docs/security.md" in finding.hint


async def test_a_broker_that_names_an_address_which_never_answers_is_told_in_time(
    bare: Installation, restartable_kafka, silent: int
):
    nowhere = f"{LOOPBACK}:{silent}"
    broker = await restartable_kafka(extra={"advertised.listeners": f"PLAINTEXT://{nowhere}"})
    finding = only(await bare.examine(FRESHET_KAFKA__BOOTSTRAP_SERVERS=broker.bootstrap), "Kafka")
    assert finding.mark == Mark.FAIL
    assert finding.found.endswith(f"where nobody answers: {nowhere}")


async def test_a_model_that_does_not_load_is_told_and_the_index_is_still_looked_at(
    installation: Installation, tmp_path: Path
):
    found = await installation.examine(FRESHET_EMBEDDING__MODEL=str(tmp_path / "nothing"))
    assert only(found, "model").mark == Mark.FAIL
    assert str(tmp_path) in only(found, "model").found
    assert only(found, "index").mark == Mark.WARN
    assert only(found, "rights").mark == Mark.OK


async def test_a_port_of_another_program_is_told(installation: Installation):
    with socket.create_server((LOOPBACK, 0)) as other:
        port = other.getsockname()[1]
        server = await asyncio.start_server(lambda _, writer: writer.close(), sock=other)
        finding = only(await installation.examine(FRESHET_SEARCH__PORT=str(port)), "ports")
        server.close()
    assert finding.mark == Mark.WARN
    assert f"127.0.0.1:{port} belongs to another program" in finding.found


@pytest.mark.parametrize(
    ("mistake", "told"),
    [
        ({"FRESHET_ORDER": "random", "FRESHET_QDRANT__ULR": "x"}, ["FRESHET_QDRANT__ULR", "FRESHET_ORDER"]),
        ({"FRESHET_KAFKA__BOOTSTRAP_SERVERS": "nonsense"}, ["nonsense"]),
        ({"FRESHET_QDRANT__URL": f"http://me:{SECRET}@:6333"}, ["FRESHET_QDRANT__URL"]),
    ],
)
async def test_mistakes_in_the_settings_are_told_all_at_once_with_exit_code_2(bare: Installation, mistake, told):
    code, out, err = await bare.command(**mistake)
    lines = out.splitlines()
    assert (code, err) == (2, "")
    assert all(line.startswith("fail         settings ") for line in lines[:-1])
    assert len(lines) == len(told) + 1
    assert all(name in line for name, line in zip(told, lines, strict=False))
    assert lines[-1].startswith("not checked ")
    assert SECRET not in out
    code, out, _ = await bare.command("--json", **mistake)
    assert (code, [each["mark"] for each in json.loads(out)]) == (2, ["fail"] * len(told) + ["not checked"])


async def test_rights_that_are_missing_are_named_with_the_process_that_needs_them(
    bare: Installation, restartable_kafka
):
    broker = await restartable_kafka(
        extra={
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "allow.everyone.if.no.acl.found": "true",
        }
    )
    documents = bare.environment["FRESHET_TOPICS__DOCUMENTS"]
    bare.environment["FRESHET_KAFKA__BOOTSTRAP_SERVERS"] = broker.bootstrap
    await create_topics(KafkaConnection(broker.bootstrap), topic_specs(Topics(documents), partitions=2))
    assert marks(await bare.examine())["rights"] == Mark.OK

    await deny(broker.bootstrap, documents, WRITE)
    finding = only(await bare.examine(), "rights")
    assert (finding.mark, finding.found) == (Mark.WARN, f"search lacks Write on {documents}")
    await deny(broker.bootstrap, f"{documents}.indexed", WRITE)
    finding = only(await bare.examine(), "rights")
    expected = f"worker lacks Write on {documents}.indexed; search lacks Write on {documents}"
    assert (finding.mark, finding.found) == (Mark.FAIL, expected)


TOPIC, LITERAL, WRITE, DENY = 2, 3, 4, 2


class CreateAclsResponse(Response):
    API_KEY = 30
    API_VERSION = 1
    SCHEMA = Schema(
        ("throttle_time_ms", Int32), ("results", Array(("error_code", Int16), ("error_message", String("utf-8"))))
    )


class CreateAclsStruct(RequestStruct):
    API_KEY = 30
    API_VERSION = 1
    RESPONSE_TYPE = CreateAclsResponse
    SCHEMA = Schema(
        (
            "creations",
            Array(
                ("resource_type", Int8),
                ("resource_name", String("utf-8")),
                ("pattern_type", Int8),
                ("principal", String("utf-8")),
                ("host", String("utf-8")),
                ("operation", Int8),
                ("permission", Int8),
            ),
        )
    )


class CreateAcls(Request[CreateAclsStruct]):
    API_KEY = 30

    def __init__(self, *creations: tuple[object, ...]) -> None:
        self._creations = list(creations)

    def build(self, request_struct_class: type[CreateAclsStruct]) -> CreateAclsStruct:
        return request_struct_class(self._creations)


async def deny(bootstrap: str, topic: str, operation: int) -> None:
    """Forbid everybody something; what is not forbidden stays allowed to the anonymous user of plain text."""
    client = AIOKafkaClient(bootstrap_servers=bootstrap)
    await client.bootstrap()
    allow = 3
    acls = [(operation, DENY), *((each, allow) for each in range(3, 12) if each != operation and each not in (5, 9))]
    creations = [(TOPIC, topic, LITERAL, "User:ANONYMOUS", "*", each, permission) for each, permission in acls]
    answer = await client.send(client.get_random_node(), CreateAcls(*creations))
    await client.close()
    assert not any(code for code, _ in answer.results), answer
