"""bpf/layout.h for Python: the same names, order and widths (a test compares both through BTF)."""

from __future__ import annotations

import ctypes as c
from typing import ClassVar

SYSCALL_WORDS = 8
MAX_SYSCALLS = SYSCALL_WORDS * 64
ANCESTORS = 6
UNIT_BYTES = 256
COMM_BYTES = 16
TEXT_BYTES = 128
PHASES = ("setup", "application", "inherited")
ABIS = ("native", "compat")
DOMAINS = (
    "syscalls", "executables", "files", "egress", "ingress", "capabilities", "tools", "models",
)  # fmt: skip
EVENT_SUBJECT = 1
EVENT_ENDED = 2
EVENT_RUNTIME = 3
EVENT_DNS = 4
EVENT_TLS = 5
EVENT_NAME = 6
EVENT_PEER_NAME = 7
EVENT_PATH = 8
EVENT_ARGUMENTS = 9
EVENT_TLS_SERVER = 10
EVENT_UNREAD = 11
SIDE_CLIENT = 1
SIDE_SERVER = 2
SIDE_INPUT = 3
UNREAD_HTTP2 = 1
UNREAD_ENCODED = 2
UNREAD_32_BIT = 3
UNREAD_CARRIED = 4
UNREAD_UPGRADE = 5
UNREAD_UNNAMED = 6
UNREAD_WIDE = 7
UNREAD_BIO = 8
UNREAD_FILE = 9
UNREAD_MPTCP = 10
ACTION_OPEN = 1
ACTION_ACCEPT = 2
ACTION_MEMORY = 4
ACTION_READ = 8
ACTION_READ_VECTORS = 16
ACTION_RECEIVE = 32
ACTION_RECEIVE_MESSAGE = 64
ACTION_CARRY = 128
ACTION_CARRY_SECOND = 256

_Bitmaps = c.c_uint64 * SYSCALL_WORDS * 2


class Config(c.Structure):
    _fields_: ClassVar = [
        ("started_ns", c.c_uint64),
        ("watch", c.c_uint32),
        ("host_inum", c.c_uint32),
        ("own_inum", c.c_uint32),
        ("pad", c.c_uint32),
    ]


class Actions(c.Structure):
    _fields_: ClassVar = [
        ("at_exit", c.c_uint16 * MAX_SYSCALLS),
        ("of", c.c_uint16 * MAX_SYSCALLS * 2),
    ]


class SubjectKey(c.Structure):
    _fields_: ClassVar = [("mntns", c.c_uint64), ("cgroup", c.c_uint64), ("tree", c.c_uint64)]


class Subject(c.Structure):
    _fields_: ClassVar = [
        ("id", c.c_uint64),
        ("origin", c.c_uint64),
        ("first_ns", c.c_uint64),
        ("netns", c.c_uint64),
        ("made_in", c.c_uint64),
        ("mntns_inum", c.c_uint32),
        ("userns_level", c.c_uint32),
        ("pids", c.c_uint32 * ANCESTORS),
        ("begun_ns", c.c_uint64 * ANCESTORS),
        ("alive", c.c_int32),
        ("late", c.c_uint32),
        ("syscalls", _Bitmaps * len(PHASES)),
        ("denied", _Bitmaps * len(PHASES)),
        ("asked", c.c_uint64 * len(PHASES)),
        ("granted", c.c_uint64 * len(PHASES)),
        ("lost", c.c_uint64 * len(DOMAINS)),
        ("sessions", c.c_uint64),
        ("entered", c.c_uint64),
        ("has_program", c.c_uint32),
        ("has_own_root", c.c_uint32),
        ("unit", c.c_char * UNIT_BYTES),
        ("maker", c.c_char * COMM_BYTES),
    ]


class TaskState(c.Structure):
    _fields_: ClassVar = [
        ("nsproxy", c.c_uint64),
        ("cgroups", c.c_uint64),
        ("syscall", c.c_uint32),
        ("pad", c.c_uint32),
        ("seen", _Bitmaps),
        ("key", SubjectKey),
        ("subject", c.c_uint64),
        ("image", c.c_uint64),
        ("asked", c.c_uint64),
        ("granted", c.c_uint64),
        ("input", c.c_uint64),
    ]


class ItemKey(c.Structure):
    _fields_: ClassVar = [
        ("subject", c.c_uint64),
        ("hash", c.c_uint64),
        ("domain", c.c_uint32),
        ("phase", c.c_uint32),
    ]


class Item(c.Structure):
    _fields_: ClassVar = [
        ("first_ns", c.c_uint64),
        ("last_ns", c.c_uint64),
        ("count", c.c_uint64),
        ("modes", c.c_uint32),
        ("sent", c.c_uint32),
        ("refused", c.c_uint64),
    ]


class PeerKey(c.Structure):
    _fields_: ClassVar = [
        ("subject", c.c_uint64),
        ("address", c.c_uint8 * 16),
        ("port", c.c_uint16),
        ("domain", c.c_uint8),
        ("protocol", c.c_uint8),
        ("family", c.c_uint8),
        ("phase", c.c_uint8),
        ("pad", c.c_uint8 * 2),
    ]


class Peer(c.Structure):
    _fields_: ClassVar = [
        ("first_ns", c.c_uint64),
        ("last_ns", c.c_uint64),
        ("count", c.c_uint64),
        ("answered", c.c_uint32),
        ("pad", c.c_uint32),
    ]


class SocketState(c.Structure):
    _fields_: ClassVar = [
        ("peer", PeerKey),
        ("server", c.c_uint64),
        ("server_phase", c.c_uint8),
        ("bound", c.c_uint8),
        ("sent", c.c_uint8),
        ("plain", c.c_uint8),
        ("answered", c.c_uint8),
        ("foreign", c.c_uint8),
        ("visited", c.c_uint8),
        ("pad", c.c_uint8),
    ]


class Event(c.Structure):
    _fields_: ClassVar = [
        ("kind", c.c_uint32),
        ("domain", c.c_uint32),
        ("subject", c.c_uint64),
        ("hash", c.c_uint64),
        ("at_ns", c.c_uint64),
        ("phase", c.c_uint32),
        ("pid", c.c_uint32),
        ("bytes", c.c_uint32),
        ("pad", c.c_uint32),
    ]


class SubjectEvent(c.Structure):
    _fields_: ClassVar = [("event", Event), ("key", SubjectKey)]


class Ledger(c.Structure):
    _fields_: ClassVar = [
        ("subjects_full", c.c_uint64),
        ("ring_full", c.c_uint64 * len(DOMAINS)),
        ("ownerless", c.c_uint64 * len(DOMAINS)),
        ("state_full", c.c_uint64),
    ]


SHARED: dict[str, type[c.Structure]] = {
    "config": Config,
    "actions": Actions,
    "subject_key": SubjectKey,
    "subject": Subject,
    "task_state": TaskState,
    "item_key": ItemKey,
    "item": Item,
    "peer_key": PeerKey,
    "peer": Peer,
    "socket_state": SocketState,
    "event": Event,
    "subject_event": SubjectEvent,
    "ledger": Ledger,
}
"""Name in layout.h -> its mirror."""
