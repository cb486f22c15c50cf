"""`freshet`, the real one. What never ends is started, waited for until it is ready, and told to end."""

import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

from freshet.local.processes import LOOPBACK, free_ports

ENDLESS = ("worker", "search")
# The demo has tests of its own, and starts a second Kafka: here its options are looked at.
LOOKED_AT = ("demo",)
SECONDS = 60.0
FOLLOWING: dict[tuple[str, ...], tuple[str, bool]] = {
    ("replay", "run"): ("--until-caught-up", True),
    ("topics", "copy"): ("--follow", False),
}


def main(arguments: list[str]) -> int:
    arguments = without_end(arguments)
    command = [sys.executable, "-m", "freshet", *arguments]
    if "--help" in arguments or arguments[:1] not in [[name] for name in ENDLESS + LOOKED_AT]:
        os.execv(sys.executable, command)
    if arguments[0] in LOOKED_AT:
        return subprocess.run([*command, "--help"], stdout=subprocess.DEVNULL, check=False).returncode
    return run_until_ready(command)


def without_end(arguments: list[str]) -> list[str]:
    """The same, but that what follows the log ends when it has come to the log's end."""
    option, wanted = FOLLOWING.get(tuple(arguments[:2]), ("", False))
    rest = [each for each in arguments if each != option]
    return [*rest, option] if wanted and "--help" not in arguments else rest


def run_until_ready(command: list[str]) -> int:
    """The exit code of a process that is ended once it is ready; its log, where it never is or ends in another way."""
    probes, port = free_ports(2)
    environment = {**os.environ, "FRESHET_PROBES__PORT": str(probes), "FRESHET_SEARCH__PORT": str(port)}
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        ready = wait(process, f"http://{LOOPBACK}:{probes}/readyz") and ("worker" not in command or caught_up())
        process.terminate()
        code = process.wait(timeout=SECONDS)
        if not ready or code:
            log.seek(0)
            sys.stderr.write(log.read().decode() + f"\nit was {'' if ready else 'not '}ready, and ended with {code}\n")
        return code if ready else code or 1


def wait(process: "subprocess.Popen[bytes]", url: str) -> bool:
    end = time.monotonic() + SECONDS
    while process.poll() is None and time.monotonic() < end:
        try:
            with urllib.request.urlopen(url, timeout=2):
                return True
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    return False


def caught_up() -> bool:
    """Whether the index holds what the topic does, as it does when somebody comes back to a worker later."""
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        lag = subprocess.run([sys.executable, "-m", "freshet", "lag"], capture_output=True, text=True, check=True)
        if lag.stdout.endswith("caught up\n"):
            return True
    return False


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
