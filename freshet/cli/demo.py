"""`freshet demo`"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from freshet.cli.output import counted, print_json, print_line, warn
from freshet.cli.running import run_quietly
from freshet.schemas.errors import FreshetError

if TYPE_CHECKING:
    from freshet.local.corpus import Corpus
    from freshet.local.stack import LocalStack
    from freshet.schemas.http import SearchAnswer
