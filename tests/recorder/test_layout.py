"""The structures of the kernel side and of Python, compared through the object's BTF."""

from __future__ import annotations

import ctypes
from typing import Any

import pytest
from support.bpf_objects import MACHINES, built, types_of

from recorder import layout

pytestmark = pytest.mark.system


@pytest.fixture(scope="module", params=MACHINES)
def types(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> dict[int, Any]:
    return types_of(built(request.param, tmp_path_factory.mktemp("object")))


def _struct(types: dict[int, Any], name: str) -> Any:
    (found,) = (t for t in types.values() if t["kind"] == "STRUCT" and t["name"] == name)
    return found


def _enum(types: dict[int, Any], member: str) -> dict[str, int]:
    for entry in types.values():
        values = {v["name"]: v["val"] for v in entry.get("values", ())}
        if member in values:
            return values
    raise AssertionError(member)


@pytest.mark.parametrize("name", sorted(layout.SHARED))
def test_each_field_has_its_place_and_width(types: dict[int, Any], name: str) -> None:
    mirror, struct = layout.SHARED[name], _struct(types, name)
    offsets = {m["name"]: m["bits_offset"] // 8 for m in struct["members"]}
    assert {n: getattr(mirror, n).offset for n, _ in mirror._fields_} == offsets
    assert ctypes.sizeof(mirror) == struct["size"]


def test_enumerations_are_the_same(types: dict[int, Any]) -> None:
    domains = _enum(types, "LOSS_DOMAINS")
    assert [name.lower() for name in sorted(domains, key=domains.__getitem__)][:-1] == list(
        layout.DOMAINS
    )
    phases = _enum(types, "PHASES")
    assert [phases[name.upper()] for name in layout.PHASES] == [*range(phases["PHASES"])]
    kinds = {k: v for k, v in vars(layout).items() if k.startswith("EVENT_")}
    assert _enum(types, "EVENT_SUBJECT") == kinds
    actions = {k: v for k, v in vars(layout).items() if k.startswith("ACTION_")}
    assert _enum(types, "ACTION_OPEN") == actions
    sides = {k: v for k, v in vars(layout).items() if k.startswith("SIDE_")}
    assert _enum(types, "SIDE_CLIENT") == sides
    unread = {k: v for k, v in vars(layout).items() if k.startswith("UNREAD_")}
    assert _enum(types, "UNREAD_HTTP2") == unread
