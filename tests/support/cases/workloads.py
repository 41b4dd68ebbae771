"""Group A: wherever a kind keeps its pod, the pod is found."""

from __future__ import annotations

from support.admission import in_kind, kind, pod
from support.cases.row import Json, row

NUMBERS = {
    "Deployment": "A3",
    "ReplicaSet": "A4",
    "StatefulSet": "A5",
    "DaemonSet": "A6",
    "Job": "A7",
    "CronJob": "A8",
    "ReplicationController": "A9",
    "PodTemplate": "A11",
    "Sandbox": "A12",
    "SandboxTemplate": "A13",
}
"""Kind that starts pods -> its case."""


def faulty(agent: str = "research") -> Json:
    """The agent's pod, on its way to another ServiceAccount."""
    made = pod(agent)
    made["spec"]["serviceAccountName"] = "admin"
    return made


GOOD = [
    row("A1", pod()),
    row("A1-no-api", pod("summary")),
    row("A2", in_kind(kind("Deployment"), pod())),
    *(
        row(f"{number}-{agent}", in_kind(kind(name), pod(agent)))
        for name, number in NUMBERS.items()
        for agent in ("research", "summary")
    ),
]
FAULTY = [
    row(number, in_kind(kind(name), faulty()), "SA_NOT_ALLOWED") for name, number in NUMBERS.items()
]
