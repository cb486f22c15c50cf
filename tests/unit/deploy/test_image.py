"""The Dockerfile: what it copies is there, what it runs exists, and it runs with as few rights as it can."""

import re
import subprocess
import tomllib

import pytest

from freshet.settings import SEARCH_PROBE_PORT, WORKER_PROBE_PORT, load_settings, names
from tests.unit.deploy.files import ROOT, is_sent, stages

PINNED = re.compile(r"[a-z0-9./-]+:v?\d+\.\d+\.\d+(-[a-z0-9.-]+)?(@sha256:[0-9a-f]{64})?")


def test_every_base_image_is_pinned_to_a_full_version():
    built = {stage.name for stage in stages()}
    foreign = [stage.base for stage in stages() if stage.base not in built]
    assert foreign
    assert [base for base in foreign if not PINNED.fullmatch(base)] == []


def test_what_is_built_runs_on_the_same_python_as_what_is_shipped():
    assert stages()[0].base == stages()[-1].base


def test_everything_that_is_copied_is_in_the_tree_and_sent_to_the_build():
    copied = [source for stage in stages() for source in stage.copied()]
    assert {"freshet", "schemas", "search", "streams", "deploy/requirements.lock"} <= set(copied)
    assert [source for source in copied if not (ROOT / source).exists()] == []
    assert [source for source in copied if not is_sent(source)] == []


def test_what_is_copied_from_a_stage_was_made_in_it():
    made = {stage.name: " ".join(each.arguments for each in stage.instructions) for stage in stages()}
    copies = [re.match(r"--from=(\w+) (\S+)", each.arguments) for each in stages()[-1].all("COPY")]
    found = [match for match in copies if match]
    assert {match[1] for match in found} == {"build", "model"}
    assert [match[0] for match in found if match[2] not in made[match[1]]] == []


@pytest.mark.parametrize(
    "path", [".env", ".git/config", ".venv/bin/python", "tests/conftest.py", "tests/logs/kafka.log"]
)
def test_what_may_hold_secrets_or_only_weighs_stays_out_of_the_build(path):
    assert not is_sent(path)


def test_stale_bytecode_stays_out_of_the_build():
    assert not is_sent("freshet/cli/__pycache__/app.cpython-311.pyc")


def test_every_file_of_the_packages_is_sent_to_the_build():
    tracked = subprocess.run(
        ["git", "ls-files", "freshet", "schemas", "search", "streams"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.splitlines()
    assert tracked
    assert [path for path in tracked if not is_sent(path)] == []


def test_dependencies_come_from_the_lock_with_hashes_and_as_wheels():
    installs = [
        each.arguments for stage in stages() for each in stage.all("RUN") if " install " in f" {each.arguments} "
    ]
    locked = [each for each in installs if "--requirement" in each]
    assert any("requirements.lock" in each for each in locked)
    assert all("--require-hashes" in each and "--only-binary=:all:" in each for each in locked)
    others = [each for each in installs if "pip" in each and each not in locked]
    assert all("--no-deps" in each and "--no-index" in each for each in others)


def test_the_image_runs_freshet_without_a_shell_and_not_as_root():
    final = stages()[-1]
    assert final.only("ENTRYPOINT").exec_form() == ["freshet"]
    assert final.only("CMD").exec_form() == ["--help"]
    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", final.only("USER").arguments)
    assert final.only("STOPSIGNAL").arguments == "SIGTERM"
    assert final.instructions.index(final.only("USER")) > max(map(final.instructions.index, final.all("RUN")))


def test_the_health_check_asks_whether_the_process_lives_with_what_the_image_has():
    command = stages()[-1].only("HEALTHCHECK").exec_form()
    assert command[0] == "python"
    assert command[2] == "livez"
    assert any(each.arguments.split() == ["deploy/probe.py", command[1]] for each in stages()[-1].all("COPY"))


def test_the_image_exposes_the_ports_that_the_settings_give():
    exposed = {int(port) for port in stages()[-1].only("EXPOSE").arguments.split()}
    assert exposed == {load_settings().search.port, WORKER_PROBE_PORT, SEARCH_PROBE_PORT}


def test_what_the_image_sets_are_settings():
    known = {*names(), "FRESHET_CACHE_DIR", "FRESHET_DATA_DIR"}
    ours = {name for stage in stages() for name in stage.environment() if name.startswith("FRESHET_")}
    assert ours
    assert ours <= known


def test_processes_find_the_model_where_the_image_puts_it():
    final = stages()[-1]
    (model,) = [each.arguments.split() for each in final.all("COPY") if "--from=model" in each.arguments]
    assert model[2] == f"{final.environment()['FRESHET_CACHE_DIR']}/models"


def test_the_image_says_which_freshet_it_is():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert f'org.opencontainers.image.version="{version}"' in stages()[-1].only("LABEL").arguments
