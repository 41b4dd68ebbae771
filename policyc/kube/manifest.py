"""The cluster's manifests: what Services, namespaces and workloads say about pods."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from policyc.core.canonical import Json
from policyc.core.diagnostics import Diagnostic, Outcome
from policyc.core.source import Source
from policyc.kube.yaml import YamlError, load_all


@dataclass(frozen=True, slots=True)
class Manifest:
    """One Kubernetes object of a file."""

    api_version: str
    kind: str
    namespace: str
    name: str
    body: dict[str, Json]


def read(source: Source) -> Outcome[tuple[Manifest, ...]]:
    """The objects of a YAML or JSON text, lists taken apart; faults are PC2012."""
    try:
        documents = load_all(source.text)
    except YamlError as fault:
        span = source.span(fault.offset, fault.offset + 1)
        return Outcome((), [_fault(source, fault.message, span.start)])
    found: list[Manifest] = []
    diagnostics: list[Diagnostic] = []
    for document in documents:
        if document is None:
            continue
        for item in _items(document):
            manifest = _manifest(item)
            if manifest is None:
                diagnostics.append(_fault(source, "an object has no apiVersion, kind or name", 0))
            else:
                found.append(manifest)
    return Outcome(tuple(found), diagnostics)


def _fault(source: Source, message: str, offset: int) -> Diagnostic:
    return Diagnostic(
        "PC2012",
        f"`{source.path}` is no Kubernetes manifest: {message}",
        source.span(offset, min(offset + 1, len(source.text))),
        help="write what `kubectl apply` would accept",
    )


def _items(document: Json) -> Iterator[Json]:
    if isinstance(document, dict) and str(document.get("kind", "")).endswith("List"):
        items = document.get("items")
        yield from items if isinstance(items, list) else ()
    else:
        yield document


def _manifest(item: Json) -> Manifest | None:
    match item:
        case {
            "apiVersion": str(version),
            "kind": str(kind),
            "metadata": {"name": str(name), **meta},
        }:
            assert isinstance(item, dict)
            namespace = meta.get("namespace")
            where = namespace if isinstance(namespace, str) else "default"
            return Manifest(version, kind, where, name, item)
    return None


def labels(value: Json) -> dict[str, str]:
    """A map of labels, whatever else stands there left out."""
    return {k: v for k, v in value.items() if isinstance(v, str)} if isinstance(value, dict) else {}
