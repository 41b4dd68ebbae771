"""What runs in the guest as process 1: mount, record the probe, say what came of it, switch off."""

import ctypes
import fcntl
import os
import socket
import struct
import subprocess
from pathlib import Path

MOUNTS = {
    "/proc": "proc",
    "/sys": "sysfs",
    "/dev": "devtmpfs",
    "/tmp": "tmpfs",
    "/sys/fs/cgroup": "cgroup2",
    "/sys/kernel/security": "securityfs",
    "/sys/kernel/tracing": "tracefs",
}
SIOCSIFFLAGS, IFF_UP, IFF_RUNNING = 0x8914, 0x1, 0x40  # netdevice(7)
POWER_OFF = 0x4321FEDC  # reboot(2)
PYTHON = "/usr/bin/python3.11"

libc = ctypes.CDLL(None, use_errno=True)


def mount(place: str, kind: str) -> None:
    Path(place).mkdir(parents=True, exist_ok=True)
    if libc.mount(kind.encode(), place.encode(), kind.encode(), 0, None):
        print("cannot mount", place, os.strerror(ctypes.get_errno()), flush=True)


def main() -> None:
    for place, kind in MOUNTS.items():
        mount(place, kind)
    with socket.socket() as any_socket:
        flags = struct.pack("16sh14x", b"lo", IFF_UP | IFF_RUNNING)
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, flags)
    command = (PYTHON, "-m", "recorder", "run", "--output", "/tmp/out", "--", PYTHON, "/probe.py")
    ended = subprocess.run(command, check=False)
    for path in Path("/tmp/out").glob("*.json"):
        print("\nPROFILE", path.read_text().replace("\n", " "), flush=True)
    print("\nENDED", ended.returncode, flush=True)
    libc.reboot(POWER_OFF)


main()
