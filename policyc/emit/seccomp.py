"""Seccomp profiles in the OCI form, one for each architecture of the cluster.

What a profile says of a call (OCI runtime-spec 1.2, config-linux.md; seccomp(2)): the
action of the entry that names it, else the default.  Known calls that are not granted
fail with EPERM, so that programs report a refusal; unknown ones with ENOSYS, so that
programs fall back as they do on an older kernel.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import PurePosixPath

from policyc.catalog.startup import startup
from policyc.catalog.syscalls import COMPAT, SCMP_TOKENS, names
from policyc.catalog.unseen import unseen
from policyc.core.canonical import Json
from policyc.core.errors import InternalError
from policyc.emit.base import Artifact, Emission, Line, Narrowing
from policyc.envelope.domains import SYSCALLS
from policyc.envelope.model import Envelope
from policyc.envelope.provenance import Derivation, Step
from policyc.envelope.region import Region

EPERM, ENOSYS = 1, 38
_FORM = Derivation(Step.FIXED, note="the form of a default-deny seccomp profile")
_DENIED = Derivation(Step.FIXED, note="known and not granted: fails with EPERM")


def path_of(architecture: str) -> str:
    return f"seccomp-{architecture}.json"


class SeccompEmitter:
    """A file an architecture: granted calls, the runtime's start-up calls, unseen ones, known denied calls."""

    kind = "seccomp"
    domains = frozenset({"syscalls"})

    def emit(self, envelope: Envelope) -> Emission:
        """None for managed agents, whose kernel is not ours."""
        if envelope.subject.workload is None:
            return Emission()
        artifacts = tuple(_artifact(envelope, a) for a in sorted(envelope.cluster.architectures))
        return Emission(artifacts, (), tuple(_narrowed(envelope)))

    def denote(self, documents: Mapping[str, Json], envelope: Envelope) -> Mapping[str, Region]:
        """The calls that the profiles permit, each on the one architecture that it lists."""
        del envelope
        return {"syscalls": SYSCALLS.union(_denoted(p, d) for p, d in documents.items())}

    def ceiling(self, envelope: Envelope) -> Mapping[str, Region]:
        """The envelope, the start-up sets of the cluster's runtimes, and what no recording shows."""
        runtimes = envelope.cluster.runtimes
        extra = (_beside(runtimes, a) for a in envelope.cluster.architectures)
        return {"syscalls": SYSCALLS.union([envelope.domains["syscalls"], *extra])}


SECCOMP = SeccompEmitter()


@lru_cache
def _startup(runtimes: tuple[str, ...], architecture: str) -> Mapping[str, Derivation]:
    """Start-up call -> its reason: the runtimes (with version) that make it."""
    makers: dict[str, list[str]] = {}
    for runtime in runtimes:
        known = startup(runtime, architecture)
        for name in known.names:
            makers.setdefault(name, []).append(f"{known.runtime} {known.version}")
    return {
        name: Derivation(Step.START_UP, note=f"start-up of {', '.join(made_by)}")
        for name, made_by in makers.items()
    }


@lru_cache
def _unseen(architecture: str) -> Mapping[str, Derivation]:
    """Call that no recording shows -> its reason."""
    return {name: Derivation(Step.UNSEEN, note=why) for name, why in unseen(architecture).items()}


@lru_cache
def _beside(runtimes: tuple[str, ...], architecture: str) -> Region:
    """The calls of the start-up, and those that no recording shows."""
    calls = sorted({*_startup(runtimes, architecture), *unseen(architecture)})
    return SYSCALLS.written({"architecture": architecture, "name": calls})


def _granted(envelope: Envelope, architecture: str) -> dict[str, list[Derivation]]:
    """Call -> the reasons of all grants that hold it."""
    result: dict[str, dict[Derivation, None]] = {}
    for grant in envelope.grants.get("syscalls", ()):
        for name in _members(grant.region, architecture):
            result.setdefault(name, {}).update(dict.fromkeys(grant.derivations))
    return {name: list(reasons) for name, reasons in result.items()}


@lru_cache(maxsize=1 << 14)
def _members(region: Region, architecture: str) -> tuple[str, ...]:
    """The calls of a region on an architecture; most grants are of one call that many agents make."""
    known = names(architecture)
    axis = SYSCALLS.axis("name")
    wanted = SYSCALLS.axis("architecture").extent(architecture)
    found: set[str] = set()
    for box in region.boxes():
        if not box.get("architecture", wanted) & wanted:
            continue
        extent = box.get("name")
        patterns = ("*",) if extent is None else axis.write(extent)
        if any(p.endswith("*") or p.startswith("!") for p in patterns):
            found |= {n for n in known if extent is None or axis.extent(n) <= extent}
        else:
            found |= known.intersection(patterns)
    return tuple(sorted(found))


def _without(
    before: Mapping[str, Mapping[str, object]], calls: Mapping[str, Derivation]
) -> dict[str, list[Derivation]]:
    """Those calls that no entry before has, each with its one reason."""
    known = frozenset().union(*before.values())
    return {name: [why] for name, why in calls.items() if name not in known}


def _artifact(envelope: Envelope, architecture: str) -> Artifact:
    allowed = {"granted": _granted(envelope, architecture)}
    allowed["start-up"] = _without(allowed, _startup(envelope.cluster.runtimes, architecture))
    allowed["unseen"] = _without(allowed, _unseen(architecture))
    syscalls: list[Json] = []
    lines = [Line("", "form of the artifact", (_FORM,))]
    for word, reasons in allowed.items():
        if not reasons:
            continue
        at = f"/syscalls/{len(syscalls)}/names"
        syscalls.append({"names": [*sorted(reasons)], "action": "SCMP_ACT_ALLOW"})
        for i, name in enumerate(sorted(reasons)):
            title = f"{word} syscall {name} on {architecture}"
            lines.append(Line(f"{at}/{i}", title, tuple(reasons[name])))
    if denied := sorted(names(architecture).difference(*allowed.values())):
        title = f"denied syscalls on {architecture}"
        lines.append(Line(f"/syscalls/{len(syscalls)}", title, (_DENIED,)))
        syscalls.append({"names": [*denied], "action": "SCMP_ACT_ERRNO", "errnoRet": EPERM})
    document: dict[str, Json] = {
        "defaultAction": "SCMP_ACT_ERRNO",
        "defaultErrnoRet": ENOSYS,
        "architectures": [SCMP_TOKENS[architecture]],
        "syscalls": syscalls,
    }
    return Artifact(path_of(architecture), document, tuple(lines))


def _denoted(path: str, document: Json) -> Region:
    architecture = PurePosixPath(path).stem.removeprefix("seccomp-")
    match document:
        case {
            "defaultAction": "SCMP_ACT_ERRNO",
            "defaultErrnoRet": 38,
            "architectures": [token],
            "syscalls": list(entries),
            **rest,
        } if not rest and token == SCMP_TOKENS[architecture]:
            pass
        case _:
            raise InternalError(f"{path}: not a profile that policyc writes")
    actions: dict[str, str] = {}
    for entry in entries:
        if not isinstance(entry, dict) or not isinstance(listed := entry.get("names"), list):
            raise InternalError(f"{path}: an entry without names")
        for name in listed:
            # Two entries for one call are merged by rules that differ between runtimes.
            if str(name) in actions:
                raise InternalError(f"{path}: `{name}` stands in two entries")
            actions[str(name)] = str(entry["action"])
    allowed = sorted(n for n, action in actions.items() if action == "SCMP_ACT_ALLOW")
    if not allowed:
        return SYSCALLS.empty
    return SYSCALLS.written({"architecture": architecture, "name": allowed})


def _narrowed(envelope: Envelope) -> list[Narrowing]:
    """Calls on a compat architecture: the profile lists only the node's own."""
    for native, compat in sorted(COMPAT.items()):
        only = SYSCALLS.written({"architecture": compat})
        if native not in envelope.cluster.architectures or not envelope.domains["syscalls"] & only:
            continue
        for grant in envelope.grants.get("syscalls", ()):
            if grant.region and grant.region <= only:
                return [
                    Narrowing(
                        "PC6101",
                        "syscalls",
                        f"{compat} calls are granted, and the profile of {native} nodes kills them",
                        "build the agent for the node's own architecture",
                        grant.derivations,
                    )
                ]
    return []
