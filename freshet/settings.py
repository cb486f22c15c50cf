"""Settings, read once at the start: `FRESHET_…` from the environment or `.env`, `__` nests, `*_FILE` names a file."""

from __future__ import annotations

import difflib
import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal, get_origin

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)
from pydantic_settings import SettingsError as BrokenSourceError

from freshet.schemas.access import Burst, Key, Rate
from freshet.schemas.decoding import Rules
from freshet.schemas.errors import SettingsError
from freshet.schemas.fields import Fields
from freshet.schemas.positions import Order
from freshet.schemas.topics import Topics as TopicNames
from freshet.schemas.topics import TopicSpec, topic_specs
from freshet.search.languages import STEMMERS
from freshet.settings_groups import HTTP_ADDRESS, Group
from freshet.settings_groups.embedding import Embedding, NamedModel
from freshet.settings_groups.kafka import Kafka
from freshet.settings_groups.replay import Replay
from freshet.settings_groups.results import Cache

PREFIX: Final = "FRESHET_"
WORKER_PROBE_PORT: Final = 9108
SEARCH_PROBE_PORT: Final = 9109
_ORIGIN: Final = r"^https?://([a-z0-9_.-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?$"
_TOPIC_NAME: Final = r"^[A-Za-z0-9._-]{1,200}$"


Port = Annotated[int, Field(ge=0, le=65535)]


class Topics(Group):
    """The topics; all names but the two of search derive from the name of the documents topic."""

    documents: str = Field("documents", pattern=_TOPIC_NAME, description="the topic that upstream publishes to")
    partitions: int = Field(4, ge=1, le=1024, description="partitions of topics that Freshet creates")
    replication_factor: int = Field(1, ge=1, le=9, description="replicas of topics that Freshet creates")
    create: bool = Field(True, description="create missing topics at the start; else only check them")


class Qdrant(Group):
    """Where Qdrant is."""

    url: str = Field("http://127.0.0.1:6333", pattern=HTTP_ADDRESS, description="REST address of Qdrant")
    ca_file: Path | None = Field(None, description="certificates (PEM) that the server is checked against")
    api_key: SecretStr | None = Field(None, description="key; search is content with a read-only one")
    timeout_seconds: float = Field(30, gt=0, le=600, description="longest wait for one request")


class Redis(Group):
    """Caches; without an address they live in the process."""

    url: SecretStr | None = Field(None, description="redis://, rediss:// or unix:// address")
    ca_file: Path | None = Field(None, description="certificates (PEM) that the server is checked against")
    timeout_seconds: float = Field(0.05, gt=0, le=10, description="longest wait of a search for one call")
    # A worker that is busy for a moment must not take that for a Redis that is away, and pay for texts twice.
    worker_timeout_seconds: float = Field(1.0, gt=0, le=10, description="longest wait of a worker for one call")

    @property
    def encrypted(self) -> bool:
        """Whether it is TLS."""
        return self.url is not None and self.url.get_secret_value().startswith("rediss://")


class Sparse(Group):
    """How words are indexed; other values make another index version."""

    languages: tuple[str, ...] = Field(
        ("en",), min_length=1, max_length=8, description='of documents and queries, as JSON: ["en", "de"]; first counts'
    )
    average_length: int = Field(100, ge=1, le=10_000, description="words of a passage that are no stop words, about")

    @field_validator("languages")
    @classmethod
    def _known(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        for code in given:
            if code not in STEMMERS:
                raise ValueError(f"there is no stemmer for {code!r}; there are {', '.join(STEMMERS)}")
        return given


class Rerank(Group):
    """The model that reads a query and each of the best passages together, and puts them in order."""

    provider: Literal["off", "openvino", "sentence-transformers", "http"] = Field("off", description="what runs it")
    model: str = Field(
        "cross-encoder/ms-marco-MiniLM-L-6-v2", min_length=1, description="a folder, or an id of a model hub"
    )
    revision: str | None = Field(None, description="commit or tag of the model on its hub")
    threads: int = Field(0, ge=0, le=256, description="threads of the model; 0 for one per core")
    precision: Literal["auto", "f32", "bf16"] = Field("auto", description="arithmetic; auto takes bf16 where fast")
    device: str | None = Field(None, description="device of sentence-transformers, such as cuda")
    base_url: str | None = Field(
        None, pattern=HTTP_ADDRESS, validate_default=True, description="address of a server, before `/rerank`"
    )
    api: Literal["tei", "cohere"] = Field("tei", description="what that server speaks")
    api_key: SecretStr | None = Field(None, description="key of that server")
    batch_texts: int | None = Field(None, ge=1, le=10_000, description="most texts in one request; 32 or 100 by API")
    budget_ms: float = Field(300, gt=0, le=60_000, description="longest time that a search may take for it")

    @field_validator("base_url")
    @classmethod
    def _needed(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is None and info.data.get("provider") == "http":
            raise ValueError("must be given where the provider is http")
        return value


class Worker(Group):
    """How the worker consumes."""

    batch_events: int = Field(1_024, ge=1, le=10_000, description="most events in a batch")
    batch_bytes: int = Field(400_000, ge=1, description="most bytes of events in a batch")
    batch_tokens: int = Field(65_536, ge=1, description="most tokens of a batch that are embedded at once")
    ledger_bytes: int = Field(64 << 20, ge=0, description="memory for ledger records used lately, about")
    tombstone_days: float = Field(
        7,
        ge=1,
        le=3_650,
        description="how late an event may come; ends of documents are remembered for so long, and then for as long as "
        "dead letters are kept",
    )
    verify_hours: float | None = Field(
        None, gt=0, le=8_760, description="hold the whole index against the log so often, in the background"
    )
    nice: int = Field(0, ge=0, le=19, description="how far it steps back for other processes: the system's `nice`")
    shutdown_seconds: float = Field(5, gt=0, le=600, description="time for the batch in flight when told to stop")
    retry_seconds: float = Field(30, gt=0, le=600, description="longest wait between two tries of a failing call")
    instance_id: str | None = Field(
        None,
        pattern=r"^[A-Za-z0-9._-]{1,200}$",
        description="a name of this worker alone; one that is back within a session keeps its partitions",
    )
    standstill_seconds: float = Field(
        600,
        gt=0,
        le=86_400,
        description="`/livez` fails when events wait, nothing outside is away and nothing was done for so long",
    )
    session_seconds: float = Field(
        10,
        ge=1,
        le=300,
        description="without a sign of life for so long it loses its partitions; brokers want 6 or more",
    )


class Search(Group):
    """The search service."""

    host: str = Field("127.0.0.1", description="address to listen on; loopback unless told otherwise")
    port: Port = Field(8080, description="port of the service; 0 for any free one")
    allowed_hosts: tuple[str, ...] = Field(
        (), description='names that Host and Origin may carry, as JSON: ["a.example"]'
    )
    keys: tuple[Key, ...] = Field((), description="keys of callers, as JSON; `freshet keys new` makes one")
    open: bool = Field(False, description="do without keys on other addresses than loopback")
    rate: Rate = Field(100, description="requests a second of each key, 0 for no limit")
    burst: Burst = Field(200, description="requests that a key may make at once")
    cors_origins: tuple[Annotated[str, Field(pattern=_ORIGIN)], ...] = Field(
        (), description='origins whose pages may ask here, as JSON: ["https://app.example"]'
    )
    deadline_seconds: float = Field(10, gt=0, le=600, description="longest time for one request")
    max_body_bytes: int = Field(8_000_000, ge=1_000, description="largest request body")
    max_in_flight: int = Field(64, ge=1, le=10_000, description="searches that are worked on at once; others wait")
    max_wait_seconds: float = Field(1, ge=0, le=600, description="longest wait of a search for its turn; else a 503")
    max_connections: int = Field(500, ge=1, le=100_000, description="open connections; one more is answered with 503")
    head_seconds: float = Field(10, gt=0, le=600, description="longest time for the head of a request to arrive")
    log_requests: bool = Field(False, description="a line in the log for each request, without what was asked")
    log_queries: bool = Field(False, description="a line in the log for each search, with its query")
    list_length: int = Field(100, ge=10, le=1_000, description="passages that are looked at by meaning, and by words")
    fusion: Literal["minmax", "rrf"] = Field("minmax", description="how the two lists become one")
    other_models: tuple[NamedModel, ...] = Field(
        (),
        max_length=4,
        description="models beside that of FRESHET_EMBEDDING__…, for versions of the index that were built with them, "
        'as JSON: [{"provider": "openvino", "model": "/models/next"}]',
    )
    record_queries: Literal["off", "answers", "text"] = Field(
        "answers", description="what of each search is put into `search.queries`; text: what was asked, too"
    )

    @field_validator("keys")
    @classmethod
    def _are_different(cls, keys: tuple[Key, ...]) -> tuple[Key, ...]:
        for what, values in (("name", [key.name for key in keys]), ("hash", [key.hash for key in keys])):
            if len(set(values)) < len(values):
                raise ValueError(f"two keys have the same {what}")
        return keys


class Probes(Group):
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
    generation: int = Field(
        1, ge=1, le=1_000_000, description="another number makes another version of the index, for the same model"
    )
    tenants: bool = Field(False, description="whether every event names its tenant")
    order: Order = Field(Order.LOG, description="what is newer: the later offset, or the higher version")
    fields: Fields = Field({}, description='metadata that filters may name, as JSON: {"lang": "keyword"}')
    max_event_bytes: int = Field(1_000_000, ge=1_000, description="a larger event is a dead letter")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="what is logged")

    kafka: Kafka = Kafka()
    topics: Topics = Topics()
    qdrant: Qdrant = Qdrant()
    redis: Redis = Redis()
    embedding: Embedding = Embedding()
    sparse: Sparse = Sparse()
    rerank: Rerank = Rerank()
    worker: Worker = Worker()
    replay: Replay = Replay()
    search: Search = Search()
    cache: Cache = Cache()
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

    def with_model(self, model: NamedModel) -> Settings:
        """The same with another model, which gets a cache as large."""
        named = {name: getattr(model, name) for name in NamedModel.model_fields}
        return self.model_copy(update={"embedding": self.embedding.model_copy(update=named)})

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
        mistakes += [f"{variable(each['loc'])}: {_told(each)}" for each in error.errors(include_url=False)]
    except BrokenSourceError as error:
        mistakes.append(f"{_broken(error, given_there)}: is not JSON, in which lists and whole groups are given")
    else:
        mistakes += _contradictions(settings)
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
        if isinstance(group, type) and issubclass(group, Group):
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


def _told(error: ErrorDetails) -> str:
    """A mistake, with its place where the setting is a list: the entry, from 1, and the entry's field."""
    place = [f"entry {part + 1}" if isinstance(part, int) else str(part) for part in error["loc"][2:]]
    return ", ".join([*place, error["msg"].removeprefix("Value error, ")])


def _contradictions(settings: Settings) -> list[str]:
    """What is wrong between settings that are each right."""
    mistakes = [f"{variable(('kafka', name))}: {text}" for name, text in settings.kafka.mistakes()]
    mistakes += [f"{variable(('cache', name))}: {text}" for name, text in settings.cache.mistakes()]
    if settings.redis.ca_file is not None and not settings.redis.encrypted:
        mistakes.append(f"{PREFIX}REDIS__CA_FILE: means nothing where {PREFIX}REDIS__URL is not rediss://")
    named = ", ".join(key.name for key in settings.search.keys if key.tenant is not None)
    if named and not settings.tenants:
        mistakes.append(f"{PREFIX}SEARCH__KEYS: {named}: a key has a tenant, and {PREFIX}TENANTS is off")
    return mistakes


def _broken(error: BrokenSourceError, environment: Mapping[str, str]) -> str:
    """The list that is no JSON; else as far as the error knows the variable: of a group's settings only the group."""
    for path, field in fields():
        if _is_list(field) and not _is_json(environment.get(variable(path), "[]")):
            return variable(path)
    group = re.search(r'field "(\w+)"', str(error))
    return f"{PREFIX}{group[1].upper()}…" if group else f"{PREFIX}…"


def _is_list(field: FieldInfo) -> bool:
    return get_origin(field.annotation) is tuple


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _files(environment: Mapping[str, str], mistakes: list[str]) -> dict[str, Any]:
    """Values that `FRESHET_…_FILE` variables point at, nested as Settings takes them."""
    values: dict[str, Any] = {}
    for place, field in fields():
        name = variable(place)
        path = environment.get(f"{name}_FILE")
        if path is None:
            continue
        try:
            value: Any = Path(path).read_text(encoding="utf-8").strip()
            if _is_list(field):
                value = json.loads(value)
        except OSError as error:
            mistakes.append(f"{name}_FILE: cannot read {path}: {error.strerror}")
            continue
        except ValueError:
            mistakes.append(f"{name}_FILE: {path} is not JSON in UTF-8, in which lists are given")
            continue
        *group, last = place
        (values.setdefault(group[0], {}) if group else values)[last] = value
    return values
