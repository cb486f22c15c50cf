"""Choosing a reranker: what is imported for it, and what is said when it is not there."""

import subprocess
import sys
from pathlib import Path

import pytest

from freshet.schemas.errors import DeniedError, SettingsError
from freshet.search.rerank.load import load_reranker

HEAVY = ("openvino", "torch", "sentence_transformers", "huggingface_hub", "tokenizers", "httpx")


def test_nothing_heavy_is_imported_before_a_provider_is_chosen():
    check = f"import sys, freshet.search.rerank.load; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_an_extra_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    with pytest.raises(DeniedError, match=r"pip install '\.\[torch\]' in a checkout"):
        load_reranker("sentence-transformers", "some/model")


@pytest.mark.parametrize("provider", ["openvino", "sentence-transformers"])
def test_a_folder_that_does_not_exist_is_a_wrong_setting(provider, tmp_path: Path):
    with pytest.raises(SettingsError, match="nowhere does not exist"):
        load_reranker(provider, str(tmp_path / "nowhere"))


def test_what_is_no_address_is_a_wrong_setting():
    with pytest.raises(SettingsError, match="is no address"):
        load_reranker("http", "m", base_url="http://host:port")
    with pytest.raises(SettingsError, match="needs the address"):
        load_reranker("http", "m")
