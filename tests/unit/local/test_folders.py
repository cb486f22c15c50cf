import sys
from pathlib import Path

import pytest

from freshet.local.folders import cache_folder, data_folder


def test_our_own_variables_win(tmp_path):
    assert cache_folder({"FRESHET_CACHE_DIR": str(tmp_path), "XDG_CACHE_HOME": "/elsewhere"}) == tmp_path
    assert data_folder({"FRESHET_DATA_DIR": str(tmp_path), "XDG_DATA_HOME": "/elsewhere"}) == tmp_path


def test_a_relative_folder_does_not_change_with_the_working_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert cache_folder({"FRESHET_CACHE_DIR": "here"}) == tmp_path / "here"


def test_then_those_of_the_xdg_specification():
    assert cache_folder({"XDG_CACHE_HOME": "/xdg"}) == Path("/xdg/freshet")
    assert data_folder({"XDG_DATA_HOME": "/xdg"}) == Path("/xdg/freshet")


def test_which_ignores_relative_folders(monkeypatch):
    monkeypatch.setattr(sys, "platform", "linux")
    assert cache_folder({"XDG_CACHE_HOME": "relative"}) == Path.home() / ".cache/freshet"


@pytest.mark.parametrize(
    ("platform", "cache", "data"),
    [
        ("linux", ".cache/freshet", ".local/share/freshet"),
        ("darwin", "Library/Caches/freshet", "Library/Application Support/freshet"),
    ],
)
def test_else_the_custom_of_the_system(monkeypatch, platform, cache, data):
    monkeypatch.setattr(sys, "platform", platform)
    assert cache_folder({}) == Path.home() / cache
    assert data_folder({}) == Path.home() / data
