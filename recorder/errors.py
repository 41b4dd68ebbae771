"""What can go wrong outside of the recorder, each with its exit code and what to do about it."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """The table stands in docs/reference/recorder.md."""

    CLEAN = 0
    USAGE = 2
    NO_BTF = 10
    NO_PRIVILEGE = 11
    LOCKDOWN = 12
    MISSING_HOOK = 13
    NO_OBJECT = 14
    NO_LIBBPF = 15
    OUTPUT = 16
    FULL_DISK = 17
    SECOND_RECORDER = 18
    COMMAND_NOT_FOUND = 19
    NOT_RUNNING = 20
    KERNEL = 21
    BUG = 70


class RecorderError(Exception):
    """A fault of the environment: one sentence in lower case, and a remedy."""

    def __init__(self, code: ExitCode, message: str, remedy: str) -> None:
        super().__init__(message)
        self.code = code
        self.remedy = remedy
