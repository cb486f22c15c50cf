"""OpenVINO with real files: what it reads, what it refuses, and what a score depends on."""

import asyncio
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from freshet.schemas.errors import SettingsError, TransientError
from freshet.search.rerank.load import load_reranker
from freshet.search.rerank.openvino import OpenVINOReranker
from tests.support.tiny_cross_encoder import write_tiny_cross_encoder
from tests.support.tiny_model import write_tiny_model

TEXTS = [f"{'rat ' * (n % 4)}{n}" for n in range(200)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_tiny_cross_encoder(tmp_path / "tiny")


async def test_padding_and_neighbours_do_not_change_a_score(folder: Path):
    reranker = OpenVINOReranker(folder, precision="f32")
    together = await reranker.score("mice", TEXTS)
    alone = np.concatenate([await reranker.score("mice", [text]) for text in TEXTS])
    assert np.abs(together - alone).max() < 1e-5


async def test_which_is_the_query_matters(folder: Path):
    reranker = OpenVINOReranker(folder, precision="f32")
    one, other = await reranker.score("mice", ["rat 42"]), await reranker.score("rat 42", ["mice"])
    assert abs(one[0] - other[0]) > 1e-3


async def test_a_text_is_cut_and_a_short_query_is_not(folder: Path):
    reranker = OpenVINOReranker(folder, precision="f32")  # its tokenizer.json cuts at 5, the model at 24
    one, other, end = await reranker.score("mice", ["abcdefghijkl", "abcdefghijkm", "abcdefghijkl" * 9])
    assert one != other
    long = await reranker.score("mice", ["abcdefghijkl" * 9 + "zz"])
    changed = await reranker.score("micf", ["abcdefghijkl" * 9])
    assert long[0] == pytest.approx(end)
    assert changed[0] != pytest.approx(end)


@pytest.mark.parametrize("labels", [2, 3])
def test_a_model_that_tells_labels_apart_is_refused(tmp_path: Path, labels: int):
    write_tiny_cross_encoder(tmp_path, labels=labels)
    with pytest.raises(SettingsError, match=f"{labels} labels"):
        OpenVINOReranker(tmp_path)


def test_a_model_with_a_vector_for_each_token_is_no_cross_encoder(tmp_path: Path):
    write_tiny_cross_encoder(tmp_path / "tokens", pooled=False)
    for folder in (tmp_path / "tokens", write_tiny_model(tmp_path / "embedding")):
        with pytest.raises(SettingsError, match="is it a cross-encoder"):
            OpenVINOReranker(folder)


def test_missing_files_are_named(folder: Path):
    (folder / "tokenizer.json").unlink()
    with pytest.raises(SettingsError, match=r"tokenizer\.json"):
        OpenVINOReranker(folder)
    (folder / "openvino_model.xml").unlink()
    with pytest.raises(SettingsError, match=r"no ONNX or OpenVINO file"):
        OpenVINOReranker(folder)


def test_a_folder_is_known_by_its_weights_or_the_name_that_it_was_given(folder: Path, tmp_path: Path):
    one = OpenVINOReranker(folder).model.name
    shutil.copytree(folder, tmp_path / "moved")
    assert OpenVINOReranker(tmp_path / "moved").model.name == one
    assert OpenVINOReranker(write_tiny_cross_encoder(tmp_path / "other", seed=1)).model.name != one
    (folder / "freshet-model.json").write_text(json.dumps({"name": "ours"}))
    assert OpenVINOReranker(folder).model.name == "ours"


async def test_closing_ends_what_is_under_way_with_an_error_that_can_be_retried(folder: Path):
    reranker = OpenVINOReranker(folder)
    call = asyncio.ensure_future(reranker.score("mice", TEXTS * 50))
    await reranker.close()
    with pytest.raises(TransientError):
        await call
    with pytest.raises(TransientError):
        await reranker.score("mice", TEXTS)


async def test_it_is_loaded_behind_a_queue_with_threads_and_precision_as_told(folder: Path):
    f32 = load_reranker("openvino", str(folder), threads=1, precision="f32")
    scores = await f32.rerank("mice", TEXTS, within=60)
    assert np.allclose(scores, await OpenVINOReranker(folder, precision="f32").score("mice", TEXTS), atol=1e-5)
    await f32.close()
