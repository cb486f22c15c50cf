"""Choosing an embedder: what is imported for it, and what is said when it is not installed."""

import importlib.util
import subprocess
import sys

import pytest

from freshet.schemas.errors import SettingsError
from freshet.search.embedding.load import load_embedder

HEAVY = ("openvino", "openai", "torch", "sentence_transformers", "huggingface_hub", "tokenizers", "redis")


def test_nothing_heavy_is_imported_before_a_provider_is_chosen():
    check = f"import sys, freshet.search.embedding.load; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.skipif(importlib.util.find_spec("torch") is not None, reason="the extra is installed")
def test_a_provider_that_is_not_installed_names_its_extra():
    with pytest.raises(SettingsError, match=r"pip install '\.\[torch\]' in a checkout"):
        load_embedder("sentence-transformers", "some/model")


def test_the_openai_extra_is_named_where_it_is_missing(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "openai", None)
    monkeypatch.delitem(sys.modules, "freshet.search.embedding.openai", raising=False)
    with pytest.raises(SettingsError, match=r"pip install '\.\[openai\]' in a checkout"):
        load_embedder("openai", "some-model")
