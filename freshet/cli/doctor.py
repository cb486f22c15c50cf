"""`freshet doctor`"""

from __future__ import annotations

import os
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Final

import typer

from freshet.cli.exits import DONE, FAILED, USAGE
from freshet.cli.output import print_json, print_line
from freshet.cli.running import run_quietly, settings

if TYPE_CHECKING:
    from freshet.doctor.findings import Finding
    from freshet.settings import Settings

COLOURS: Final = {"ok": "green", "warn": "yellow", "fail": "red", "not checked": "bright_black"}


def doctor(*, json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Reach every part and say how it is, one line each; exit code 1 when something fails. Changes nothing."""
    from freshet.schemas.errors import SettingsError

    try:
        findings = run_quietly(_examine(settings(), quiet=json))
    except SettingsError as error:
        findings, code = _mistakes(error, quiet=json), USAGE
    else:
        code = FAILED if any(each.mark == "fail" for each in findings) else DONE
    if json:
        print_json([asdict(each) for each in findings])
    if code:
        raise typer.Exit(code)


async def _examine(given: Settings, *, quiet: bool) -> list[Finding]:
    from freshet.doctor.checks import diagnose

    findings = []
    async for finding in diagnose(given):
        findings.append(finding)
        if not quiet:
            _print(finding)
    return findings


def _mistakes(error: Exception, *, quiet: bool) -> list[Finding]:
    """Without settings there is nothing else to examine."""
    from freshet.doctor.findings import Finding, Mark

    findings = [Finding("settings", Mark.FAIL, line) for line in str(error).splitlines()]
    findings.append(Finding("the rest", Mark.NOT_CHECKED, "because of settings, see above"))
    if not quiet:
        for finding in findings:
            _print(finding)
    return findings


def _print(finding: Finding) -> None:
    mark = f"{finding.mark:<11}"
    if sys.stdout.isatty() and "NO_COLOR" not in os.environ:
        mark = typer.style(mark, fg=COLOURS[finding.mark])
    hint = f" → {finding.hint}" if finding.hint else ""
    print_line(f"{mark}  {finding.part:<8}  {finding.found}{hint}")
    sys.stdout.flush()
