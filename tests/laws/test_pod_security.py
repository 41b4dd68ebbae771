"""The patch against the Pod Security Standards and the class's own words, field by field."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

from support.envelopes import envelope
from support.scale import MANY

from policyc.emit.pod_security import POD_SECURITY
from policyc.envelope.model import Envelope, PodSecurity
from policyc.pipeline.artifacts import from_bytes, to_bytes

ADDED = {
    # https://kubernetes.io/docs/concepts/security/pod-security-standards/ (1.34)
    "restricted": {"NET_BIND_SERVICE"},
    "baseline": {
        "AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD",
        "NET_BIND_SERVICE", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT",
    },
}  # fmt: skip
APPARMOR = {
    "": None,
    "runtime-default": {"type": "RuntimeDefault"},
    "agents/own": {"type": "Localhost", "localhostProfile": "agents/own"},
}


def drawn(seed: int) -> Envelope:
    rng = random.Random(seed)
    case = envelope(rng)
    assert case.subject.workload is not None
    workload = replace(case.subject.workload, is_init=rng.random() < 0.3)
    pod = PodSecurity(
        rng.choice(sorted(ADDED)),
        rng.random() < 0.5,
        rng.choice((None, 1, 10001)),
        rng.choice(("", "gvisor")),
        rng.choice(sorted(APPARMOR)),
    )
    return replace(case, subject=replace(case.subject, workload=workload), pod=pod)


def patched(case: Envelope) -> Any:
    """The pod's spec in the patch, as it is read back; Any: JSON."""
    (artifact,) = POD_SECURITY.emit(case).artifacts
    document: Any = from_bytes(artifact.path, to_bytes(artifact.path, artifact.document))
    return document["spec"]["template"]["spec"]


def test_the_patch_says_what_the_level_and_the_class_say() -> None:
    for seed in range(MANY // 5):
        case = drawn(seed)
        pod = patched(case)
        assert case.subject.workload is not None
        (mine, other) = ("containers", "initContainers")[:: -1 if case.subject.workload.is_init else 1]  # fmt: skip
        assert other not in pod
        (container,) = pod[mine]
        said = container["securityContext"]
        assert said["readOnlyRootFilesystem"] is case.pod.read_only_root
        assert said.get("runAsNonRoot") is (True if case.pod.level == "restricted" else None)
        assert said.get("runAsUser") == case.pod.run_as_user
        assert said.get("appArmorProfile") == APPARMOR[case.pod.apparmor]
        assert pod.get("runtimeClassName", "") == case.pod.runtime_class
        assert set(said["capabilities"].get("add", ())) <= ADDED[case.pod.level]
        uses = bool(case.domains["kube"] or case.domains["kube_url"])
        assert pod["automountServiceAccountToken"] is uses
        assert [pod[f"host{space}"] for space in ("IPC", "Network", "PID")] == [False] * 3
