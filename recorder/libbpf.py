"""The one door to libbpf.so.1 (1.0 or later): its functions with their types, nothing more.

Source of the signatures: bpf/libbpf.h, bpf/bpf.h and bpf/btf.h of libbpf 1.1.
"""

from __future__ import annotations

import ctypes as c
from collections.abc import Callable
from functools import cache
from typing import ClassVar

from recorder.errors import ExitCode, RecorderError

BTF_KIND_TYPEDEF = 8

PRINT = c.CFUNCTYPE(c.c_int, c.c_int, c.c_char_p, c.c_void_p)
SAMPLE = c.CFUNCTYPE(c.c_int, c.c_void_p, c.c_void_p, c.c_size_t)


class UprobeOptions(c.Structure):
    """``struct bpf_uprobe_opts`` of libbpf 1.0; the size says which fields there are."""

    _fields_: ClassVar = [
        ("size", c.c_size_t),
        ("reference_counter", c.c_size_t),
        ("cookie", c.c_uint64),
        ("at_return", c.c_bool),
        ("function", c.c_char_p),
    ]


_pointer, _text, _int, _u32 = c.c_void_p, c.c_char_p, c.c_int, c.c_uint32
_SIGNATURES: dict[str, tuple[object, list[object]]] = {
    "libbpf_set_print": (_pointer, [_pointer]),
    "bpf_object__open_file": (_pointer, [_text, _pointer]),
    "bpf_object__load": (_int, [_pointer]),
    "bpf_object__close": (None, [_pointer]),
    "bpf_object__next_program": (_pointer, [_pointer, _pointer]),
    "bpf_object__next_map": (_pointer, [_pointer, _pointer]),
    "bpf_program__name": (_text, [_pointer]),
    "bpf_program__section_name": (_text, [_pointer]),
    "bpf_program__set_autoload": (_int, [_pointer, c.c_bool]),
    "bpf_program__attach": (_pointer, [_pointer]),
    "bpf_program__attach_cgroup": (_pointer, [_pointer, _int]),
    "bpf_program__attach_uprobe_opts": (_pointer, [_pointer, _int, _text, c.c_size_t, _pointer]),
    "bpf_link__destroy": (_int, [_pointer]),
    "bpf_map__name": (_text, [_pointer]),
    "bpf_map__set_max_entries": (_int, [_pointer, _u32]),
    "bpf_map__fd": (_int, [_pointer]),
    "bpf_map_lookup_elem": (_int, [_int, _pointer, _pointer]),
    "bpf_map_update_elem": (_int, [_int, _pointer, _pointer, c.c_uint64]),
    "bpf_map_delete_elem": (_int, [_int, _pointer]),
    "bpf_map_lookup_and_delete_elem": (_int, [_int, _pointer, _pointer]),
    "bpf_map_lookup_batch": (
        _int,
        [_int, _pointer, _pointer, _pointer, _pointer, _pointer, _pointer],
    ),
    "ring_buffer__new": (_pointer, [_int, SAMPLE, _pointer, _pointer]),
    "ring_buffer__epoll_fd": (_int, [_pointer]),
    "ring_buffer__consume": (_int, [_pointer]),
    "ring_buffer__free": (None, [_pointer]),
    "btf__load_vmlinux_btf": (_pointer, []),
    "btf__find_by_name_kind": (c.c_int32, [_pointer, _text, _u32]),
    "btf__free": (None, [_pointer]),
}


@cache
def library() -> c.CDLL:
    """libbpf, quiet, each function with its types; RecorderError when it is not installed."""
    try:
        loaded = c.CDLL("libbpf.so.1", use_errno=True)
    except OSError as error:
        raise RecorderError(
            ExitCode.NO_LIBBPF,
            "libbpf.so.1 is not installed",
            "install libbpf1 (Debian), libbpf 1.x",
        ) from error
    for name, (result, arguments) in _SIGNATURES.items():
        function = getattr(loaded, name)
        function.restype, function.argtypes = result, arguments
    loaded.libbpf_set_print(None)
    return loaded


def call(name: str) -> Callable[..., int]:
    """A function whose result is a number or a handle; 0, negative or None say that it failed."""
    function: Callable[..., int] = getattr(library(), name)
    return function
