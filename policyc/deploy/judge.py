"""What is wrong with a webhook configuration, against the table of what must be intercepted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

from policyc.core.canonical import Json
from policyc.deploy import reach
from policyc.deploy.configurations import (
    FILLED_LATER,
    INJECTED,
    NAMESPACE_LABEL,
    Target,
    condition,
    rows,
)
from policyc.deploy.scope import MUTATING, REVERSE, VALIDATING, Entry, Filter, Where
from policyc.deploy.written import Request, WrittenEntry, entries

TABLES = {"ValidatingWebhookConfiguration": VALIDATING, "MutatingWebhookConfiguration": MUTATING}
"""Kind -> what a configuration of the kind must take."""
SECONDS = range(2, 11)
"""Time-outs that leave time for an answer and do not hold up the API server."""
_CONDITIONS = (
    "use the conditions that `policyc webhook manifests` writes, and no others; "
    "name here whom and what was named there: `--operators`, `--renewers`, `--pod-annotations`"
)
_OTHER = "some-other-namespace"  # stands for all that hold no registered agent


@dataclass(frozen=True, slots=True)
class Fault:
    """One mistake; ``path`` is a JSON path into the configuration."""

    code: str
    message: str
    path: str
    help: str


def judge(configuration: dict[str, Json], target: Target, *, is_live: bool) -> list[Fault]:
    """All mistakes of one configuration, by path; ``is_live`` means that nothing is filled in later."""
    kind = str(configuration.get("kind"))
    written = entries(configuration)
    # The guard writes what the cluster had: more names hold more requests back.
    target = replace(target, reach=target.reach | reach.written(configuration))
    found = [
        fault
        for required in rows(TABLES[kind], target)
        for fault in _coverage(required, written, target)
    ]
    for entry in written:
        found += [fault for check in _CHECKS for fault in check(entry, target)]
        found += _client(entry, configuration, is_live=is_live)
        if kind.startswith("Mutating"):
            found += _reinvocation(entry)
    return sorted(set(found), key=lambda f: (f.path, f.code, f.message))


# -- what must be taken ------------------------------------------------------------


def requests(entry: Entry, target: Target, others: Iterable[str] = ()) -> Iterator[Request]:
    """A request of each sort that a row of the table is about, in each namespace.

    ``others`` are namespaces that a selector names: no other one can it treat on its own.
    """
    elsewhere = sorted({_OTHER, *others} - {*target.namespaces, target.home})
    spaces = {
        Where.AGENTS: target.namespaces,
        Where.ELSEWHERE: elsewhere,
        Where.OUTSIDE: (*elsewhere, target.home),
        Where.EVERYWHERE: (*target.namespaces, *elsewhere, target.home),
        Where.HOME: (target.home,),
    }[entry.where]
    for rule in entry.rules:
        is_of_namespaces = rule.resources[0].partition("/")[0] == "namespaces"
        has_no_namespace = rule.is_cluster and not is_of_namespaces
        for group, resource, operation in rule.requests():
            for space in ("",) if has_no_namespace else spaces:
                yield Request(group, rule.version, resource, operation, space, rule.is_cluster)


class _Gap(NamedTuple):
    """Why requests are not seen as they must be: one cause, however many it concerns."""

    code: str
    happens: str
    path: str
    help: str


def _coverage(
    required: Entry, written: tuple[WrittenEntry, ...], target: Target
) -> Iterator[Fault]:
    """One fault for each cause and the namespaces that it has."""
    allowed = {condition(f, target).expression for f in required.filters}
    reverse = {condition(REVERSE[f], target).expression for f in required.filters if f in REVERSE}
    # What another entry's condition tells apart from this one's is none of its requests.
    written = tuple(entry for entry in written if reverse.isdisjoint(entry.expressions))
    others = {name for entry in written for name in entry.namespaces()}
    found: dict[_Gap, dict[str, list[Request]]] = {}
    for request in requests(required, target, others):
        gap = _missing(request, required, written, allowed)
        if gap is not None:
            name = f"{request.resource}.{request.group}".rstrip(".")
            found.setdefault(gap, {}).setdefault(name, []).append(request)
    for gap, missed in found.items():
        for place, what in sorted(_together(missed, target).items()):
            yield Fault(gap.code, f"{what} {gap.happens}{place}", gap.path, gap.help)


def _together(missed: dict[str, list[Request]], target: Target) -> dict[str, str]:
    """Where -> what is missed there, such as ``CREATE and UPDATE of `pods`, `jobs.batch```."""
    alike: dict[tuple[str, str], list[str]] = {}
    for name, of_name in missed.items():
        spaces = sorted({r.namespace for r in of_name} - {""})
        operations = " and ".join(sorted({r.operation for r in of_name}))
        alike.setdefault((_place(spaces, target), operations), []).append(f"`{name}`")
    found: dict[str, list[str]] = {}
    for (place, operations), names in alike.items():
        found.setdefault(place, []).append(f"{operations} of {', '.join(names)}")
    return {place: "; ".join(parts) for place, parts in found.items()}


def _place(spaces: list[str], target: Target) -> str:
    if _OTHER in spaces:
        return "" if {*target.namespaces} <= {*spaces} else " in namespaces without agents"
    return f" in {', '.join(f'`{space}`' for space in spaces)}" if spaces else ""


def _missing(
    request: Request, required: Entry, written: tuple[WrittenEntry, ...], allowed: set[str]
) -> _Gap | None:
    """Why the request is not seen as it must be; None when it is."""
    takers = [entry for entry in written if entry.takes(request)]
    if not takers:
        return _Gap(
            "PC8102",
            "not sent to the webhook",
            "webhooks",
            "add it to the rules; `resources: *` takes no subresource",
        )
    unfiltered = [e for e in takers if allowed.issuperset(e.expressions)]
    if not unfiltered:
        return _Gap(
            "PC8109",
            "let past the webhook by a match condition",
            f"{takers[0].path}.matchConditions",
            _CONDITIONS,
        )
    if required.fails_closed and not any(e.fails_closed for e in unfiltered):
        return _Gap(
            "PC8103",
            "admitted while the webhook does not answer",
            f"{unfiltered[0].path}.failurePolicy",
            "set failurePolicy to Fail in this entry",
        )
    return None


# -- what no entry may be -----------------------------------------------------------


def _object_selector(entry: WrittenEntry, target: Target) -> Iterator[Fault]:
    del target
    for key, _, _ in entry.requirements("objectSelector"):
        yield Fault(
            "PC8104",
            f"`{entry.name}` chooses objects by their label `{key}`, which their authors write",
            f"{entry.path}.objectSelector",
            "remove the objectSelector",
        )


def _free_labels(entry: WrittenEntry, target: Target) -> Iterator[Fault]:
    del target
    for key, _, _ in entry.requirements("namespaceSelector"):
        if key != NAMESPACE_LABEL:
            yield Fault(
                "PC8105",
                f"`{entry.name}` chooses namespaces by the label `{key}`, which can be changed",
                f"{entry.path}.namespaceSelector",
                f"choose them by `{NAMESPACE_LABEL}`, which the API server sets",
            )


def _match_policy(entry: WrittenEntry, target: Target) -> Iterator[Fault]:
    del target
    if entry.body.get("matchPolicy", "Equivalent") != "Equivalent":
        yield Fault(
            "PC8106",
            f"`{entry.name}` sees an object only in the API version that its rules name",
            f"{entry.path}.matchPolicy",
            "set matchPolicy to Equivalent",
        )


def _timeout(entry: WrittenEntry, target: Target) -> Iterator[Fault]:
    del target
    seconds = entry.body.get("timeoutSeconds", 10)
    if seconds not in SECONDS:
        yield Fault(
            "PC8107",
            f"`{entry.name}` gives the webhook {seconds} s to answer",
            f"{entry.path}.timeoutSeconds",
            f"choose {SECONDS[0]} to {SECONDS[-1]} s",
        )


def _conditions(entry: WrittenEntry, target: Target) -> Iterator[Fault]:
    known = {condition(f, target).expression for f in Filter}
    for i, expression in enumerate(entry.expressions):
        if expression not in known:
            yield Fault(
                "PC8109",
                f"`{entry.name}` has a match condition that could let anything past: "
                f"`{expression[:80]}`",
                f"{entry.path}.matchConditions[{i}]",
                _CONDITIONS,
            )


def _answers(entry: WrittenEntry, target: Target) -> Iterator[Fault]:
    del target
    if entry.body.get("sideEffects") not in ("None", "NoneOnDryRun"):
        yield Fault(
            "PC8110",
            f"`{entry.name}` makes the API server refuse dry runs",
            f"{entry.path}.sideEffects",
            "set sideEffects to None: a dry run gets the same answer",
        )
    versions = entry.body.get("admissionReviewVersions")
    if not isinstance(versions, list) or "v1" not in versions:
        yield Fault(
            "PC8110",
            f"`{entry.name}` does not speak AdmissionReview v1",
            f"{entry.path}.admissionReviewVersions",
            'set admissionReviewVersions to ["v1"]',
        )


_MACHINERY = (
    ("", "v1", "nodes", "UPDATE", True),
    ("", "v1", "nodes/status", "UPDATE", True),
    ("", "v1", "pods/binding", "CREATE", False),
    ("", "v1", "pods/status", "UPDATE", False),
    ("", "v1", "pods", "CREATE", False),
    ("apps", "v1", "daemonsets", "UPDATE", False),
    ("certificates.k8s.io", "v1", "certificatesigningrequests", "CREATE", True),
    ("coordination.k8s.io", "v1", "leases", "UPDATE", False),
    ("rbac.authorization.k8s.io", "v1", "clusterroles", "CREATE", True),
)
"""What a cluster writes before any pod of the webhook can run."""


def _cold_start(entry: WrittenEntry, target: Target) -> Iterator[Fault]:
    """A cluster in which the webhook's own pod waits for the webhook never starts."""
    if not entry.fails_closed or entry.expressions:
        return
    for group, version, resource, operation, is_cluster in _MACHINERY:
        for space in ("",) if is_cluster else ("kube-system", target.home):
            if entry.takes(Request(group, version, resource, operation, space, is_cluster)):
                place = f" in `{space}`" if space else ""
                yield Fault(
                    "PC8111",
                    f"`{entry.name}` blocks {operation} of `{resource}`{place} until a webhook runs",
                    f"{entry.path}.rules",
                    "let only the entry for namespaces with agents fail closed",
                )
                return


_CHECKS: tuple[Callable[[WrittenEntry, Target], Iterator[Fault]], ...] = (
    _object_selector,
    _free_labels,
    _match_policy,
    _timeout,
    _conditions,
    _answers,
    _cold_start,
)


def _client(
    entry: WrittenEntry, configuration: dict[str, Json], *, is_live: bool
) -> Iterator[Fault]:
    client = entry.body.get("clientConfig")
    client = client if isinstance(client, dict) else {}
    metadata = configuration.get("metadata")
    notes = metadata.get("annotations") if isinstance(metadata, dict) else None
    notes = notes if isinstance(notes, dict) else {}
    comes_later = not is_live and (FILLED_LATER in notes or INJECTED in notes)
    if not client.get("caBundle") and not comes_later:
        yield Fault(
            "PC8108",
            f"`{entry.name}` names no authority for the webhook's certificate",
            f"{entry.path}.clientConfig",
            "write the authority into caBundle, or let the webhook or cert-manager do it",
        )
    if not client.get("service") and not str(client.get("url", "")).startswith("https://"):
        yield Fault(
            "PC8108",
            f"`{entry.name}` names neither a Service nor an https URL",
            f"{entry.path}.clientConfig",
            "name the webhook's Service",
        )


def _reinvocation(entry: WrittenEntry) -> Iterator[Fault]:
    if entry.body.get("reinvocationPolicy", "Never") != "IfNeeded":
        yield Fault(
            "PC8112",
            f"`{entry.name}` is not asked again when another webhook changed the object",
            f"{entry.path}.reinvocationPolicy",
            "set reinvocationPolicy to IfNeeded",
        )
