"""Whose certificates are believed, and what is said of the others."""

from __future__ import annotations

import ssl
from pathlib import Path

from freshet.schemas.errors import SettingsError


def trust(ca_file: Path, variable: str) -> ssl.SSLContext:
    """Believe these authorities (PEM) and no others. Raises SettingsError that names the variable."""
    try:
        return ssl.create_default_context(cafile=ca_file)
    except (OSError, ValueError) as error:
        raise SettingsError(f"{variable}: {ca_file} holds no certificates that can be read") from error


def distrust(error: BaseException | None) -> str | None:
    """Why a server's certificate was not believed, where that is what made a client fail."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        if isinstance(error, ssl.SSLCertVerificationError):
            return f"its certificate is not to be trusted: {error.verify_message.rstrip('.')}"
        seen.add(id(error))
        error = error.__cause__ or error.__context__
    return None
