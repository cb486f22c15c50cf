"""Cross-encoders of sentence-transformers beside OpenVINO: the same contract, and the same scores."""

import json
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest

from freshet.schemas.errors import SettingsError, TransientError
from freshet.search.rerank.base import Reranker
from freshet.search.rerank.openvino import OpenVINOReranker
from freshet.search.rerank.sentence_transformers import SentenceTransformersReranker
from tests.contract.rerank.suite import LONG, QUERY, TEXTS, RerankerSuite
from tests.torch.tiny_bert import add_graph, hosts_asked, tiny_config, tiny_tokenizer


def write_tiny_bert(folder: Path, *, labels: int = 1) -> Path:
    """A BERT of one layer that tells labels apart, with random weights, saved as hubs hold it."""
    import torch
    from transformers import BertForSequenceClassification

    torch.manual_seed(0)
    tokenizer = tiny_tokenizer(folder)
    # Far from 0, so that the scores of different texts differ.
    config = tiny_config(tokenizer, num_labels=labels, initializer_range=0.7)
    BertForSequenceClassification(config).save_pretrained(folder / "model")
    tokenizer.save_pretrained(folder / "model")
    return folder / "model"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_bert(tmp_path_factory.mktemp("cross"))


class TestSentenceTransformers(RerankerSuite):
    @pytest.fixture
    async def reranker(self, folder: Path) -> AsyncIterator[Reranker]:
        reranker = SentenceTransformersReranker(str(folder), device="cpu")
        yield reranker
        await reranker.close()


@pytest.mark.filterwarnings("ignore")  # those of the exporter
async def test_both_runtimes_give_the_same_scores(tmp_path: Path):
    from transformers import BertForSequenceClassification

    folder = write_tiny_bert(tmp_path)
    bert = BertForSequenceClassification.from_pretrained(folder, attn_implementation="eager").eval()
    add_graph(bert, folder)
    torch = SentenceTransformersReranker(str(folder), device="cpu")
    openvino = OpenVINOReranker(folder, precision="f32")
    texts = [*TEXTS, "", LONG, *(f"{'rat ' * n}{n}" for n in range(40))]
    for query in (QUERY, "a longer query, of about half the window", LONG):
        one, other = await torch.score(query, texts), await openvino.score(query, texts)
        assert np.abs(one - other).max() < 1e-4
        assert one.max() - one.min() > 0.05
    await torch.close()
    await openvino.close()


async def test_bfloat16_gives_nearly_the_scores_of_float32(folder: Path):
    f32 = SentenceTransformersReranker(str(folder), device="cpu")
    bf16 = SentenceTransformersReranker(str(folder), device="cpu", precision="bf16")
    one, other = await f32.score(QUERY, TEXTS), await bf16.score(QUERY, TEXTS)
    assert 0 < np.abs(one - other).max() < 0.05


async def test_a_folder_asks_no_hub(folder: Path, monkeypatch: pytest.MonkeyPatch):
    asked = hosts_asked(monkeypatch)
    reranker = SentenceTransformersReranker(str(folder), device="cpu")
    await reranker.score(QUERY, TEXTS)
    assert asked == []


def test_a_model_that_tells_three_labels_apart_is_refused(tmp_path: Path):
    with pytest.raises(SettingsError, match="3 labels"):
        SentenceTransformersReranker(str(write_tiny_bert(tmp_path, labels=3)), device="cpu")


def test_pickled_weights_are_refused(folder: Path, tmp_path: Path):
    import torch
    from safetensors.torch import load_file

    shutil.copytree(folder, tmp_path / "pickled")
    torch.save(load_file(folder / "model.safetensors"), tmp_path / "pickled" / "pytorch_model.bin")
    (tmp_path / "pickled" / "model.safetensors").unlink()
    with pytest.raises(SettingsError, match="safetensors"):
        SentenceTransformersReranker(str(tmp_path / "pickled"), device="cpu")


def test_code_beside_the_weights_is_not_run(folder: Path, tmp_path: Path):
    shutil.copytree(folder, tmp_path / "with-code")
    (tmp_path / "with-code" / "modeling_mine.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    config = json.loads((folder / "config.json").read_text())
    config["auto_map"] = dict.fromkeys(("AutoModelForSequenceClassification", "AutoConfig"), "modeling_mine.Mine")
    config["model_type"] = "mine"
    (tmp_path / "with-code" / "config.json").write_text(json.dumps(config))
    with pytest.raises(SettingsError):
        SentenceTransformersReranker(str(tmp_path / "with-code"), device="cpu")
    assert not (tmp_path / "ran").exists()


def test_a_folder_that_does_not_exist_asks_no_hub(tmp_path: Path):
    with pytest.raises(SettingsError, match="does not exist"):
        SentenceTransformersReranker(str(tmp_path / "nowhere"), device="cpu")


def test_a_hub_that_cannot_be_reached_can_be_tried_again():
    with pytest.raises(TransientError, match="someone/nothing"):
        SentenceTransformersReranker("someone/nothing", device="cpu")
