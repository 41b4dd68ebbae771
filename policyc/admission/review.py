"""AdmissionReview v1: the request out of it, and the answer into it.

Field documentation: k8s.io/api/admission/v1 types.go (1.36).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NoReturn

from policyc.admission.request import Object, Operation, Request
from policyc.admission.verdict import Finding, Verdict
from policyc.core.canonical import Json, canonical_json

API_VERSION = "admission.k8s.io/v1"
_LONGEST_MESSAGE = 4096
_CUT = " ..."
_LONGEST_WARNING = 256  # k8s.io/api/admission/v1 types.go: above it, warnings may be truncated


class ReviewError(ValueError):
    """No AdmissionReview that we answer; ``uid`` is what could be read of it, maybe empty."""

    def __init__(self, message: str, uid: str = "") -> None:
        super().__init__(message)
        self.uid = uid


def read_review(document: Json) -> Request:
    """The request of a review; nothing is coerced.  Raises ReviewError."""
    if not isinstance(document, dict) or document.get("kind") != "AdmissionReview":
        raise ReviewError("not an AdmissionReview")
    if document.get("apiVersion") != API_VERSION:
        raise ReviewError(f"apiVersion is `{document.get('apiVersion')}`, not `{API_VERSION}`")
    request = document.get("request")
    if not isinstance(request, dict):
        raise ReviewError("there is no request")
    uid = request.get("uid")
    if not isinstance(uid, str) or not 0 < len(uid) <= 128:
        raise ReviewError("the request has no uid")
    reader = _Reader(request, uid)
    kind, resource = reader.triple("kind", "kind"), reader.triple("resource", "resource")
    user = _Reader(reader.object("userInfo") or {}, uid, "request.userInfo")
    try:
        operation = Operation(reader.text("operation"))
    except ValueError:
        raise ReviewError("the request has no operation that we know", uid) from None
    if request.get("object") is None and operation in (Operation.CREATE, Operation.UPDATE):
        raise ReviewError("request.object is missing", uid)
    return Request(
        uid=uid,
        operation=operation,
        group=kind[0],
        version=kind[1],
        kind=kind[2],
        resource=resource[2],
        resource_group=resource[0],
        subresource=reader.text("subResource"),
        namespace=reader.text("namespace"),
        name=reader.text("name"),
        user=user.text("username"),
        groups=user.texts("groups"),
        object=reader.object("object"),
        old=reader.object("oldObject"),
        options=reader.object("options"),
        dry_run=reader.flag("dryRun"),
        user_uid=user.text("uid"),
        extra=user.object("extra") or {},
    )


class _Reader:
    """Typed access to the fields of a request, or of an object in it."""

    def __init__(self, request: Object, uid: str, path: str = "request") -> None:
        self._request = request
        self._uid = uid
        self._path = path

    def _refuse(self, what: str) -> NoReturn:
        raise ReviewError(f"{self._path}.{what}", self._uid)

    def text(self, name: str) -> str:
        value = self._request.get(name)
        if value is None:
            return ""
        return value if isinstance(value, str) else self._refuse(f"{name} is not a string")

    def texts(self, name: str) -> tuple[str, ...]:
        value = self._request.get(name)
        if value is None:
            return ()
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            self._refuse(f"{name} is not a list of strings")
        return tuple(map(str, value))

    def flag(self, name: str) -> bool:
        value = self._request.get(name)
        if value is None:
            return False
        return value if isinstance(value, bool) else self._refuse(f"{name} is not true or false")

    def object(self, name: str) -> Object | None:
        value = self._request.get(name)
        if value is None:
            return None
        return value if isinstance(value, dict) else self._refuse(f"{name} is not an object")

    def triple(self, name: str, last: str) -> tuple[str, str, str]:
        value = self._request.get(name)
        if isinstance(value, dict):
            group, version, kind = value.get("group"), value.get("version"), value.get(last)
            if isinstance(group, str) and isinstance(version, str) and isinstance(kind, str):
                return group, version, kind
        return self._refuse(f"{name} is not a group, version and {last}")


def answer(verdict: Verdict) -> Json:
    """The review that answers; never without the uid."""
    response: dict[str, Json] = {"uid": verdict.uid, "allowed": verdict.allowed}
    if not verdict.allowed:
        response["status"] = {
            "code": 403,
            "reason": "Forbidden",
            "message": _message(verdict.denials),
        }
    warnings: list[Json] = [*_warnings(verdict.warnings)]
    if warnings:
        response["warnings"] = warnings
    response["auditAnnotations"] = dict(_annotations(verdict))
    return {"apiVersion": API_VERSION, "kind": "AdmissionReview", "response": response}


def patch_json(verdict: Verdict) -> bytes:
    """The JSON patch of a verdict, byte for byte as it is answered."""
    return canonical_json([dict(step) for step in verdict.patch])


def _warnings(findings: tuple[Finding, ...]) -> Iterator[str]:
    """What the client shows: not more altogether than a message may be."""
    room = _LONGEST_MESSAGE
    for i, finding in enumerate(findings):
        text = _warning(finding)
        room -= len(text)
        if room < 0:
            yield f"and {len(findings) - i} more, see the decision log"
            return
        yield text


def _warning(finding: Finding) -> str:
    """The finding with what to do, or without where that is too long; cut between words."""
    whole = str(finding)
    if len(whole) <= _LONGEST_WARNING:
        return whole
    at = f" at {finding.path}" if finding.path else ""
    said = f"{finding.reason}: {finding.message}"
    room = _LONGEST_WARNING - len(at)
    if len(said) <= room:
        return said + at
    if room < _LONGEST_WARNING // 2:
        at, room = "", _LONGEST_WARNING
    kept = said[: room - len(_CUT)]
    return (kept.rpartition(" ")[0] or kept) + _CUT + at


def _message(denials: tuple[Finding, ...]) -> str:
    lines = [str(finding) for finding in denials]
    text = "; ".join(lines)
    if len(text) <= _LONGEST_MESSAGE:
        return text
    kept: list[str] = []
    room = _LONGEST_MESSAGE - 40
    for line in lines:
        if len(line) + 2 > room:
            break
        kept.append(line)
        room -= len(line) + 2
    kept = kept or [lines[0][: _LONGEST_MESSAGE - 40]]
    return "; ".join(kept) + f"; and {len(lines) - len(kept)} more, see the decision log"


def _annotations(verdict: Verdict) -> dict[str, str]:
    """Keys without a domain: the API server prefixes them with the webhook's name."""
    found = {"verdict": "allow" if verdict.allowed else "deny", "bundle": verdict.bundle}
    if verdict.agent:
        found |= {"agent": verdict.agent, "stage": verdict.stage}
    reasons = sorted({f"{f.reason}:{f.level.value}" for f in verdict.findings})
    if reasons:
        found["reasons"] = " ".join(reasons)
    return found
