"""Where an agent's images come from: its envelope's `image` domain, each by its digest."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from policyc.admission.case import Case
from policyc.admission.checks.scope import of_words
from policyc.admission.pods import Pod
from policyc.admission.shown import shown
from policyc.admission.verdict import Finding, Level
from policyc.core.canonical import Json
from policyc.envelope.axes import EMPTY
from policyc.envelope.region import Region
from policyc.kube.images import image

_LONGEST_CACHED = 512
_NO_IMAGE = "name one; of a patch, judge what `kubectl kustomize` makes of it"


@of_words
def images(case: Case) -> Iterator[Finding]:
    """Every image that a container runs or a volume mounts."""
    bound = case.bound
    if bound is None:
        return
    pod, agent = bound
    granted = agent.envelope.domains["image"]
    is_break_glass = case.request.user in case.settings.break_glass
    for container in pod.containers():
        if not (is_break_glass and container.field == "ephemeralContainers"):
            written = container.body.get("image")
            if not (isinstance(written, str) and _is_granted(granted, written)):
                yield from _image(case, container.title, written, f"{container.path}.image")
    yield from _image_volumes(case, pod)


def _image_volumes(case: Case, pod: Pod) -> Iterator[Finding]:
    for path, volume in pod.volumes:
        source = volume.get("image")
        if isinstance(source, dict):
            owner = f"volume `{volume.get('name')}`"
            yield from _image(case, owner, source.get("reference"), f"{path}.image.reference")


def _is_granted(granted: Region, written: str) -> bool:
    """Whether the image has a digest and is one of the envelope's."""
    return len(written) <= _LONGEST_CACHED and _cached(granted, written)


@lru_cache(maxsize=4096)
def _cached(granted: Region, written: str) -> bool:
    try:
        found = image(written)
    except ValueError:
        return False
    return bool(found.digest) and {"reference": found.pinned} in granted


def _image(case: Case, owner: str, written: Json, path: str) -> Iterator[Finding]:
    assert case.agent is not None
    if written is None:
        text = f"{owner} names no image"
        yield case.finding("IMAGE", text, path, remedy=_NO_IMAGE)
        return
    try:
        found = image(written if isinstance(written, str) else "")
    except ValueError as fault:
        text = f"{owner} has image {shown(written)}: {fault}"
        yield case.finding("IMAGE", text, path)
        return
    granted = case.agent.envelope.domains["image"]
    if not found.digest:
        text = f"{owner} has image {shown(written)} without a digest: its content may change"
        yield case.finding("IMAGE_DIGEST", text, path)
        if _is_pinned(granted, found.repository):
            return  # what is missing is the digest, and nothing else
    reference = found.pinned if found.digest else found.repository
    if {"reference": reference} not in granted:
        text = f"{owner} would run image {shown(written)}, which the envelope does not have"
        yield case.finding("IMAGE", text, path, domain="image")


def _is_pinned(granted: Region, repository: str) -> bool:
    """Whether the envelope has the repository with some digest."""
    axis = granted.domain.axis("reference")
    written = (name for box in granted.boxes() for name in axis.write(box.get("reference", EMPTY)))
    return any(name.startswith(f"{repository}@") for name in written)


@of_words
def pull_secrets(case: Case) -> Iterator[Finding]:
    """Credentials for registries that nobody vouched for; the image is decided by its digest."""
    bound = case.bound
    if bound is None:
        return
    pod, _ = bound
    listed = pod.spec.get("imagePullSecrets")
    for i, item in enumerate(listed if isinstance(listed, list) else ()):
        name = item.get("name") if isinstance(item, dict) else item
        if f"{case.request.namespace}/{name}" not in case.settings.pull_secrets:
            yield case.finding(
                "PULL_SECRET",
                f"image pull secret {shown(name)} is not among those that the settings name",
                pod.at(f"spec.imagePullSecrets[{i}]"),
                level=Level.WARN,
            )


CHECKS = (images, pull_secrets)
