"""Versions of an index, as they are listed, promoted, gone back from and dropped, over real servers."""

import json
import random
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from freshet.cli.exits import DONE, REFUSED
from freshet.schemas.errors import FreshetError
from freshet.search.index.facts import BUILT_AT, BUILT_TO, State, group_of
from freshet.search.index.switching import NoSuchVersionError
from freshet.settings import load_settings
from freshet.streams.kafka.connection import KafkaConnection
from freshet.streams.kafka.offsets import KafkaOffsets
from freshet.streams.kafka.source import find_source
from freshet.streams.kafka.topics import create_topics
from freshet.wiring.dropping import drop_version
from freshet.wiring.parts import identity, load_model
from freshet.wiring.promote import force
from freshet.wiring.rollback import roll_back
from freshet.wiring.starting import there
from freshet.wiring.versions import index_versions, list_versions
from tests.support.tiny_model import write_tiny_model

DOCUMENTS = 120


def model(folder, *, seed):
    """Of the folder's name, for under one name vectors would be taken from the live version."""
    write_tiny_model(folder, seed=seed)
    (folder / "freshet-model.json").write_text(json.dumps({"name": folder.name, "max_tokens": 20}))
    return str(folder)


def events():
    dice = random.Random(0)
    words = ["".join(dice.choices("abcdefghijklmnopqrstuvwxyz", k=5)) for _ in range(60)]
    for number in range(DOCUMENTS):
        title, text = (" ".join(dice.choices(words, k=size)) for size in (2, 6))
        event = {"type": "upsert", "id": f"d{number}", "title": title, "text": text}
        yield f"d{number}".encode(), json.dumps(event).encode()


@pytest.fixture
def first(tmp_path):
    return {"FRESHET_EMBEDDING__MODEL": model(tmp_path / "good", seed=0)}


@pytest.fixture
def second(tmp_path, first):
    """Another version, with a model whose weights are spoilt."""
    other = {"provider": "openvino", "model": first["FRESHET_EMBEDDING__MODEL"]}
    return {
        "FRESHET_EMBEDDING__MODEL": model(tmp_path / "spoilt", seed=1),
        "FRESHET_SEARCH__OTHER_MODELS": json.dumps([other]),
    }


@pytest.fixture
def load(road, monkeypatch):
    """Settings from an environment."""

    def load(environment):
        with monkeypatch.context() as patched:
            for name, value in {**road.environment, **environment}.items():
                patched.setenv(name, value)
            return load_settings()

    return load


async def make(settings, **facts):
    """The version that settings describe, empty, and not live; its name."""
    wanted = identity(settings, load_model(settings).model)
    topic = settings.topics.documents
    source = await there(lambda: find_source(KafkaConnection(settings.kafka.bootstrap_servers), topic))
    info = wanted.info(topic=topic, partitions=source.partitions, topic_id=source.id)
    async with index_versions(settings) as (_, versions):
        await versions.create(replace(info, metadata={**info.metadata, **facts}))
    return info.name


async def states(settings):
    return {each.info.name: each.state for each in (await list_versions(settings)).versions}


async def test_a_version_is_promoted_only_if_it_is_good_and_gone_back_from_and_dropped(
    road, started, load, first, second
):
    settings = load(first)
    assert await states(settings) == {}
    await started(road.worker(**first))
    await road.produce(list(events()))
    new = await make(load(second), **{BUILT_AT: datetime.now(UTC).isoformat()})
    worker = await started(road.worker(**second))
    await road.caught_up()
    (old,) = set(await states(settings)) - {new}
    before = {old: State.LIVE, new: State.READY}
    assert await states(settings) == before

    # Each vector is that of its text, and yet all is wrong.
    code, output = await road.command("promote", "--json", "--queries-count", "60", environment=second)
    assert code == REFUSED, output
    checks = {each["name"]: each for each in json.loads(output[output.index("{") :])["checks"]}
    assert [name for name, each in checks.items() if each["passed"] is False] == ["overlap"]
    assert checks["overlap"]["value"] < checks["overlap"]["bound"] == 0.5
    assert checks["true to the log"]["passed"]
    assert await states(settings) == before

    code, output = await road.command("promote", "--min-overlap", "0", "--max-slowdown", "50", environment=second)
    assert code == DONE, output
    assert f"live: {new}; before: {old}" in output
    after = {old: State.PREVIOUS, new: State.LIVE}
    assert await states(settings) == after
    code, output = await road.command("rollback")
    assert code == DONE, output
    assert output.splitlines()[0] == f"live: {old}; before: {new}"
    assert "search services need the model" in output
    assert output.splitlines()[-1] == "it has caught up with the log"
    assert await states(settings) == before
    with pytest.raises(NoSuchVersionError, match=f"no version was live before {old}"):
        await roll_back(settings)
    assert (await force(settings, new.removeprefix(settings.index)[2:])).left == old
    assert await states(settings) == after
    for name, told in ((new, "is live"), (old, "--force"), ("none", "has no version")):
        with pytest.raises(FreshetError, match=told):
            await drop_version(settings, name, force=False, say=print)
    assert await states(settings) == after

    await roll_back(settings)
    await worker.stop()
    code, output = await road.command("versions", "drop", new)
    assert (code, output) == (DONE, f"dropped {new}, with its consumer groups\n")
    (left,) = (await list_versions(settings)).versions
    assert (left.info.name, left.state, left.documents, left.members) == (old, State.LIVE, DOCUMENTS, 1)
    assert left.lag is not None
    assert left.lag.events == 0
    assert left.disk is not None
    assert left.disk > DOCUMENTS
    async with KafkaOffsets(KafkaConnection(road.bootstrap)) as offsets:
        groups = {each for each in await offsets.groups() if f".{settings.index}." in each}
    assert not [each for each in groups if each.endswith(new.removeprefix(f"{settings.index}__"))]
    assert group_of(settings.index, old) in groups


async def test_versions_are_listed_and_gone_back_from_while_kafka_is_away(load, first, second):
    """When it burns, the way back must not need everything."""
    settings = load(first)
    await create_topics(KafkaConnection(settings.kafka.bootstrap_servers), settings.topic_specs)
    old, new = await make(settings), await make(load(second), **{BUILT_TO: {"0": 3}})
    away = load({**first, "FRESHET_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1"})
    for name, is_built in ((old, True), (new, None)):
        kept = (await force(away, name)).kept
        assert kept is not None
        assert ("no broker answers" in (kept.untold or ""), kept.built) == (True, is_built)
    listed = await list_versions(away)
    assert {each.info.name: each.state for each in listed.versions} == {old: State.PREVIOUS, new: State.LIVE}
    assert {(each.lag, each.members) for each in listed.versions} == {(None, None)}
    assert "no broker answers" in (listed.untold or "")
    gone = await roll_back(away)
    assert (gone.live, gone.left, gone.kept.untold) == (old, new, listed.untold)
    assert (await states(settings))[old] is State.LIVE


async def test_an_interrupted_drop_is_finished_by_the_next_one(load, first, monkeypatch):
    settings = load(first)
    await create_topics(KafkaConnection(settings.kafka.bootstrap_servers), settings.topic_specs)
    name = await make(settings)

    async def interrupted(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("freshet.wiring.versions.QdrantVersions.drop", interrupted)
        with pytest.raises(KeyboardInterrupt):
            await drop_version(settings, name, force=False, say=print)
    with pytest.raises(NoSuchVersionError, match="is being dropped"):
        await force(settings, name)
    assert await drop_version(settings, name[:-3], force=False, say=print) == name
    assert await states(settings) == {}
