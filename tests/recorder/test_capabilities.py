"""The capabilities of the DaemonSet are enough, and none of them is too many."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from support.containers import require
from support.recorded_containers import Template, template
from support.recorder import NAMESPACE, TIMEOUT_SECONDS, specs
from support.samples import ROOT

from recorder.errors import ExitCode

pytestmark = pytest.mark.system

NUMBERS = {"BPF": 39, "PERFMON": 38, "NET_ADMIN": 12, "SYS_PTRACE": 19, "DAC_READ_SEARCH": 2}
"""include/uapi/linux/capability.h"""
DAEMONSET = yaml.safe_load((ROOT / "deploy/recorder/daemonset.yaml").read_text())
(CONTAINER,) = DAEMONSET["spec"]["template"]["spec"]["containers"]
SOMEBODY = 12345


@pytest.fixture
def containers(tmp_path: Path) -> Template:
    """A bundle of a user who lets nobody look into it, as rootless runtimes have them."""
    made = template(tmp_path / "bundle", "runc")
    made.configure(("/bin/busybox", "true"))
    (made.folder / "state").mkdir()
    for path in (made.folder, *made.folder.rglob("*")):
        shutil.chown(path, SOMEBODY)
    made.folder.chmod(0o700)
    return made


def recorder(folder: Path, containers: Template, *held: str) -> subprocess.Popen[str]:
    """As root with these capabilities and no others."""
    require("setpriv")
    bounding = ",".join(["-all", *(f"+cap_{NUMBERS[name]}" for name in held)])
    command = ["setpriv", f"--bounding-set={bounding}", "--inh-caps=-all", sys.executable]
    command += ["-m", "recorder", "run", f"--output={folder}"]
    command += [f"--state-root={containers.folder / 'state'}"]
    return subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)


def test_they_are_those_of_the_daemonset() -> None:
    assert CONTAINER["securityContext"]["capabilities"]["add"] == [*NUMBERS]


def test_they_are_enough(containers: Template, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with recorder(out, containers, *NUMBERS) as process:
        assert process.stderr is not None
        first = process.stderr.readline()
        assert first.startswith("recorder: ready"), first
        assert containers.run().returncode == 0
        process.send_signal(signal.SIGTERM)
        _, told = process.communicate(timeout=TIMEOUT_SECONDS)
    assert process.returncode == 0, told
    (spec,) = (s for s in specs(out) if s["workload"]["namespace"] == NAMESPACE)
    assert spec["workload"]["name"] == "triage"
    (run,) = spec["runs"]
    assert run["hooks"]["missing"] == []


@pytest.mark.parametrize("missing", NUMBERS)
def test_without_one_it_says_so(containers: Template, tmp_path: Path, missing: str) -> None:
    held = [name for name in NUMBERS if name != missing]
    with recorder(tmp_path / "out", containers, *held) as process:
        _, told = process.communicate(timeout=TIMEOUT_SECONDS)
    assert process.returncode == ExitCode.NO_PRIVILEGE, told
    assert missing in told
    assert "Traceback" not in told
