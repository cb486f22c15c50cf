"""docker-compose.yml: valid, pinned, bounded, closed to the outside, and in step with the settings."""

import importlib
import importlib.util
import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from freshet.cli.app import app
from freshet.local.pins import read_pins
from freshet.schemas.errors import SettingsError
from freshet.search.http.guards import Guard
from freshet.settings import SEARCH_PROBE_PORT, WORKER_PROBE_PORT, load_settings, names
from freshet.wiring.access import check_exposure
from tests.unit.deploy.files import OURS, ROOT, compose, dotenv, environment, megabytes, services, stages
from tests.unit.deploy.test_image import PINNED

EVERY = sorted(services())
SECRET = re.compile(r"password|secret|passwd|token|api_?key", re.IGNORECASE)


def validate(content: Any) -> None:
    """Check against the compose specification, which comes with check-jsonschema."""
    (package,) = importlib.util.find_spec("check_jsonschema").submodule_search_locations  # type: ignore[union-attr, misc]
    schema = json.loads(Path(package, "builtin_schemas/vendor/compose-spec.json").read_text())
    importlib.import_module("jsonschema").validate(content, schema)


def test_compose_understands_the_file():
    validate(compose())


def test_a_misspelt_key_would_be_noticed():
    invalid = importlib.import_module("jsonschema").ValidationError
    with pytest.raises(invalid):
        validate({**compose(), "servces": {}})


@pytest.mark.parametrize("name", EVERY)
def test_each_image_is_pinned_to_a_full_version(name):
    assert PINNED.fullmatch(services()[name]["image"])


def test_kafka_is_the_version_that_the_project_is_tested_with():
    (tested,) = {pin.version for pin in read_pins("kafka") if pin.name == "kafka_2.13"}
    assert services()["kafka"]["image"] == f"apache/kafka:{tested}"


def test_qdrant_is_the_version_whose_behaviour_was_measured():
    measured = re.search(r"measured on Qdrant (\d+\.\d+)", (ROOT / "docs/qdrant.md").read_text())
    assert measured
    assert services()["qdrant"]["image"].startswith(f"qdrant/qdrant:v{measured[1]}.")


@pytest.mark.parametrize("name", OURS)
def test_our_image_carries_our_version_and_is_never_fetched_from_a_registry(name):
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert services()[name]["image"] == f"freshet:{version}"
    assert services()[name]["pull_policy"] == "never"


def test_our_image_is_built_once_for_builds_of_one_tag_side_by_side_get_in_each_others_way():
    built = {name: service["build"] for name, service in services().items() if "build" in service}
    assert built == {"worker": {"context": ".", "dockerfile": "deploy/Dockerfile"}}


@pytest.mark.parametrize("name", EVERY)
def test_each_service_is_bounded_and_keeps_its_logs_short(name):
    limits = services()[name]["deploy"]["resources"]["limits"]
    assert float(limits["cpus"]) > 0
    assert megabytes(limits["memory"]) > 0
    assert services()[name]["logging"] == {"driver": "local"}


@pytest.mark.parametrize("name", EVERY)
def test_each_service_gives_up_every_right_that_it_does_not_need(name):
    assert services()[name]["cap_drop"] == ["ALL"]
    assert services()[name]["security_opt"] == ["no-new-privileges:true"]
    assert not {"privileged", "cap_add", "network_mode", "pid"} & set(services()[name])


@pytest.mark.parametrize("name", OURS)
def test_our_containers_cannot_be_written_to_but_for_a_small_tmp(name):
    assert services()[name]["read_only"] is True
    assert services()[name]["tmpfs"] == ["/tmp:size=64m"]
    assert services()[name]["init"] is True
    assert "user" not in services()[name]  # the image's


@pytest.mark.parametrize("name", EVERY)
def test_nothing_is_published_beyond_the_loopback_address(name):
    ports = services()[name].get("ports", [])
    assert [port for port in ports if not re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port)] == []


def test_no_secret_stands_in_the_files():
    texts = [path.read_text() for path in (ROOT / "docker-compose.yml", ROOT / "deploy/compose.env")]
    code = "\n".join(line.split("#")[0] for text in texts for line in text.splitlines())
    assert SECRET.findall(code) == []
    assert not re.search(r"://[^/\s]*:[^/\s]*@", code)  # user:password@ in an address


@pytest.mark.parametrize("name", EVERY)
def test_each_service_says_how_it_is_or_ends_by_itself(name):
    service = services()[name]
    if service["restart"] == "no":
        assert service["healthcheck"] == {"disable": True}
    else:
        assert service["restart"] == "unless-stopped"
        assert service["healthcheck"]["test"][0] in {"CMD", "CMD-SHELL"}


def test_services_wait_for_what_they_need_and_for_health_only_where_it_is_told():
    for name, service in services().items():
        for other, how in service.get("depends_on", {}).items():
            ends = services()[other]["restart"] == "no"
            assert how["condition"] == ("service_completed_successfully" if ends else "service_healthy"), (name, other)
    assert set(services()["topics"]["depends_on"]) == {"kafka"}
    assert set(services()["worker"]["depends_on"]) == {"topics", "qdrant", "redis"}


@pytest.mark.parametrize("name", OURS)
def test_the_command_of_each_service_exists(name):
    answer = CliRunner().invoke(app, [*services()[name]["command"], "--help"])
    assert answer.exit_code == 0, answer.output


@pytest.mark.parametrize("name", OURS)
def test_what_a_service_is_told_are_settings_with_values_that_can_be(name, monkeypatch, tmp_path):
    ours = {key: value for key, value in environment(name).items() if key.startswith("FRESHET_")}
    known = {*names(), *(f"{setting}_FILE" for setting in names()), "FRESHET_CACHE_DIR", "FRESHET_DATA_DIR"}
    assert set(ours) <= known
    monkeypatch.chdir(tmp_path)
    for key, value in ours.items():
        assert isinstance(value, str), f"{key}: YAML takes {value!r} for something else than text"
        monkeypatch.setenv(key, value)
    load_settings()


def test_our_processes_find_the_others_by_their_names(monkeypatch):
    for key, value in environment("worker").items():
        monkeypatch.setenv(key, value)
    given = load_settings()
    listeners = services()["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"].split(",")
    assert f"NETWORK://{given.kafka.bootstrap_servers}" in listeners
    assert given.qdrant.url == "http://qdrant:6333"
    assert given.redis.url
    assert given.redis.url.get_secret_value() == "redis://redis:6379/0"
    assert given.topics.create is False
    assert {"kafka", "qdrant", "redis"} <= set(services())


def test_a_program_on_this_machine_reaches_kafka_at_the_address_that_settings_name_by_default():
    published = services()["kafka"]["ports"]
    default = load_settings(kafka={}).kafka.bootstrap_servers
    assert published == [f"{default}:9092"]
    assert f"HOST://{default}" in services()["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"].split(",")


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_the_search_service_answers_at_the_name_under_which_it_is_published(name):
    ports = [port.split(":") for port in services()["search"]["ports"]]
    assert ["127.0.0.1", "8080", str(load_settings().search.port)] in ports
    Guard(frozenset()).check({"Host": f"{name}:8080"})


def test_the_search_service_starts_without_keys_for_it_is_published_on_loopback_alone(monkeypatch):
    for key, value in environment("search").items():
        monkeypatch.setenv(key, value)
    check_exposure(load_settings())
    monkeypatch.delenv("FRESHET_SEARCH__OPEN")
    with pytest.raises(SettingsError):
        check_exposure(load_settings())


def test_probes_are_published_and_asked_at_the_ports_that_processes_take():
    for name, port in (("worker", WORKER_PROBE_PORT), ("search", SEARCH_PROBE_PORT)):
        assert f"127.0.0.1:{port}:{port}" in services()[name]["ports"]
        assert environment(name)["FRESHET_PROBES__HOST"] == "0.0.0.0"
        asked = services()[name]["healthcheck"]["test"]
        image = stages()[-1].only("HEALTHCHECK").exec_form()
        assert asked == ["CMD", *image[:2], "readyz"]


@pytest.mark.parametrize("name", ["worker", "search"])
def test_the_model_takes_no_more_threads_than_its_service_has_processors(name):
    limit = services()[name]["deploy"]["resources"]["limits"]["cpus"]
    assert environment(name)["FRESHET_EMBEDDING__THREADS"] == limit


def test_kafkas_heap_leaves_a_third_of_its_memory_to_the_rest():
    heap = re.search(r"-Xmx(\d+)m", services()["kafka"]["environment"]["KAFKA_HEAP_OPTS"])
    assert heap
    assert int(heap[1]) * 1.5 < megabytes(services()["kafka"]["deploy"]["resources"]["limits"]["memory"])


def test_redis_forgets_the_oldest_before_it_meets_its_limit():
    command = services()["redis"]["command"]
    asked = dict(zip(command[1::2], command[2::2], strict=True))
    assert asked == {"--maxmemory": "256mb", "--maxmemory-policy": "allkeys-lru", "--save": "", "--appendonly": "no"}
    assert megabytes(services()["redis"]["deploy"]["resources"]["limits"]["memory"]) >= 256 * 1.5


def test_what_must_outlive_a_container_lies_in_named_volumes():
    assert services()["kafka"]["volumes"] == [f"kafka:{services()['kafka']['environment']['KAFKA_LOG_DIRS']}"]
    assert services()["qdrant"]["volumes"] == ["qdrant:/qdrant/storage"]
    assert set(compose()["volumes"]) == {"kafka", "qdrant"}


def test_a_user_can_override_every_setting_of_the_env_file():
    ours, users = services()["worker"]["env_file"]
    assert dotenv((ROOT / ours).read_text())
    assert users == {"path": "/etc/freshet/freshet.env", "required": False}
    assert not set(dotenv((ROOT / ours).read_text())) & set(services()["worker"]["environment"])
