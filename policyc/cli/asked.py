"""The objects of files and folders, each with the request that applying it makes.

Nothing is passed over in silence: what is neither an object nor a file of a compiled folder is a
finding, and the rest is judged.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from policyc.admission.manifests import is_patch, request_of
from policyc.admission.request import Object, Request
from policyc.admission.review import ReviewError
from policyc.admission.scan import SCANNED
from policyc.admission.view import Kind, kind_of
from policyc.catalog.kube_kinds import KINDS, fault_of_kind, is_custom
from policyc.cli.objects import files_of, objects_in
from policyc.core.diagnostics import Diagnostic, Severity
from policyc.deploy.scope import is_asked
from policyc.kube.places import Placed

_OURS = ("AgentEnvelope", "AgentIndex", "EnvelopeBundle", "Manifest", "Provenance")
_GROUP = "policyc.dev"
_SECCOMP = {"defaultAction", "defaultErrnoRet", "architectures", "syscalls"}
"""The keys of the compiler's seccomp profiles, which go to the nodes and to no API server."""


@dataclass(slots=True)
class Asked:
    """What was found: the objects, how much of the compiler's is none, and what should not be there."""

    objects: list[tuple[Placed, Request]] = field(default_factory=list)
    patches: int = 0
    records: int = 0
    found: list[Diagnostic] = field(default_factory=list)

    @property
    def bodies(self) -> list[Object]:
        """What a cluster holds that has the objects: what is in an AdmissionReview is not there yet."""
        return [at.body for at, _ in self.objects if at.body.get("kind") != "AdmissionReview"]

    @property
    def left_out(self) -> str:
        """How an outcome ends that is not about everything."""
        parts = [f"{self.patches} of our patches"] if self.patches else []
        parts += [f"{self.records} of our records"] if self.records else []
        return f"; not judged, as they are no objects: {', '.join(parts)}" if parts else ""


def read_asked(paths: Iterable[Path]) -> Asked:
    """What files and folders ask for; ``-`` is standard input.

    A file that holds no objects is a finding PC7059, a kind that does not exist PC7060, and one of
    which nothing is known a note PC7062.  PolicycError PC7050 when a file cannot be read, PC7059
    for a folder without any file of the kind.
    """
    asked = Asked()
    unknown: set[Kind] = set()
    for path in paths:
        for file in files_of(path):
            outcome = objects_in(file)
            asked.found += outcome.diagnostics
            for one in outcome.value:
                _add(asked, one, unknown)
    return asked


def _add(asked: Asked, one: Placed, unknown: set[Kind]) -> None:
    if _is_record(one.body):
        asked.records += 1
        return
    if is_patch(one.body):
        asked.patches += 1
        return
    try:
        request = request_of(one.body)
    except ReviewError as fault:
        hint = "pass Kubernetes objects only, or an AdmissionReview"
        asked.found.append(Diagnostic("PC7059", str(fault), one.span("kind"), help=hint))
        return
    if one.body.get("kind") != "AdmissionReview":
        kind = kind_of(one.body)
        if wrong := fault_of_kind(*kind):
            at = one.span("kind" if kind[0] in KINDS else "apiVersion")
            asked.found.append(Diagnostic("PC7060", wrong[0], at, help=wrong[1]))
            return
        if _is_unknown(kind, request) and kind not in unknown:
            unknown.add(kind)
            asked.found.append(_note(kind, one))
    asked.objects.append((one, request))


def _is_record(body: Object) -> bool:
    """Whether it is one of the compiler's own files that says something and asks for nothing."""
    if "kind" not in body and "apiVersion" not in body:
        return _SECCOMP >= body.keys() >= {"defaultAction", "syscalls"}
    group, kind = kind_of(body)
    return group == _GROUP and kind in _OURS


def _is_unknown(kind: Kind, request: Request) -> bool:
    return (
        is_custom(kind[0])
        and kind not in SCANNED
        and not is_asked(request.resource_group, request.resource)
    )


def _note(kind: Kind, one: Placed) -> Diagnostic:
    return Diagnostic(
        "PC7062",
        f"`{kind[1]}` of `{kind[0]}` is not judged: what its controller makes of it is not known",
        one.span("kind"),
        help="judge what its controller makes: the webhook is asked about each of these objects",
        severity=Severity.NOTE,
    )
