"""Who listens on a port of this machine."""

from __future__ import annotations

import errno
import socket
from enum import Enum
from typing import Final

import aiohttp

SECONDS: Final = 3.0
_ANY: Final = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 (to ask one that listens on all)


class Listener(Enum):
    """`NOBODY`: a process may take the port. `ELSEWHERE`: the address is none of this machine's."""

    NOBODY = 1
    FRESHET = 2
    SOMEBODY = 3
    ELSEWHERE = 4
    FORBIDDEN = 5


async def who_listens(host: str, port: int) -> Listener:
    """Try to take the address, and where it is taken ask who is there."""
    found = taken_by(host, port)
    if found is not Listener.SOMEBODY:
        return found
    return Listener.FRESHET if await _is_freshet(_ANY.get(host, host), port) else Listener.SOMEBODY


def taken_by(host: str, port: int) -> Listener:
    """Try to take the address. Of a listener it does not tell who it is: SOMEBODY."""
    try:
        with socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET):
            return Listener.NOBODY
    except PermissionError:
        return Listener.FORBIDDEN
    except OSError as error:
        return Listener.SOMEBODY if error.errno == errno.EADDRINUSE else Listener.ELSEWHERE


async def _is_freshet(host: str, port: int) -> bool:
    url = f"http://{f'[{host}]' if ':' in host else host}:{port}/livez"
    timeout = aiohttp.ClientTimeout(total=SECONDS)
    try:
        async with aiohttp.ClientSession(timeout=timeout) as session, session.get(url) as answer:
            return answer.headers.get("Server") == "freshet"
    except (aiohttp.ClientError, TimeoutError):
        return False
