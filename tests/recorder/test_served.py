"""What arrives at a server over TLS: the names of what it is asked for, and nothing else of it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from support.recorder import Spec, losses, watching
from support.tls_containers import certificate, python_container

pytestmark = pytest.mark.system

PROGRAMS = Path(__file__).parent / "programs"
SECRET = b"PLANTED" + b"SECRET"
CONNECTIONS = 2


def _named(specs: list[Spec], name: str) -> Spec:
    (spec,) = (spec for spec in specs if spec["workload"]["name"] == name)
    return spec


def _asked(spec: Spec) -> set[tuple[str, str]]:
    tools = {(item["server"], item["tool"]) for item in spec["tools"]}
    return tools | {(item["gateway"], item["model"]) for item in spec["models"]}


def test_a_server_and_its_client_in_other_containers(tmp_path: Path) -> None:
    pem = certificate(tmp_path, "localhost")
    server = python_container(
        tmp_path / "server", "server", (PROGRAMS / "mcp_server.py", pem), pem.name, str(CONNECTIONS)
    )
    with watching(tmp_path / "out") as recorder:
        with subprocess.Popen(server.arguments(), stdout=subprocess.PIPE, text=True) as serving:
            assert serving.stdout is not None
            port = serving.stdout.readline().strip()
            client = python_container(
                tmp_path / "client", "client", (PROGRAMS / "mcp_client.py",), port
            )
            try:
                ended = client.run()
                assert ended.returncode == 0, ended.stderr
                assert serving.wait(timeout=60) == 0
            finally:
                serving.terminate()
        specs = recorder.stop()
    names = {"first", "long", "after", "large-4"}
    assert _asked(_named(specs, "server")) == {("served:python3", name) for name in names}
    assert _asked(_named(specs, "client")) == {("localhost", name) for name in names}
    for spec in specs:
        assert losses(spec) == {}
        assert {spot for run in spec["runs"] for spot in run["blind"]} == set()
        assert not {item["name"] for item in spec["syscalls"]} & {"uretprobe", "uprobe"}
    written = b"".join(path.read_bytes() for path in (tmp_path / "out").iterdir())
    assert b"large-4" in written
    assert SECRET not in written
