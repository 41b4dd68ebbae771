"""The recorder's object of each architecture, and what BTF says: in an object, in a kernel, in a kernel's image."""

from __future__ import annotations

import json
import platform
import struct
import subprocess
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

from recorder.kernel import OBJECT
from support.samples import ROOT

Types: TypeAlias = "dict[int, Any]"  # bpftool's JSON, by id

MACHINES = ("x86", "arm64")
"""As clang is told them, `-D__TARGET_ARCH_...`."""
HERE = {"x86_64": "x86", "aarch64": "arm64"}[platform.machine()]

_BTF_HEADER = struct.Struct("<HBBIIIII")
"""magic, version, flags, hdr_len, type_off, type_len, str_off, str_len (include/uapi/linux/btf.h, Linux 6.18)."""
_BTF_START = b"\x9f\xeb\x01\x00\x18\x00\x00\x00"
_LEAST_BYTES = 1 << 20
"""A kernel has megabytes of types; its code has the magic number, too."""


def built(machine: str, folder: Path) -> Path:
    """The object of an architecture, as `make recorder` makes it."""
    if machine == HERE:
        return OBJECT
    path = folder / OBJECT.name  # libbpf calls maps by it
    make = ["make", "recorder", f"BPF={path}", f"BPF_ARCH={machine}"]
    subprocess.run(make, cwd=ROOT, check=True, capture_output=True)
    return path


def types_of(path: Path) -> Types:
    """The types of an object, or of a file that is BTF alone."""
    told = subprocess.run(
        ["bpftool", "--json", "btf", "dump", "file", str(path)], capture_output=True, check=True
    )
    return {entry["id"]: entry for entry in json.loads(told.stdout)["types"]}


def read_of(kernel: Path, loaded: Path, folder: Path) -> set[tuple[str, str]]:
    """Structure and field: what an object finds in a kernel's BTF of what it reads there (CO-RE), as libbpf resolves it."""
    found = folder / f"{kernel.name}.found"
    subprocess.run(
        ["bpftool", "gen", "min_core_btf", str(kernel), str(found), str(loaded)], check=True
    )
    types = types_of(found)
    return {
        (entry["name"], field)
        for entry in types.values()
        if entry["kind"] == "STRUCT" and entry["name"] != "(anon)"
        for field in _fields(types, entry)
    }


def btf_of_image(image: bytes) -> bytes:
    """The BTF that lies in an arm64 kernel's image, which may be packed for EFI (zboot)."""
    for unpacked in _unpacked(image):
        at = unpacked.find(_BTF_START)
        while at >= 0:
            *_, header, types_at, types, strings_at, strings = _BTF_HEADER.unpack_from(unpacked, at)
            if types > _LEAST_BYTES and strings_at == types_at + types:
                return unpacked[at : at + header + strings_at + strings]
            at = unpacked.find(_BTF_START, at + 1)
    raise AssertionError("no types in this kernel")


def _unpacked(image: bytes) -> Iterator[bytes]:
    yield image
    packed = image.find(b"\x1f\x8b\x08")
    if packed >= 0:
        yield zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(image[packed:])


def _fields(types: Types, entry: Any) -> Iterator[str]:
    """Those of a structure, with those of the nameless ones in it."""
    for member in entry.get("members", ()):
        if member["name"] == "(anon)":
            yield from _fields(types, types[member["type_id"]])
        else:
            yield member["name"]
