"""What is for arm64, on a machine that need not be one.

Shown: the object is built, libbpf opens it, and all that it reads is found in the types of Debian's arm64 kernel;
the numbers of calls are the kernel's.  Not shown: that a kernel's verifier takes it.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
from support.bpf_objects import HERE, MACHINES, btf_of_image, built, read_of, types_of

from images import archive
from policyc.catalog.syscalls import table
from recorder import kernel, libbpf, tables

pytestmark = pytest.mark.system

REGISTERS = {
    "x86": {"r10", "r8", "di", "si", "dx", "cx", "orig_ax", "ax", "sp", "cs"},
    "arm64": {"regs", "orig_x0", "syscallno", "sp"},
}
"""Arguments 1 to 5, the number of a call, what a function returned, its stack and its width (syscall(2), "Architecture calling conventions"; struct pt_regs in
arch/arm64/include/asm/ptrace.h and arch/x86/include/asm/ptrace.h, Linux 6.18)."""
COMPAT_BITS = {"x86": "status", "arm64": "flags"}
BY_VERSION = {("ns_common", "ns_id"), ("mnt_namespace", "seq")}
"""What a mount namespace is told by, since 6.18 and until 6.17."""


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    folder = tmp_path_factory.mktemp("objects")
    return {machine: built(machine, folder) for machine in MACHINES}


@pytest.fixture(scope="module")
def arm64_kernel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The types of the kernel that Debian has for arm64 in clouds."""
    folder = tmp_path_factory.mktemp("kernel")
    index = archive.fetch_index(folder / "apt", "arm64")
    (named, *_) = index.offered(["linux-image-cloud-arm64"])["linux-image-cloud-arm64"]
    name = named.depends.split(" ")[0]
    index.download(index.offered([name])[name][:1], folder)
    (package,) = folder.glob("*.deb")
    subprocess.run(["dpkg-deb", "--extract", package, folder / "root"], check=True)
    (image,) = folder.glob("root/boot/vmlinuz-*")
    (folder / "btf").write_bytes(btf_of_image(image.read_bytes()))
    return folder / "btf"


def test_both_objects_have_the_same_programs_and_maps(objects: Mapping[str, Path]) -> None:
    assert _opened(objects["arm64"]) == _opened(objects["x86"])


def test_what_it_reads_is_in_an_arm64_kernel(
    objects: Mapping[str, Path], arm64_kernel: Path, tmp_path: Path
) -> None:
    """All that the object of this machine finds in the kernel that it runs on, with the registers of the other."""
    there = read_of(arm64_kernel, objects["arm64"], tmp_path)
    here = read_of(kernel.BTF, objects[HERE], tmp_path)
    assert _machine(there) == _of_machine("arm64")
    assert _machine(here) == _of_machine(HERE)
    assert there - _machine(there) - BY_VERSION == here - _machine(here) - BY_VERSION
    assert there & BY_VERSION


def test_an_arm64_kernel_has_every_hook_that_is_needed(
    objects: Mapping[str, Path], arm64_kernel: Path
) -> None:
    names = {entry.get("name") for entry in types_of(arm64_kernel).values()}
    programs, _ = _opened(objects["arm64"])
    for program in sorted(kernel.NEEDED):
        assert f"btf_trace_{programs[program].removeprefix('tp_btf/')}" in names


HEADERS = {
    "amd64": ("x86_64-linux-gnu", "/usr/include/x86_64-linux-gnu", "asm/unistd_64.h"),
    "386": ("i386-linux-gnu", "/usr/include/x86_64-linux-gnu", "asm/unistd_32.h"),
    "arm64": ("aarch64-linux-gnu", "/usr/aarch64-linux-gnu/include", "asm/unistd.h"),
    "arm": ("arm-linux-gnueabihf", "/usr/arm-linux-gnueabihf/include", "asm/unistd.h"),
}
"""Architecture -> clang's target, and where Debian's linux-libc-dev and its -cross packages have the kernel's headers."""
NO_CALLS = set(
    "syscalls arch_specific_syscall BASE SYSCALL_BASE SYSCALL_MASK OABI_SYSCALL_BASE".split()
)
ALIASES = {"sync_file_range2": "arm_sync_file_range"}
"""Names of one number, of which the tables have the kernel's own (arch/arm/include/uapi/asm/unistd.h)."""
WITHOUT_HEADER = {"uprobe", "uretprobe"}
"""The headers of Debian 12 are older than these numbers, which lie below those that they have."""


@pytest.mark.parametrize("architecture", HEADERS)
def test_numbers_are_those_of_the_kernels_headers(architecture: str) -> None:
    told = {ALIASES.get(n, n): number for n, number in _header(architecture).items()}
    ours = {name: number for number, name in tables.syscall_names(architecture).items()}
    assert len(told) > 300
    assert {name: ours.get(name) for name in told} == told
    assert {name: table()[architecture].get(name) for name in told} == told
    # Numbers from 424 on are given in turn: what the headers lack came after them (scripts/syscall.tbl, Linux 6.18).
    last = max(number for number in told.values() if number < 512)
    unknown = {name for name in ours.keys() - told.keys() if ours[name] <= last}
    assert unknown <= WITHOUT_HEADER


def _machine(read: set[tuple[str, str]]) -> set[tuple[str, str]]:
    return {field for field in read if field[0] in {"pt_regs", "thread_info"}}


def _of_machine(machine: str) -> set[tuple[str, str]]:
    registers = {("pt_regs", register) for register in REGISTERS[machine]}
    return registers | {("thread_info", COMPAT_BITS[machine])}


def _opened(path: Path) -> tuple[dict[str, str], list[str]]:
    """Program -> section, and the names of the maps, as user land finds them."""
    handle = libbpf.call("bpf_object__open_file")(str(path).encode(), None)
    assert handle
    try:
        programs = {name: section for _, name, section in kernel._programs(handle)}
        return programs, sorted(name for name, _ in kernel._map_handles(handle))
    finally:
        libbpf.call("bpf_object__close")(handle)


def _header(architecture: str) -> dict[str, int]:
    """Name -> number, as the preprocessor finds them."""
    macros = re.findall(
        r"^#define __(NR|ARM_NR)_([a-zA-Z0-9_]+) ",
        _preprocess(architecture, "", "-dM"),
        re.MULTILINE,
    )
    wanted = "".join(f"number {name} __{kind}_{name}\n" for kind, name in macros)
    told = re.findall(r"^number (\w+) (.*)$", _preprocess(architecture, wanted, "-P"), re.MULTILINE)
    # `57`, or `(0 + 57)`, or `((0 +0x0f0000)+2)`
    return {
        name: sum(int(term, 0) for term in re.findall(r"\w+", expression))
        for name, expression in told
        if name not in NO_CALLS
    }


def _preprocess(architecture: str, text: str, *options: str) -> str:
    target, folder, header = HEADERS[architecture]
    return subprocess.run(
        ["clang", "-E", "-x", "c", "-nostdinc", f"--target={target}", f"-isystem{folder}", *options, "-"],
        input=f"#include <{header}>\n{text}",
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
