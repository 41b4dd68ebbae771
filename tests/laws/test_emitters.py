"""Laws of every emitter, over random envelopes."""

from __future__ import annotations

import random
import subprocess
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from support.envelopes import RESOURCES, envelope, smaller
from support.scale import MANY

from policyc.core.canonical import Json
from policyc.emit.base import Emission, Emitter, line_for
from policyc.emit.registry import EMITTERS
from policyc.envelope.domains import DOMAINS, KUBE, SYSCALLS
from policyc.envelope.model import Envelope, Grant
from policyc.envelope.provenance import Derivation, Step
from policyc.envelope.region import Region
from policyc.pipeline.artifacts import from_bytes, to_bytes

EVERY = pytest.mark.parametrize("emitter", EMITTERS, ids=lambda e: e.kind)
ARCHITECTURES = ("amd64", "arm64")


def cases(count: int) -> list[Envelope]:
    return [envelope(random.Random(seed), ARCHITECTURES) for seed in range(count)]


def reread(emission: Emission) -> dict[str, Json]:
    return {a.path: from_bytes(a.path, to_bytes(a.path, a.document)) for a in emission.artifacts}


@EVERY
def test_sound_what_it_permits_is_below_the_ceiling(emitter: Emitter) -> None:
    for case in cases(MANY):
        documents = reread(emitter.emit(case))
        ceiling = emitter.ceiling(case)
        for domain, region in emitter.denote(documents, case).items():
            assert region <= ceiling[domain], (case, (region - ceiling[domain]).describe())


@EVERY
def test_tight_what_it_does_not_permit_is_named(emitter: Emitter) -> None:
    """Without a narrowing the artifact permits all of the envelope that it speaks of."""
    for case in cases(MANY // 2):
        emission = emitter.emit(case)
        documents = reread(emission)
        permitted = emitter.denote(documents, case)
        narrowed = {n.domain for n in emission.narrowed}
        for domain in emitter.domains - narrowed - {"egress_host"}:
            if domain not in permitted:
                continue
            missing = case.domains[domain] - permitted[domain]
            assert not _reachable(domain, missing, case), missing.describe()


def _reachable(domain: str, missing: Region, case: Envelope) -> bool:
    """Points that no request or packet of this cluster can have do not count."""
    match domain:
        case "egress_ip" | "ingress_ip" | "egress_peer" | "ingress_peer":
            return bool(missing - DOMAINS[domain].written({"port": "0"}))
        case "syscalls":
            return bool(
                missing & SYSCALLS.written({"architecture": list(case.cluster.architectures)})
            )
        case "kube":
            return bool(missing - _never_asked())
    return bool(missing)


@cache
def _never_asked() -> Region:
    """A name for what is yet to be created or for many at once, a namespace for a node.

    What the API server makes of a request: k8s.io/apiserver requestinfo.go.
    """
    impossible = [KUBE.written({"verb": "deletecollection"}) - KUBE.written({"name": ""})]
    for group, resource in RESOURCES:
        where = {"group": group, "resource": resource}
        if "/" not in resource:
            created = KUBE.written({**where, "verb": "create"})
            impossible.append(created - KUBE.written({"name": ""}))
        if resource.partition("/")[0] == "nodes":
            impossible.append(KUBE.written(where) - KUBE.written({"namespace": ""}))
        if resource == "namespaces":
            listed = KUBE.written(
                {**where, "verb": ["create", "list", "watch", "deletecollection"]}
            )
            impossible.append(listed - KUBE.written({"namespace": ""}))
    return KUBE.union(impossible)


@EVERY
def test_monotone_less_granted_is_less_permitted(emitter: Emitter) -> None:
    for seed, case in enumerate(cases(MANY // 5)):
        part = smaller(random.Random(seed), case)
        less = emitter.denote(reread(emitter.emit(part)), part)
        more = emitter.denote(reread(emitter.emit(case)), case)
        for domain in less:
            assert less[domain] <= more[domain]


@EVERY
def test_deterministic_whatever_the_order_of_grants(emitter: Emitter) -> None:
    for seed, case in enumerate(cases(MANY // 5)):
        rng = random.Random(seed)
        shuffled = {k: tuple(rng.sample(v, len(v))) for k, v in case.grants.items()}
        other = replace(case, grants=shuffled, resolutions=tuple(reversed(case.resolutions)))
        mine = {a.path: to_bytes(a.path, a.document) for a in emitter.emit(case).artifacts}
        theirs = {a.path: to_bytes(a.path, a.document) for a in emitter.emit(other).artifacts}
        assert mine == theirs


@EVERY
def test_no_two_agents_write_one_object(emitter: Emitter) -> None:
    """Applied one after the other, the second of two such objects would undo the first."""
    names = ("bot", "Bot", "b_ot", "b-ot", "b.ot", "b" * 300, "b" * 301)
    for case in cases(4):
        found = []
        for name in names:
            subject = replace(case.subject, agent=name, service_account=f"demo/{name}")
            for artifact in emitter.emit(replace(case, subject=subject)).artifacts:
                match artifact.document:
                    case {"apiVersion": api, "metadata": {"name": own, **rest}, "kind": kind}:
                        if emitter.kind not in ("pod-security", "envelope"):
                            found.append((api, kind, rest.get("namespace"), own))
        assert len(found) == len(set(found))


@EVERY
def test_every_leaf_has_a_line_and_every_granting_line_a_reason(emitter: Emitter) -> None:
    for case in cases(MANY // 5):
        for artifact in emitter.emit(case).artifacts:
            lines = {line.pointer: line for line in artifact.lines}
            assert len(lines) == len(artifact.lines)
            for pointer in _leaves(artifact.document):
                line = line_for(pointer, lines)
                assert line.derivations
                assert all(isinstance(d.step, Step) for d in line.derivations)
            for pointer in lines:
                _at(artifact.document, pointer)


@EVERY
def test_a_line_has_every_reason_of_what_it_says(emitter: Emitter) -> None:
    """Each grant with a second reason, and granted again with a third: no line knows only some."""
    for case in cases(MANY // 5 + 5):
        grants = {
            name: tuple(
                grant
                for g in known
                for grant in (
                    g._replace(derivations=(*g.derivations, *_others(g, "second"))),
                    g._replace(derivations=_others(g, "third")),
                )
            )
            for name, known in case.grants.items()
        }
        for artifact in emitter.emit(replace(case, grants=grants)).artifacts:
            for line in artifact.lines:
                first = [d for d in line.derivations if d.step is Step.OBSERVED and not d.note]
                for note in ("second", "third"):
                    resolved = {d for r in case.resolutions for d in r.derivations}
                    wanted = {d._replace(note=note) for d in first if d not in resolved}
                    assert wanted <= set(line.derivations), (artifact.path, line.pointer)


def _others(grant: Grant, note: str) -> tuple[Derivation, ...]:
    return tuple(d._replace(note=note) for d in grant.derivations)


def _leaves(value: Json, pointer: str = "") -> list[str]:
    if isinstance(value, dict) and value:
        return [p for k, v in value.items() for p in _leaves(v, f"{pointer}/{_token(k)}")]
    if isinstance(value, list) and value:
        return [p for i, v in enumerate(value) for p in _leaves(v, f"{pointer}/{i}")]
    return [pointer]


def _token(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")


def _at(value: Json, pointer: str) -> Json:
    for token in pointer.split("/")[1:]:
        key = token.replace("~1", "/").replace("~0", "~")
        value = value[key] if isinstance(value, dict) else value[int(key)]  # type: ignore[index,call-overload]
    return value


def test_bytes_do_not_depend_on_hash_seed_locale_or_time_zone(tmp_path: Path) -> None:
    program = (
        "import random, sys; sys.path.insert(0, 'tests')\n"
        "from support.envelopes import envelope\n"
        "from policyc.emit.registry import EMITTERS\n"
        "from policyc.pipeline.artifacts import to_bytes\n"
        "from policyc.core.canonical import digest\n"
        "data = b''.join(to_bytes(a.path, a.document) for s in range(20)"
        " for e in EMITTERS for a in e.emit(envelope(random.Random(s), ('amd64', 'arm64'))).artifacts)\n"
        "print(digest(data))\n"
    )
    answers = set()
    for seed, locale, zone in (
        ("0", "C", "UTC"),
        ("1", "C.UTF-8", "Asia/Tokyo"),
        ("77", "POSIX", "America/Lima"),
    ):
        done = subprocess.run(
            [sys.executable, "-c", program],
            env={
                "PYTHONHASHSEED": seed,
                "LC_ALL": locale,
                "TZ": zone,
                "HOME": str(tmp_path),
                "PATH": "",
            },
            capture_output=True,
            text=True,
            check=True,
            cwd=Path(__file__).parents[2],
        )
        answers.add(done.stdout)
    assert len(answers) == 1
