"""docs/production.md: its pieces of configuration fit the compose file, the image, and the metrics."""

import re

import pytest
import yaml

from tests.unit.deploy.files import ROOT, compose, services, stages
from tests.unit.deploy.test_compose import validate

PAGE = (ROOT / "docs/production.md").read_text()
METRICS = (ROOT / "docs/reference/metrics.md").read_text()
BLOCKS = [yaml.safe_load(text) for text in re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)]
OVERRIDES = [block for block in BLOCKS if "services" in block]


@pytest.mark.parametrize("override", OVERRIDES)
def test_overrides_are_valid_beside_the_compose_file_and_change_services_that_are_there(override):
    assert set(override["services"]) <= set(services())
    merged = {name: {**service, **override["services"].get(name, {})} for name, service in services().items()}
    validate({**compose(), **override, "services": merged})


def test_a_secret_is_read_where_compose_puts_it():
    (secrets,) = [block for block in OVERRIDES if "secrets" in block]
    for service in secrets["services"].values():
        (name,) = service["secrets"]
        assert list(service["environment"].values()) == [f"/run/secrets/{name}"]
        assert name in secrets["secrets"]


def test_a_volume_for_models_is_where_the_image_keeps_them():
    (models,) = [block for block in OVERRIDES if "volumes" in block]
    for service in models["services"].values():
        assert service["volumes"] == [f"models:{stages()[-1].environment()['HF_HOME']}"]


def test_alerts_name_metrics_that_exist():
    (alerts,) = [block for block in BLOCKS if "groups" in block]
    rules = [rule["expr"] for group in alerts["groups"] for rule in group["rules"]]
    named = set(re.findall(r"\b(?:freshet|search|embedding)_\w+", " ".join(rules)))
    assert len(named) > 3
    assert [name for name in named if f"| `{name.removesuffix('_bucket')}` |" not in METRICS] == []


def test_prometheus_asks_the_ports_that_are_published():
    (scrapes,) = [block for block in BLOCKS if "scrape_configs" in block]
    (targets,) = [each["targets"] for each in scrapes["scrape_configs"][0]["static_configs"]]
    published = {port.rpartition(":")[0] for name in ("worker", "search") for port in services()[name]["ports"]}
    assert set(targets) <= published


def test_the_larger_image_is_built_from_a_lock_that_is_there_by_the_service_that_builds():
    ((name, override),) = [
        (name, service["build"])
        for block in BLOCKS
        for name, service in block.get("services", {}).items()
        if "build" in service
    ]
    assert "build" in services()[name]
    assert f"ARG {next(iter(override['args']))}" in (ROOT / "deploy/Dockerfile").read_text()
    assert (ROOT / "deploy" / override["args"]["LOCK"]).exists()


def test_memory_limits_are_told_as_they_are():
    told = dict(re.findall(r"^\| (\w+)[^|]*\|[^|]*\| ([\d.]+ [MG]B)", PAGE, re.MULTILINE))
    names = {"worker": "worker", "search": "search", "Qdrant": "qdrant", "Kafka": "kafka", "Redis": "redis"}
    for shown, name in names.items():
        number, unit = told[shown].split()
        limit = services()[name]["deploy"]["resources"]["limits"]["memory"]
        assert float(number) * {"MB": 1, "GB": 1024}[unit] == float(limit[:-1]) * {"M": 1, "G": 1024}[limit[-1]]
