"""Syscalls: their numbers by architecture, and the named sets that policies start from."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import resources
from types import MappingProxyType

SCMP_TOKENS: Mapping[str, str] = MappingProxyType(
    {
        "amd64": "SCMP_ARCH_X86_64",
        "arm64": "SCMP_ARCH_AARCH64",
        "386": "SCMP_ARCH_X86",
        "arm": "SCMP_ARCH_ARM",
        "ppc64le": "SCMP_ARCH_PPC64LE",
        "riscv64": "SCMP_ARCH_RISCV64",
        "s390x": "SCMP_ARCH_S390X",
    }
)
"""GOARCH word -> the token of a seccomp profile (OCI runtime-spec 1.2, config-linux.md)."""

ARCHITECTURES = tuple(SCMP_TOKENS)

COMPAT: Mapping[str, str] = MappingProxyType({"amd64": "386", "arm64": "arm"})
"""The 32-bit architecture whose calls a 64-bit kernel also accepts."""

PROFILES = ("runtime-default", "all")


@cache
def table() -> Mapping[str, Mapping[str, int]]:
    """Architecture -> name -> number; the sources stand in syscalls.tsv."""
    text = (resources.files("policyc.catalog") / "syscalls.tsv").read_text(encoding="utf-8")
    rows = [line.split("\t") for line in text.splitlines() if not line.startswith("#")]
    architectures = rows[0][1:]
    result: dict[str, dict[str, int]] = {a: {} for a in architectures}
    for name, *numbers in rows[1:]:
        for architecture, number in zip(architectures, numbers, strict=True):
            if number != "-":
                result[architecture][name] = int(number)
    return result


@cache
def names(architecture: str) -> frozenset[str]:
    """The syscalls of an architecture; KeyError when it is none of ours."""
    return frozenset(table()[architecture])


@cache
def all_names() -> frozenset[str]:
    """The syscalls of any architecture."""
    return frozenset(name for architecture in ARCHITECTURES for name in names(architecture))


def number(architecture: str, name: str) -> int:
    return table()[architecture][name]


@cache
def profile(name: str, architecture: str) -> frozenset[str]:
    """The syscalls of a named set on an architecture; KeyError when there is no such set."""
    if name == "all":
        return names(architecture)
    if name != "runtime-default":
        raise KeyError(name)
    path = resources.files("policyc.catalog") / "runtime-default.txt"
    lines = path.read_text(encoding="utf-8").splitlines()
    words = " ".join(line for line in lines if not line.startswith("#")).split()
    return frozenset(words) & names(architecture)
