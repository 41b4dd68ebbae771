"""What would be lost if this recorder were killed now: the containers whose last profile is not written yet.

Lines of JSON, appended: ``{"begun": SUBJECT, ...}`` and ``{"ended": SUBJECT}``.  No fsync: the
page cache outlives a process that is killed, and containers do not outlive a machine that is.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from recorder import store
from recorder.identity import Container
from recorder.profile import Workload

NAME = ".recorder.journal"
_SLACK = 1000  # lines of containers that ended, before the file is made anew


@dataclass(frozen=True, slots=True)
class Open:
    """A container that is being recorded.  ``start`` in seconds since 1970."""

    container: Container
    start: float
    coverage: str


def left(folder: Path) -> tuple[Open, ...]:
    """What the recorder before this one left open; of a line that is half written, nothing."""
    found: dict[int, Open] = {}
    for line in _lines(folder / NAME):
        if "ended" in line:
            found.pop(int(line["ended"]), None)
        else:
            told = dict(line["container"])
            told["workload"] = Workload(**told["workload"])
            found[int(line["begun"])] = Open(Container(**told), line["start"], line["coverage"])
    return tuple(found.values())


@dataclass(slots=True)
class Journal:
    """The file, and what is yet to be written to it."""

    folder: Path
    _open: dict[int, str] = field(default_factory=dict)
    _pending: list[str] = field(default_factory=list)
    _lines: int = 0
    _is_whole: bool = False
    """Whether the file has all lines but the pending ones; not before the first write, nor after one that failed."""

    def begin(self, subject: int, opened: Open) -> None:
        line = json.dumps({"begun": subject, **asdict(opened)})
        self._open[subject] = line
        self._pending.append(line)

    def end(self, subject: int) -> None:
        if self._open.pop(subject, None):
            self._pending.append(json.dumps({"ended": subject}))

    def write(self) -> None:
        """Bring the file up to date; RecorderError when it cannot be, and then it is made anew the next time."""
        if self._is_whole and not self._pending:
            return
        path = self.folder / NAME
        try:
            if self._is_whole and self._lines < 2 * len(self._open) + _SLACK:
                with path.open("a") as file:
                    file.write(_text(self._pending))
                self._lines += len(self._pending)
            else:
                aside = path.with_suffix(".tmp")
                aside.write_text(_text(self._open.values()))
                aside.replace(path)
                self._lines = len(self._open)
        except OSError as error:
            self._is_whole = False
            raise store.failure(path, error) from error
        self._is_whole = True
        self._pending.clear()


def _text(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _lines(path: Path) -> Iterator[dict[str, Any]]:  # our own, by `begin` and `end`
    try:
        text = path.read_text()
    except OSError:
        return
    for line in text.splitlines():
        with suppress(ValueError):
            yield json.loads(line)
