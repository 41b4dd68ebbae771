"""A guest: Debian's kernel, the packages of the recorder's image, the recorder, and one program to record."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from images import archive, debian, lock
from images.build import Source, selection_of
from images.recipes import RECIPES

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
RECORDER = next(recipe for recipe in RECIPES if recipe.name == "recorder")
SECONDS = 1800
"""A guest that has not ended by then never will."""
QEMU = {
    "amd64": ("qemu-system-x86_64", "-M", "pc", "-cpu", "max", "ttyS0"),
    "arm64": ("qemu-system-aarch64", "-M", "virt", "-cpu", "cortex-a57", "ttyAMA0"),
}
BPF_ARCH = {"amd64": "x86", "arm64": "arm64"}


@dataclass(frozen=True, slots=True)
class Kernel:
    """``package``: Debian's meta-package, which depends on the newest of its line."""

    architecture: str
    package: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """``profile`` is None when none was written; ``console`` is all that was said."""

    profile: Any
    console: str


def record(kernel: Kernel, folder: Path) -> Outcome:
    """Boot the kernel, record the probe, and read the profile from the console."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    index = archive.fetch_index(folder / "apt", kernel.architecture)
    root = _root(index, kernel.architecture, folder)
    with gzip.open(folder / "initrd.gz", "wb", compresslevel=1) as packed:
        _pack(root, packed)
    console = _boot(kernel.architecture, _image(index, kernel, folder), folder / "initrd.gz")
    (folder / "console.txt").write_text(console)
    lines = [line for line in console.splitlines() if line.startswith("PROFILE ")]
    return Outcome(json.loads(lines[0].removeprefix("PROFILE ")) if lines else None, console)


def _root(index: archive.Archive, architecture: str, folder: Path) -> Path:
    wanted = selection_of(RECORDER)
    locked = lock.read(lock.path_of(Source().locks, RECORDER.name, architecture), wanted.names)
    chosen = lock.choose(locked, index.offered(wanted.names), take_newer=True)
    root = folder / "root"
    root.mkdir()
    debian.unpack(debian.fetch(index, chosen.packages, folder / "packages"), wanted, root)
    code = root / "usr/lib/python3/dist-packages/recorder"
    shutil.copytree(ROOT / "recorder", code, ignore=shutil.ignore_patterns("__pycache__", "*.o"))
    target = f"BPF={code}/bpf/recorder.bpf.o"
    machine = f"BPF_ARCH={BPF_ARCH[architecture]}"
    subprocess.run(["make", "--silent", "recorder", target, machine], cwd=ROOT, check=True)
    (root / "init").write_text(f"#!/usr/bin/python3.11\n{(HERE / 'guest.py').read_text()}")
    (root / "init").chmod(0o755)
    shutil.copy(HERE / "probe.py", root)
    _compile(root)
    return root


def _compile(root: Path) -> None:
    """Bytecode is the same on every machine, and compiling is what a translated one is slowest at."""
    if sys.version_info[:2] == (3, 11):
        compile_all = (
            sys.executable,
            "-m",
            "compileall",
            "-qq",
            "--invalidation-mode=unchecked-hash",
        )
        subprocess.run([*compile_all, str(root / "usr/lib")], check=False)


def _image(index: archive.Archive, kernel: Kernel, folder: Path) -> Path:
    name = index.offered([kernel.package])[kernel.package][0].depends.split(" ")[0]
    files = debian.fetch(index, index.offered([name])[name][:1], folder / "kernel")
    subprocess.run(["dpkg-deb", "--extract", files[name], folder / "boot"], check=True)
    (image,) = folder.glob("boot/boot/vmlinuz-*")
    return image


def _boot(architecture: str, image: Path, initrd: Path) -> str:
    program, *machine, console = QEMU[architecture]
    command = (
        *(program, *machine, "-m", "1024", "-nographic", "-nodefaults", "-no-reboot"),
        *("-serial", "stdio", "-kernel", str(image), "-initrd", str(initrd)),
        *("-append", f"console={console} quiet panic=-1"),
    )
    ended = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS, check=True
    )
    return ended.stdout.decode(errors="replace").replace("\r", "")


def _pack(root: Path, packed: IO[bytes]) -> None:
    """The form `newc` (Documentation/driver-api/early-userspace/buffer-format.rst, Linux 6.18)."""
    for number, path in enumerate(sorted(root.rglob("*")), 1):
        packed.writelines(
            _entry(str(path.relative_to(root)), path.lstat().st_mode, number, _data(path))
        )
    packed.writelines(_entry("dev", stat.S_IFDIR | 0o755, 1 << 20, b""))
    # The kernel opens it for process 1 before anything is mounted.
    packed.writelines(_entry("dev/console", stat.S_IFCHR | 0o600, 1 << 21, b"", device=(5, 1)))
    packed.writelines(_entry("TRAILER!!!", 0, 0, b""))


def _data(path: Path) -> bytes:
    if path.is_symlink():
        return os.fsencode(path.readlink())
    return path.read_bytes() if path.is_file() else b""


def _entry(
    name: str, mode: int, number: int, data: bytes, device: tuple[int, int] = (0, 0)
) -> Iterator[bytes]:
    called = os.fsencode(name) + b"\0"
    fields = (number, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(called), 0)
    yield _padded(b"070701" + b"".join(b"%08x" % field for field in fields) + called)
    yield _padded(data)


def _padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % 4)
