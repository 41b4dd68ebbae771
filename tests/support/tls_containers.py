"""Containers with Debian's Python and its OpenSSL, and the certificate of a server on loopback."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from support.containers import require
from support.recorded_containers import Template, template
from support.recorder import NAMESPACE

PYTHON = "/usr/bin/python3"
_LIBRARIES = Path("/usr/lib")


def certificate(folder: Path, name: str) -> Path:
    """A self-signed certificate with its key, in one file."""
    require("openssl")
    path = folder / "both.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-keyout", str(path),
         "-out", f"{path}.crt", "-subj", f"/CN={name}"],
        check=True, capture_output=True,
    )  # fmt: skip
    path.write_bytes(path.read_bytes() + Path(f"{path}.crt").read_bytes())
    return path


def python_container(folder: Path, name: str, files: Iterable[Path], *arguments: str) -> Template:
    """A container of the workload ``name`` that runs the first file, in its folder, on the host's network."""
    made = template(folder, "runc")
    root = folder / "rootfs"
    for link in ("lib", "lib64"):
        (root / link).symlink_to(f"usr/{link}")
    for path in (Path(PYTHON).resolve(), *_needed()):
        _share(path, root)
    (root / PYTHON.lstrip("/")).symlink_to(Path(PYTHON).resolve().name)
    (root / "etc").mkdir()
    (root / "etc/nsswitch.conf").write_text("hosts: files\n")
    (root / "etc/hosts").write_text("127.0.0.1 localhost\n")
    program, *_ = [shutil.copy(file, root / "srv") for file in files]
    made.configure((PYTHON, Path(program).name, *arguments))
    document = json.loads((folder / "config.json").read_text())
    document["annotations"]["policyc.dev/workload"] = f"apps/v1/Deployment/{NAMESPACE}/{name}"
    own = document["linux"]["namespaces"]
    document["linux"]["namespaces"] = [entry for entry in own if entry["type"] != "network"]
    (folder / "config.json").write_text(json.dumps(document))
    return made


def _needed() -> list[Path]:
    """Python's library, and the shared objects that it and its modules map."""
    library = Path(os.path.realpath(PYTHON)).name
    folder = _LIBRARIES / library
    modules = [*(folder / "lib-dynload").glob("*.so")]
    told = subprocess.run(
        ["ldd", PYTHON, *map(str, modules)], check=True, capture_output=True, text=True
    ).stdout
    shared = {word for word in told.split() if word.startswith("/") and not word.endswith(":")}
    return [folder, *(Path(name) for name in sorted(shared))]


def _share(path: Path, root: Path) -> None:
    """Put a file or folder of the host at the same place; usr/lib stands for lib."""
    place = root / str(path.parent.resolve()).lstrip("/") / path.name
    place.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir():
        shutil.copytree(path, place, ignore=shutil.ignore_patterns("test", "__pycache__"))
    elif not place.exists():
        shutil.copy(path, place)
