"""Documents to bytes and back, by the suffix of their path."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import PurePath

from policyc.core.canonical import Json, pretty_json
from policyc.core.strict_json import loads as read_json
from policyc.kube.yaml import dump as write_yaml
from policyc.kube.yaml import load as read_yaml

_WRITERS: dict[str, Callable[[Json], bytes]] = {".json": pretty_json, ".yaml": write_yaml}
_READERS: dict[str, Callable[[bytes], Json]] = {".json": read_json, ".yaml": read_yaml}


def to_bytes(path: str, document: Json) -> bytes:
    """The document in the form that the path's suffix names."""
    return _WRITERS[PurePath(path).suffix](document)


def from_bytes(path: str, data: bytes) -> Json:
    return _READERS[PurePath(path).suffix](data)
