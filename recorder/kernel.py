"""The programs in the kernel: load, attach, read their maps.  Nothing is removed by reading."""

from __future__ import annotations

import ctypes as c
import errno
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from recorder import layout, libbpf, tables
from recorder.errors import ExitCode, RecorderError

OBJECT = Path(__file__).parent / "bpf" / "recorder.bpf.o"
BTF = Path("/sys/kernel/btf/vmlinux")
LOCKDOWN = Path("/sys/kernel/security/lockdown")

NEEDED = frozenset({"on_sys_enter", "on_fork", "on_exec", "on_exit"})
"""Without these there is no profile at all; every other program only leaves a domain blind."""

BLIND = {
    "on_sys_exit": "files, and syscalls that seccomp refuses",
    "on_signal": "syscalls that seccomp kills for",
    "on_capable": "capabilities",
}
"""Program -> what is not seen without it."""

_Key = TypeVar("_Key", bound=c.Structure)
_Value = TypeVar("_Value", bound=c.Structure)


@dataclass(frozen=True, slots=True)
class Hooks:
    """Where the programs are attached, and where they could not be."""

    attached: tuple[str, ...]
    missing: tuple[str, ...]
    blind: tuple[str, ...]


class Programs:
    """The loaded programs; closing detaches them and gives the maps back."""

    def __init__(self, handle: int, hooks: Hooks, links: list[int]) -> None:
        self.hooks = hooks
        self._handle = handle
        self._links = links
        self._maps = dict(_maps(handle))
        self._ring: tuple[int, object] | None = None

    def close(self) -> None:
        if self._ring:
            libbpf.call("ring_buffer__free")(self._ring[0])
        for link in self._links:
            libbpf.call("bpf_link__destroy")(link)
        libbpf.call("bpf_object__close")(self._handle)

    def get(self, name: str, key: c.Structure | c.c_uint32, value: type[_Value]) -> _Value | None:
        """One value of a map, or None."""
        found = value()
        failed = libbpf.call("bpf_map_lookup_elem")(self._maps[name], c.byref(key), c.byref(found))
        return None if failed else found

    def put(self, name: str, key: object, value: c.Structure) -> None:
        """Write one value; RecorderError when the kernel refuses it."""
        write = libbpf.call("bpf_map_update_elem")
        if write(self._maps[name], c.byref(key), c.byref(value), 0):  # type: ignore[arg-type]  # any ctypes value
            raise _refused(f"the map `{name}` takes no value")

    def remove(self, name: str, key: c.Structure) -> None:
        libbpf.call("bpf_map_delete_elem")(self._maps[name], c.byref(key))

    def entries(
        self, name: str, key: type[_Key], value: type[_Value]
    ) -> Iterator[tuple[_Key, _Value]]:
        """What a hash map holds; entries that come or go meanwhile may be missed or given twice."""
        step = libbpf.call("bpf_map_get_next_key")
        last: _Key | None = None
        while True:
            following = key()
            if step(self._maps[name], c.byref(last) if last else None, c.byref(following)):
                return
            found = self.get(name, following, value)
            if found is not None:
                yield following, found
            last = following

    def listen(self, receive: Callable[[bytes], None]) -> None:
        """Give each event of the ring to `receive` from now on, whenever `poll` is called."""

        def sample(_context: int, data: int, size: int) -> int:
            receive(c.string_at(data, size))
            return 0

        kept = libbpf.SAMPLE(sample)
        ring = libbpf.call("ring_buffer__new")(self._maps["events"], kept, None, None)
        if not ring:
            raise _refused("the ring of events cannot be read")
        self._ring = ring, kept

    def poll(self, timeout_ms: int) -> None:
        """Wait for events, at most so long; none when nobody listens."""
        if self._ring:
            libbpf.call("ring_buffer__poll")(self._ring[0], timeout_ms)

    def drain(self) -> None:
        """Take all events that are in the ring now."""
        if self._ring:
            libbpf.call("ring_buffer__consume")(self._ring[0])


def load(path: Path = OBJECT) -> Programs:
    """The programs, attached.  Each hook that this kernel lacks is left out and named in ``hooks``."""
    _check_machine(path)
    refused: set[str] = set()
    while True:
        handle, missing = _open(path, refused)
        if not libbpf.call("bpf_object__load")(handle):
            return _attach(handle, missing)
        number = c.get_errno()
        libbpf.call("bpf_object__close")(handle)
        optional = sorted(BLIND.keys() - refused)
        if number == errno.EPERM or not optional:
            raise _refused("the kernel refuses the programs", number)
        # Which one it was, the kernel tells only in words; the optional ones go one by one.
        refused.add(optional[0])


def _check_machine(path: Path) -> None:
    if not path.is_file():
        raise RecorderError(
            ExitCode.NO_OBJECT,
            f"the BPF object `{path}` is missing",
            "build it with `make recorder`",
        )
    if not BTF.is_file():
        raise RecorderError(
            ExitCode.NO_BTF,
            f"this kernel has no type information (`{BTF}`)",
            "boot a kernel that was built with CONFIG_DEBUG_INFO_BTF=y (distributions' since 2020 are)",
        )


def _refused(message: str, number: int | None = None) -> RecorderError:
    """Why the kernel said no, as far as it can be told."""
    number = c.get_errno() if number is None else number
    reason = os.strerror(number).lower()
    if LOCKDOWN.is_file() and "[confidentiality]" in LOCKDOWN.read_text():
        return RecorderError(
            ExitCode.LOCKDOWN,
            f"{message}: the kernel is locked down (confidentiality)",
            "boot with lockdown=integrity or none; confidentiality forbids reading kernel memory",
        )
    if number in {errno.EPERM, errno.EACCES}:
        return RecorderError(
            ExitCode.NO_PRIVILEGE,
            f"{message}: {reason}",
            "run as root with the capabilities BPF, PERFMON and SYS_RESOURCE (or SYS_ADMIN)",
        )
    return RecorderError(
        ExitCode.KERNEL,
        f"{message}: {reason}",
        "see docs/reference/recorder.md for kernels that work",
    )


def _open(path: Path, refused: set[str]) -> tuple[int, set[str]]:
    handle = libbpf.call("bpf_object__open_file")(os.fsencode(path), None)
    if not handle:
        raise RecorderError(
            ExitCode.NO_OBJECT, f"`{path}` is no BPF object", "build it again with `make recorder`"
        )
    missing = set()
    for program, name, section in _programs(handle):
        if name in refused or not _is_known(section):
            missing.add(name)
            libbpf.call("bpf_program__set_autoload")(program, False)
    lacking = sorted(missing & NEEDED)
    if lacking:
        raise RecorderError(
            ExitCode.MISSING_HOOK,
            f"the kernel has no hook for `{lacking[0]}`",
            "a kernel from 5.11 on with CONFIG_DEBUG_INFO_BTF=y has it",
        )
    return handle, missing


def _is_known(section: str) -> bool:
    kind, _, name = section.partition("/")
    return kind != "tp_btf" or f"btf_trace_{name}" in _tracepoints(name)


def _tracepoints(name: str) -> frozenset[str]:
    """The one tracepoint of the running kernel that has the name, or none."""
    types = libbpf.call("btf__load_vmlinux_btf")()
    if not types:
        raise RecorderError(
            ExitCode.NO_BTF, f"`{BTF}` cannot be read", "run as root, with /sys/kernel/btf readable"
        )
    wanted = f"btf_trace_{name}"
    found = libbpf.call("btf__find_by_name_kind")(types, wanted.encode(), libbpf.BTF_KIND_TYPEDEF)
    libbpf.call("btf__free")(types)
    return frozenset({wanted} if found > 0 else ())


def _attach(handle: int, missing: set[str]) -> Programs:
    links, attached, lacking, blind = [], [], [], []
    for program, name, section in _programs(handle):
        link = None if name in missing else libbpf.call("bpf_program__attach")(program)
        if link:
            links.append(link)
            attached.append(section)
        elif name in NEEDED:
            raise _refused(f"`{section}` cannot be attached")
        else:
            lacking.append(section)
            blind.append(BLIND[name])
    hooks = Hooks(tuple(sorted(attached)), tuple(sorted(lacking)), tuple(sorted(blind)))
    return Programs(handle, hooks, links)


def _programs(handle: int) -> Iterator[tuple[int, str, str]]:
    name, section = libbpf.library().bpf_program__name, libbpf.library().bpf_program__section_name
    program = libbpf.call("bpf_object__next_program")(handle, None)
    while program:
        yield program, name(program).decode(), section(program).decode()
        program = libbpf.call("bpf_object__next_program")(handle, program)


def _maps(handle: int) -> Iterator[tuple[str, int]]:
    name = libbpf.library().bpf_map__name
    found = libbpf.call("bpf_object__next_map")(handle, None)
    while found:
        yield name(found).decode(), libbpf.call("bpf_map__fd")(found)
        found = libbpf.call("bpf_object__next_map")(handle, found)


def actions() -> layout.Actions:
    """Which syscalls' exits are looked at, by ABI and number."""
    wanted = layout.Actions()
    for abi, architecture in enumerate(tables.abis()):
        for number, name in tables.syscall_names(architecture).items():
            if name in tables.OPENING:
                wanted.of[abi][number] = layout.ACTION_OPEN
    return wanted
