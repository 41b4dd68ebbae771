"""What the process says about itself: one JSON object a line on stderr, no object and no secret.

Names, reasons and digests are said; objects, their fields and what exceptions quote of them are not.
"""

from __future__ import annotations

import json
import logging
import sys
import time
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TextIO

_OTHERS = {"uvicorn": logging.WARNING, "asyncio": logging.WARNING, "urllib3": logging.ERROR}
"""urllib3 tells every retry; the cluster view tells what came of it."""
_FIELDS = "fields"
_PER_SECOND = 20


class _JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        head = {"time": at, "level": record.levelname.lower(), "message": record.getMessage()}
        return json.dumps(head | getattr(record, _FIELDS, {}), default=str)


def start_logging(level: str, stream: TextIO = sys.stderr) -> None:
    """Everything that is logged in this process, as JSON lines; uvicorn's words from warnings up."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_JsonLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name, least in _OTHERS.items():
        logging.getLogger(name).setLevel(least)


class Talk:
    """The sentences of the process, each with its fields.

    What a client can cause as often as it likes is said twenty times a second at most.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._log = logging.getLogger("webhook")
        self._clock = clock
        self._second = 0
        self._said = 0

    def info(self, message: str, **fields: object) -> None:
        self._log.info(message, extra={_FIELDS: fields})

    def warning(self, message: str, **fields: object) -> None:
        self._log.warning(message, extra={_FIELDS: fields})

    def error(self, message: str, **fields: object) -> None:
        self._log.error(message, extra={_FIELDS: fields})

    def faulted(self, path: str, reason: str, message: str, uid: str) -> bool:
        """A review was refused unjudged; whether it was said."""
        may_say = self._may_say()
        if may_say:
            self.warning(
                "refused unjudged", path=path, reason=reason, detail=message[:200], uid=uid
            )
        return may_say

    def unrecorded(self, why: str) -> None:
        """A decision is not in the log: an alarm."""
        if self._may_say():
            self.error("decision not recorded", detail=why)

    def bug(self, fault: Exception) -> None:
        """The type and the places of an exception: its text may quote the object."""
        if self._may_say():
            places = [f"{f.filename}:{f.lineno}" for f in traceback.extract_tb(fault.__traceback__)]
            self.error("internal error", type=type(fault).__name__, places=places[-10:])

    def _may_say(self) -> bool:
        second = int(self._clock())
        if second != self._second:
            self._second, self._said = second, 0
        self._said += 1
        return self._said <= _PER_SECOND
