"""Showing settings without their secrets."""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any, Final
from urllib.parse import SplitResult, unquote, urlsplit

from pydantic import BaseModel, SecretStr

MASK: Final = "********"
_SECRET_LETTERS: Final = 4  # a shorter one would be found in innocent words
_DATABASE: Final = re.compile(r"(/\d{0,3})?")  # the number of a Redis database
_HOST: Final = re.compile(r"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]+")


def shown(value: Any) -> Any:
    """A setting as it may be seen, in JSON's types. Of an address that may hold a password its host is left."""
    if isinstance(value, SecretStr):
        secret = value.get_secret_value()
        return _address(secret, secret=True) if "://" in secret else MASK
    if isinstance(value, tuple):
        return [shown(each) for each in value]
    if isinstance(value, BaseModel):
        return {name: shown(getattr(value, name)) for name in type(value).model_fields}
    if isinstance(value, Enum | Path):
        return value.value if isinstance(value, Enum) else str(value)
    if isinstance(value, str) and "://" in value and any(sign in value for sign in "@?#"):
        return _address(value, secret=False)
    return value


def masked(text: str, settings: BaseModel) -> str:
    """A text with every secret of the settings masked that somebody's error message may have put there."""
    for secret in sorted(set(_secrets(settings)), key=len, reverse=True):
        if len(secret) >= _SECRET_LETTERS:
            text = text.replace(secret, MASK)
    return text


def _address(address: str, *, secret: bool) -> str:
    """`redis://********@host:6379/0`; all of it is masked where it cannot be told what is host and what password."""
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        return MASK
    host = parts.hostname or ""
    if not _HOST.fullmatch(host) or "@" in parts.path + parts.query + parts.fragment:
        return MASK
    user = f"{MASK}@" if "@" in parts.netloc else ""
    path = parts.path if not secret or _DATABASE.fullmatch(parts.path) else f"/{MASK}"
    rest = f"{path}?{MASK}" if parts.query or parts.fragment else path
    brackets = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{user}{brackets}{'' if port is None else f':{port}'}{rest}"


def _secrets(settings: BaseModel) -> Iterator[str]:
    for name in type(settings).model_fields:
        yield from _secrets_of(getattr(settings, name))


def _secrets_of(value: Any) -> Iterator[str]:
    if isinstance(value, BaseModel):
        yield from _secrets(value)
    elif isinstance(value, tuple):
        for each in value:
            yield from _secrets_of(each)
    elif isinstance(value, SecretStr):
        yield from _parts(value.get_secret_value(), secret=True)
    elif isinstance(value, str):
        yield from _parts(value, secret=False)


def _parts(value: str, *, secret: bool) -> Iterator[str]:
    """What must not be seen of a value: all of a secret; of an address the password, as written and as meant."""
    if "://" not in value:
        if secret and value:
            yield value
        return
    if secret:
        yield value
    parts = _split(value)
    if _address(value, secret=secret) == MASK:
        yield value  # nobody can tell what in it is the secret
    for hidden in (parts.username, parts.password, parts.query) if parts else ():
        if hidden:
            yield from (hidden, unquote(hidden))


def _split(address: str) -> SplitResult | None:
    try:
        return urlsplit(address)
    except ValueError:
        return None
