"""Locks against Debian's archive itself: what is gone, forged, or of another day."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from images import archive, build
from images.__main__ import DATE, main
from images.build import Source
from images.errors import ImageError
from images.lock import path_of
from images.recipes import RECIPES

pytestmark = pytest.mark.system

RECORDER = next(recipe for recipe in RECIPES if recipe.name == "recorder")
ARCHITECTURE = archive.ARCHITECTURES[platform.machine()]


@pytest.fixture(scope="module")
def current(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a lock of today, whatever day it is."""
    folder = tmp_path_factory.mktemp("locks") / "locks"
    assert build.renew_lock(RECORDER, ARCHITECTURE, Source(locks=folder))
    return folder


@pytest.fixture
def locks(current: Path, tmp_path: Path) -> Path:
    """The same, to be changed."""
    return Path(shutil.copytree(current, tmp_path / "locks"))


def edit(locks: Path, name: str, version: str | None, sha256: str | None) -> str:
    """Change the line of a package; the version that it had."""
    path = path_of(locks, "recorder", ARCHITECTURE)
    lines = path.read_text().splitlines()
    (place,) = (i for i, line in enumerate(lines) if line.startswith(f"{name} "))
    _, old_version, old_sha256 = lines[place].split()
    lines[place] = f"{name} {version or old_version} {sha256 or old_sha256}"
    path.write_text("\n".join(lines))
    return old_version


def test_a_version_that_is_gone_stops_the_build(tmp_path: Path) -> None:
    """As `make images` says it, in a tree of its own."""
    shutil.copytree(build.HERE, tmp_path / "images")
    (tmp_path / "recorder").mkdir()
    shutil.copy(RECORDER.folder / "packages.txt", tmp_path / "recorder")
    source = Source(locks=tmp_path / "images" / "locks")
    build.renew_lock(RECORDER, ARCHITECTURE, source)
    today = edit(source.locks, "zlib1g", "1:1.0-1", "0" * 64)
    ended = subprocess.run(
        [sys.executable, "-m", "images", "--output", "out", "recorder"],
        cwd=tmp_path,
        env={key: value for key, value in os.environ.items() if key != "PYTHONPATH"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1, ended.stderr
    assert (
        f"`images/locks/recorder-{ARCHITECTURE}.txt` names: zlib1g 1:1.0-1 (now {today})"
        in ended.stderr
    )
    assert "`make lock-images` renews" in ended.stderr
    assert list((tmp_path / "out").iterdir()) == []


def test_what_is_newer_is_built_on_demand_and_the_bill_says_so(locks: Path, tmp_path: Path) -> None:
    edit(locks, "zlib1g", "1:1.0-1", "0" * 64)
    image = build.build(RECORDER, tmp_path, DATE, Source(take_newer=True, locks=locks))
    assert image.debian.newer == {"zlib1g": "1:1.0-1"}
    bill = json.loads((tmp_path / "recorder.cdx.json").read_bytes())
    said = {c["name"]: c.get("properties", []) for c in bill["components"]}
    assert {"name": "policyc:locked", "value": "1:1.0-1"} in said["zlib1g"]


@pytest.mark.parametrize("take_newer", [False, True])
def test_a_file_with_another_digest_is_refused(
    take_newer: bool, locks: Path, tmp_path: Path
) -> None:
    edit(locks, "libssl3", None, "0" * 64)
    source = Source(take_newer=take_newer, locks=locks)
    with pytest.raises(ImageError, match=r"`libssl3 .*a version never changes"):
        build.build(RECORDER, tmp_path / "out", DATE, source)
    assert list((tmp_path / "out").iterdir()) == []


def test_updates_are_told(locks: Path) -> None:
    source = Source(locks=locks)
    assert build.updates(RECORDER, ARCHITECTURE, source) == {}
    today = edit(locks, "libc6", "2.36-1", None)
    assert build.updates(RECORDER, ARCHITECTURE, source) == {"libc6": today}


def test_a_renewal_of_today_changes_nothing(locks: Path) -> None:
    path = path_of(locks, "recorder", ARCHITECTURE)
    before = path.read_bytes()
    edit(locks, "libc6", "2.36-1", None)
    assert build.renew_lock(RECORDER, ARCHITECTURE, Source(locks=locks))
    assert path.read_bytes() == before
    assert not build.renew_lock(RECORDER, ARCHITECTURE, Source(locks=locks))


def test_an_archive_elsewhere_is_asked_instead(locks: Path) -> None:
    """As one asks a mirror that keeps old versions; here it sends on to Debian's."""
    with sending_on() as (address, asked):
        assert build.updates(RECORDER, ARCHITECTURE, Source(address, locks=locks)) == {}
    assert {path.split("/")[2] for path in asked} == {"debian", "debian-security"}


def test_an_archive_that_does_not_answer(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nowhere = f"file://{tmp_path}/{{archive}}"
    assert main(["--archive", nowhere, "--output", str(tmp_path / "out"), "recorder"]) == 2
    assert "`apt-get update" in capsys.readouterr().err


@contextlib.contextmanager
def sending_on() -> Iterator[tuple[str, list[str]]]:
    """The address of an archive whose files are Debian's, and the paths that it was asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(302)
            self.send_header("Location", "http://deb.debian.org" + self.path.removeprefix("/day"))
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing: the tests say what there is to say."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/day/{{archive}}", asked
        finally:
            server.shutdown()
            thread.join()
