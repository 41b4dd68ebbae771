"""`policyc admit`, `policyc scan` of a folder and of a cluster, and the webhook say the same."""

from __future__ import annotations

import base64
import contextlib
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from support.admission import request
from support.control_plane import ControlPlane
from support.kube_paths import collection, path_of
from support.webhook import Webhook, review, write_bundle
from support.widening import body
from support.worlds import ACCOUNTS, RUNTIMES, worlds

from policyc.admission.scan import SCANNED
from policyc.cli.main import main
from policyc.deploy.configurations import NAME, Target, validating
from policyc.kube.client import connect
from policyc.kube.snapshot import snapshot
from policyc.kube.yaml import dump

pytestmark = pytest.mark.e2e

Json = Any  # documents of the API
Said = frozenset[str]
"""What is said of an object: ``REASON:error``, ``REASON:warning``, ``REASON:note``."""

CASES = [(world, case) for world, found in worlds().items() for case in found.made]
CONFIGURATION = f"/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/{NAME}"
WORDS = {"deny": "error", "warn": "warning", "note": "note"}


class Answers:
    """What each of the four says of every case of a world."""

    def __init__(self) -> None:
        self.live: dict[str, Said] = {}
        self.folder: dict[str, Said] = {}
        self.admitted: dict[str, Said] = {}
        self.posted: dict[str, Said] = {}
        self.statuses: dict[str, int] = {}
        self.messages: dict[str, str] = {}


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Answers]]:
    """Every object is made while nobody guards; then the webhook is asked for each again."""
    found: dict[str, Answers] = {}
    with ControlPlane(tmp_path_factory.mktemp("plane"), controllers=False) as plane:
        for name in worlds():
            found[name] = asked(plane, name, tmp_path_factory.mktemp(name))
        yield found


def asked(plane: ControlPlane, name: str, folder: Path) -> Answers:
    world, answers = worlds()[name], Answers()
    bundle = write_bundle(folder / "bundle", world.bundle)
    prepare(plane, world.held)
    for case, made in world.made.items():
        answer = plane.admin.create(collection(made), made)
        assert answer.status == 201, (case, answer.message)
    bodies = snapshot(connect(plane.kubeconfig), SCANNED, None)
    held = {api_path(one): one for one in bodies}
    for path, one in held.items():
        write(folder / "dump" / f"{path.replace('/', '_')}.yaml", one)
    paths = {case: path_of(made) for case, made in world.made.items()}
    options = ("--bundle", str(bundle))
    live = said("scan", "--live", "--kubeconfig", str(plane.kubeconfig), *options)
    dumped = said("scan", str(folder / "dump"), *options)
    files = {case: folder / "dump" / f"{path.replace('/', '_')}.yaml" for case, path in paths.items()}  # fmt: skip
    one_by_one = said("admit", *map(str, files.values()), "--cluster", str(folder / "dump"), *options)  # fmt: skip
    for case, path in paths.items():
        answers.live[case] = live.get(path, frozenset())
        answers.folder[case] = dumped.get(str(files[case]), frozenset())
        answers.admitted[case] = one_by_one.get(str(files[case]), frozenset())
    flags = {"cluster": True, "kubeconfig": plane.kubeconfig, "bundle": bundle}
    with Webhook(folder / "webhook", **flags) as webhook:
        guard(plane, webhook, sorted({o["metadata"].get("namespace") or "default" for o in world.made.values()}))  # fmt: skip
        for case, made in world.made.items():
            reply = webhook.post(review(request(held[paths[case]]))).response
            reasons = reply["auditAnnotations"].get("reasons", "").split()
            answers.posted[case] = frozenset(
                f"{reason}:{WORDS[level]}" for reason, _, level in (r.partition(":") for r in reasons)
            )  # fmt: skip
            answer = plane.admin.create(collection(made), made, dryRun="All")
            answers.statuses[case], answers.messages[case] = answer.status, answer.message
        assert plane.admin.delete(CONFIGURATION).status == 200
    return answers


def prepare(plane: ControlPlane, held: Iterable[Json]) -> None:
    bodies = [*held, *(body("RuntimeClass", n, "", "node.k8s.io/v1", handler=n) for n in RUNTIMES)]
    spaces = {one["metadata"].get("namespace") for one in bodies} - {None}
    for space in sorted(spaces):
        plane.make_namespace(space)
    bodies += [body("ServiceAccount", name, space) for space in spaces for name in ACCOUNTS]
    for one in bodies:
        answer = plane.admin.apply(path_of(one), one, force="true")
        assert answer.status in (200, 201), answer.message


def guard(plane: ControlPlane, webhook: Webhook, namespaces: list[str]) -> None:
    """Validation only: what mutation would complete, the others would still miss."""
    authority = base64.b64encode(webhook.trusted.read_bytes()).decode()
    target = Target(tuple(namespaces), url=f"https://127.0.0.1:{webhook.port}", ca_bundle=authority)
    assert plane.admin.apply(CONFIGURATION, validating(target)).status == 201
    bad = body("Pod", "canary", namespaces[0], spec={"containers": [{"name": "a", "image": "x"}]})
    bad["metadata"]["annotations"] = {"policyc.dev/agent": "nobody"}
    webhook.wait_until(lambda: plane.admin.create(collection(bad), bad, dryRun="All").status == 403)


def api_path(one: Json) -> str:
    return path_of(one) if one["metadata"].get("namespace") else f"{collection(one)}/{one['metadata']['name']}"  # fmt: skip


def write(path: Path, one: Json) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(dump(one))


def said(*arguments: str) -> Mapping[str, Said]:
    """Path -> what a verb says of the object there."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        assert main([*arguments, "--as-of", "2026-09-01", "--format", "json"]) in (0, 1)
    found: dict[str, set[str]] = {}
    for one in json.loads(out.getvalue())["diagnostics"]:
        reason = one["message"].partition(":")[0]
        found.setdefault(one["place"]["path"], set()).add(f"{reason}:{one['severity']}")
    return {path: frozenset(words) for path, words in found.items()}


def test_there_are_both_outcomes(answers: dict[str, Answers]) -> None:
    """Compliant workloads have nothing said of them; most faults are denied or warned about."""
    said = {(w, case): words for w, found in answers.items() for case, words in found.live.items()}
    good = {words for (_, case), words in said.items() if case.endswith("-good")}
    assert {word for words in good for word in words} <= {"NO_LIMIT:warning"}
    denied = [words for words in said.values() if any(w.endswith(":error") for w in words)]
    assert len(denied) > 80
    assert len(said) > 300


@pytest.mark.parametrize(("world", "case"), CASES, ids=[f"{w}-{c}" for w, c in CASES])
def test_the_four_agree(answers: dict[str, Answers], world: str, case: str) -> None:
    found = answers[world]
    expected = found.live[case]
    assert found.folder[case] == expected
    assert found.admitted[case] == expected
    assert found.posted[case] == expected
    denied = {word.removesuffix(":error") for word in expected if word.endswith(":error")}
    # An object of the name is there: what is admitted meets that conflict.
    assert found.statuses[case] == (403 if denied else 409), found.messages[case]
    assert all(f"{reason}: " in found.messages[case] for reason in denied)
