"""The name servers that a container was given, and not those that it gave itself."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from recorder import resolv_conf

TEXT = "# of the runtime\nsearch a.test\nnameserver 192.0.2.53\nnameserver fe80::1%eth0\nnameserver x\nnameserver 127.0.0.11\n"
GIVEN = ("192.0.2.53", "fe80::1")


def _bundle(root: Path, source: str) -> tuple[Path, dict[str, object]]:
    """A bundle below a host's root, written last, as runtimes do."""
    bundle = root / "run" / "c1"
    (bundle / "rootfs" / "etc").mkdir(parents=True)
    mounts = [{"destination": "/etc/resolv.conf/", "source": source}] if source else []
    config: dict[str, object] = {"root": {"path": "rootfs"}, "mounts": mounts}
    return bundle, config


def _finish(bundle: Path, config: dict[str, object]) -> tuple[str, ...]:
    (bundle / "config.json").write_text(json.dumps(config))
    return resolv_conf.given(bundle, bundle.parents[1], config)


@pytest.mark.parametrize("source", ["", "/var/resolv.conf", "resolv.conf"], ids=["root", "host", "bundle"])  # fmt: skip
def test_what_the_container_sees_is_read_as_the_host_sees_it(tmp_path: Path, source: str) -> None:
    bundle, config = _bundle(tmp_path, source)
    (tmp_path / "var").mkdir()
    places = {
        "": bundle / "rootfs/etc/resolv.conf",
        "/var/resolv.conf": tmp_path / "var/resolv.conf",
        "resolv.conf": bundle / "resolv.conf",
    }
    for path in places.values():
        path.write_text("nameserver 203.0.113.9\n")
    places[source].write_text(TEXT)
    assert _finish(bundle, config) == GIVEN


def test_a_file_that_was_changed_since_is_the_containers_word(tmp_path: Path) -> None:
    bundle, config = _bundle(tmp_path, "")
    file = bundle / "rootfs/etc/resolv.conf"
    file.write_text(TEXT)
    assert _finish(bundle, config) == GIVEN
    before = (bundle / "config.json").stat().st_ctime_ns
    while file.stat().st_ctime_ns <= before:  # the kernel's clock for files ticks slowly
        file.write_text(TEXT)
    os.utime(file, (0, 0))  # what a program may set says nothing
    assert resolv_conf.given(bundle, tmp_path, config) == ()


def test_a_link_leads_nowhere(tmp_path: Path) -> None:
    bundle, config = _bundle(tmp_path, "")
    (tmp_path / "resolv.conf").write_text(TEXT)
    (bundle / "rootfs/etc/resolv.conf").symlink_to(tmp_path / "resolv.conf")
    assert _finish(bundle, config) == ()


def test_nothing_is_believed_of_what_is_not_there(tmp_path: Path) -> None:
    bundle, config = _bundle(tmp_path, "/var/none")
    assert _finish(bundle, config) == ()
    os.mkfifo(tmp_path / "pipe")
    config["mounts"] = [{"destination": "/etc/resolv.conf", "source": "/pipe"}]
    assert _finish(bundle, config) == ()
