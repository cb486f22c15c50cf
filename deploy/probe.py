"""Asks the process of this container how it is: `python probe.py readyz`, or `livez`. Exit code 0 when it answers 200.

The images have no curl, so this is the health check. The port is FRESHET_PROBES__PORT, else whichever default answers.
"""

# ruff: noqa: INP001 (a script of the image, in no package)
from __future__ import annotations

import os
import sys
from http.client import HTTPConnection, HTTPException

DEFAULT_PORTS = (9108, 9109)  # the worker's, the search service's
TIMEOUT_SECONDS = 4.0


def main(route: str) -> int:
    """Print what the process answers, for whoever looks at the container's health log."""
    given = os.environ.get("FRESHET_PROBES__PORT")
    for port in (int(given),) if given else DEFAULT_PORTS:
        try:
            status, body = _get(port, route)
        except (OSError, HTTPException) as error:
            print(f"port {port}: {error}")  # noqa: T201
            continue
        print(body)  # noqa: T201
        return 0 if status == 200 else 1
    return 1


def _get(port: int, route: str) -> tuple[int, str]:
    connection = HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS)
    try:
        connection.request("GET", f"/{route}")
        response = connection.getresponse()
        return response.status, response.read().decode(errors="replace")
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
