import gc
import json
import threading
from pathlib import Path

import pytest

from freshet.local import downloads
from freshet.local.artifacts import Artifacts
from freshet.local.downloads import DownloadError
from freshet.local.pins import PINS_FILE, read_pins
from tests.support.repository import Repository, model_jar, write_pins

KAFKA = {f"part{number}-1.0.jar": bytes([number]) * 30_000 for number in range(6)}
MODEL = "model-1.0.jar"
FILES = KAFKA | {MODEL: model_jar()}


# jgo leaves the sockets of downloads that broke off to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch):
    monkeypatch.setattr(downloads, "PAUSE_SECONDS", 0.001)
    yield
    gc.collect()  # while that is no error


@pytest.fixture
def repository():
    with Repository(FILES).serving() as serving:
        yield serving


@pytest.fixture
def make(tmp_path, repository):
    pins = write_pins(tmp_path / "pins.json", FILES, model=MODEL)

    def artifacts() -> Artifacts:
        return Artifacts(tmp_path / "cache", pins_file=pins, repositories=repository.remotes)

    return artifacts


def names_below(folder: Path) -> set[str]:
    return {file.name for file in folder.rglob("*") if file.is_file()}


def test_jars_are_fetched_once_and_then_need_no_network(make, repository):
    jars = make().kafka_jars()
    assert {jar.name: jar.read_bytes() for jar in jars} == KAFKA
    asked = repository.asked.copy()
    assert make().kafka_jars() == jars
    assert repository.asked == asked


def test_neither_java_nor_maven_is_run(make, tmp_path, monkeypatch):
    programs, mark = tmp_path / "bin", tmp_path / "was run"
    programs.mkdir()
    for name in ("mvn", "java"):
        (programs / name).write_text(f"#!/bin/sh\ntouch '{mark}'\n")
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(programs), prepend=":")
    make().kafka_jars()
    assert not mark.exists()


def test_a_wrong_checksum_is_reported_and_the_file_is_not_kept(make, repository, tmp_path):
    repository.files["part3-1.0.jar"] = b"x" * 30_000
    with pytest.raises(DownloadError, match=r"^part3-1\.0\.jar came with a wrong checksum and was deleted.*\.$"):
        make().kafka_jars()
    assert "part3-1.0.jar" not in names_below(tmp_path / "cache")
    repository.files["part3-1.0.jar"] = KAFKA["part3-1.0.jar"]
    assert len(make().kafka_jars()) == 6


def test_an_interrupted_download_is_done_again(make, repository):
    repository.cut["part1-1.0.jar"] = 2
    assert {jar.name: jar.read_bytes() for jar in make().kafka_jars()} == KAFKA
    assert repository.asked["part1-1.0.jar"] == 3


def test_what_was_finished_before_a_failure_is_not_fetched_again(make, repository, monkeypatch):
    monkeypatch.setattr(downloads, "WORKERS", 1)
    repository.cut["part5-1.0.jar"] = 99
    with pytest.raises(DownloadError, match=r"part5-1\.0\.jar could not be downloaded"):
        make().kafka_jars()
    repository.cut.clear()
    repository.asked.clear()
    make().kafka_jars()
    assert {name for name in repository.asked if name.endswith(".jar")} == {"part5-1.0.jar"}


def test_without_a_network_the_error_says_what_to_do(make, tmp_path):
    pins = write_pins(tmp_path / "pins.json", FILES, model=MODEL)
    away = Artifacts(tmp_path / "cache", pins_file=pins, repositories={"test": "http://127.0.0.1:9"})
    with pytest.raises(
        DownloadError, match=r"ConnectionError.*network is needed once.*HTTPS_PROXY.*copy the folder"
    ) as raised:
        away.model_folder()
    assert "\n" not in str(raised.value)
    assert names_below(tmp_path / "cache") == {"lock"}


def test_a_damaged_file_is_replaced(make):
    jars = make().kafka_jars()
    jars[0].write_bytes(b"half")
    jars[1].unlink()
    assert {jar.name: jar.read_bytes() for jar in make().kafka_jars()} == KAFKA


def test_what_a_killed_download_left_behind_is_removed(make, tmp_path):
    left_behind = tmp_path / "cache" / "partial-abc" / "deep"
    left_behind.mkdir(parents=True)
    (left_behind / "half.jar").write_bytes(b"half")
    make().kafka_jars()
    assert not list((tmp_path / "cache").glob("partial-*"))


def test_two_at_once_fetch_each_file_once(make, repository):
    found: list[list[Path]] = []
    threads = [threading.Thread(target=lambda: found.append(make().kafka_jars())) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 3
    assert all({jar.name: jar.read_bytes() for jar in jars} == KAFKA for jars in found)
    assert {repository.asked[name] for name in KAFKA} == {1}


def test_progress_counts_to_the_total_even_when_a_file_is_done_again(make, repository):
    repository.cut["part2-1.0.jar"] = 1
    seen: list[tuple[int, int]] = []
    make().kafka_jars(lambda done, total: seen.append((done, total)))
    assert {total for _, total in seen} == {180_000}
    assert seen[-1] == (180_000, 180_000)
    assert all(0 <= done <= 180_000 for done, _ in seen)


def test_the_model_is_unpacked_with_what_is_needed_to_use_it(make, repository, tmp_path):
    folder = make().model_folder()
    assert folder == tmp_path / "cache" / "models" / "all-MiniLM-L6-v2"
    assert (folder / "model.onnx").read_bytes() == b"the network"
    assert json.loads((folder / "freshet-model.json").read_text()) == {
        "name": "sentence-transformers/all-MiniLM-L6-v2",
        "max_tokens": 256,
        "pooling": "mean",
        "normalize": True,
    }
    assert MODEL not in names_below(tmp_path / "cache")
    asked = repository.asked.copy()
    assert make().model_folder() == folder
    assert repository.asked == asked


def test_a_model_folder_that_lacks_a_file_is_made_anew(make):
    (make().model_folder() / "model.onnx").unlink()
    assert (make().model_folder() / "model.onnx").read_bytes() == b"the network"


def test_new_pins_bring_new_files(make, repository, tmp_path):
    make().model_folder()
    repository.files[MODEL] = changed = model_jar() + b"\n"
    pins = write_pins(tmp_path / "pins.json", FILES | {MODEL: changed}, model=MODEL)
    assert not Artifacts(tmp_path / "cache", pins_file=pins).has_model()


def test_every_shipped_file_is_pinned_to_its_checksum():
    pins = read_pins("kafka", PINS_FILE) + read_pins("model", PINS_FILE)
    assert {pin.version for pin in pins if pin.name == "kafka_2.13"} == {"4.3.0"}
    assert all(len(pin.sha256) == 64 and pin.size > 0 for pin in pins)
    assert len({pin.filename for pin in pins}) == len(pins)
