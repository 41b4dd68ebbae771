"""A folder of profiles: a file is written whole or not at all, and the last good one stays."""

from __future__ import annotations

import errno
import json
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from recorder.errors import ExitCode, RecorderError
from recorder.profile import API_VERSION, KIND, Document, Json, Workload, join

_PROBE = ".recorder.probe"
_PROBE_BYTES = 4096


def check(folder: Path, workload: Workload) -> None:
    """RecorderError when it is known before a recording that its profile could not be written; makes the folder."""
    path = folder / f"{workload.slug}.json"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path, known = _place(path, workload.fields)
        if known:
            _joined(path, known, [])
        probe(folder)
    except OSError as error:
        raise failure(path, error) from error


def probe(folder: Path) -> None:
    """Write a file as profiles are written, and remove it; OSError when that is impossible."""
    path = folder / f"{_PROBE}-{os.getpid()}"
    replace(path, bytes(_PROBE_BYTES))
    path.unlink()


def write(folder: Path, *documents: Document) -> Path:
    """Join reports of one container with the one that is there; RecorderError when that is impossible."""
    path = folder / f"{name_of(documents[0])}.json"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path, known = _place(path, workload_of(documents[0]))
        replace(path, text(_joined(path, known, documents)).encode())
    except OSError as error:
        raise failure(path, error) from error
    return path


def text(document: Document) -> str:
    """As JSON, with a line for each run and item: json's own indentation takes ten times as long."""
    spec = document["spec"]
    assert isinstance(spec, dict)
    head = ",\n".join(_line(key, value, 2) for key, value in document.items() if key != "spec")
    body = ",\n".join(_line(key, value, 4) for key, value in spec.items())
    return f'{{\n{head},\n  "spec": {{\n{body}\n  }}\n}}\n'


def _line(key: str, value: Json, indent: int) -> str:
    """A field of an object; of a list, each entry on a line of its own."""
    space = " " * indent
    if not isinstance(value, list) or not value:
        return f'{space}"{key}": {json.dumps(value, ensure_ascii=False)}'
    entries = ",\n".join(f"{space}  {json.dumps(entry, ensure_ascii=False)}" for entry in value)
    return f'{space}"{key}": [\n{entries}\n{space}]'


def name_of(document: Document) -> str:
    metadata = document["metadata"]
    assert isinstance(metadata, dict)
    return str(metadata["name"])


def _place(path: Path, workload: Json) -> tuple[Path, list[Document]]:
    """The file of a container, and what it holds; another container may have the same name.

    `a` in namespace `b-c` and `c-a` in namespace `b`, for example; whoever comes second gets a number.
    """
    number, free = 1, path
    while (known := _read(free)) and workload_of(known[0]) != workload:
        number += 1
        free = path.with_name(f"{path.stem}-{number}.json")
    return free, known


def workload_of(document: Document) -> Json:
    """The container that a profile is about; None when it is about something else."""
    spec = document.get("spec")
    return spec.get("workload") if isinstance(spec, dict) else None


def _read(path: Path) -> list[Document]:
    try:
        known = json.loads(path.read_bytes())
    except FileNotFoundError:
        return []
    except ValueError as error:
        raise _foreign(path) from error
    if not isinstance(known, dict) or (known.get("apiVersion"), known.get("kind")) != (
        API_VERSION,
        KIND,
    ):
        raise _foreign(path)
    return [known]


def _joined(path: Path, known: list[Document], documents: Sequence[Document]) -> Document:
    """What the file holds and what is new, as one; RecorderError when the file has only the head of a profile."""
    try:
        return join([*known, *documents])
    except (AssertionError, KeyError, TypeError, ValueError) as error:
        if known and not documents:
            raise _foreign(path) from error
        if known:
            _joined(path, known, [])  # else what is new is at fault, and that is a bug
        raise


def _foreign(path: Path) -> RecorderError:
    return RecorderError(
        ExitCode.OUTPUT,
        f"`{path}` is no AgentProfile, and would be overwritten",
        "move it away or name another folder with --output",
    )


def replace(path: Path, data: bytes) -> None:
    """Write the file whole or not at all; OSError leaves the old one."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".tmp")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fchmod(file.fileno(), 0o644)
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def failure(path: Path, error: OSError) -> RecorderError:
    """What an OSError means for who runs the recorder."""
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return RecorderError(
            ExitCode.FULL_DISK,
            f"no space left for `{path}`; the last good profile stays",
            "make room and record again, or name another folder with --output",
        )
    return RecorderError(
        ExitCode.OUTPUT,
        f"`{path}` cannot be written: {(error.strerror or str(error)).lower()}",
        "name a folder with --output that this user may write",
    )
