"""`freshet keys`"""

from __future__ import annotations

import json as json_
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from freshet.cli.output import print_json, print_line

if TYPE_CHECKING:
    from freshet.schemas.access import Key

_SCOPES: Final = "search,publish,admin"

app = typer.Typer(help="Keys of the search service.", no_args_is_help=True)


@app.callback()
def keys() -> None:
    """Keys of the search service."""


@app.command("new")
def new(
    *,
    name: Annotated[str, typer.Option("--name", help="What people call it; each key has another.")] = "default",
    scopes: Annotated[str, typer.Option("--scopes", help=f"What it may be used for: of {_SCOPES}.")] = "search",
    tenant: Annotated[str | None, typer.Option("--tenant", help="The only tenant that it acts for.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Make a key: it is shown now and never again. The service is given its hash, in FRESHET_SEARCH__KEYS."""
    import secrets

    from freshet.schemas.access import KEY_BYTES, KEY_PREFIX, key_hash

    key = KEY_PREFIX + secrets.token_urlsafe(KEY_BYTES)
    entry = _entry(name=name, hash=key_hash(key), scopes=scopes.split(","), tenant=tenant)
    shown = entry.model_dump(mode="json", exclude_none=True)
    if json:
        print_json({"key": key, "entry": shown})
        return
    print_line(f"Key, for its caller; it is shown this once: {key}")
    print_line("Entry, for the list in FRESHET_SEARCH__KEYS:")
    print_line(json_.dumps(shown))


def _entry(**fields: Any) -> Key:
    """The entry of these options. Raises typer.BadParameter that names the option at fault."""
    from pydantic import ValidationError

    from freshet.schemas.access import Key

    try:
        return Key.model_validate(fields)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise typer.BadParameter(first["msg"], param_hint=f"--{first['loc'][0]}") from error
