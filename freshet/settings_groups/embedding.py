"""The model that turns texts into vectors, and others that an index may have been built with."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from freshet.settings_groups import HTTP_ADDRESS, Group


class _Model(BaseModel):
    """What names a model, and how it is run."""

    provider: Literal["openvino", "sentence-transformers", "openai"] = Field("openvino", description="what runs it")
    model: str = Field("all-MiniLM-L6-v2", min_length=1, description="a known name, a folder, or an id of a model hub")
    name: str | None = Field(None, description="what a folder's model is called; equal names promise equal vectors")
    revision: str | None = Field(None, description="commit or tag of the model on its hub")
    threads: int = Field(0, ge=0, le=256, description="threads of the model; 0 for one per core")
    precision: Literal["auto", "f32", "bf16"] = Field("auto", description="arithmetic; auto takes bf16 where fast")
    device: str | None = Field(None, description="device of sentence-transformers, such as cuda")
    base_url: str | None = Field(None, pattern=HTTP_ADDRESS, description="address of a server that speaks OpenAI's API")
    api_key: SecretStr | None = Field(None, description="key of that server")
    dimensions: int | None = Field(None, ge=1, le=65536, description="shorter vectors, where the model offers them")
    batch_inputs: int = Field(2048, ge=1, le=2048, description="most texts in one request to such a server")
    usd_per_million_tokens: float | None = Field(None, ge=0, description="price; known for OpenAI's own models")


class Embedding(_Model, Group):
    """The model that turns passages and queries into vectors."""

    window: int = Field(256, ge=16, le=8192, description="tokens of a passage, at most what the model takes")
    cache_bytes: int = Field(64_000_000, ge=0, description="memory for vectors kept in the process")
    cache_seconds: int = Field(30 * 86_400, ge=1, description="how long Redis keeps a vector")


class NamedModel(_Model):
    """A model in a list of them: it has the fields of FRESHET_EMBEDDING__… that name a model."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str = Field(min_length=1, description="a known name, a folder, or an id of a model hub")
