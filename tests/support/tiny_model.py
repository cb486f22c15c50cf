"""Tiny embedding models on disk, in the shape in which hubs hold real ones. Vectors are random, and repeatable."""

import importlib
import json
import string
from pathlib import Path
from typing import Any

import numpy as np
import openvino
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

DIMENSION = 16
WINDOW = 20

ov: Any = openvino


def write_tiny_model(folder: Path, *, seed: int = 0, names: tuple[str, ...] = ("input_ids", "attention_mask")) -> Path:
    """An OpenVINO model and its tokenizer: token vectors are a table's rows plus those of their positions."""
    tokenizer = write_tiny_tokenizer(folder)
    graph = _graph(tokenizer.get_vocab_size(), np.random.default_rng(seed), names)
    ov.save_model(graph, folder / "openvino_model.xml", compress_to_fp16=False)
    (folder / "config.json").write_text(json.dumps({"max_position_embeddings": WINDOW, "hidden_size": DIMENSION}))
    return folder


def write_tiny_tokenizer(folder: Path) -> Tokenizer:
    """WordPiece over single characters, saved with a cut and a padding that are not the model's, as real ones are."""
    characters = string.ascii_lowercase + string.digits
    pieces = [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        "[MASK]",
        *characters,
        *(f"##{character}" for character in characters),
    ]
    vocabulary = {piece: number for number, piece in enumerate(pieces)}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = [(name, vocabulary[name]) for name in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=special
    )
    tokenizer.enable_truncation(5)
    tokenizer.enable_padding(length=5)
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    return tokenizer


def _graph(vocabulary: int, random: np.random.Generator, names: tuple[str, ...]) -> Any:
    graph: Any = importlib.import_module("openvino.opset13")

    def parameter(name: str) -> Any:
        node = graph.parameter([-1, -1], np.int64, name=name)
        node.output(0).set_names({name})
        return node

    inputs = [parameter(name) for name in names]
    zero, one = np.int64(0), np.int64(1)
    length = graph.gather(graph.shape_of(inputs[0]), graph.constant(one), graph.constant(zero))
    places = graph.range(graph.constant(zero), length, graph.constant(one), output_type="i64")
    words = graph.gather(
        graph.constant(random.normal(size=(vocabulary, DIMENSION)).astype(np.float32)), inputs[0], graph.constant(zero)
    )
    positions = graph.gather(
        graph.constant(random.normal(size=(WINDOW, DIMENSION)).astype(np.float32)), places, graph.constant(zero)
    )
    output = graph.add(words, positions)
    output.output(0).set_names({"last_hidden_state"})
    return ov.Model([graph.result(output)], inputs, "tiny")
