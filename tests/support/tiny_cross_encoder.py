"""A tiny cross-encoder on disk, in the shape in which hubs hold real ones. It knows nothing, and repeats itself."""

import importlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import openvino

from tests.support.tiny_model import DIMENSION, write_tiny_tokenizer

WINDOW = 24
INPUTS = ("input_ids", "attention_mask", "token_type_ids")

ov: Any = openvino


def write_tiny_cross_encoder(folder: Path, *, labels: int = 1, pooled: bool = True, seed: int = 0) -> Path:
    """Logits (n, labels), or without `pooled` one for each token, (n, length, 1), which is no cross-encoder.

    A logit is how alike the mean vectors of both segments are, where a token's vector is a table's row plus its
    position's: so it depends on the words of both, on their order, on which is which, and on where each ends.
    """
    vocabulary = write_tiny_tokenizer(folder).get_vocab_size()
    graph = _graph(vocabulary, np.random.default_rng(seed), labels, pooled=pooled)
    ov.save_model(graph, folder / "openvino_model.xml", compress_to_fp16=False)
    (folder / "config.json").write_text(json.dumps({"max_position_embeddings": WINDOW}))
    return folder


def _graph(vocabulary: int, random: np.random.Generator, labels: int, *, pooled: bool) -> Any:
    op: Any = importlib.import_module("openvino.opset13")

    def parameter(name: str) -> Any:
        node = op.parameter([-1, -1], np.int64, name=name)
        node.output(0).set_names({name})
        return node

    def numbers(*shape: int) -> Any:
        return op.constant(random.normal(size=shape).astype(np.float32))

    zero, one = op.constant(np.int64(0)), op.constant(np.int64(1))
    ids, mask, types = (parameter(name) for name in INPUTS)
    places = op.range(zero, op.gather(op.shape_of(ids), one, zero), one, output_type="i64")
    tokens = op.add(
        op.gather(numbers(vocabulary, DIMENSION), ids, zero), op.gather(numbers(WINDOW, DIMENSION), places, zero)
    )
    second = op.multiply(op.convert(types, "f32"), op.convert(mask, "f32"))
    first = op.subtract(op.convert(mask, "f32"), second)

    def mean(segment: Any) -> Any:
        weights = op.unsqueeze(segment, op.constant(np.int64(2)))
        summed = op.reduce_sum(op.multiply(tokens, weights), one, keep_dims=False)
        return op.divide(summed, op.reduce_sum(segment, one, keep_dims=True))

    asked = op.matmul(mean(first), numbers(DIMENSION, DIMENSION), False, False)
    together = op.multiply(asked, mean(second)) if pooled else tokens
    weights = numbers(DIMENSION, labels) if labels > 1 else op.constant(np.ones((DIMENSION, labels), np.float32))
    output = op.matmul(together, weights, False, False)
    output.output(0).set_names({"logits"})
    return ov.Model([op.result(output)], [ids, mask, types], "tiny")
