"""Tiny models of one layer with random weights, as hubs hold them, for both kinds of model."""

import socket
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.tiny_model import DIMENSION, write_tiny_tokenizer

WINDOW = 40


def tiny_tokenizer(folder: Path) -> Any:
    from transformers import PreTrainedTokenizerFast

    return PreTrainedTokenizerFast(
        tokenizer_object=write_tiny_tokenizer(folder / "bare"),
        model_max_length=WINDOW,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
    )


def tiny_config(tokenizer: Any, **more: Any) -> Any:
    from transformers import BertConfig

    return BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=DIMENSION,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=WINDOW,
        **more,
    )


def add_graph(bert: Any, folder: Path) -> None:
    """A model as an OpenVINO graph beside its weights, as hubs publish both."""
    import openvino
    import torch

    ov: Any = openvino
    ids = torch.ones((2, 8), dtype=torch.int64)
    inputs = {"input_ids": ids, "attention_mask": ids, "token_type_ids": ids * 0}
    graph = ov.convert_model(bert, example_input=inputs, input=[(name, [-1, -1], np.int64) for name in inputs])
    ov.save_model(graph, folder / "openvino_model.xml", compress_to_fp16=False)


def hosts_asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The hosts that are looked up from now on, though hubs may be asked; none is found."""
    asked: list[str] = []

    def note(host: str, *arguments: Any, **options: Any) -> list[Any]:
        asked.append(host)
        raise socket.gaierror("no network here")

    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr(socket, "getaddrinfo", note)
    return asked
