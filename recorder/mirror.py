"""Files of profiles, brought to the API server as objects by a thread of its own.

The folder is the queue: what is not there yet is in its file, however long nobody answers and
however often the recorder is started anew.
"""

from __future__ import annotations

import hashlib
import json
import sys
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from threading import Event, Thread

from recorder.api import RefusedError, UnansweredError
from recorder.objects import ContendedError, Objects, TooLargeError
from recorder.profile import Document
from recorder.store import workload_of

RETRY_SECONDS = 5.0
LONGEST_SECONDS = 60.0
LAST_SECONDS = 20.0
"""How long the end waits for the last objects; a pod has 30 s by default."""


@dataclass(slots=True)
class Mirror:
    """``folder`` is that of the files.  All but ``begin``, ``wake`` and ``end`` is for its own thread."""

    folder: Path
    objects: Objects
    written: int = 0
    """Files that were brought over, each time one changed."""
    failed: int = 0
    pending: dict[str, str] = field(default_factory=dict)
    """File -> why its content is not in the cluster."""
    done: dict[str, bytes] = field(default_factory=dict)
    """File -> digest of the content that is."""
    homeless: frozenset[str] = frozenset()
    """Those of them whose namespace is gone, which is no fault: their files are all that will be."""
    refused: dict[str, bytes] = field(default_factory=dict)
    """File -> digest of a content that the API server does not want."""
    is_answered: bool = True
    _wanted: Event = field(default_factory=Event)
    _ending: Event = field(default_factory=Event)
    _thread: Thread | None = None

    def begin(self) -> None:
        """Bring everything that is in the folder, and then what changes."""
        self._wanted.set()
        self._thread = Thread(target=self._run, name="mirror", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Files may have changed."""
        self._wanted.set()

    def end(self) -> None:
        """Bring what is left, and stop; what nobody takes stays in its file."""
        self._ending.set()
        self._wanted.set()
        if self._thread:
            self._thread.join(LAST_SECONDS)
        if self.pending:
            _say(f"{len(self.pending)} profiles are in files only")

    @property
    def reason(self) -> str:
        """Why the first of the files that wait does; "" when none does that should not."""
        waiting = sorted(self.pending.copy().items())
        return next((why for name, why in waiting if name not in self.homeless), "")

    def _run(self) -> None:
        wait, failures = LONGEST_SECONDS, 0
        # What was written while a round went on is wanted still when the end is asked for.
        while self._wanted.is_set() or not self._ending.is_set():
            if not self._wanted.wait(wait):
                self.refused.clear()  # a right or a namespace may have come
            self._wanted.clear()
            self.once()
            failures = 0 if self.is_answered else failures + 1
            wait = (
                min(RETRY_SECONDS * 2 ** (failures - 1), LONGEST_SECONDS)
                if failures
                else LONGEST_SECONDS
            )

    def once(self) -> None:
        """Bring every file that differs from what was brought."""
        before, self.is_answered = self.is_answered, True
        paths = sorted(self.folder.glob("[!.]*.json"))
        for gone in self.pending.keys() - {path.name for path in paths}:
            del self.pending[gone]
        for path in paths:
            self._bring(path)
        if before != self.is_answered:
            _say("the API server takes profiles again" if self.is_answered else self.reason)

    def _bring(self, path: Path) -> None:
        try:
            raw = path.read_bytes()
            digest = hashlib.sha256(raw).digest()
            if digest in {self.done.get(path.name), self.refused.get(path.name)}:
                return
            if not self.is_answered:  # one time-out is enough
                self.pending.setdefault(path.name, "nobody answers")
                return
            document = json.loads(raw)
            if _is_of_a_cluster(document):
                self.objects.write(document)
        except (UnansweredError, ContendedError) as fault:
            self.is_answered = False
            self._keep(path, f"the API server does not take profiles: {fault}")
        except (RefusedError, TooLargeError) as fault:
            self.refused[path.name] = digest
            if isinstance(fault, RefusedError) and fault.status == HTTPStatus.NOT_FOUND:
                self.homeless |= {path.name}
            self._keep(path, f"`{path.name}` is refused: {fault}")
        except (OSError, ValueError) as fault:
            self._keep(path, f"`{path.name}` cannot be read: {fault}")
        else:
            self.done[path.name] = digest
            self.pending.pop(path.name, None)
            self.homeless -= {path.name}
            self.refused.pop(path.name, None)
            self.written += 1

    def _keep(self, path: Path, why: str) -> None:
        self.failed += 1
        if self.is_answered and self.pending.get(path.name) != why:
            _say(why)
        self.pending[path.name] = why


def _is_of_a_cluster(document: Document) -> bool:
    """A container that nothing is known of but its id is no workload of the cluster."""
    workload, spec = workload_of(document), document["spec"]
    runs = spec.get("runs") if isinstance(spec, dict) else None
    ids = [run.get("id") for run in runs if isinstance(run, dict)] if isinstance(runs, list) else []
    return isinstance(workload, dict) and workload.get("name") not in ids


def _say(text: str) -> None:
    sys.stderr.write(f"recorder: {text}\n")
