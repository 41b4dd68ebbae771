"""A webhook configuration as somebody wrote it: which requests its entries take."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from policyc.core.canonical import Json
from policyc.deploy.configurations import NAMESPACE_LABEL


@dataclass(frozen=True, slots=True)
class Request:
    """``namespace`` is empty for what has none; a Namespace's is its own name."""

    group: str
    version: str
    resource: str
    operation: str
    namespace: str
    is_cluster: bool = False


@dataclass(frozen=True, slots=True)
class WrittenEntry:
    """One entry with its JSON path in the configuration; what is not written is the API's default."""

    path: str
    body: dict[str, Json]

    @property
    def name(self) -> str:
        return str(self.body.get("name", ""))

    @property
    def fails_closed(self) -> bool:
        return self.body.get("failurePolicy", "Fail") == "Fail"

    @property
    def expressions(self) -> tuple[str, ...]:
        return tuple(str(c.get("expression", "")) for c in _objects(self.body, "matchConditions"))

    def takes(self, request: Request) -> bool:
        """Whether its rules and its namespaceSelector match, whatever its conditions say."""
        if not any(_matches(rule, request) for rule in _objects(self.body, "rules")):
            return False
        is_exempt = request.is_cluster and request.resource.partition("/")[0] != "namespaces"
        return is_exempt or self.reaches(request.namespace)

    def reaches(self, namespace: str) -> bool:
        """Whether the selector takes the namespace, as far as its name decides."""
        return all(
            _holds(operator, values, namespace)
            for key, operator, values in self.requirements("namespaceSelector")
            if key == NAMESPACE_LABEL
        )

    def namespaces(self) -> Iterator[str]:
        """The namespaces that its selector names."""
        for key, _, values in self.requirements("namespaceSelector"):
            if key == NAMESPACE_LABEL:
                yield from map(str, values)

    def requirements(self, selector: str) -> Iterator[tuple[str, str, list[Json]]]:
        """(key, operator, values) of each requirement of a label selector."""
        body = self.body.get(selector)
        if not isinstance(body, dict):
            return
        labels = body.get("matchLabels")
        for key, value in (labels if isinstance(labels, dict) else {}).items():
            yield key, "In", [value]
        for one in _objects(body, "matchExpressions"):
            values = one.get("values")
            yield (
                str(one.get("key")),
                str(one.get("operator")),
                values if isinstance(values, list) else [],
            )


def entries(configuration: dict[str, Json]) -> tuple[WrittenEntry, ...]:
    """The entries of a configuration in their order."""
    return tuple(
        WrittenEntry(f"webhooks[{i}]", body)
        for i, body in enumerate(_objects(configuration, "webhooks"))
    )


def _objects(body: dict[str, Json], name: str) -> list[dict[str, Json]]:
    found = body.get(name)
    return [o for o in found if isinstance(o, dict)] if isinstance(found, list) else []


def _holds(operator: str, values: list[Json], namespace: str) -> bool:
    match operator:
        case "In":
            return namespace in values
        case "NotIn":
            return namespace not in values
        case _:
            return operator == "Exists"


def _matches(rule: dict[str, Json], request: Request) -> bool:
    """By k8s.io/apiserver pkg/admission/plugin/webhook/predicates/rules/rules.go (1.36)."""
    scope = rule.get("scope") or "*"
    return (
        scope in ("*", "Cluster" if request.is_cluster else "Namespaced")
        and _has(rule, "operations", request.operation)
        and _has(rule, "apiGroups", request.group)
        and _has(rule, "apiVersions", request.version)
        and _takes_resource(rule, request.resource)
    )


def _has(rule: dict[str, Json], name: str, wanted: str) -> bool:
    listed = rule.get(name)
    return isinstance(listed, list) and ("*" in listed or wanted in listed)


def _takes_resource(rule: dict[str, Json], resource: str) -> bool:
    """``*`` is no subresource: only ``*/*``, ``plural/*`` and ``*/sub`` take those."""
    listed = rule.get("resources")
    plural, slash, sub = resource.partition("/")
    wanted = {"*/*", f"{plural}/*", f"*/{sub}", resource} if slash else {"*", "*/*", plural}
    if not slash:
        wanted.add(f"{plural}/*")
    return isinstance(listed, list) and any(one in wanted for one in listed)
