"""What can go wrong, told apart by what the caller may do about it.

FreshetError
├── OutsideError            something outside of us failed
│   ├── TransientError      try again
│   ├── OverloadedError     try again after `retry_after` seconds
│   └── PermanentError      this input can never work
│       └── DeniedError     nothing can, until somebody changes a key, a right or what is missing
├── NotSearchableError      what was published did not become searchable in time
├── BadEvent                an event that can never be indexed (schemas/decoding.py)
├── SettingsError           the process is configured in a way that cannot work
└── MisfitError             what it found outside is not what its settings are for
    └── DroppedError        the index version that it followed is gone
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from freshet.schemas.http import ProblemBody


class FreshetError(Exception):
    """Root of everything that Freshet raises on purpose."""


class OutsideError(FreshetError):
    """A failure of Kafka, Qdrant, Redis, a model or a service, with what was tried and what an operator can do.

    `operation` names what was attempted ("write to Qdrant"), `hint` what to look at; the driver's error is the cause.
    `problem` is what a search service of ours answered, where it was one.
    """

    def __init__(self, operation: str, message: str, *, hint: str = "", problem: ProblemBody | None = None) -> None:
        super().__init__(operation, message, hint)
        self.problem = problem
        self.operation = operation
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        text = f"{self.operation}: {self.message}"
        return f"{text} ({self.hint})" if self.hint else text


class TransientError(OutsideError):
    """It may work when it is tried again: connection refused, timeout, server error."""


class OverloadedError(OutsideError):
    """It will work later: the server asked us to wait `retry_after` seconds."""

    def __init__(
        self,
        operation: str,
        message: str,
        *,
        retry_after: float,
        hint: str = "",
        problem: ProblemBody | None = None,
    ) -> None:
        super().__init__(operation, message, hint=hint, problem=problem)
        self.retry_after = retry_after


class PermanentError(OutsideError):
    """This input can never work: refused as wrong, too long, of another dimension."""


class DeniedError(PermanentError):
    """No input is at fault: a key or a right is missing, or what the settings name is not there.

    A process that starts ends with it; one that runs waits, for an operator can mend it and no event may be lost.
    """


class NotSearchableError(FreshetError):
    """What was published did not become searchable within the time that somebody would wait; it may yet."""


class SettingsError(FreshetError):
    """A process cannot start as it is configured; the message names the setting and what to do."""


class MisfitError(FreshetError):
    """A process must not work on what it found: an index of another model, a topic that was cut or created anew.

    The message says what is wrong and names the command to run. Whoever raises it has changed nothing.
    """


class DroppedError(MisfitError):
    """The index version that a process follows is being dropped, or gone: somebody decided so, and there is no more to
    do for it.
    """
