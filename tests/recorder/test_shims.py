"""Containers beside this kernel: their profiles say that nothing was seen of them."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from recorder.api import UnansweredError
from recorder.kernel import Hooks
from recorder.owners import NOBODY_TOLD, Owners
from recorder.session import Session
from recorder.shims import TASKS, Shims

ANNOTATIONS = {
    "policyc.dev/workload": "apps/v1/Deployment/support/triage",
    "policyc.dev/container": "agent",
}


def bundle(root: Path, id_: str, shim: str, annotations: dict[str, str]) -> None:
    folder = root / TASKS / "k8s.io" / id_
    folder.mkdir(parents=True)
    (folder / "shim-binary-path").write_text(shim)
    (folder / "config.json").write_text(json.dumps({"annotations": annotations}))


def _shims(root: Path, met: str = "") -> Shims:
    return Shims(root, Session.of(Hooks((), (), (), ())), None, lambda id_: id_ == met)


@pytest.mark.parametrize("runtime", ["kata-v2", "kata-qemu-v2", "runsc-v1"])
def test_a_virtual_machine_is_one_blind_run(tmp_path: Path, runtime: str) -> None:
    bundle(tmp_path, "vm", f"/opt/bin/containerd-shim-{runtime}", ANNOTATIONS)
    bundle(tmp_path, "box", f"/opt/bin/containerd-shim-{runtime}", {"io.kubernetes.cri.container-type": "sandbox"})  # fmt: skip
    bundle(tmp_path, "native", "/usr/bin/containerd-shim-runc-v2", ANNOTATIONS)
    shims = _shims(tmp_path, met="vm")
    (document,) = shims.documents(is_final=False)
    assert document["metadata"] == {"name": "deployment-support-triage-agent"}
    spec: Any = document["spec"]
    assert spec.keys() == {"workload", "source", "runs"}, "no domain was recorded"
    (run,) = spec["runs"]
    assert run["id"] == "vm"
    assert run["blind"] == [f"everything: `{runtime}` gives a container its own kernel"]
    assert list(shims.documents(is_final=True)) == [], "once"


def test_a_machine_without_containerd(tmp_path: Path) -> None:
    assert list(_shims(tmp_path).documents(is_final=True)) == []


def test_what_a_shim_runs_that_no_hook_meets_is_one_blind_run(tmp_path: Path) -> None:
    """As those of WebAssembly may; what was met is recorded, by whichever shim."""
    for id_ in ("unmet", "met"):
        bundle(tmp_path, id_, "/opt/bin/containerd-shim-wasmtime-v1", ANNOTATIONS)
    (document,) = _shims(tmp_path, met="met").documents(is_final=True)
    spec: Any = document["spec"]
    (run,) = spec["runs"]
    assert run["id"] == "unmet"
    words = "everything: `wasmtime-v1` runs a container in a way that is not known"
    assert run["blind"] == [words]


def test_what_could_not_be_written_is_told_of_again(tmp_path: Path) -> None:
    for id_ in ("one", "two"):
        bundle(tmp_path, id_, "/opt/bin/containerd-shim-kata-v2", ANNOTATIONS)
    shims = _shims(tmp_path)
    documents = shims.documents(is_final=False)
    next(documents)
    documents.close()  # as who cannot write the first one does
    shutil.rmtree(tmp_path / TASKS)
    assert len(list(shims.documents(is_final=False))) == 2


@pytest.mark.parametrize("is_final", [True, False])
def test_one_of_whom_nobody_says_whose_it_is_waits_for_the_end(
    tmp_path: Path, is_final: bool
) -> None:
    answers: dict[str, Any] = {}

    def fetch(path: str) -> Any:  # an object of the API
        if not answers:
            raise UnansweredError("nobody answers")
        return answers["pod"]

    pod = {"io.kubernetes.pod.name": "box", "io.kubernetes.pod.namespace": "support"}
    bundle(tmp_path, "vm", "/opt/bin/containerd-shim-kata-v2", {**pod, "io.kubernetes.container.name": "main"})  # fmt: skip
    shims = replace(_shims(tmp_path), owners=Owners(fetch))
    assert list(shims.documents(is_final=False)) == []
    shutil.rmtree(tmp_path / TASKS)
    assert list(shims.documents(is_final=False)) == []
    if not is_final:
        assert shims.owners is not None
        answers["pod"], shims.owners.silent_until = {"metadata": {"name": "box"}}, 0
    (document,) = shims.documents(is_final=is_final)
    spec: Any = document["spec"]
    assert (NOBODY_TOLD in spec["runs"][0]["blind"]) == is_final


def test_what_may_yet_be_met_is_told_of_by_the_next_look(tmp_path: Path) -> None:
    for id_ in ("slow", "short", "unmet"):
        bundle(tmp_path, id_, "/opt/bin/containerd-shim-wasmtime-v1", ANNOTATIONS)
    met: set[str] = set()
    shims = replace(_shims(tmp_path), is_met=met.__contains__)
    assert list(shims.documents(is_final=False)) == []
    met.add("slow")
    shutil.rmtree(tmp_path / TASKS / "k8s.io" / "short")
    specs: list[Any] = [document["spec"] for document in shims.documents(is_final=False)]
    assert {run["id"] for spec in specs for run in spec["runs"]} == {"short", "unmet"}
    assert list(shims.documents(is_final=True)) == []
