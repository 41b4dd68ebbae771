"""Group D: which profile confines each container."""

from __future__ import annotations

from support.admission import pod
from support.cases.row import Json, Server, row

GOOD = {"type": "Localhost", "localhostProfile": "policyc/research.json"}
UNCONFINED = {"type": "Unconfined"}
DEFAULT = {"type": "RuntimeDefault"}
ARMOUR = "container.apparmor.security.beta.kubernetes.io/agent"
KEYS = [
    "seccomp.security.alpha.kubernetes.io/pod",
    "container.seccomp.security.alpha.kubernetes.io/agent",
]
"""The annotations that Kubernetes read before 1.27."""


def profiled(field: str, of_pod: Json, of_container: Json, **annotations: str) -> Json:
    made = pod()
    made["spec"]["securityContext"][field] = of_pod
    made["spec"]["containers"][0]["securityContext"][field] = of_container
    made["metadata"]["annotations"] = annotations
    return made


def seccomp(of_pod: Json = None, of_container: Json = None, **annotations: str) -> Json:
    return profiled("seccompProfile", of_pod, of_container, **annotations)


def localhost(name: Json) -> Json:
    return {"type": "Localhost", "localhostProfile": name}


def armour(of_pod: Json = None, of_container: Json = None, annotation: str = "") -> Json:
    notes = {ARMOUR: annotation} if annotation else {}
    return profiled("appArmorProfile", of_pod, of_container, **notes)


SECCOMP = [
    row("D1", seccomp(GOOD, UNCONFINED), "SECCOMP_TYPE"),
    row("D1-of-the-sandbox", seccomp(UNCONFINED, GOOD), "SECCOMP_TYPE"),
    row("D1-good-pod", seccomp(GOOD)),
    row("D1-good-container", seccomp(None, GOOD)),
    row("D1-good-with-default-sandbox", seccomp(DEFAULT, GOOD)),
    row("D2", seccomp(None, DEFAULT), "SECCOMP_TYPE"),
    row("D2-container-wins", seccomp(GOOD, DEFAULT), "SECCOMP_TYPE"),
    row("D2-of-the-pod", seccomp(DEFAULT), "SECCOMP_TYPE"),
    row("D3", seccomp(GOOD, localhost("policyc/other.json")), "SECCOMP_PROFILE"),
    row("D3-of-the-pod", seccomp(localhost("policyc/other.json")), "SECCOMP_PROFILE"),
    *(
        row(f"D4-{name!r}", seccomp(None, localhost(name)), "SECCOMP_PROFILE")
        for name in (
            "./policyc/research.json",
            "policyc//research.json",
            "policyc/research.json ",
            "POLICYC/research.json",
            "policyc/research.json\u200b",
        )
    ),
    *(
        row(f"D4-{name!r}", seccomp(None, localhost(name)), "SECCOMP_PROFILE", server=Server.INVALID)
        for name in ("policyc/../unconfined.json", "/policyc/research.json")
    ),
    row("D5-empty", seccomp(None, localhost("")), "SECCOMP_PROFILE"),
    row("D5-null", seccomp(None, localhost(None)), "SECCOMP_PROFILE", server=Server.INVALID),
    row("D5-absent", seccomp(None, {"type": "Localhost"}), "SECCOMP_PROFILE", server=Server.INVALID),
    row("D5-nothing-in-it", seccomp(None, {}), "SECCOMP_TYPE", server=Server.INVALID),
    row("D5-no-type", seccomp(None, {"localhostProfile": "policyc/research.json"}), "SECCOMP_TYPE", server=Server.INVALID),
    *(
        row(f"D6-{key[:9]}", seccomp(**{key: "localhost/policyc/research.json"}), "SECCOMP_MISSING", server=Server.COMPLETED)
        for key in KEYS
    ),
    row("D8", seccomp(), "SECCOMP_MISSING", server=Server.COMPLETED),
]  # fmt: skip

APPARMOR = [
    row("D9", armour(None, UNCONFINED), "APPARMOR"),
    row("D9-of-the-pod", armour(UNCONFINED), "APPARMOR"),
    row("D9-container-wins", armour(DEFAULT, UNCONFINED), "APPARMOR"),
    row("D9-other-profile", armour(None, localhost("mine")), "APPARMOR"),
    row("D9-annotation", armour(None, None, "unconfined"), "APPARMOR"),
    row("D9-annotation-wins-over-the-pod", armour(DEFAULT, None, "localhost/mine"), "APPARMOR"),
    row("D9-field-wins", armour(None, DEFAULT, "unconfined"), server=Server.INVALID),
    row("D9-annotation-default", armour(None, None, "runtime/default")),
    row("D9-good", armour(UNCONFINED, DEFAULT)),
    row("D9-absent-is-the-runtimes-own", armour()),
]

GROUP_D = [*SECCOMP, *APPARMOR]
