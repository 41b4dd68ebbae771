"""Files are whole or as before."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from recorder import profile, store
from recorder.errors import ExitCode, RecorderError
from recorder.profile import Run, Sighting, Workload

WORKLOAD = Workload("apps/v1", "Deployment", "support", "triage", "agent")
HEAD = json.dumps(
    {"apiVersion": "policyc.dev/v1", "kind": "AgentProfile", "spec": {"workload": WORKLOAD.fields}}
)
"""All that the recorder looks at to tell whose file it is."""


def document(run: str, name: str) -> profile.Document:
    seen = Sighting("syscalls", (("architecture", "amd64"), ("name", name)), "application")
    head = Run(run, 1, 2, "from-creation", "6.18", "n", (), (), (), (("syscalls", 0),))
    return profile.profile(WORKLOAD, head, [seen], ("syscalls",))


def test_replicas_and_restarts_join_whatever_their_order(tmp_path: Path) -> None:
    found = [document(f"r{i}", name) for i, name in enumerate(["read", "write", "read", "mmap"])]
    one = store.write(tmp_path / "one", *found).read_bytes()
    for each in reversed(found):
        other = store.write(tmp_path / "other", each)
    assert other.read_bytes() == one
    assert [path.name for path in (tmp_path / "other").iterdir()] == [
        "deployment-support-triage-agent.json"
    ]


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"kind": "AgentProfile"}', HEAD])
def test_a_foreign_file_is_not_overwritten(tmp_path: Path, content: str) -> None:
    path = tmp_path / "deployment-support-triage-agent.json"
    path.write_text(content)
    for attempt in (
        lambda: store.check(tmp_path, WORKLOAD),
        lambda: store.write(tmp_path, document("r", "read")),
    ):
        with pytest.raises(RecorderError) as failure:
            attempt()
        assert failure.value.code == ExitCode.OUTPUT
    assert path.read_text() == content


def test_what_is_wrong_with_a_new_profile_is_not_said_of_the_file(tmp_path: Path) -> None:
    store.write(tmp_path, document("r", "read"))
    wrong = document("s", "read")
    assert isinstance(wrong["spec"], dict)
    del wrong["spec"]["runs"]
    with pytest.raises(KeyError):
        store.write(tmp_path, wrong)


def test_a_check_leaves_the_folder_as_it_is(tmp_path: Path) -> None:
    store.check(tmp_path / "new/folder", WORKLOAD)
    assert [*(tmp_path / "new/folder").iterdir()] == []
    path = store.write(tmp_path, document("r", "read"))
    before = path.read_bytes()
    store.check(tmp_path, WORKLOAD)
    assert path.read_bytes() == before
    assert {found.name for found in tmp_path.iterdir()} == {"new", path.name}


def test_a_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    with pytest.raises(RecorderError) as failure:
        store.write(tmp_path / "out", document("r", "read"))
    assert failure.value.code == ExitCode.OUTPUT
