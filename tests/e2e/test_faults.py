"""Replicas that end, start, hang back and are removed, seen by a real API server."""

from __future__ import annotations

import base64
import datetime as dt
import re
import shlex
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.admission import cluster, pod, request
from support.catalogue import case, of
from support.control_plane import ControlPlane
from support.kube_paths import collection, path_of
from support.samples import ROOT
from support.service import Service
from support.stand import BUNDLE_KEY, release
from support.webhook import Webhook, review
from support.widening import body

from policyc.deploy.configurations import NAME, SERIAL
from policyc.deploy.drift import authority
from webhook.authority import SPREAD, Authority, create, renewed

pytestmark = pytest.mark.e2e
__all__ = ["case"]

Json = Any  # documents of the API
HOME = "policyc-system"
HOSTS = ("127.0.0.1", "localhost")
CONFIGURATIONS = [
    f"/apis/admissionregistration.k8s.io/v1/{plural}/{NAME}"
    for plural in ("validatingwebhookconfigurations", "mutatingwebhookconfigurations")
]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A cluster of its own in which the agents run as they should; webhooks come and go."""
    with ControlPlane(tmp_path_factory.mktemp("plane")) as plane:
        for one in (*cluster(), *(runtime_class(name) for name in ("gvisor", "runc"))):
            answer = plane.admin.apply(path_of(one), one, force="true")
            assert answer.status in (200, 201), answer.message
        yield plane


@pytest.fixture
def plane(site: ControlPlane) -> Iterator[ControlPlane]:
    """Without a configuration before and after."""
    yield site
    for path in CONFIGURATIONS:
        site.admin.delete(path)


def runtime_class(name: str) -> Json:
    return body("RuntimeClass", name, "", "node.k8s.io/v1", handler=name)


@contextmanager
def replica(plane: ControlPlane, folder: Path, **flags: object) -> Iterator[Webhook]:
    defaults = {
        "cluster": True,
        "kubeconfig": plane.kubeconfig,
        "guard": True,
        "operators": ["operator"],
    }
    with Webhook(folder, **{**defaults, **flags}) as webhook:
        yield webhook


def dry(plane: ControlPlane, space: str = "agents", **spec: object) -> Any:
    """What the API server says of a pod; one with hostPID is refused by the webhook alone."""
    made = pod() if space == "agents" else body("Pod", "web-1", space, spec={})
    made["spec"] = {**made["spec"], **spec}
    made["spec"].setdefault("containers", [{"name": "web", "image": "x"}])
    return plane.admin.create(collection(made), made, dryRun="All")


def is_guarding(plane: ControlPlane) -> bool:
    answer = dry(plane, hostPID=True)
    return answer.status == 403 and "HOST_PID" in answer.message


def configured(plane: ControlPlane) -> list[int]:
    return [plane.admin.get(path).status for path in CONFIGURATIONS]


class Calls:
    """Creates of a bad pod, one after the other, as users make them all the time."""

    def __init__(self, plane: ControlPlane) -> None:
        self._plane = plane
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.answers: list[Any] = []

    def __enter__(self) -> Calls:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._is_over.is_set():
            self.answers.append(dry(self._plane, hostPID=True))

    def go_on(self, webhook: Webhook, count: int = 15) -> None:
        """Until so many more are answered."""
        target = len(self.answers) + count
        webhook.wait_until(lambda: len(self.answers) >= target)

    def check(self, *, may_be_cut: bool = False) -> None:
        """Each was refused by the webhook; or, of one that was killed, for want of its answer."""
        for answer in self.answers:
            if answer.status == 500 and may_be_cut:
                assert "failed calling webhook" in answer.message, answer
            else:
                assert (answer.status, "HOST_PID" in answer.message) == (403, True), answer


# -- no replica left --------------------------------------------------------------------


@of("J4")
def test_scaled_to_nothing_it_still_closes_the_door(plane: ControlPlane, tmp_path: Path) -> None:
    labels = {"app": NAME}
    template = {
        "metadata": {"labels": labels},
        "spec": {"containers": [{"name": "webhook", "image": "x"}]},
    }
    spec = {"replicas": 2, "selector": {"matchLabels": labels}, "template": template}
    deployment = body("Deployment", NAME, HOME, "apps/v1", spec=spec)
    assert plane.admin.create(collection(deployment), deployment).status == 201
    none = {"spec": {"replicas": 0}}
    scale = f"{path_of(deployment)}/scale"
    with replica(plane, tmp_path) as webhook:
        webhook.wait_until(lambda: is_guarding(plane))
        somebody = plane.client("eve", ["system:masters"])
        refused = somebody.request("PATCH", scale, none)
        assert refused.status == 403, refused.message
        assert "HOME_PROTECTED" in refused.message
        operator = plane.client("operator", ["system:masters"])
        assert operator.request("PATCH", scale, none).status == 200
        webhook.daemon.stop()  # as the kubelet does with the pods of it
        assert configured(plane) == [200, 200]
        closed = dry(plane)
        assert (closed.status, "failed calling webhook" in closed.message) == (500, True)
        assert dry(plane, "default").status == 201
        webhook.start()
        webhook.wait_until(lambda: is_guarding(plane))
        assert operator.delete(path_of(deployment)).status == 200


def documented() -> list[list[str]]:
    """The commands of the page that removes the webhook, without their first word."""
    page = (ROOT / "docs" / "reference" / "deployment.md").read_text()
    block = re.search(r"## Removing it\n.*?```sh\n(.*?)```", page, re.DOTALL)
    assert block is not None
    lines = [shlex.split(line) for line in block[1].splitlines()]
    assert all(words[0] == "kubectl" for words in lines)
    return [
        [str(ROOT / "deploy") if word == "deploy" else word for word in words[1:]]
        for words in lines
    ]


@of("J5")
def test_it_goes_by_the_commands_of_its_page_and_by_no_other_way(
    plane: ControlPlane, tmp_path: Path
) -> None:
    """With the rights of its own manifests."""
    take_rights, take_configurations, take_rest = documented()
    with ExitStack() as stack:
        stack.callback(plane.make_namespace, HOME)
        applied = plane.kubectl("apply", "-k", str(ROOT / "deploy"))
        assert applied.returncode == 0, applied.stderr
        account = f"system:serviceaccount:{HOME}:{NAME}"
        rights = plane.kubeconfig_of(account, ["system:serviceaccounts", "system:authenticated"])
        webhook = stack.enter_context(replica(plane, tmp_path / "webhook", kubeconfig=rights))
        webhook.wait_until(lambda: is_guarding(plane))
        assert run(plane, take_configurations).returncode == 0
        webhook.daemon.wait_until(lambda: configured(plane) == [200, 200], 5)
        for command in (take_rights, take_configurations):
            done = run(plane, command)
            assert done.returncode == 0, done.stderr
        webhook.wait_until(lambda: webhook.probe("/readyz")[1].count("forbidden") >= 2)
        assert configured(plane) == [404, 404], "it has no rights to put them back"
        assert dry(plane, hostPID=True).status == 201
        webhook.daemon.stop()
        done = run(plane, take_rest)
        assert done.returncode == 0, done.stderr
        assert plane.admin.get(f"/api/v1/namespaces/{HOME}").status == 404


def run(plane: ControlPlane, command: list[str]) -> Any:
    return plane.kubectl(*command)


# -- more than one replica ----------------------------------------------------------------


@of("J8")
def test_replicas_with_different_bundles_answer_and_say_so(
    plane: ControlPlane, tmp_path: Path
) -> None:
    (tmp_path / "bundle.pub").write_text(f"{BUNDLE_KEY.verifier}\n")
    release(tmp_path / "old", 5)
    release(tmp_path / "new", 6)
    with Service() as service, ExitStack() as stack:
        old, new = (
            stack.enter_context(
                replica(
                    plane,
                    tmp_path / f"replica-{name}",
                    bundle=tmp_path / name,
                    unsigned=None,
                    public_keys=[tmp_path / "bundle.pub"],
                    tls_folder=tmp_path / "tls",
                    url=service.url,
                    behind_seconds=1,
                )
            )
            for name in ("old", "new")
        )
        service.use(old, new)
        new.wait_until(lambda: is_guarding(plane))
        for webhook, serial in ((old, "5"), (new, "6")):
            response = webhook.post(review(request(pod()))).response
            assert response["auditAnnotations"]["serial"] == serial
        old.wait_until(lambda: old.metric("policyc_bundle_behind_seconds") > 1)
        old.wait_until(lambda: says(old, "another replica has a newer bundle"))
        assert new.metric("policyc_bundle_behind_seconds") == 0
        noted = [plane.admin.get(path).body["metadata"]["annotations"] for path in CONFIGURATIONS]
        assert [one[SERIAL] for one in noted] == ["6", "6"]
        release(tmp_path / "old", 6)
        old.wait_until(lambda: old.metric("policyc_bundle_behind_seconds") == 0)
        assert not says(new, "another replica has a newer bundle")


def says(webhook: Webhook, message: str) -> bool:
    return any(line["message"] == message for line in webhook.log())


@contextmanager
def replicas(plane: ControlPlane, folder: Path, url: str) -> Iterator[tuple[Webhook, Webhook]]:
    """Two that share their authority, the second not started."""
    with ExitStack() as stack:
        shared = {"tls_folder": folder / "tls", "url": url, "drain_seconds": 3}
        first = stack.enter_context(replica(plane, folder / "a", **shared))
        flags = {"cluster": True, "kubeconfig": plane.kubeconfig, "guard": True}
        second = Webhook(folder / "b", **flags, operators=["operator"], **shared)
        stack.callback(second.daemon.stop)
        yield first, second


@of("K18")
def test_a_rollout_while_endpoints_lag(plane: ControlPlane, tmp_path: Path) -> None:
    """The old replica is told to end, and is sent calls until the Service has heard of it."""
    with Service() as service, replicas(plane, tmp_path, service.url) as (old, new):
        service.use(old)
        old.wait_until(lambda: is_guarding(plane))
        with Calls(plane) as calls:
            calls.go_on(old)
            new.start()  # returns when it is ready
            process = old.daemon._process
            assert process is not None
            old.signal(signal.SIGTERM)
            old.wait_until(lambda: old.probe("/readyz")[0] == 503)
            calls.go_on(new, 5)
            service.use(new)
            assert process.wait(60) == 0
            calls.go_on(new)
        calls.check()
        assert new.metric("policyc_http_backlog") == 0


@of("K17")
def test_the_keeper_of_the_certificates_dies_in_the_middle(
    plane: ControlPlane, tmp_path: Path
) -> None:
    """A root is replaced step by step; the first replica is killed at each, and the second goes on."""
    now = dt.datetime.now(dt.UTC)
    state = create(HOSTS, now - dt.timedelta(days=2500))
    for _ in range(2):
        state = renewed(state, HOSTS, now)
    (tmp_path / "tls").mkdir()
    kept = tmp_path / "tls" / "authority.json"
    kept.touch(mode=0o600)
    kept.write_text(replace(state, roots=state.roots[:1]).to_json())

    def found() -> Authority:
        return Authority.from_json(kept.read_text())

    with Service() as service, replicas(plane, tmp_path, service.url) as (first, second):
        service.use(first)
        first.wait_until(lambda: trusted(plane) == found().bundle)
        second.start()
        service.use(first, second)
        with Calls(plane) as calls:
            for _ in range(2):
                calls.go_on(second)
                joined = found()
                replaced(kept, replace(joined, changed=joined.changed - SPREAD).to_json())
                first.daemon.kill()
                second.wait_until(changes(found, joined))
                second.wait_until(lambda: trusted(plane) == found().bundle)
                first.start()
            calls.go_on(second)
        calls.check(may_be_cut=True)
        assert [answer.status for answer in calls.answers[-5:]] == [403] * 5
        assert len(found().roots) == 1
        assert found().roots != state.roots[:1]


def trusted(plane: ControlPlane) -> str:
    """The authority that the API server knows of the webhook, PEM."""
    live = plane.admin.get(CONFIGURATIONS[0])
    return base64.b64decode(authority(live.body)).decode() if live.status == 200 else ""


def changes(found: Callable[[], Authority], before: Authority) -> Callable[[], bool]:
    return lambda: found().changed > before.changed


def replaced(path: Path, text: str) -> None:
    new = path.with_name(".new")
    new.touch(mode=0o600)
    new.write_text(text)
    new.replace(path)
