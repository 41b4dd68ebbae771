"""What an object says of itself: claims grant nothing, and must be true."""

from __future__ import annotations

from collections.abc import Iterator

from policyc.admission.case import Case
from policyc.admission.request import Object, Operation
from policyc.admission.verdict import Finding, Level
from policyc.admission.view import annotations_of, labels_of
from policyc.catalog.machinery import is_kubelet
from policyc.core.canonical import Json

MIRROR = "kubernetes.io/config.mirror"
_PREFIX = "policyc.dev/"
_CLAIMS = ("agent", "class", "tier")


def true_claims(case: Case) -> Iterator[Finding]:
    """Labels and annotations name the agent, class and tier that the envelope names.

    Of the object and of the pod that it starts; ``agent`` in the pod's annotations is
    looked at in ``accounts.claims``.
    """
    if case.pod is None:
        return
    facts = _facts(case)
    for claim in _CLAIMS:
        key = _PREFIX + claim
        for path, found in _said(case, key):
            if found != facts[claim]:
                yield case.finding(
                    "CLASS_MISMATCH",
                    f"it claims to be of {claim} `{found}`, and by its ServiceAccount it is of "
                    + (f"`{facts[claim]}`" if facts[claim] else "none"),
                    path,
                )


def _facts(case: Case) -> dict[str, str]:
    if case.agent is None:
        return dict.fromkeys(_CLAIMS, "")
    subject = case.agent.envelope.subject
    return {"agent": subject.agent, "class": subject.class_name, "tier": subject.tier}


def _said(case: Case, key: str) -> Iterator[tuple[str, str]]:
    """Where the object or its pod has a key, and what it says."""
    assert case.pod is not None
    places = [("metadata", case.request.object)]
    if case.pod.path:
        places.append((case.pod.at("metadata"), case.pod.template))
    for path, body in places:
        found = labels_of(body).get(key)
        if found is not None:
            yield f"{path}.labels['{key}']", found
        noted = annotations_of(body).get(key)
        if noted is not None and not (key == f"{_PREFIX}agent" and body is case.pod.template):
            yield f"{path}.annotations['{key}']", noted


def kept_claims(case: Case) -> Iterator[Finding]:
    """An agent's object does not lose what says whose it is."""
    request = case.request
    if request.operation is not Operation.UPDATE or case.pod is None or case.agent is None:
        return
    kept = _marks(request.object, case)
    for path, key in sorted(_marks(request.old, case) - kept):
        yield case.finding(
            "DISGUISE",
            f"`{key}` goes, which says whose it is",
            path,
            is_ratcheted=False,
        )


def _marks(body: Object | None, case: Case) -> set[tuple[str, str]]:
    """Where an object says truly whose it is: path and key."""
    assert case.pod is not None
    template: Json = body
    for name in case.pod.kind.template:
        template = template.get(name) if isinstance(template, dict) else None
    places = {"metadata": body, case.pod.at("metadata"): template}
    facts = {_PREFIX + claim: fact for claim, fact in _facts(case).items()}
    return {
        (f"{path}.{field}['{key}']", key)
        for path, part in places.items()
        for field, texts in (("labels", labels_of(part)), ("annotations", annotations_of(part)))
        for key, fact in facts.items()
        if texts.get(key) == fact
    }


def mirror(case: Case) -> Iterator[Finding]:
    """Only a kubelet says that a pod mirrors a static one, which runs whatever we say."""
    if case.pod is None or MIRROR not in annotations_of(case.pod.template):
        return
    request = case.request
    path = case.pod.at(f"metadata.annotations['{MIRROR}']")
    if is_kubelet(request.user, request.groups):
        yield case.finding(
            "STATIC_POD", f"`{request.user}` runs it from a file of its own", path, level=Level.NOTE
        )
    else:
        yield case.finding("MIRROR_POD", f"`{request.user}` is no kubelet", path)


def dated(case: Case) -> Iterator[Finding]:
    """What ends is said while it lasts, so that nobody is surprised."""
    if case.pod is None or case.agent is None:
        return
    for expiry in case.agent.envelope.expiries:
        yield case.finding(
            "EXCEPTION",
            f"a part of its {expiry.domain} is permitted until {expiry.until} only",
            level=Level.NOTE,
        )


CHECKS = (true_claims, kept_claims, mirror, dated)
