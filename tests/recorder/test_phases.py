"""What is set-up and what is the application's, also where a program or a runtime goes other ways than an exec."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from support.containers import RUNTIMES
from support.rare_calls import NUMBERS, build
from support.recorded_containers import Template, template
from support.recorder import Spec, losses, names, watching

from policyc.catalog.setup_only import SETUP_ONLY
from recorder import layout
from recorder.identity import Container
from recorder.profile import Workload
from recorder.sets import FROM_RUNTIME, WITHIN, Phases
from recorder.subjects import UNEXECUTED, Known, Subjects, phases_in

pytestmark = pytest.mark.system

PIPES: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
AGENT = Container("c1", "crun", Workload("apps/v1", "Deployment", "support", "triage", "agent"))


@pytest.fixture(params=sorted(RUNTIMES))
def containers(request: pytest.FixtureRequest, tmp_path: Path) -> Template:
    return template(tmp_path / "bundle", request.param)


def _only(specs: list[Spec]) -> Spec:
    (spec,) = specs
    return spec


@pytest.mark.parametrize("way", ["unshare", "clone"])
def test_an_application_that_makes_itself_a_mount_namespace_goes_on_there(
    containers: Template, tmp_path: Path, way: str
) -> None:
    """It execs nothing in it, and is none the less no runtime."""
    program = containers.install(build(tmp_path, "unsharer"))
    containers.configure((program, way, str(NUMBERS["sysfs"]), "/srv/inside"))
    with watching(tmp_path / "out") as recorder:
        ended = containers.run()
        assert ended.returncode == 0, ended.stderr
        spec = _only(recorder.stop())
    assert "sysfs" in names(spec, "syscalls")
    assert "/srv/inside" in names(spec, "files", "path")
    met = {item["address"]: item for item in spec["egress"] if item["port"] == 7001}
    assert met["127.0.0.1"]["phase"] == "application"
    assert "unanswered" not in met["127.0.0.1"]
    assert not names(spec, "syscalls") & (SETUP_ONLY - {"unshare"})
    assert losses(spec) == {}


@contextmanager
def _running(*command: str) -> Iterator[subprocess.Popen[bytes]]:
    """Until the block ends; it says one line when it is there."""
    with subprocess.Popen(command, **PIPES) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        yield process
        process.communicate(timeout=60)


def test_an_exec_into_a_mount_namespace_that_an_application_made_is_set_up_until_then(
    tmp_path: Path,
) -> None:
    containers = template(tmp_path / "bundle", "runc")
    containers.configure((containers.install(build(tmp_path, "returner")),))
    name = "policyc-test-returner"
    entering = ["runc", "--root", str(containers.folder / "state"), "exec", name, "/bin/busybox"]
    with watching(tmp_path / "out") as recorder:
        with _running(*containers.arguments(name)):
            ended = subprocess.run(
                [*entering, "rmdir", "/srv/absent"], capture_output=True, check=False
            )
            assert b"/srv/absent" in ended.stderr
        spec = _only(recorder.stop())
    assert "rmdir" in names(spec, "syscalls")
    # runc does it there before its exec, and neither of the programs.
    assert "capset" in names(spec, "syscalls", phase="setup")
    assert "capset" not in names(spec, "syscalls")
    assert losses(spec) == {}


def test_what_a_runtime_runs_without_an_exec_is_a_loss(tmp_path: Path) -> None:
    """As those of WebAssembly do; all that it does there stands as set-up."""
    containers = template(tmp_path / "bundle", "runc")
    containers.configure(())
    runtime = build(tmp_path, "crun", "embedded")
    with watching(tmp_path / "out") as recorder:
        with _running(str(runtime), "run", "--bundle", str(containers.folder), "c1"):
            pass
        spec = _only(recorder.stop())
    (run,) = spec["runs"]
    assert UNEXECUTED in run["blind"]
    assert set(run["loss"]) == {domain for domain, lost in run["loss"].items() if lost}
    assert "/srv/seen" in names(spec, "files", "path", phase="setup")


def test_a_start_that_failed_is_no_loss(tmp_path: Path) -> None:
    containers = template(tmp_path / "bundle", "runc")
    with watching(tmp_path / "out") as recorder:
        for program, status in (("/bin/absent", 1), ("/bin/busybox", 0)):
            containers.configure((program, "true"))
            assert bool(containers.run().returncode) == bool(status)
        spec = _only(recorder.stop())
    assert losses(spec) == {}


@pytest.mark.parametrize(
    ("late", "origin", "phases"),
    [
        (0, None, WITHIN),
        (0, Known(layout.SubjectKey(), AGENT, {}), WITHIN),
        (0, Known(layout.SubjectKey(), None, {}), FROM_RUNTIME),
        (1, None, FROM_RUNTIME),
    ],
)
def test_whose_a_program_of_another_mount_namespace_is(
    late: int, origin: Known | None, phases: Phases
) -> None:
    assert phases_in(layout.Subject(late=late), origin) == phases
    assert len(phases) == len(layout.PHASES)


def _parts(*programs: bool, ended: bool = True, runtime: str = "crun") -> Subjects:
    """Subjects of one container, and whether something was exec'd in them; the last has ended, or not."""
    container = Container("c1", runtime, AGENT.workload)
    subjects = Subjects()
    for id_, has_program in enumerate(programs):
        known = Known(layout.SubjectKey(), container, {}, has_program=has_program, ended=1.0)
        subjects.add(id_, known)
    if not ended:
        subjects.here[len(programs) - 1].ended = 0
    return subjects


def _without(_id: int) -> layout.Subject:
    return layout.Subject()


@pytest.mark.parametrize(
    ("subjects", "first_ns", "is_final", "is_one"),
    [
        (_parts(False), 0, False, True),
        (_parts(True), 0, False, False),
        (_parts(False, runtime="runc"), 0, False, False),
        (_parts(False, runtime="runsc"), 0, False, False),
        # It goes into its cgroup, and execs there.
        (_parts(False, True), 0, False, False),
        (_parts(False, False), 0, False, True),
        # It may yet, unless it had the time for it, or nobody looks again.
        (_parts(False, False, ended=False), 2**62, False, False),
        (_parts(False, False, ended=False), 0, False, True),
        (_parts(False, False, ended=False), 2**62, True, True),
    ],
)
def test_containers_in_which_nothing_was_executed(
    subjects: Subjects, first_ns: int, *, is_final: bool, is_one: bool
) -> None:
    subjects.judge({0: layout.Subject(first_ns=first_ns)}, _without, is_final=is_final)
    assert subjects.here[0].is_unexecuted == is_one


def test_what_left_the_maps_is_remembered_for_the_rest_of_its_container() -> None:
    subjects = _parts(False, False)
    subjects.judge({1: layout.Subject(has_program=1)}, _without, is_final=False)
    subjects.remove(1)
    subjects.judge({0: layout.Subject()}, _without, is_final=True)
    assert not subjects.here[0].is_unexecuted


def test_a_part_that_is_not_read_with_the_others_is_asked() -> None:
    subjects = _parts(False, False)
    subjects.judge(
        {0: layout.Subject()},
        lambda id_: layout.Subject(has_program=id_),
        is_final=False,
    )
    assert not subjects.here[0].is_unexecuted
