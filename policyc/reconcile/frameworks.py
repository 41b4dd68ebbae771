"""Framework identifiers: where a pod template declares one, it is known and carries its version."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from policyc.admission.view import View, annotations_of
from policyc.catalog.frameworks import FRAMEWORK_ANNOTATION, FRAMEWORKS, VERSION
from policyc.core.suggest import did_you_mean
from policyc.kube.workloads import WORKLOAD_KINDS, template_of
from policyc.semantics.model import CheckedAgent


@dataclass(frozen=True, slots=True)
class Framework:
    """A declared framework; ``fault`` and ``remedy`` are empty where it is clear."""

    name: str
    version: str
    fault: str = ""
    remedy: str = ""


def frameworks(view: View, agent: CheckedAgent) -> Iterator[Framework]:
    """What the agent's pod template declares; nothing where it declares none."""
    ref = agent.workload
    row = next((r for r in WORKLOAD_KINDS if ref is not None and r.kind == ref.kind and r.group == ref.group), None)  # fmt: skip
    body = view.get(row.group, row.kind, ref.namespace, ref.name) if ref and row else None
    if row is None or body is None:
        return
    written = annotations_of(template_of(row, body)).get(FRAMEWORK_ANNOTATION, "")
    for part in filter(None, (text.strip() for text in written.split(","))):
        yield read(part)


def read(text: str) -> Framework:
    """One ``name@version``."""
    name, _, version = text.partition("@")
    if name not in FRAMEWORKS:
        hint = did_you_mean(name, FRAMEWORKS) or f"known are {', '.join(FRAMEWORKS)}"
        return Framework(name, version, f"there is no framework `{name}`", hint)
    if not VERSION.fullmatch(version):
        fault = f"`{text}` does not say which version of {name} it is"
        return Framework(
            name, version, fault, f"write `{name}@1.2.3`, the version that is installed"
        )
    return Framework(name, version)
