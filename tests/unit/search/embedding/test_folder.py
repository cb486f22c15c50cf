"""What is read from a model's folder, in the shapes in which hubs publish them."""

import json
from pathlib import Path
from typing import Any

import pytest

from freshet.schemas.errors import SettingsError
from freshet.search.embedding.folder import ModelFolder
from freshet.search.models.folder import weights_of


def folder(path: Path, **files: Any) -> ModelFolder:
    """Files by name, with `__` for a slash; JSON unless they are bytes."""
    for name, content in files.items():
        file = path / name.replace("__", "/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return ModelFolder.read(path)


def test_a_bare_folder_gets_the_usual_settings(tmp_path: Path):
    model = folder(tmp_path)
    assert (model.pooling, model.max_tokens, model.query_prompt, model.document_prompt) == ("mean", 512, "", "")


def test_our_own_description_comes_first(tmp_path: Path):
    ours = {"name": "some/model", "max_tokens": 256, "pooling": "cls", "normalize": True}
    model = folder(
        tmp_path,
        **{
            "freshet-model.json": ours,
            "sentence_bert_config.json": {"max_seq_length": 128},
            "1_Pooling__config.json": {"pooling_mode_mean_tokens": True},
        },
    )
    assert (model.pooling, model.max_tokens, model.name()) == ("cls", 256, "some/model")


@pytest.mark.parametrize(
    ("config", "pooling"),
    [
        ({"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}, "cls"),
        ({"pooling_mode_cls_token": False, "pooling_mode_mean_tokens": True, "include_prompt": True}, "mean"),
        ({"pooling_mode": "cls"}, "cls"),
        ({"word_embedding_dimension": 384}, "mean"),
    ],
)
def test_pooling_is_read_from_sentence_transformers_files(tmp_path: Path, config: dict[str, Any], pooling: str):
    assert folder(tmp_path, **{"1_Pooling__config.json": config}).pooling == pooling


@pytest.mark.parametrize(
    "config",
    [
        {"pooling_mode": "lasttoken"},
        {"pooling_mode_max_tokens": True},
        {"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": True},
    ],
)
def test_a_pooling_that_we_cannot_do_is_refused_and_points_to_the_extra(tmp_path: Path, config: dict[str, Any]):
    with pytest.raises(SettingsError, match=r"freshet\[torch\]"):
        folder(tmp_path, **{"1_Pooling__config.json": config})


def test_a_dense_layer_after_the_pooling_is_refused_and_points_to_the_extra(tmp_path: Path):
    modules = [{"type": f"sentence_transformers.models.{name}"} for name in ("Transformer", "Pooling", "Dense")]
    with pytest.raises(SettingsError, match=r"Dense.*freshet\[torch\]"):
        folder(tmp_path, **{"modules.json": modules})


@pytest.mark.parametrize(
    ("files", "window"),
    [
        ({"sentence_bert_config.json": {"max_seq_length": 384}, "config.json": {"max_position_embeddings": 512}}, 384),
        ({"sentence_bert_config.json": {"max_seq_length": 512}, "config.json": {"max_position_embeddings": 256}}, 256),
        ({"tokenizer_config.json": {"model_max_length": 1e30}, "config.json": {"max_position_embeddings": 512}}, 512),
        ({"tokenizer_config.json": {"model_max_length": 128}}, 128),
        ({"tokenizer_config.json": {"model_max_length": 1e30}}, 512),
        ({"tokenizer_config.json": {"model_max_length": 32_768}}, 8_192),
        ({"sentence_bert_config.json": {"max_seq_length": None}, "config.json": {}}, 512),
        ({"config.json": {"model_type": "xlm-roberta", "max_position_embeddings": 514, "pad_token_id": 1}}, 512),
    ],
)
def test_the_window_is_the_first_that_is_said_within_what_the_model_has(
    tmp_path: Path, files: dict[str, Any], window: int
):
    assert folder(tmp_path, **files).max_tokens == window


def test_prompts_are_read_for_queries_and_documents(tmp_path: Path):
    prompts = {"query": "query: ", "passage": "passage: ", "clustering": "x"}
    model = folder(tmp_path, **{"config_sentence_transformers.json": {"prompts": prompts}})
    assert (model.query_prompt, model.document_prompt) == ("query: ", "passage: ")


@pytest.mark.parametrize(
    "name", ["model.onnx", "onnx__model.onnx", "openvino_model.xml", "openvino__openvino_model.xml"]
)
def test_graphs_are_found_where_hubs_put_them(tmp_path: Path, name: str):
    assert folder(tmp_path, **{name: b"graph"}).graph() == tmp_path / name.replace("__", "/")


def test_a_model_without_a_name_is_known_by_its_bytes(tmp_path: Path):
    one = folder(tmp_path / "one", **{"openvino_model.xml": b"graph", "openvino_model.bin": b"numbers"})
    same = folder(tmp_path / "two", **{"openvino_model.xml": b"graph", "openvino_model.bin": b"numbers"})
    other = folder(tmp_path / "three", **{"openvino_model.xml": b"graph", "openvino_model.bin": b"other numbers"})
    names = [model.name(*weights_of(model.graph())) for model in (one, same, other)]
    assert names[0] == names[1] != names[2]


def test_missing_things_are_named(tmp_path: Path):
    with pytest.raises(SettingsError, match="nowhere does not exist"):
        ModelFolder.read(tmp_path / "nowhere")
    with pytest.raises(SettingsError, match=r"no ONNX or OpenVINO file.*freshet\[torch\]"):
        folder(tmp_path).graph()
    with pytest.raises(SettingsError, match=r"tokenizer\.json"):
        folder(tmp_path).tokenizer()


def test_a_broken_description_is_named(tmp_path: Path):
    with pytest.raises(SettingsError, match=r"config\.json is not valid JSON"):
        folder(tmp_path, **{"config.json": b"{"})
