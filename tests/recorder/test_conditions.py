"""What keeps a recorder from working: each has its message, its remedy and its exit code."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from support.containers import require
from support.recorded_containers import template
from support.recorder import call, losses, record, specs, watching
from support.samples import ROOT

from recorder.errors import ExitCode

pytestmark = pytest.mark.system

RUN = f"{sys.executable} -m recorder run --output"


def _in_namespace(script: str, *wrapper: str) -> subprocess.CompletedProcess[str]:
    """Run a shell script in a mount namespace of its own, from the checkout."""
    return subprocess.run(
        ["unshare", "--mount", *wrapper, "sh", "-c", script],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def _says(ended: subprocess.CompletedProcess[str], code: ExitCode, words: str) -> None:
    assert ended.returncode == code, ended.stderr
    assert words in ended.stderr
    assert "\n  help: " in ended.stderr
    assert "Traceback" not in ended.stderr


def test_no_type_information(tmp_path: Path) -> None:
    hidden = f"mount -t tmpfs none /sys/kernel/btf && {RUN} {tmp_path} -- true"
    _says(_in_namespace(hidden), ExitCode.NO_BTF, "no type information")


def test_lockdown(tmp_path: Path) -> None:
    # What a locked kernel shows, and a user whom it refuses: locking this one would last until it boots again.
    text = tmp_path / "lockdown"
    text.write_text("none integrity [confidentiality]\n")
    locked = (
        "mount -t tmpfs none /sys/kernel/security && "
        f"cp {text} /sys/kernel/security/lockdown && "
        f"exec setpriv --bounding-set -all --inh-caps -all {RUN} {tmp_path / 'out'} -- true"
    )
    _says(_in_namespace(locked), ExitCode.LOCKDOWN, "locked down")


def test_no_privilege(tmp_path: Path) -> None:
    require("setpriv")
    powerless = f"exec setpriv --bounding-set -all --inh-caps -all {RUN} {tmp_path / 'out'} -- true"
    _says(_in_namespace(powerless), ExitCode.NO_PRIVILEGE, "not permitted")


def test_no_object(tmp_path: Path) -> None:
    shutil.copytree(
        ROOT / "recorder", tmp_path / "recorder", ignore=shutil.ignore_patterns("*.bpf.o")
    )
    ended = subprocess.run(
        [sys.executable, "-m", "recorder", "run", "--output", "out", "--", "true"],
        cwd=tmp_path,
        env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    _says(ended, ExitCode.NO_OBJECT, "make recorder")


def test_no_cgroup2_leaves_the_profile_without_peers_and_says_so(tmp_path: Path) -> None:
    hidden = f"umount -R -l /sys/fs/cgroup; {RUN} {tmp_path} -- true"
    ended = _in_namespace(hidden)
    assert ended.returncode == 0, ended.stderr
    (spec,) = specs(tmp_path)
    (run,) = spec["runs"]
    assert "egress" not in spec
    assert spec["syscalls"]
    assert "cgroup/connect6" in run["hooks"]["missing"]
    assert "egress: IPv6 peers that it connects to" in run["blind"]


def test_a_full_disk_leaves_the_last_good_profile(tmp_path: Path) -> None:
    script = (
        f"mount -t tmpfs -o size=64k none {tmp_path} && {RUN} {tmp_path} -- true; "
        f"cp {tmp_path}/*.json /tmp/policyc-before-$$ && head -c 1M /dev/zero >{tmp_path}/fill; "
        f"{RUN} {tmp_path} -- true; code=$?; "
        f"cmp {tmp_path}/*.json /tmp/policyc-before-$$ || code=1; rm /tmp/policyc-before-$$; exit $code"
    )
    _says(_in_namespace(script), ExitCode.FULL_DISK, "no space left")


def test_an_output_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    ended = call("run", "--output", str(tmp_path / "file"), "--", "true")
    _says(ended, ExitCode.OUTPUT, "cannot be written")
    _says(call("run", "--output", str(tmp_path / "file")), ExitCode.OUTPUT, "cannot be written")


def test_no_such_command(tmp_path: Path) -> None:
    ended = call("run", "--output", str(tmp_path), "--", "/no/such/program")
    _says(ended, ExitCode.COMMAND_NOT_FOUND, "`/no/such/program`")
    assert specs(tmp_path) == []


def test_the_commands_own_status_is_handed_on(tmp_path: Path) -> None:
    assert call("run", "--output", str(tmp_path), "--", "sh", "-c", "exit 3").returncode == 3


def test_a_command_is_ended_after_its_time(tmp_path: Path) -> None:
    spec = record(tmp_path, "sh", "-c", "sleep 600 & sleep 601", options=("--for", "1s"))
    assert "/usr/bin/sleep" in {item["path"] for item in spec["executables"]}


def test_a_second_recorder_and_status(tmp_path: Path) -> None:
    out = str(tmp_path)
    _says(call("status", "--output", out), ExitCode.NOT_RUNNING, "no recorder")
    with watching(tmp_path, "--listen", "127.0.0.1:0") as recorder:
        _says(call("run", "--output", out), ExitCode.SECOND_RECORDER, "another recorder")
        told = json.loads(call("status", "--output", out).stdout)
        assert told["pid"] == recorder.process.pid
        assert told["hooksMissing"] == []
        base = f"http://{told['listening']}"
        with urllib.request.urlopen(f"{base}/healthz") as answer:
            assert answer.read() == b"ok\n"
        with urllib.request.urlopen(f"{base}/metrics") as answer:
            assert b'recorder_hook_attached{hook="tp_btf/sys_enter"} 1' in answer.read()
        recorder.stop()
    _says(call("status", "--output", out), ExitCode.NOT_RUNNING, "no recorder")


def test_an_unknown_runtime_is_told_and_not_recorded(tmp_path: Path) -> None:
    with watching(tmp_path) as recorder:
        subprocess.run(["unshare", "--mount", "sh", "-c", "cat /etc/hostname"], check=True)
        recorder.process.send_signal(signal.SIGTERM)
        _, told = recorder.process.communicate(timeout=60)
    assert "no runtime tells" in told


def test_a_recorder_that_was_killed_is_remembered(tmp_path: Path) -> None:
    containers = template(tmp_path / "bundle", "runc")
    containers.configure(("/bin/busybox", "sh", "-c", "echo a >note; read x; echo b >note"))
    state, out = containers.folder / "state", tmp_path / "out"
    with subprocess.Popen(containers.arguments(), stdin=subprocess.PIPE) as process:
        while not (containers.folder / "rootfs/work/note").exists():
            assert process.poll() is None
        with watching(out) as recorder:
            recorder.process.send_signal(signal.SIGKILL)
            recorder.process.wait()
        with watching(out, "--state-root", str(state)) as recorder:
            process.communicate(b"x\n", timeout=60)
            (spec,) = recorder.stop()
    (run,) = spec["runs"]
    assert any("killed" in words for words in run["blind"])
    assert losses(spec).keys() >= {"syscalls", "files"}


def test_the_configuration_of_a_container_that_is_gone(tmp_path: Path) -> None:
    """The bundle is removed as soon as the runtime has read it: nobody can say who it was."""
    containers = template(tmp_path / "bundle", "runc")
    containers.configure(("/bin/busybox", "true"))
    document = json.loads((containers.folder / "config.json").read_text())
    document["hooks"] = {
        "createRuntime": [{"path": "/bin/rm", "args": ["rm", str(containers.folder / "config.json")]}]
    }  # fmt: skip
    (containers.folder / "config.json").write_text(json.dumps(document))
    with watching(tmp_path / "out") as recorder:
        recorder.process.send_signal(signal.SIGSTOP)
        assert containers.run().returncode == 0
        recorder.process.send_signal(signal.SIGCONT)
        assert recorder.stop() == []
