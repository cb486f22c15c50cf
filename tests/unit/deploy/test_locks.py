"""The image's lock files: what pyproject.toml asks for, in the versions that the tests run with.

Made anew, after requirements.lock and requirements-torch.lock, with uv (.tools/uv-…/bin/uv):

    set -- --universal --python-version 3.11 --generate-hashes --no-header --no-annotate
    uv pip compile pyproject.toml --extra openai "$@" -c requirements.lock -o deploy/requirements.lock
    uv pip compile pyproject.toml --extra openai --extra torch "$@" -c requirements-torch.lock \\
        -o deploy/requirements-torch.lock
    echo 'hatchling>=1.27' | uv pip compile - "$@" -c requirements.lock -o deploy/build.lock
"""

import re
import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.unit.deploy.files import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
CORE = PROJECT["project"]["dependencies"]
EXTRAS = PROJECT["project"]["optional-dependencies"]
LINE = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;]+)(?: ; (.+?))? \\$", re.MULTILINE)
LOCKS = [
    ("deploy/requirements.lock", "requirements.lock", CORE + EXTRAS["openai"]),
    ("deploy/requirements-torch.lock", "requirements-torch.lock", CORE + EXTRAS["openai"] + EXTRAS["torch"]),
    ("deploy/build.lock", "requirements.lock", PROJECT["build-system"]["requires"]),
]


def pins(lock: str) -> dict[tuple[str, str], str]:
    """Versions by name and marker."""
    found = LINE.findall((ROOT / lock).read_text())
    return {(canonicalize_name(name), marker): version for name, version, marker in found}


@pytest.mark.parametrize(("lock", "tested", "wanted"), LOCKS)
def test_everything_that_is_asked_for_is_locked_within_its_range(lock, tested, wanted):
    locked = pins(lock)
    for requirement in map(Requirement, wanted):
        name = canonicalize_name(requirement.name)
        versions = [version for (each, _), version in locked.items() if each == name]
        assert versions, f"{name} is not in {lock}"
        assert all(requirement.specifier.contains(version) for version in versions), (name, versions)


@pytest.mark.parametrize(("lock", "tested", "wanted"), LOCKS)
def test_the_image_holds_the_very_versions_that_the_tests_run_with(lock, tested, wanted):
    known = pins(tested)
    assert {key: version for key, version in pins(lock).items() if known.get(key) != version} == {}


@pytest.mark.parametrize(("lock", "tested", "wanted"), LOCKS)
def test_every_line_of_a_lock_has_a_hash(lock, tested, wanted):
    entries = re.split(r"\n(?=\S)", (ROOT / lock).read_text())
    assert [entry.split()[0] for entry in entries if "--hash=sha256:" not in entry] == []


@pytest.mark.parametrize("lock", ["deploy/requirements.lock", "deploy/requirements-torch.lock"])
def test_no_tool_of_development_and_no_local_server_is_in_an_image(lock):
    unwanted = [Requirement(each).name for each in (*PROJECT["dependency-groups"]["dev"], *EXTRAS["local"])]
    indirect = {"pyyaml"}  # cjdk's, which jgo needs
    assert {name for name, _ in pins(lock)} & set(map(canonicalize_name, unwanted)) <= indirect
