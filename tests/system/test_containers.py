"""Compiled seccomp profiles in real containers, under each runtime that has a start-up set."""

from __future__ import annotations

import json
from collections.abc import Iterator
from errno import ENOSYS, EPERM
from pathlib import Path

import pytest
from support import corpus, probe
from support.containers import PROCESSES, RUNTIMES, USER, Bundle, Process, bundle
from support.oracle.kernel import ALLOWED, NOT_PROBED, install_gate, libseccomp
from support.recorded import (
    ARCHITECTURE,
    calls_of,
    compiled,
    profile_of,
    seccomp,
    seccomp_for,
)
from support.samples import ROOT

from policyc.catalog import startup
from policyc.catalog.syscalls import names, number
from policyc.catalog.unseen import unseen
from policyc.emit.seccomp import path_of
from policyc.pipeline.build import AgentBuild
from policyc.profiles.base import WorkloadKey

pytestmark = pytest.mark.system

# Opening /dev/stdout by its name takes the right to it, which the runtime hands over.
SCRIPT = (
    "/bin/busybox", "sh", "-c", "echo hello >note && head -n 1 note >/dev/stdout && ls",
)  # fmt: skip
SAYS = b"hello\nnote\n"
WAIT = ("/bin/busybox", "sleep", "0.01")
WAIT_LONG = ("/bin/busybox", "sleep", "600.01")
MKDIR = ("/bin/busybox", "mkdir", "made")
DENIED = b"Operation not permitted"
UNSHARE = ("/bin/busybox", "unshare", "-U", "true")
GENERATED = sorted((ROOT / "generated").glob(f"*/{path_of(ARCHITECTURE)}"))
REDIS = WorkloadKey("apps/v1", "StatefulSet", "bob", "bob-redis-master", "redis")
every_process = pytest.mark.parametrize("process", PROCESSES, ids=str)


@pytest.fixture(params=sorted(RUNTIMES))
def container(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bundle]:
    made = bundle(tmp_path / "bundle", request.param)
    yield made
    made.remove()


@pytest.fixture(scope="session")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> AgentBuild:
    """The build of an agent that was seen to do what SCRIPT and WAIT do."""
    folder = tmp_path_factory.mktemp("recorded")
    (folder / "work").mkdir()
    calls = calls_of(SCRIPT, folder / "work") | calls_of(WAIT, folder / "work")
    return compiled(folder / "root", {"recorded.json": profile_of(calls)})


@pytest.fixture(scope="session")
def smallest(tmp_path_factory: pytest.TempPathFactory) -> AgentBuild:
    """The build of an agent that does what the probe does, seen from after its first execve."""
    root = tmp_path_factory.mktemp("smallest") / "root"
    return compiled(root, {"recorded.json": profile_of(probe.CALLS)})


def test_every_runtime_and_every_agent_is_tried() -> None:
    assert set(RUNTIMES) == set(startup.RUNTIMES)
    assert GENERATED


@every_process
def test_without_a_profile_all_works(container: Bundle, process: Process) -> None:
    """Else the refusals below would say nothing of profiles."""
    ended = container.run(MKDIR, None, process)
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert (container.rootfs / "srv" / "made").is_dir()


@every_process
def test_what_was_recorded_runs(container: Bundle, process: Process, recorded: AgentBuild) -> None:
    """Under the profile for all runtimes, and under that for its own alone."""
    for profile in (seccomp(recorded), seccomp_for(recorded, container.runtime)):
        ended = container.run(SCRIPT, profile, process)
        assert (ended.returncode, ended.stdout, ended.stderr) == (0, SAYS, b"")


@every_process
def test_further_commands_run(container: Bundle, process: Process, recorded: AgentBuild) -> None:
    profile = seccomp_for(recorded, container.runtime)
    assert container.start(WAIT_LONG, profile, process).returncode == 0
    ended = container.exec(SCRIPT, process)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, SAYS, b"")
    refused = container.exec(MKDIR, process)
    assert refused.returncode != 0
    assert DENIED in refused.stderr


@every_process
def test_what_was_not_recorded_is_refused(
    container: Bundle, process: Process, recorded: AgentBuild
) -> None:
    ended = container.run(MKDIR, seccomp(recorded), process)
    assert ended.returncode != 0
    assert DENIED in ended.stderr
    assert not (container.rootfs / "srv" / "made").exists()


@every_process
def test_the_runtime_needs_its_start_up_set(
    container: Bundle, process: Process, smallest: AgentBuild
) -> None:
    """With it the smallest of programs runs, and without it the runtime never gets so far."""
    command = container.install("probe", probe.program([number(ARCHITECTURE, "uname")]))
    with_set = container.run((command,), seccomp_for(smallest, container.runtime), process)
    assert (with_set.returncode, with_set.stderr) == (0, b"")
    assert probe.errnos(with_set.stdout) == [EPERM]
    without = container.run((command,), seccomp_for(smallest), process)
    assert without.returncode != 0


@every_process
def test_every_number_gets_the_envelopes_answer(
    container: Bundle, process: Process, smallest: AgentBuild
) -> None:
    """The filter that the runtime really installs, asked from inside for every number."""
    assert smallest.envelope is not None
    named = {number(ARCHITECTURE, name): name for name in names(ARCHITECTURE)}
    probed = [n for n in range(max(named) + 50) if n not in NOT_PROBED[ARCHITECTURE]]
    command = container.install("probe", probe.program(probed))
    profile = seccomp_for(smallest, container.runtime)
    ended = container.run((command,), profile, process, before=install_gate)
    assert (ended.returncode, ended.stderr) == (0, b"")
    answers = dict(zip(probed, probe.errnos(ended.stdout), strict=True))
    expected = {n: _expected(named.get(n), smallest, container.runtime) for n in probed}
    assert answers == expected


def _expected(name: str | None, build: AgentBuild, runtime: str) -> int:
    """Runtimes pass over names that their libseccomp does not know yet."""
    assert build.envelope is not None
    if name is None or libseccomp().seccomp_syscall_resolve_name(name.encode()) < 0:
        return ENOSYS
    granted = {"architecture": ARCHITECTURE, "name": name} in build.envelope.domains["syscalls"]
    if granted or name in {*startup.startup(runtime, ARCHITECTURE).names, *unseen(ARCHITECTURE)}:
        return ALLOWED
    return EPERM


@pytest.mark.parametrize("path", GENERATED, ids=lambda path: path.parent.name)
def test_the_committed_profiles_start(container: Bundle, path: Path) -> None:
    command = container.install("probe", probe.program([number(ARCHITECTURE, "mount")]))
    profile = json.loads(path.read_bytes())
    ended = container.run((command,), profile, USER)
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert probe.errnos(ended.stdout) == [EPERM]


@every_process
def test_redis_profiles_start(container: Bundle, process: Process, tmp_path: Path) -> None:
    """Sixteen recordings, merged, are enough for a container whose program keeps to them."""
    corpus.require()
    recordings = {path.name: path.read_bytes() for path in sorted(corpus.REDIS.glob("*.yaml"))}
    build = compiled(tmp_path / "root", recordings, REDIS)
    profile = seccomp(build)
    assert build.envelope is not None
    (tmp_path / "work").mkdir()
    for name in calls_of(SCRIPT, tmp_path / "work"):
        point = {"architecture": ARCHITECTURE, "name": name}
        assert point in build.envelope.domains["syscalls"], name
    ended = container.run(SCRIPT, profile, process)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, SAYS, b"")
    refused = container.run(UNSHARE, profile, process)
    assert refused.returncode != 0
    assert DENIED in refused.stderr
