"""The programs in the kernel: load, attach, read their maps.  Nothing is removed by reading."""

from __future__ import annotations

import ctypes as c
import errno
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import TypeVar

from recorder import components, descriptors, layout, libbpf, tables, traps, uprobes, words
from recorder.errors import ExitCode, RecorderError
from recorder.ring import Ring
from recorder.uprobes import Library

OBJECT = Path(__file__).parent / "bpf" / "recorder.bpf.o"
BTF = Path("/sys/kernel/btf/vmlinux")
MOUNTS = Path("/proc/self/mounts")
LOCKDOWN = Path("/sys/kernel/security/lockdown")

NEEDED = frozenset({"on_sys_enter", "on_fork", "on_exec", "on_exit"})
"""Without these there is no profile at all; every other program only leaves a domain blind."""


@dataclass(frozen=True, slots=True)
class Without:
    """What is lost without a program: domains that are not recorded at all, and what others do not see, in words."""

    words: str
    unrecorded: tuple[str, ...] = ()
    partial: tuple[str, ...] = ()

    @property
    def spots(self) -> tuple[str, ...]:
        """As entries of `blind`: the word of the domain comes first."""
        return blind_spots((*self.unrecorded, *self.partial), self.words)


def blind_spots(domains: Iterable[str], words: str) -> tuple[str, ...]:
    """The entries of a profile's `blind` that say it: the word of the domain comes first."""
    return tuple(f"{domain}: {words}" for domain in domains)


_SERVED = Without("messages that a server reads over TLS", partial=("models", "tools"))
_LAST_WRITE = Without("messages over TLS that SSL_write_ex2 takes", partial=("models", "tools"))
_UDP_CLIENTS = Without("clients of UDP servers", partial=("ingress",))
OPTIONAL = {
    "on_sys_exit": Without(
        "what is known when a call returns",
        ("files",),
        ("ingress", "models", "syscalls", "tools"),
    ),
    "on_signal": Without("calls that seccomp kills for", partial=("syscalls",)),
    "on_moved": Without(
        "whose they are when a process is moved between cgroups", partial=layout.DOMAINS
    ),
    "on_capable": Without("all", ("capabilities",)),
    "on_request": Without("opened by io_uring", partial=("files",)),
    "on_completed": Without(
        "which requests of io_uring failed: all count as opened", partial=("files",)
    ),
    "on_connect4": Without("IPv4 peers that it connects to", ("egress",)),
    "on_connect6": Without("IPv6 peers that it connects to", ("egress",)),
    "on_sendmsg4": Without("IPv4 peers of datagrams", ("egress",)),
    "on_sendmsg6": Without("IPv6 peers of datagrams", ("egress",)),
    "on_bind4": _UDP_CLIENTS,
    "on_bind6": _UDP_CLIENTS,
    "on_packet_out": Without(
        "peers of connected datagrams, names of TLS servers, and messages in plain HTTP",
        ("egress",),
        ("models", "tools"),
    ),
    "on_packet_in": Without(
        "names in DNS answers, who answered a datagram, and clients of UDP servers",
        partial=("egress", "ingress"),
    ),
    "on_socket_state": Without(
        "which connections were answered: none counts as answered", partial=("egress",)
    ),
    "on_tls_write": _SERVED,
    "on_tls_write_ex": _SERVED,
    "on_tls_write_ex2": _LAST_WRITE,
    "on_tls_write_alone": Without("messages over TLS", partial=("models", "tools")),
    "on_tls_control": Without("servers of messages over TLS", partial=("models", "tools")),
    "on_tls_connect": Without(
        "which connections OpenSSL makes that carry nothing", partial=("models", "tools")
    ),
    "on_tls_client": Without(
        "which connections OpenSSL makes to servers without a name", partial=("models", "tools")
    ),
    "on_tls_filter": Without(
        "messages over TLS that BIO_f_ssl carries", partial=("models", "tools")
    ),
    "on_tls_sendfile": Without(
        "messages over TLS that SSL_sendfile sends", partial=("models", "tools")
    ),
    "on_tls_free": Without("the end of connections over TLS", partial=("models", "tools")),
    "on_tls_read": _SERVED,
    "on_tls_read_ex": _SERVED,
    "on_tls_return": _SERVED,
}
"""Program -> what a profile lacks without it."""

TWIN = "_by_thread"
AT_SOCKETS = frozenset(
    f"on_{call}{family}" for call in ("bind", "connect", "sendmsg") for family in (4, 6)
)
"""Programs that may not look into the storage of a task on Linux 6.12: there their twins stand for them."""
TWINS = frozenset(name + TWIN for name in AT_SOCKETS)

DOMAINS = layout.DOMAINS
SIZED = frozenset({"subjects", "items", "peers", "streams", "events"})
"""The maps whose size is a matter of the machine."""
ACTIONS = ".data.actions"
"""The map that holds what ``actions`` gives."""
CALLERS = ".data.callers"
"""The map that says whether the twins are loaded."""

BATCH = 4096
_ROOT_INODE = 1  # of the root of cgroup v2 (kernfs)
_PLACE_BYTES = 64  # the kernel keeps its place in as many bytes as a key has, at least 4

_Key = TypeVar("_Key", bound=c.Structure)
_Value = TypeVar("_Value", bound=c.Structure)


@dataclass(frozen=True, slots=True)
class Hooks:
    """Where the programs are attached, and where they could not be."""

    attached: tuple[str, ...]
    missing: tuple[str, ...]
    blind: tuple[str, ...]
    domains: tuple[str, ...]
    """What is recorded; a domain that is not here has no list in a profile."""
    absent: frozenset[str] = frozenset()
    """The programs that were not loaded."""
    by_thread: bool = False
    """Whether programs at sockets know a task by its thread."""


class Programs:
    """The loaded programs; closing detaches them and gives the maps back."""

    def __init__(self, handle: int, hooks: Hooks, links: list[int]) -> None:
        self.hooks = hooks
        self._handle = handle
        self._links = links
        self._libraries: list[Library] = []
        self._closing: list[Thread] = []
        self._maps = dict(_maps(handle))
        self._ring: Ring | None = None

    def close(self) -> None:
        if self._ring:
            self._ring.close()
        for closing in self._closing:
            closing.join()
        for library in self._libraries:
            uprobes.detach(library)
        for link in self._links:
            libbpf.call("bpf_link__destroy")(link)
        libbpf.call("bpf_object__close")(self._handle)

    def get(self, name: str, key: c.Structure | c.c_uint32, value: type[_Value]) -> _Value | None:
        """One value of a map, or None."""
        found = value()
        failed = libbpf.call("bpf_map_lookup_elem")(self._maps[name], c.byref(key), c.byref(found))
        return None if failed else found

    def put(self, name: str, key: object, value: object) -> None:
        """Write one value; RecorderError when the kernel refuses it."""
        write = libbpf.call("bpf_map_update_elem")
        if write(self._maps[name], c.byref(key), c.byref(value), 0):  # type: ignore[arg-type]  # any ctypes value
            raise _refused(f"the map `{name}` takes no value")

    def teach(self) -> None:
        """Say what each syscall does, and which arguments may be shown."""
        self.put(ACTIONS, c.c_uint32(0), actions())
        self.put(CALLERS, c.c_uint32(0), c.c_uint8(self.hooks.by_thread))
        for value in words.hashes():
            self.put("words", c.c_uint64(value), c.c_uint8(1))

    def remove(self, name: str, key: c.Structure) -> None:
        libbpf.call("bpf_map_delete_elem")(self._maps[name], c.byref(key))

    def take(self, name: str, key: c.Structure, value: type[_Value]) -> _Value | None:
        """Remove one value of a hash map: what it was in that moment, or None (bpf(2), Linux 5.14 or later)."""
        found = value()
        take = libbpf.call("bpf_map_lookup_and_delete_elem")
        return None if take(self._maps[name], c.byref(key), c.byref(found)) else found

    def entries(
        self,
        name: str,
        key: type[_Key],
        value: type[_Value],
        subjects: Collection[int] | None = None,
    ) -> Iterator[tuple[_Key, _Value]]:
        """What a hash map holds, a batch of it in one call; an entry that moves meanwhile may come twice.

        With ``subjects``, only keys that start with one of these ids.
        """
        place, found = (c.c_uint8 * _PLACE_BYTES)(), c.c_uint32()
        begun, failed = False, 0
        while not failed:
            keys, values = (key * BATCH)(), (value * BATCH)()
            found.value = BATCH
            before = c.byref(place) if begun else None
            failed = libbpf.call("bpf_map_lookup_batch")(
                self._maps[name], before, c.byref(place), keys, values, c.byref(found), None
            )
            # At the end the kernel says ENOENT, with the last entries.
            if failed and c.get_errno() != errno.ENOENT:
                raise _refused(f"the map `{name}` cannot be read")
            wanted = _wanted(keys, found.value, subjects)
            yield from ((keys[i], values[i]) for i in wanted)
            begun = True

    def attach_tls(self, path: Path) -> Library:
        """Look at the calls of a TLS library; at none when descriptors are scarce, for each takes two."""
        if descriptors.are_scarce():
            return Library(has_functions=True, is_whole=False)
        programs = {name: program for program, name, _ in _programs(self._handle)}
        library = uprobes.attach(path, programs, self.hooks.absent)
        self._libraries.extend([library] if library.links else [])
        return library

    def detach_tls(self, library: Library) -> None:
        """Look at its calls no longer.  Nobody waits for what that takes: some tenths of a second for each function."""
        self._libraries.remove(library)
        closing = Thread(target=uprobes.detach, args=(library,))
        closing.start()
        self._closing = [closing, *(other for other in self._closing if other.is_alive())]

    def listen(self, receive: Callable[[bytes], None]) -> None:
        """Give each event of the ring to `receive` from now on, whenever `poll` is called."""
        try:
            self._ring = Ring(self._maps["events"], receive)
        except OSError as error:
            raise _refused("the ring of events cannot be read", error.errno) from error

    @property
    def descriptor(self) -> int:
        """Readable when the ring has events that cannot wait; only after ``listen``."""
        assert self._ring is not None, "somebody listens"
        return self._ring.descriptor

    def poll(self, timeout_ms: int) -> None:
        """Wait for events that cannot wait, at most so long, and take all; none when nobody listens."""
        if self._ring:
            self._ring.wait(timeout_ms)
            self._ring.drain()

    def drain(self) -> None:
        """Take all events that are in the ring now."""
        if self._ring:
            self._ring.drain()


def load(entries: Mapping[str, int], path: Path = OBJECT) -> Programs:
    """The programs, attached.  Each hook that this kernel lacks is left out and named in ``hooks``.

    ``entries`` gives maps another size than maps.h does: entries, or bytes of the ring.
    """
    _check_machine(path)
    refused = {*TWINS, *((uprobes.WITHOUT_RETURNS,) if traps.are_safe() else uprobes.AT_RETURNS)}
    try:
        return _attach(*_loaded(path, entries, refused))
    except _UnloadableError as failure:
        if failure.number == errno.EPERM:
            raise _refused("the kernel refuses the programs", failure.number) from None
    # Which program it was, the kernel tells only in words, so each optional one is tried alone.
    refused |= {name for name in OPTIONAL.keys() - refused if not _is_loadable(path, entries, name)}
    for group, instead in (
        (AT_SOCKETS, TWINS),
        (uprobes.AT_RETURNS, frozenset({uprobes.WITHOUT_RETURNS})),
    ):
        if refused & group:
            refused |= group
            refused -= {name for name in instead if _is_loadable(path, entries, name)}
    try:
        return _attach(*_loaded(path, entries, refused))
    except _UnloadableError as failure:
        raise _refused("the kernel refuses the programs", failure.number) from None


class _UnloadableError(Exception):
    def __init__(self, number: int) -> None:
        self.number = number


def _loaded(path: Path, entries: Mapping[str, int], refused: set[str]) -> tuple[int, set[str]]:
    handle, missing = _open(path, refused)
    _load(handle, entries)
    return handle, missing


def _is_loadable(path: Path, entries: Mapping[str, int], program: str) -> bool:
    """Whether a program that this kernel has a hook for passes its verifier."""
    handle, missing = _open(path, (OPTIONAL.keys() | TWINS) - {program})
    for other, name, _ in _programs(handle):
        if name in NEEDED:
            libbpf.call("bpf_program__set_autoload")(other, False)
    if program in missing:
        libbpf.call("bpf_object__close")(handle)
        return False
    try:
        _load(handle, entries)
    except _UnloadableError:
        return False
    libbpf.call("bpf_object__close")(handle)
    return True


def _load(handle: int, entries: Mapping[str, int]) -> None:
    """With maps of their sizes; what cannot be loaded is closed."""
    _resize(handle, entries)
    if libbpf.call("bpf_object__load")(handle):
        number = c.get_errno()
        libbpf.call("bpf_object__close")(handle)
        raise _UnloadableError(number)


def _resize(handle: int, entries: Mapping[str, int]) -> None:
    maps = dict(_map_handles(handle))
    for name, count in entries.items():
        libbpf.call("bpf_map__set_max_entries")(maps[name], count)


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
    # EACCES is the verifier's word for a program that it takes for unsafe (bpf(2)).
    if number == errno.EPERM:
        return RecorderError(
            ExitCode.NO_PRIVILEGE,
            f"{message}: {reason}",
            "run as root with the capabilities BPF, PERFMON and NET_ADMIN (or SYS_ADMIN)",
        )
    return RecorderError(
        ExitCode.KERNEL,
        f"{message}: {reason}",
        "see docs/reference/recorder.md for kernels that work",
    )


def _open(path: Path, refused: Collection[str]) -> tuple[int, set[str]]:
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
            "docs/reference/recorder.md names kernels that have it",
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
    links: list[int] = []
    attached: list[str] = []
    lacking: list[str] = []
    blind: list[str] = []
    without: set[str] = set()
    cgroup = _root_cgroup()
    by_thread = missing >= AT_SOCKETS and not missing >= TWINS
    idle = AT_SOCKETS if by_thread else TWINS
    # What stands for others is no hook where they are, and the other way round.
    idle |= uprobes.WRITES if missing >= uprobes.AT_RETURNS else {uprobes.WITHOUT_RETURNS}
    for program, name, section in _programs(handle):
        if name in idle:
            continue
        link = None if name in missing else _link(program, section, cgroup)
        if link:
            links.extend([link] if link > 0 else ())
            attached.append(section)
        elif name in NEEDED:
            raise _refused(f"`{section}` cannot be attached")
        else:
            lacking.append(section)
            lost = OPTIONAL[name.removesuffix(TWIN)]
            without.update(lost.unrecorded)
            blind.extend(lost.spots)
    if cgroup is not None:
        os.close(cgroup)
    recorded = tuple(domain for domain in DOMAINS if domain not in without)
    domains = (*recorded, *(components.DOMAINS if "files" in recorded else ()))
    hooks = Hooks(
        tuple(sorted(attached)),
        tuple(sorted(lacking)),
        tuple(sorted(set(blind))),
        domains,
        frozenset(missing),
        by_thread,
    )
    return Programs(handle, hooks, links)


def _link(program: int, section: str, cgroup: int | None) -> int | None:
    """A handle of where it is attached; None when it cannot be.  Uprobes are, once there is a library."""
    if section in uprobes.HOOKS.values():
        return -1 if uprobes.SOURCE.exists() else None
    if not section.startswith("cgroup"):
        return libbpf.call("bpf_program__attach")(program)
    return None if cgroup is None else libbpf.call("bpf_program__attach_cgroup")(program, cgroup)


def _root_cgroup() -> int | None:
    """The root of cgroup v2; None where it is not mounted, or only a part of it is to be seen."""
    mounts = (line.split() for line in MOUNTS.read_text().splitlines())
    for folder in (fields[1] for fields in mounts if fields[2] == "cgroup2"):
        try:
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        except OSError:
            continue
        if os.fstat(descriptor).st_ino == _ROOT_INODE:
            return descriptor
        os.close(descriptor)
    return None


def _programs(handle: int) -> Iterator[tuple[int, str, str]]:
    name, section = libbpf.library().bpf_program__name, libbpf.library().bpf_program__section_name
    program = libbpf.call("bpf_object__next_program")(handle, None)
    while program:
        named = name(program).decode()
        # Several programs have the section `uprobe`; where they go is ours to say.
        yield program, named, uprobes.HOOKS.get(named, section(program).decode())
        program = libbpf.call("bpf_object__next_program")(handle, program)


def _maps(handle: int) -> Iterator[tuple[str, int]]:
    """The maps' descriptors by name."""
    for name, found in _map_handles(handle):
        yield name, libbpf.call("bpf_map__fd")(found)


def _map_handles(handle: int) -> Iterator[tuple[str, int]]:
    name = libbpf.library().bpf_map__name
    found = libbpf.call("bpf_object__next_map")(handle, None)
    while found:
        yield name(found).decode(), found
        found = libbpf.call("bpf_object__next_map")(handle, found)


def _wanted(keys: c.Array[_Key], count: int, subjects: Collection[int] | None) -> Iterable[int]:
    """The places of the keys of these subjects; looks at no other field, for there may be very many."""
    if subjects is None:
        return range(count)
    words = c.sizeof(keys[0]) // 8
    firsts = memoryview(keys).cast("B").cast("Q")[: count * words : words].tolist()
    return [place for place, subject in enumerate(firsts) if subject in subjects]


def actions() -> layout.Actions:
    """What the kernel side has to know of each syscall of this machine, by ABI and number."""
    return actions_of(tables.abis())


def actions_of(abis: tuple[str, str]) -> layout.Actions:
    """As ``actions``, of the native architecture and the one of compat calls.

    ARM's private calls have numbers that no map has room for; the kernel side counts them as lost.
    """
    wanted = layout.Actions()
    bits = {
        tables.OPENING: layout.ACTION_OPEN,
        tables.ACCEPTING: layout.ACTION_ACCEPT,
        tables.READING: layout.ACTION_READ,
        tables.READING_VECTORS: layout.ACTION_READ_VECTORS,
        tables.RECEIVING: layout.ACTION_RECEIVE,
        tables.RECEIVING_MESSAGES: layout.ACTION_RECEIVE_MESSAGE,
        tables.CARRYING: layout.ACTION_CARRY,
        tables.SENDING_FILES: layout.ACTION_CARRY_SECOND,
        tables.OVERCOMMITTING: layout.ACTION_MEMORY,
    }
    for abi, architecture in enumerate(abis):
        for number, name in tables.syscall_names(architecture).items():
            if number >= layout.MAX_SYSCALLS:
                continue
            for names, bit in bits.items():
                wanted.of[abi][number] |= bit if name in names else 0
            wanted.at_exit[number] |= wanted.of[abi][number] & ~layout.ACTION_MEMORY
    return wanted
