"""OpenVINO with real files: what it reads, that meaning comes out, and that queries overtake windows."""

import asyncio
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from freshet.schemas.errors import SettingsError, TransientError
from freshet.search.embedding.load import load_embedder
from freshet.search.embedding.openvino import OpenVINOEmbedder
from tests.support.tiny_model import WINDOW, write_tiny_model

ABSTRACT = "Measles vaccination of infants lowers mortality in low income countries. " * 20


async def test_the_default_model_ranks_by_meaning(model_folder: Path):
    embedder = OpenVINOEmbedder(model_folder)
    texts = ["A kitten sleeps on the sofa.", "Interest rates rose again.", "The database lost its disk."]
    vectors = (await embedder.embed(texts)).vectors
    for query, best in [("a small cat", 0), ("monetary policy", 1), ("storage failure", 2)]:
        [asked] = (await embedder.embed([query], purpose="query")).vectors
        assert int(np.argmax(vectors @ asked)) == best
    await embedder.close()


async def test_the_default_model_is_known_by_its_name_and_window(model_folder: Path):
    model = OpenVINOEmbedder(model_folder).model
    assert (model.name, model.dimension, model.max_tokens) == ("sentence-transformers/all-MiniLM-L6-v2", 384, 256)


async def test_bfloat16_gives_the_vectors_of_float32(model_folder: Path):
    texts = [ABSTRACT[start:][:length] for start in (0, 9) for length in (20, 200, 900)]
    f32 = OpenVINOEmbedder(model_folder, precision="f32")
    bf16 = OpenVINOEmbedder(model_folder, precision="bf16")
    one, other = (await f32.embed(texts)).vectors, (await bf16.embed(texts)).vectors
    assert (one * other).sum(axis=1).min() > 0.999
    assert f32.model.fingerprint == bf16.model.fingerprint


async def test_queries_overtake_a_window_that_is_being_embedded(model_folder: Path):
    embedder = OpenVINOEmbedder(model_folder)
    window = asyncio.ensure_future(embedder.embed([f"{n} {ABSTRACT}" for n in range(256)]))
    for n in range(5):
        await embedder.embed([f"query {n}"], purpose="query")
    assert not window.done()
    window.cancel()
    await embedder.close()


async def test_closing_ends_a_window_with_an_error_that_can_be_retried(model_folder: Path):
    embedder = OpenVINOEmbedder(model_folder)
    window = asyncio.ensure_future(embedder.embed([f"{n} {ABSTRACT}" for n in range(256)]))
    await embedder.embed(["by now the window is at work"], purpose="query")
    await embedder.close()
    with pytest.raises(TransientError):
        await window
    with pytest.raises(TransientError):
        await embedder.embed(["too late"])


async def test_the_bare_encoder_gives_what_the_async_one_gives(model_folder: Path):
    embedder = OpenVINOEmbedder(model_folder, precision="f32")
    texts = ["a rat", ABSTRACT, "", "mice"]
    one, other = await embedder.embed(texts), embedder.encode(texts)
    assert np.abs(one.vectors - other.vectors).max() < 1e-5
    assert one.tokens == other.tokens
    await embedder.close()


def test_padding_and_neighbours_do_not_change_a_vector(tmp_path: Path):
    embedder = OpenVINOEmbedder(write_tiny_model(tmp_path), precision="f32")
    texts = ["abc def"[: 1 + n % 7] + " x" * (n % 9) for n in range(200)]
    together = embedder.encode(texts).vectors
    alone = np.concatenate([embedder.encode([text]).vectors for text in texts])
    assert np.abs(together - alone).max() < 1e-5


def test_the_tokenizers_own_cut_is_not_the_models(tmp_path: Path):
    embedder = OpenVINOEmbedder(write_tiny_model(tmp_path), precision="f32")  # its tokenizer.json cuts at 5
    assert embedder.encode(["abcdefghijkl"]).tokens == 14
    assert embedder.encode(["abcdefghijkl" * 8]).tokens == WINDOW
    assert len(embedder.token_ends("abcdefghijkl" * 8)) == 96
    assert len(embedder.token_ends("a")) == 1


@pytest.mark.parametrize("names", [("input_ids", "attention_mask"), ("input_ids", "attention_mask", "token_type_ids")])
def test_graphs_are_given_the_inputs_that_they_have(tmp_path: Path, names: tuple[str, ...]):
    embedder = OpenVINOEmbedder(write_tiny_model(tmp_path, names=names))
    assert embedder.encode(["abc"]).vectors.shape == (1, 16)


def test_a_graph_with_other_inputs_is_refused(tmp_path: Path):
    write_tiny_model(tmp_path, names=("input_ids", "pixel_values"))
    with pytest.raises(SettingsError, match="pixel_values"):
        OpenVINOEmbedder(tmp_path)


def test_cls_pooling_takes_the_first_token_only(tmp_path: Path):
    write_tiny_model(tmp_path / "cls")
    (tmp_path / "cls" / "freshet-model.json").write_text(json.dumps({"pooling": "cls"}))
    vectors = OpenVINOEmbedder(tmp_path / "cls", precision="f32").encode(["abc", "another"]).vectors
    assert np.abs(vectors[0] - vectors[1]).max() < 1e-6
    mean = OpenVINOEmbedder(write_tiny_model(tmp_path / "mean"), precision="f32").encode(["abc", "another"]).vectors
    assert np.abs(mean[0] - mean[1]).max() > 0.01


def test_prompts_go_before_the_text_and_take_their_room(tmp_path: Path):
    plain = OpenVINOEmbedder(write_tiny_model(tmp_path / "plain"), precision="f32")
    write_tiny_model(tmp_path / "prompted")
    prompts = {"prompts": {"query": "q ", "document": "doc "}}
    (tmp_path / "prompted" / "config_sentence_transformers.json").write_text(json.dumps(prompts))
    prompted = OpenVINOEmbedder(tmp_path / "prompted", precision="f32")
    assert np.allclose(prompted.encode(["abc"]).vectors, plain.encode(["doc abc"]).vectors, atol=1e-6)
    assert np.allclose(prompted.encode(["abc"], purpose="query").vectors, plain.encode(["q abc"]).vectors, atol=1e-6)
    assert prompted.model.max_tokens == WINDOW - 3


def test_a_folder_moved_is_the_same_model_and_other_weights_are_another(tmp_path: Path):
    one = OpenVINOEmbedder(write_tiny_model(tmp_path / "one")).model.fingerprint
    shutil.copytree(tmp_path / "one", tmp_path / "moved")
    assert OpenVINOEmbedder(tmp_path / "moved").model.fingerprint == one
    assert OpenVINOEmbedder(write_tiny_model(tmp_path / "two", seed=1)).model.fingerprint != one
    assert OpenVINOEmbedder(tmp_path / "two", name="x").model.name == "x"


def test_threads_can_be_limited(tmp_path: Path):
    embedder = load_embedder("openvino", write_tiny_model(tmp_path), threads=1, precision="f32")
    assert isinstance(embedder, OpenVINOEmbedder)
    assert embedder.encode(["abc"]).vectors.shape == (1, 16)


def test_a_path_that_does_not_exist_never_asks_the_hub(tmp_path: Path):
    with pytest.raises(SettingsError, match="does not exist"):
        load_embedder("openvino", str(tmp_path / "nowhere"))
