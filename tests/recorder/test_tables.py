"""The recorder's tables against those of the compiler, which it must not import."""

from __future__ import annotations

import pytest

from policyc.catalog.capabilities import CAPABILITIES
from policyc.catalog.syscalls import COMPAT, table
from recorder import layout, tables
from recorder.kernel import actions_of


@pytest.mark.parametrize("architecture", ["amd64", "386", "arm64", "arm"])
def test_syscalls(architecture: str) -> None:
    names = {name: number for number, name in tables.syscall_names(architecture).items()}
    assert names == dict(table()[architecture])


def test_capabilities_and_compat() -> None:
    assert set(tables.CAPABILITIES) == CAPABILITIES
    assert dict(tables.COMPAT) == dict(COMPAT)
    # From include/uapi/linux/capability.h: the first, one in the middle, the last.
    assert [tables.CAPABILITIES.index(n) for n in ("CHOWN", "SYS_ADMIN", "CHECKPOINT_RESTORE")] == [
        0, 21, 40,
    ]  # fmt: skip


@pytest.mark.parametrize("native", tables.COMPAT)
def test_each_machine_knows_its_special_calls(native: str) -> None:
    """By number, native and compat; only private calls of ARM have numbers beyond the maps."""
    abis = (native, tables.COMPAT[native])
    told = actions_of(abis)
    for abi, architecture in enumerate(abis):
        names = tables.syscall_names(architecture)
        opening = {n for n in range(layout.MAX_SYSCALLS) if told.of[abi][n] & layout.ACTION_OPEN}
        assert {names[number] for number in opening} == set(names.values()) & tables.OPENING
        beyond = {number for number in names if number >= layout.MAX_SYSCALLS}
        assert all(architecture == "arm" and number >> 16 == 0xF for number in beyond)


def test_every_special_call_exists() -> None:
    known = {name for a in ("amd64", "386") for name in tables.syscall_names(a).values()}
    assert known >= tables.OPENING | tables.ACCEPTING | tables.OVERCOMMITTING | tables.PROBING
