"""What a program has besides calls, files and peers: capabilities, servers over standard input, packages, models."""

from __future__ import annotations

import importlib.metadata
import sys
from pathlib import Path

import pytest
from support.containers import require
from support.recorder import Spec, losses, names, record

pytestmark = pytest.mark.system

PROGRAMS = Path(__file__).parent / "programs"


def _asked(spec: Spec) -> dict[str, bool]:
    return {i["name"]: i["granted"] for i in spec["capabilities"] if i["phase"] == "application"}


@pytest.mark.parametrize("granted", [True, False])
def test_capabilities_that_are_asked_for_and_whether_they_are_granted(
    tmp_path: Path, granted: bool
) -> None:
    require("setpriv", "chown", "chroot")
    kept = "" if granted else "--bounding-set=-chown,-sys_chroot --inh-caps=-chown,-sys_chroot"
    script = f"touch mine; setpriv {kept} sh -c 'chown 1234 mine; chroot / /bin/true; true'"
    folder = tmp_path / "in"
    folder.mkdir()
    spec = record(tmp_path / "out", "/usr/bin/env", "-C", str(folder), "/bin/sh", "-c", script)
    asked = _asked(spec)
    assert {name: asked[name] for name in ("CHOWN", "SYS_CHROOT")} == {
        "CHOWN": granted,
        "SYS_CHROOT": granted,
    }
    assert losses(spec) == {}


def test_capabilities_over_a_user_namespace_of_its_own_are_not_the_containers(
    tmp_path: Path,
) -> None:
    """Whoever makes one holds all of them there, and needs none for it."""
    require("setpriv", "unshare", "ip")
    dropped = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--bounding-set=-all")
    made = "unshare --user --map-root-user --net ip link set lo up"
    spec = record(tmp_path / "out", *dropped, "/bin/sh", "-c", made)
    asked = _asked(spec)
    assert asked["NET_ADMIN"] is False


def test_a_server_over_standard_input_and_the_child_behind_it(tmp_path: Path) -> None:
    spec = record(tmp_path / "out", sys.executable, str(PROGRAMS / "servers.py"))
    assert {item["tool"] for item in spec["tools"]} == {"look_up"}
    (python,) = (i for i in spec["executables"] if i["phase"] == "application")
    assert python["path"] == str(Path(sys.executable).resolve())
    # The agent, the server, and who answers for it.
    assert python["count"] >= 3
    assert "-c <text>" in python["arguments"]


def test_packages_and_model_files(tmp_path: Path) -> None:
    model = tmp_path / "small.gguf"
    model.write_bytes(b"GGUF")
    script = (
        f"import importlib.metadata as m, yaml; m.version('PyYAML'); open({str(model)!r}).close()"
    )
    spec = record(tmp_path / "out", sys.executable, "-c", script)
    packages = {(i["kind"], i["name"]) for i in spec["packages"] if i["phase"] == "application"}
    assert ("python-module", "yaml") in packages
    assert ("python-distribution", "pyyaml") in packages
    (version,) = {i["version"] for i in spec["packages"] if i["name"] == "pyyaml"}
    assert version == importlib.metadata.version("pyyaml")
    assert names(spec, "modelFiles", "path") == {str(model)}
