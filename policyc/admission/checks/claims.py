"""What an object says of itself: claims grant nothing, and must be true."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from policyc.admission.case import Case
from policyc.admission.checks.scope import of_pods
from policyc.admission.request import Object, Operation
from policyc.admission.verdict import Finding, Level
from policyc.admission.view import annotations_of, labels_of
from policyc.catalog.machinery import is_kubelet
from policyc.core.canonical import Json

MIRROR = "kubernetes.io/config.mirror"
_PREFIX = "policyc.dev/"
_CLAIMS = tuple(_PREFIX + claim for claim in ("agent", "class", "tier"))


@of_pods
def true_claims(case: Case) -> Iterator[Finding]:
    """Labels and annotations name the agent, class and tier that the envelope names.

    Of the object and of the pod that it starts; ``agent`` in the pod's annotations is
    looked at in ``accounts.claims``.
    """
    if case.pod is None:
        return
    said = _in_texts(case.pod.at("metadata"), case.pod.labels, case.pod.annotations)
    if case.pod.path and case.request.object is not None:
        said += _said("metadata", case.request.object)
    if not said:
        return
    own = f"{case.pod.at('metadata')}.annotations['{_PREFIX}agent']"
    facts = _facts(case)
    for path, key, found in said:
        fact = facts[key]
        if found != fact and path != own:
            yield case.finding(
                "CLASS_MISMATCH",
                f"it claims to be of {key.removeprefix(_PREFIX)} `{found}`, and by its ServiceAccount "
                f"it is of {f'`{fact}`' if fact else 'none'}",
                path,
            )


def _facts(case: Case) -> dict[str, str]:
    """Claim -> what is true."""
    if case.agent is None:
        return dict.fromkeys(_CLAIMS, "")
    subject = case.agent.envelope.subject
    return dict(zip(_CLAIMS, (subject.agent, subject.class_name, subject.tier), strict=True))


def _said(path: str, body: Object) -> list[tuple[str, str, str]]:
    """Where an object claims something: the path, the claim, and what it says."""
    return _in_texts(path, labels_of(body), annotations_of(body))


def _in_texts(
    path: str, labels: Mapping[str, str], annotations: Mapping[str, str]
) -> list[tuple[str, str, str]]:
    return [
        (f"{path}.{field}['{key}']", key, texts[key])
        for field, texts in (("labels", labels), ("annotations", annotations))
        for key in _CLAIMS
        if key in texts
    ]


@of_pods
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
    facts = _facts(case)
    places = {"metadata": body, case.pod.at("metadata"): template}
    return {
        (path, key)
        for place, part in places.items()
        for path, key, found in _said(place, part if isinstance(part, dict) else {})
        if found == facts[key]
    }


@of_pods
def mirror(case: Case) -> Iterator[Finding]:
    """Only a kubelet says that a pod mirrors a static one, which runs whatever we say."""
    if case.pod is None or MIRROR not in case.pod.annotations:
        return
    request = case.request
    path = case.pod.at(f"metadata.annotations['{MIRROR}']")
    if is_kubelet(request.user, request.groups):
        yield case.finding(
            "STATIC_POD", f"`{request.user}` runs it from a file of its own", path, level=Level.NOTE
        )
    else:
        yield case.finding("MIRROR_POD", f"`{request.user}` is no kubelet", path)


@of_pods
def dated(case: Case) -> Iterator[Finding]:
    """What ends is said while it lasts, so that nobody is surprised."""
    if case.pod is None or case.agent is None or not case.agent.ends:
        return
    for expiry in case.agent.envelope.expiries:
        yield case.finding(
            "EXCEPTION",
            f"a part of its {expiry.domain} is permitted until {expiry.until} only",
            level=Level.NOTE,
        )


CHECKS = (true_claims, kept_claims, mirror, dated)
