"""What keeps a recorder from working: each has its message, its remedy and its exit code."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import urllib.request
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from support.containers import require
from support.recorded_containers import template
from support.recorder import call, losses, names, record, specs, watching
from support.samples import ROOT

from recorder.errors import ExitCode
from recorder.profile import Workload

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
    _says(_elsewhere(tmp_path, "--output", "out"), ExitCode.NO_OBJECT, "make recorder")


def test_no_libbpf(tmp_path: Path) -> None:
    """A file that is no library stands before the real one."""
    (tmp_path / "libbpf.so.1").write_text("no library\n")
    ended = _elsewhere(ROOT, "--output", str(tmp_path / "out"), LD_LIBRARY_PATH=str(tmp_path))
    _says(ended, ExitCode.NO_LIBBPF, "libbpf.so.1 is not installed")


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


def _without(hook: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Record with an object in which a hook has a name that no kernel knows, as on a kernel that lacks it."""
    return _moved(hook, f"{hook[:-1]}_", folder)


def _moved(hook: str, place: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Record with an object in which the program of a hook is that of another one."""
    made = folder / "moved"
    shutil.copytree(ROOT / "recorder", made / "recorder")
    file = made / "recorder/bpf/recorder.bpf.o"
    section, other = f"tp_btf/{hook}\0".encode(), f"tp_btf/{place}\0".encode()
    assert section in file.read_bytes()
    assert len(section) == len(other)
    file.write_bytes(file.read_bytes().replace(section, other))
    return _elsewhere(made, "--output", str(folder / "out"))


def _elsewhere(tree: Path, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Record with the recorder of another tree."""
    return subprocess.run(
        [sys.executable, "-m", "recorder", "run", *options, "--", "true"],
        cwd=tree,
        env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | environment,
        capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("hook", ["sys_enter", "sched_process_exit"])
def test_a_hook_that_no_profile_can_do_without(hook: str, tmp_path: Path) -> None:
    _says(_without(hook, tmp_path), ExitCode.MISSING_HOOK, "the kernel has no hook for `on_")
    assert specs(tmp_path / "out") == []


def test_a_missing_hook_leaves_its_domain_out_and_says_so(tmp_path: Path) -> None:
    ended = _without("cap_capable", tmp_path)
    assert ended.returncode == 0, ended.stderr
    (spec,) = specs(tmp_path / "out")
    (run,) = spec["runs"]
    assert "capabilities" not in spec
    assert run["hooks"]["missing"] == ["tp_btf/cap_capabl_"]
    assert "capabilities: all" in run["blind"]


def test_a_program_that_the_kernel_refuses_is_the_only_one_that_is_left_out(tmp_path: Path) -> None:
    """`timer_start` has two arguments (include/trace/events/timer.h), and the program asks for its fifth."""
    ended = _moved("cap_capable", "timer_start", tmp_path)
    assert ended.returncode == 0, ended.stderr
    (spec,) = specs(tmp_path / "out")
    (run,) = spec["runs"]
    assert "capabilities" not in spec
    assert run["hooks"]["missing"] == ["tp_btf/timer_start"]
    assert run["blind"] == ["capabilities: all"]


def test_a_kernel_that_refuses_what_no_profile_can_do_without(tmp_path: Path) -> None:
    """As root: so it is not for want of a privilege."""
    ended = _moved("sched_process_exec", "sched_process_exit", tmp_path)
    _says(ended, ExitCode.KERNEL, "the kernel refuses the programs")
    assert specs(tmp_path / "out") == []


def test_a_clock_that_jumps_moves_nothing(tmp_path: Path) -> None:
    """The wall clock is asked once; all times of a profile come from the one that never jumps."""
    leaping = (
        "import itertools, runpy, time; leaps, real = itertools.cycle((-7200, 86400)), time.time; "
        "time.time = lambda: real() + next(leaps); runpy.run_module('recorder', run_name='__main__')"
    )
    script = f"echo a >{tmp_path}/a; sleep 1; echo b >{tmp_path}/b"
    arguments = ("run", "--output", str(tmp_path / "out"), "--", "sh", "-c", script)
    subprocess.run([sys.executable, "-c", leaping, *arguments], cwd=ROOT, check=True)
    (spec,) = specs(tmp_path / "out")
    (run,) = spec["runs"]
    moments = {item[field] for item in spec["files"] for field in ("firstSeen", "lastSeen")}
    assert run["start"] <= min(moments) < max(moments) <= run["end"]
    times = [datetime.fromisoformat(run[field]) for field in ("start", "end")]
    assert times[1] - times[0] < timedelta(minutes=5)


def test_a_full_disk_leaves_the_last_good_profile(tmp_path: Path) -> None:
    script = (
        f"mount -t tmpfs -o size=64k none {tmp_path} && {RUN} {tmp_path} -- true; "
        f"cp {tmp_path}/*.json /tmp/policyc-before-$$ && head -c 1M /dev/zero >{tmp_path}/fill; "
        f"{RUN} {tmp_path} -- true; code=$?; "
        f"cmp {tmp_path}/*.json /tmp/policyc-before-$$ || code=1; rm /tmp/policyc-before-$$; exit $code"
    )
    _says(_in_namespace(script), ExitCode.FULL_DISK, "no space left")


def test_a_disk_that_is_full_for_a_while_loses_nothing(tmp_path: Path) -> None:
    """While it watches, the recorder goes on: what it could not write it writes when there is room."""
    containers = template(tmp_path / "bundle", "runc")
    containers.configure(("/bin/busybox", "sh", "-c", "echo a >note"))
    out = tmp_path / "out"
    out.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(out)], check=True)
    try:
        with watching(out) as recorder:
            subprocess.run(
                ["dd", "if=/dev/zero", f"of={out}/fill", "bs=4k"], capture_output=True, check=False
            )
            assert containers.run().returncode == 0
            assert recorder.process.stderr is not None
            assert any("no space left" in line for line in recorder.process.stderr)
            (out / "fill").unlink()
            (spec,) = recorder.stop()
    finally:
        subprocess.run(["umount", str(out)], check=True)
    assert "/srv/note" in names(spec, "files", "path")
    assert losses(spec) == {}


def test_a_disk_without_room_for_the_status_ends_no_recorder(tmp_path: Path) -> None:
    """The status is renewed every second here, and there is nothing else to write."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(tmp_path)], check=True)
    try:
        with watching(tmp_path, "--every", "1s") as recorder:
            with pytest.raises(OSError, match="No space left"):
                (tmp_path / "fill").write_bytes(bytes(1 << 20))
            assert recorder.process.stderr is not None
            assert any("no space left" in line for line in recorder.process.stderr)
            (tmp_path / "fill").unlink()
            recorder.stop()
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


@pytest.mark.parametrize("place", ["{}/file", "{}/file/below", "/proc/none"])
def test_an_output_that_cannot_be_written(place: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    output = place.format(tmp_path)
    ended = call("run", "--output", output, "--", "touch", str(tmp_path / "ran"))
    _says(ended, ExitCode.OUTPUT, "cannot be written")
    assert not (tmp_path / "ran").exists(), "that is known before the command begins"
    _says(call("run", "--output", output), ExitCode.OUTPUT, "cannot be written")


@pytest.mark.parametrize("command", [" -- touch {}/ran", ""])
def test_an_output_on_a_file_system_that_is_read_only(command: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    mounted = f"mount -t tmpfs -o ro none {out} && {RUN} {out}{command.format(tmp_path)}"
    _says(_in_namespace(mounted), ExitCode.OUTPUT, "read-only file system")
    assert not (tmp_path / "ran").exists()


HEAD = '{"apiVersion": "policyc.dev/v1", "kind": "AgentProfile", "spec": {"workload": %s}}'
TOUCH = Workload("apps/v1", "Deployment", "default", "touch", "touch")


@pytest.mark.parametrize("text", ["somebody's notes", HEAD % json.dumps(TOUCH.fields)])
def test_what_is_no_profile_is_not_overwritten(text: str, tmp_path: Path) -> None:
    file, ran = tmp_path / "deployment-default-touch-touch.json", tmp_path / "ran"
    file.write_text(text)
    ended = call("run", "--output", str(tmp_path), "--", "touch", str(ran))
    _says(ended, ExitCode.OUTPUT, "no AgentProfile")
    assert file.read_text() == text
    assert not ran.exists()


def _unrunnable(folder: Path) -> dict[str, tuple[str, str]]:
    """Programs, and for each why it cannot be run and what helps."""
    for name, text in (("plain", "echo"), ("bare", "echo"), ("lost", "#!/no/such/interpreter")):
        (folder / name).write_text(f"{text}\n")
        (folder / name).chmod(0o644 if name == "plain" else 0o755)
    return {
        "/no/such/program": ("no such file", "name a program"),
        "no-such-program": ("no such file", "name a program"),
        f"{folder}/plain": ("permission denied", "make it executable"),
        str(folder): ("permission denied", "it is a folder"),
        f"{folder}/bare": ("exec format error", "begin it with `#!`"),
        f"{folder}/lost": ("no such file", "its interpreter"),
        "pyproject.toml": ("no such file", "it is not in PATH"),
    }


def test_a_command_that_cannot_be_run_and_why(tmp_path: Path) -> None:
    for program, (why, remedy) in _unrunnable(tmp_path).items():
        ended = call("run", "--output", str(tmp_path / "out"), "--", program)
        _says(ended, ExitCode.COMMAND_NOT_FOUND, f"`{program}` cannot be run: {why}")
        assert f"\n  help: {remedy}" in ended.stderr
    assert specs(tmp_path / "out") == []


def test_a_command_may_end_as_a_shell_does_that_finds_none(tmp_path: Path) -> None:
    ended = call("run", "--output", str(tmp_path), "--", "sh", "-c", "exit 127")
    assert (ended.returncode, len(specs(tmp_path))) == (127, 1)


def test_the_commands_own_status_is_handed_on(tmp_path: Path) -> None:
    assert call("run", "--output", str(tmp_path), "--", "sh", "-c", "exit 3").returncode == 3


def test_a_command_is_ended_after_its_time(tmp_path: Path) -> None:
    # Long enough for a busy machine to start them in.
    spec = record(tmp_path, "sh", "-c", "sleep 600 & sleep 601", options=("--for", "3s"))
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
        while not (containers.folder / "rootfs/srv/note").exists():
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
        recorder.process.send_signal(signal.SIGTERM)
        _, told = recorder.process.communicate(timeout=60)
    assert recorder.process.returncode == 0, told
    assert "no runtime tells" in told
    assert specs(tmp_path / "out") == []
