"""What `from freshet import …` offers, in the projects of others."""

import subprocess
import sys
from pathlib import Path

import freshet


def test_every_public_name_can_be_imported():
    for name in freshet.__all__:
        assert getattr(freshet, name) is not None
        assert name in dir(freshet)


def test_importing_freshet_imports_nothing_heavy():
    program = (
        "import sys, freshet; print([m for m in ('pydantic', 'aiokafka', 'faust', 'asyncio') if m in sys.modules])"
    )

    assert run(program).strip() == "[]"


def test_the_publisher_lives_with_a_project_that_has_schemas_search_and_streams_of_its_own(tmp_path: Path):
    (tmp_path / "schemas.py").write_text("OWN = 'schemas'")
    for package in ("search", "streams"):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").write_text(f"OWN = '{package}'")
    program = (
        "import schemas, search, streams\n"
        "from freshet import Publisher, Upsert\n"
        "print(Publisher(topic='kb').topic, schemas.OWN, search.OWN, streams.OWN, Upsert(id='a', text='b').id)"
    )

    assert run(program, tmp_path).split() == ["kb", "schemas", "search", "streams", "a"]


def run(program: str, folder: Path | None = None) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
