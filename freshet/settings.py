"""Settings, read once at the start: `FRESHET_…` from the environment or `.env`, `__` nests, `*_FILE` names a file."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)
from pydantic_settings import SettingsError as BrokenSourceError

from freshet.schemas.decoding import Rules
from freshet.schemas.errors import SettingsError
from freshet.schemas.positions import Order
from freshet.schemas.topics import Topics as TopicNames
from freshet.schemas.topics import TopicSpec, topic_specs

PREFIX: Final = "FRESHET_"
WORKER_PROBE_PORT: Final = 9108
SEARCH_PROBE_PORT: Final = 9109
_HTTP: Final = r"^https?://[^/\s]+"
_TOPIC_NAME: Final = r"^[A-Za-z0-9._-]{1,200}$"


class _Group(BaseModel):
    # Unknown names are found by `_unknown`, which can say what was meant; `*_FILE` names arrive here as extra ones.
    model_config = ConfigDict(extra="ignore", frozen=True)


Port = Annotated[int, Field(ge=0, le=65535)]


class Kafka(_Group):
    """Where Kafka is."""

    bootstrap_servers: str = Field("127.0.0.1:9092", min_length=1, description="host:port, several with commas")


class Topics(_Group):
    """The topics; all names but the two of search derive from the name of the documents topic."""

    documents: str = Field("documents", pattern=_TOPIC_NAME, description="the topic that upstream publishes to")
    partitions: int = Field(4, ge=1, le=1024, description="partitions of topics that Freshet creates")
    replication_factor: int = Field(1, ge=1, le=9, description="replicas of topics that Freshet creates")
    create: bool = Field(True, description="create missing topics at the start; else only check them")


class Qdrant(_Group):
    """Where Qdrant is."""

    url: str = Field("http://127.0.0.1:6333", pattern=_HTTP, description="REST address of Qdrant")
    ca_file: Path | None = Field(None, description="certificates (PEM) that the server is checked against")
    api_key: SecretStr | None = Field(None, description="key; search is content with a read-only one")
    timeout_seconds: float = Field(30, gt=0, le=600, description="longest wait for one request")


class Redis(_Group):
    """Caches; without an address they live in the process."""

    url: SecretStr | None = Field(None, description="redis://, rediss:// or unix:// address")
    timeout_seconds: float = Field(0.05, gt=0, le=10, description="longest wait of a search for one call")
    # A worker that is busy for a moment must not take that for a Redis that is away, and pay for texts twice.
    worker_timeout_seconds: float = Field(1.0, gt=0, le=10, description="longest wait of a worker for one call")


class Embedding(_Group):
    """The model that turns passages and queries into vectors."""

    provider: Literal["openvino", "sentence-transformers", "openai"] = Field("openvino", description="what runs it")
    model: str = Field("all-MiniLM-L6-v2", min_length=1, description="a known name, a folder, or an id of a model hub")
    name: str | None = Field(None, description="what a folder's model is called; equal names promise equal vectors")
    window: int = Field(256, ge=16, le=8192, description="tokens of a passage, at most what the model takes")
    revision: str | None = Field(None, description="commit or tag of the model on its hub")
    threads: int = Field(0, ge=0, le=256, description="threads of the model; 0 for one per core")
    precision: Literal["auto", "f32", "bf16"] = Field("auto", description="arithmetic; auto takes bf16 where fast")
    device: str | None = Field(None, description="device of sentence-transformers, such as cuda")
    base_url: str | None = Field(None, pattern=_HTTP, description="address of a server that speaks OpenAI's API")
    api_key: SecretStr | None = Field(None, description="key of that server")
    dimensions: int | None = Field(None, ge=1, le=65536, description="shorter vectors, where the model offers them")
    batch_inputs: int = Field(2048, ge=1, le=2048, description="most texts in one request to such a server")
    usd_per_million_tokens: float | None = Field(None, ge=0, description="price; known for OpenAI's own models")
    cache_bytes: int = Field(64_000_000, ge=0, description="memory for vectors kept in the process")
    cache_seconds: int = Field(30 * 86_400, ge=1, description="how long Redis keeps a vector")


class Worker(_Group):
    """How the worker consumes."""

    batch_events: int = Field(1_024, ge=1, le=10_000, description="most events in a batch")
    batch_bytes: int = Field(400_000, ge=1, description="most bytes of events in a batch")
    shutdown_seconds: float = Field(5, gt=0, le=600, description="time for the batch in flight when told to stop")
    retry_seconds: float = Field(30, gt=0, le=600, description="longest wait between two tries of a failing call")


class Search(_Group):
    """The search service."""

    host: str = Field("127.0.0.1", description="address to listen on; loopback unless told otherwise")
    port: Port = Field(8080, description="port of the service; 0 for any free one")
    allowed_hosts: tuple[str, ...] = Field(
        (), description='names that Host and Origin may carry, as JSON: ["a.example"]'
    )
    deadline_seconds: float = Field(10, gt=0, le=600, description="longest time for one request")
    max_body_bytes: int = Field(8_000_000, ge=1_000, description="largest request body")
    max_connections: int = Field(500, ge=1, le=100_000, description="open connections; one more is answered with 503")
    head_seconds: float = Field(10, gt=0, le=600, description="longest time for the head of a request to arrive")


class Probes(_Group):
    """`/status`, `/metrics`, `/livez`, `/readyz` and `/health` of every process, on a port of their own."""

    host: str = Field("127.0.0.1", description="address to listen on")
    port: Port | None = Field(None, description="9108 for the worker and 9109 for search when not given; 0 for any")


class Settings(BaseSettings):
    """Everything that can be set."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        env_file=".env",
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )

    index: str = Field("documents", pattern=r"^[A-Za-z0-9._-]{1,100}$", description="name of the index: a Qdrant alias")
    tenants: bool = Field(False, description="whether every event names its tenant")
    order: Order = Field(Order.LOG, description="what is newer: the later offset, or the higher version")
    max_event_bytes: int = Field(1_000_000, ge=1_000, description="a larger event is a dead letter")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="what is logged")

    kafka: Kafka = Kafka()
    topics: Topics = Topics()
    qdrant: Qdrant = Qdrant()
    redis: Redis = Redis()
    embedding: Embedding = Embedding()
    worker: Worker = Worker()
    search: Search = Search()
    probes: Probes = Probes()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments before the environment before `.env`; secrets come by `*_FILE`, not by a folder."""
        return init_settings, env_settings, dotenv_settings

    @property
    def rules(self) -> Rules:
        """What a valid event of the documents topic is."""
        return Rules(tenants=self.tenants, order=self.order, max_bytes=self.max_event_bytes)

    @property
    def topic_specs(self) -> tuple[TopicSpec, ...]:
        """The topics, as they should be."""
        return topic_specs(
            TopicNames(self.topics.documents),
            partitions=self.topics.partitions,
            replication_factor=self.topics.replication_factor,
            max_event_bytes=self.max_event_bytes,
        )


def load_settings(**given: Any) -> Settings:
    """The settings of this process. Raises SettingsError that names every mistake with its variable."""
    given_there = variables()
    mistakes = _unknown(given_there)
    files = _files(given_there, mistakes)
    try:
        settings = Settings(**{**files, **given})
    except ValidationError as error:
        mistakes += [f"{variable(each['loc'])}: {each['msg']}" for each in error.errors(include_url=False)]
    except BrokenSourceError as error:
        mistakes.append(f"{_broken(error)}: is not JSON, in which lists and whole groups are given")
    if mistakes:
        raise SettingsError("\n".join(mistakes))
    return settings


def variable(path: tuple[int | str, ...]) -> str:
    """Name of the environment variable of a setting, such as FRESHET_QDRANT__URL."""
    return PREFIX + "__".join(str(part).upper() for part in path[:2])


def names() -> list[str]:
    """The environment variables of all settings."""
    return [variable(path) for path, _ in fields()]


def fields() -> Iterator[tuple[tuple[str, ...], FieldInfo]]:
    """Every setting by its path, such as ("kafka", "bootstrap_servers")."""
    for name, field in Settings.model_fields.items():
        group = field.annotation
        if isinstance(group, type) and issubclass(group, _Group):
            yield from (((name, inner), each) for inner, each in group.model_fields.items())
        else:
            yield (name,), field


def sources() -> dict[str, dict[str, Any]]:
    """What is set by a file, in the environment and in `.env`, nested; the first of them counts."""
    return {
        "file": _files(variables(), []),
        "environment": EnvSettingsSource(Settings)(),
        ".env": DotEnvSettingsSource(Settings)(),
    }


def variables() -> dict[str, str]:
    """What `.env` and the environment hold, by names in capitals; the environment wins."""
    both = [*DotEnvSettingsSource(Settings).env_vars.items(), *os.environ.items()]
    return {name.upper(): value for name, value in both if value is not None}


def _unknown(environment: Mapping[str, str]) -> list[str]:
    """Misspelt nested names; others are left alone, for clusters inject variables such as FRESHET_SEARCH_PORT."""
    known = set(names())
    mistakes = []
    for name in environment:
        nested = name.startswith(PREFIX) and "__" in name
        if nested and name not in known and name.removesuffix("_FILE") not in known:
            near = difflib.get_close_matches(name, known, n=1)
            mistakes.append(f"{name}: there is no such setting" + (f"; did you mean {near[0]}?" if near else ""))
    return mistakes


def _broken(error: BrokenSourceError) -> str:
    """The variable, as far as the error knows it: of a group's settings only the group."""
    field = re.search(r'field "(\w+)"', str(error))
    return f"{PREFIX}{field[1].upper()}…" if field else f"{PREFIX}…"


def _files(environment: Mapping[str, str], mistakes: list[str]) -> dict[str, Any]:
    """Values that `FRESHET_…_FILE` variables point at, nested as Settings takes them."""
    values: dict[str, Any] = {}
    for name in names():
        path = environment.get(f"{name}_FILE")
        if path is None:
            continue
        try:
            text = Path(path).read_text(encoding="utf-8").strip()
        except OSError as error:
            mistakes.append(f"{name}_FILE: cannot read {path}: {error.strerror}")
            continue
        group, _, field = name.removeprefix(PREFIX).lower().partition("__")
        if field:
            values.setdefault(group, {})[field] = text
        else:
            values[group] = text
    return values
