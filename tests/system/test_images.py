"""The images as they are built: the same bytes twice, small, listed, and able to start."""

from __future__ import annotations

import json
import platform
import subprocess
from dataclasses import dataclass
from email.parser import HeaderParser
from pathlib import Path

import pytest

from images.__main__ import DATE
from images.archive import ARCHITECTURES
from images.build import Image, Source, build
from images.container import digest
from images.lock import Pin, path_of, read
from images.recipes import RECIPES, Recipe
from tests.loop.roots import config_of, unpacked

pytestmark = pytest.mark.system

LIMIT_BYTES = 120_000_000
TODAY = Source(take_newer=True)
"""An update of Debian's must not fail a change of ours: `make images` refuses it, `.ci/run` tells of it."""
MODULES = {
    "recorder": "recorder.cli, ssl, ctypes",
    "webhook": "webhook.server, policyc.kube.client, kubernetes.client, kubernetes.config, uvloop",
}


def lock_path(recipe: Recipe) -> Path:
    return path_of(TODAY.locks, recipe.name, ARCHITECTURES[platform.machine()])


@dataclass(frozen=True, slots=True)
class Built:
    recipe: Recipe
    image: Image
    bill: Path
    root: Path


@pytest.fixture(scope="module", params=RECIPES, ids=lambda recipe: recipe.name)
def built(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Built:
    folder = tmp_path_factory.mktemp("images")
    image = build(request.param, folder, DATE, TODAY)
    bill = folder / f"{request.param.name}.cdx.json"
    return Built(request.param, image, bill, unpacked(image.layout, folder / "root"))


def test_two_builds_give_the_same_bytes(built: Built, tmp_path: Path) -> None:
    again = build(built.recipe, tmp_path, DATE, TODAY)
    assert again.digest == built.image.digest == digest(again.layout)
    assert (tmp_path / built.bill.name).read_bytes() == built.bill.read_bytes()


def test_it_is_small(built: Built) -> None:
    assert built.image.size_bytes < LIMIT_BYTES


def test_it_starts_without_writing(built: Built) -> None:
    """Every module that it needs is there, and its bytecode is used: nothing has to be compiled."""
    code = f"import {MODULES[built.recipe.name]}, sys; print(sys.modules['ssl'].__cached__)"
    done = _python(built, "-c", code)
    assert done.returncode == 0, done.stderr
    cached = done.stdout.strip()
    assert (built.root / cached.lstrip("/")).is_file()


def test_the_entry_point_answers(built: Built) -> None:
    config = config_of(built.image.layout)
    done = _python(built, *config["Entrypoint"][1:], "--help")
    assert done.returncode == 0, done.stderr
    assert "usage" in done.stdout


def test_every_extension_module_can_be_loaded(built: Built) -> None:
    """What was left out took the modules that need it along."""
    folder = built.root / "usr/lib/python3.11/lib-dynload"
    names = sorted(path.name.partition(".")[0] for path in folder.glob("*.so"))
    assert names
    done = _python(built, "-W", "ignore", "-c", f"import {', '.join(names)}")
    assert done.returncode == 0, done.stderr


def test_there_is_no_shell_and_nothing_setuid(built: Built) -> None:
    programs = {path.name for path in (built.root / "usr/bin").iterdir()}
    assert programs <= {"python3", "python3.11"}
    assert not list((built.root / "bin").iterdir())
    special = [p for p in built.root.rglob("*") if p.lstat().st_mode & 0o6000 and not p.is_dir()]
    assert special == []


def test_the_bill_lists_what_is_there(built: Built) -> None:
    bill = json.loads(built.bill.read_bytes())
    assert bill["metadata"]["component"]["version"] == built.image.digest
    listed = {(c["purl"].split(":")[1].split("/")[0], c["name"]) for c in bill["components"]}
    records = built.root / "var/lib/dpkg/status.d"
    debian = {("deb", path.name) for path in records.iterdir()}
    python = {
        ("pypi", str(HeaderParser().parsestr(path.read_text())["Name"]))
        for path in built.root.glob("usr/lib/python3/dist-packages/*.dist-info/METADATA")
    }
    assert listed == debian | python


def test_the_bill_has_the_digests_of_the_lock(built: Built) -> None:
    bill = json.loads(built.bill.read_bytes())
    hashes = {
        (c["name"], c["version"]): c["hashes"][0]["content"]
        for c in bill["components"]
        if c["purl"].startswith("pkg:deb/")
    }
    chosen = built.image.debian.packages
    assert hashes == {(p.name, p.version): p.sha256 for p in chosen}
    newer = {
        c["name"]: p["value"]
        for c in bill["components"]
        for p in c.get("properties", ())
        if p["name"] == "policyc:locked"
    }
    assert newer == built.image.debian.newer
    locked = read(lock_path(built.recipe), {p.name for p in chosen}).pins
    for package in chosen:
        if package.name not in newer:
            assert locked[package.name] == Pin(package.version, package.sha256)


def _python(built: Built, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["chroot", str(built.root), "/usr/bin/python3.11", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "/usr/sbin:/usr/bin", "PYTHONDONTWRITEBYTECODE": "1"},
    )
