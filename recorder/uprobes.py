"""The functions of OpenSSL that are looked at, and how: by probes in whatever file has them."""

from __future__ import annotations

import ctypes as c
import errno
import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from recorder import libbpf

SOURCE = Path("/sys/bus/event_source/devices/uprobe")
HOOKS = {
    "on_tls_write": "uprobe/SSL_write",
    "on_tls_write_ex": "uprobe/SSL_write_ex",
    "on_tls_write_ex2": "uprobe/SSL_write_ex2",
    "on_tls_write_alone": "uprobe/SSL_write",
    "on_tls_control": "uprobe/SSL_ctrl",
    "on_tls_connect": "uprobe/SSL_do_handshake",
    "on_tls_client": "uprobe/SSL_set_connect_state",
    "on_tls_filter": "uprobe/BIO_f_ssl",
    "on_tls_sendfile": "uprobe/SSL_sendfile",
    "on_tls_free": "uprobe/SSL_free",
    "on_tls_read": "uprobe/SSL_read",
    "on_tls_read_ex": "uprobe/SSL_read_ex",
    "on_tls_return": "uretprobe/SSL_read",
}
WRITES = frozenset({"on_tls_write", "on_tls_write_ex"})
AT_RETURNS = WRITES | {"on_tls_read", "on_tls_read_ex", "on_tls_return", "on_tls_write_ex2"}
"""They need a probe at a return."""
WITHOUT_RETURNS = "on_tls_write_alone"
"""It stands for those that write, where they are left out."""
FUNCTIONS = (
    ("SSL_ctrl", "on_tls_control"),
    ("SSL_set_connect_state", "on_tls_client"),
    ("SSL_connect", "on_tls_client"),
    ("SSL_connect", "on_tls_connect"),
    ("SSL_do_handshake", "on_tls_connect"),
    # Where the end of a call is seen before its beginning is, no call is half known.
    ("SSL_read", "on_tls_return"),
    ("SSL_read_ex", "on_tls_return"),
    ("SSL_write", "on_tls_return"),
    ("SSL_write_ex", "on_tls_return"),
    ("SSL_write_ex2", "on_tls_return"),
    ("SSL_read", "on_tls_read"),
    ("SSL_read_ex", "on_tls_read_ex"),
    ("SSL_write", "on_tls_write"),
    ("SSL_write_ex", "on_tls_write_ex"),
    ("SSL_write_ex2", "on_tls_write_ex2"),
    ("SSL_write", "on_tls_write_alone"),
    ("SSL_write_ex", "on_tls_write_alone"),
    ("BIO_f_ssl", "on_tls_filter"),
    ("SSL_sendfile", "on_tls_sendfile"),
    ("SSL_free", "on_tls_free"),
)
"""Function of OpenSSL, and the program that looks at its calls, in the order in which they are attached."""

NO_FUNCTION = frozenset({errno.ENOENT, 4000, 4001})
"""What libbpf says of a file without the function, and of one that is no ELF (LIBBPF_ERRNO__LIBELF and __FORMAT in bpf/libbpf.h)."""


@dataclass(frozen=True, slots=True)
class Library:
    """A file whose calls are looked at, when it has any, and whether all of them are."""

    has_functions: bool
    is_whole: bool
    links: tuple[int, ...] = ()
    """Handles of where it is attached."""
    file: int = -1
    """Where there are any: a descriptor of it, also when it has no name any more."""


def attach(path: Path, programs: Mapping[str, int], absent: Collection[str]) -> Library:
    """Look at all functions that the file has, but for those of programs that are absent."""
    links: list[int] = []
    is_whole = True
    for function, program in FUNCTIONS:
        if program in absent:
            continue
        at_return = HOOKS[program].startswith("uretprobe/")
        options = libbpf.UprobeOptions(
            c.sizeof(libbpf.UprobeOptions), 0, 0, at_return, function.encode()
        )
        link = libbpf.call("bpf_program__attach_uprobe_opts")(
            programs[program], -1, os.fsencode(path), 0, c.byref(options)
        )
        is_whole &= bool(link) or c.get_errno() in NO_FUNCTION
        links.extend([link] if link else ())
    file = os.open(path, os.O_PATH | os.O_CLOEXEC) if links else -1
    return Library(bool(links) or not is_whole, is_whole, tuple(links), file)


def detach(library: Library) -> None:
    """Undo it, of one that is attached; each function waits until no processor runs its program."""
    for link in library.links:
        libbpf.call("bpf_link__destroy")(link)
    os.close(library.file)
