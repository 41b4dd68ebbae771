"""Start-up sets on architectures other than the one that they were recorded on."""

from __future__ import annotations

import pytest

from policyc.catalog.setup_only import SETUP_ONLY
from policyc.catalog.startup import RUNTIMES, STARTUP, startup
from policyc.catalog.syscall_classes import class_of
from policyc.catalog.syscalls import ARCHITECTURES, names

every_set = pytest.mark.parametrize("runtime", RUNTIMES)
every_architecture = pytest.mark.parametrize("architecture", ARCHITECTURES)

# What golang.org/x/sys/unix and Go's syscall package call on 386 and arm for functions
# that runc uses after it has installed the filter (zsyscall_linux_arm.go and others, v0.38).
GO_OF_32_BITS = frozenset(
    "fchown32 fcntl64 fstat64 fstatat64 fstatfs64 futex getuid32 mmap2 setgid32 setgroups32 setuid32 statx".split()
)


@every_set
def test_on_amd64_it_is_what_was_recorded(runtime: str) -> None:
    recorded = next(s.names for s in STARTUP if s.runtime == runtime)
    assert startup(runtime, "amd64").names == recorded
    assert recorded <= names("amd64")


@every_set
@every_architecture
def test_every_call_has_its_counterpart(runtime: str, architecture: str) -> None:
    here = startup(runtime, architecture).names
    assert here <= names(architecture)
    for name in startup(runtime, "amd64").names - {"arch_prctl"}:  # amd64's own thread pointer
        assert name in here or class_of(name, architecture)[1] & here, name


@pytest.mark.parametrize("architecture", ["386", "arm"])
def test_wide_arguments_on_32_bits(architecture: str) -> None:
    assert startup("runc", architecture).names >= GO_OF_32_BITS


@every_set
@every_architecture
def test_what_only_builds_containers_is_in_no_set(runtime: str, architecture: str) -> None:
    assert not startup(runtime, architecture).names & SETUP_ONLY
