"""What people install: a wheel in which the links to the packages at the top have become packages."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = """
import sys
sys.path.insert(0, sys.argv[1])
import freshet.schemas.errors, freshet.search.index.base, freshet.streams, freshet.local.kafka, freshet.local.pins
freshet.local.pins.read_pins("kafka")
print(freshet.__file__)
for name in ("schemas", "search", "streams"):
    assert name not in sys.modules, name
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (file,) = folder.glob("*.whl")
    return file


def test_the_wheel_holds_every_module_under_the_one_name_and_nothing_else(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    modules = {
        f"freshet/{file.relative_to(ROOT)}"
        for top in ("schemas", "search", "streams")
        for file in (ROOT / top).rglob("*.py")
    }
    assert modules <= set(names)
    assert {"freshet/py.typed", "freshet/local/pins.json", "freshet/local/launcher.py"} <= set(names)
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {"freshet"}


def test_the_unpacked_wheel_can_be_imported_from_anywhere(wheel, tmp_path):
    site = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(site)
    run = [sys.executable, "-c", SCRIPT, str(site)]
    imported = subprocess.run(run, cwd=tmp_path, check=True, capture_output=True, text=True).stdout.strip()
    assert imported == str(site / "freshet" / "__init__.py")
