import subprocess
import sys

import pytest

from freshet.cli.app import run

HEAVY = {
    "aiokafka",
    "aiohttp",
    "pydantic",
    "pydantic_settings",
    "faust",
    "openvino",
    "numpy",
    "qdrant_client",
}


def test_help_imports_nothing_heavy():
    program = "import sys\nfrom freshet.cli.app import run\nrun(['--help'])\nprint('loaded', *sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    loaded = done.stdout.rpartition("loaded")[2].split()

    assert not HEAVY & set(loaded)


def test_the_package_runs_as_a_module():
    command = [sys.executable, "-m", "freshet", "version"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)

    assert done.stdout.startswith("freshet ")


@pytest.mark.parametrize(
    "arguments", [["nope"], ["publish"], ["lag", "--nope"], ["lag", "--watch", "x"], ["publish", "no-such-file.jsonl"]]
)
def test_a_wrong_use_is_one_line_and_exit_code_2(arguments, capsys):
    assert run(arguments) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("freshet: ")
    assert captured.err.count("\n") == 1


def test_wrong_settings_are_told_one_a_line(monkeypatch, capsys):
    monkeypatch.setenv("FRESHET_TOPICS__PARTITIONS", "many")
    monkeypatch.setenv("FRESHET_ORDER", "random")

    assert run(["lag"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert [line.split()[1] for line in lines] == ["FRESHET_ORDER:", "FRESHET_TOPICS__PARTITIONS:"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["lag"],
        ["topics", "check"],
        ["topics", "create"],
        ["delete", "a"],
        ["dead-letters", "list"],
        ["dead-letters", "retry", "--all"],
    ],
)
def test_a_kafka_that_is_away_is_one_line_and_exit_code_1(arguments, monkeypatch, capsys, free_port):
    monkeypatch.setenv("FRESHET_KAFKA__BOOTSTRAP_SERVERS", f"127.0.0.1:{free_port}")

    assert run(arguments) == 1
    captured = capsys.readouterr()
    assert captured.err == (
        f"freshet: connect to Kafka at 127.0.0.1:{free_port}: no broker answers"
        " (is it running, and is that its address?)\n"
    )
    assert captured.out == ""


@pytest.fixture
def free_port() -> int:
    from freshet.local.processes import free_port

    return free_port()
