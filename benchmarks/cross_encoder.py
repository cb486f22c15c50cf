"""A cross-encoder to time: as fast as one of its size, and it knows nothing.

The layers of the default embedding model (6 of width 384, as in ms-marco-MiniLM-L-6) with a head that is made up. Its
scores mean nothing; what it takes to compute them is what a real one of that size takes.
"""

from __future__ import annotations

import importlib
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import openvino

WIDTH = 384

ov: Any = openvino


def write_cross_encoder(model: Path, folder: Path) -> Path:
    """Write one to `folder` from the embedding model in the folder `model`."""
    op: Any = importlib.import_module("openvino.opset13")
    graph = ov.Core().read_model(model / "model.onnx")
    tokens = graph.outputs[0].get_node().input_value(0)
    first = op.gather(tokens, op.constant(np.int64(0)), op.constant(np.int64(1)))
    head = np.random.default_rng(0).normal(size=(WIDTH, 1)).astype(np.float32)
    logits = op.matmul(first, op.constant(head), False, False)
    logits.output(0).set_names({"logits"})
    folder.mkdir(parents=True)
    scored = ov.Model([op.result(logits)], graph.get_parameters())
    ov.save_model(scored, folder / "openvino_model.xml", compress_to_fp16=False)
    shutil.copy(model / "tokenizer.json", folder)
    (folder / "config.json").write_text(json.dumps({"max_position_embeddings": 512}), encoding="utf-8")
    return folder
