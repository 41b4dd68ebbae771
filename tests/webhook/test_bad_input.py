"""What an operator can get wrong, each with a word that says what: the program itself, as it is run."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.admission import bundle, cluster, files, pod, request
from support.api_server import ApiServer
from support.control_plane.daemon import free_ports
from support.control_plane.pki import Authority
from support.webhook import Webhook, review, write_bundle

from policyc.core.canonical import digest

Json = Any  # documents that are broken on purpose
_RUN = (sys.executable, "-c", "from policyc.cli.main import entry; entry()")


def told(*arguments: str | Path) -> str:
    """What a command that ends with 2 writes."""
    done = subprocess.run([*_RUN, *map(str, arguments)], capture_output=True, text=True, timeout=60, check=False)  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr


def run(folder: Path, *more: str | Path) -> str:
    """The same of the webhook, with good settings but for what is given."""
    port, health = free_ports(2)
    good = ("--host", "127.0.0.1", "--port", str(port), "--health-port", str(health))
    return told("webhook", "run", *good, *(more or ()), "--bundle", folder / "bundle")


def certificates(folder: Path) -> tuple[str, ...]:
    return ("--unsigned", "--no-cluster", "--tls-folder", str(folder / "tls"))


# -- bundles --------------------------------------------------------------------------


def changed(found: dict[str, bytes], old: bytes, new: bytes, *, listed: bool) -> dict[str, bytes]:
    """Another envelope of the first agent, with the manifest after it or not."""
    path = next(p for p in sorted(found) if p.endswith("/envelope.json"))
    text = found[path].replace(old, new)
    assert text != found[path]
    manifest = found["manifest.json"]
    if listed:
        manifest = manifest.replace(digest(found[path]).encode(), digest(text).encode())
    return {**found, path: text, "manifest.json": manifest}


VERSION = (b'"policyc.dev/v1"', b'"policyc.dev/v2"')
BUNDLES: dict[str, tuple[Callable[[], dict[str, bytes]], str]] = {
    "digest": (lambda: changed(files(), *VERSION, listed=False), "its digest is not the listed one"),
    "newer": (lambda: changed(files(), *VERSION, listed=True), "reads policyc.dev/v1"),
    "empty": (dict, "there is no manifest.json"),
    "missing": (lambda: {k: v for k, v in files().items() if "seccomp" not in k}, "it is missing"),
    "added": (lambda: {**files(), "evil.yaml": b"{}"}, "it is not listed"),
}  # fmt: skip


@pytest.mark.parametrize("case", BUNDLES)
def test_a_bundle_that_does_not_verify(tmp_path: Path, case: str) -> None:
    make, words = BUNDLES[case]
    (tmp_path / "bundle").mkdir()
    write_bundle(tmp_path / "bundle", make())
    err = run(tmp_path, *certificates(tmp_path))
    assert "error[PC7113]: " in err and words in err and "help: " in err
    (tmp_path / "pod.json").write_text(json.dumps(pod()), encoding="utf-8")
    err = told("admit", tmp_path / "pod.json", "--bundle", tmp_path / "bundle")
    assert "error[PC7058]: " in err and words in err


def test_a_bundle_without_its_signature(tmp_path: Path) -> None:
    write_bundle(tmp_path / "bundle", files())
    subprocess.run([*_RUN, "bundle", "keygen", "me", "-o", tmp_path / "key"], check=True, capture_output=True)  # fmt: skip
    keys = ("--public-keys", tmp_path / "key.pub", "--no-cluster", "--tls-folder", tmp_path / "tls")
    assert "error[PC7101]: no signature: " in run(tmp_path, *keys)
    (tmp_path / "key.pub").write_text("nonsense", encoding="utf-8")
    assert "error[PC7103]: " in run(tmp_path, *keys)


def test_a_policy_of_a_newer_edition(tmp_path: Path) -> None:
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "a.agentpol").write_text("edition 2027\n", encoding="utf-8")
    for verb in ("check", "compile"):
        assert "error[PC1012]: edition 2027 is not known" in told(verb, tmp_path / "policies")


# -- the cluster ----------------------------------------------------------------------


def test_no_way_to_a_cluster(tmp_path: Path) -> None:
    write_bundle(tmp_path / "bundle", files())
    flags = ("--unsigned", "--tls-folder", tmp_path / "tls")
    err = run(tmp_path, *flags)
    assert "error[PC7114]: no way to a cluster: this is no pod of one" in err
    (tmp_path / "config").write_text("a: {", encoding="utf-8")
    err = run(tmp_path, *flags, "--kubeconfig", tmp_path / "config")
    assert f"`{tmp_path / 'config'}` is no usable kubeconfig" in err
    err = run(tmp_path, *flags, "--kubeconfig", tmp_path / "none")
    assert f"`{tmp_path / 'none'}` is no usable kubeconfig: there is no such file" in err


def test_no_right_to_watch_a_resource(tmp_path: Path) -> None:
    """It runs, is not ready, and names the kind: rights may come while it runs."""
    with ApiServer(cluster()) as server:
        server.forbidden.add(("networking.k8s.io", "NetworkPolicy"))
        kubeconfig = server.kubeconfig(tmp_path)
        webhook = Webhook(tmp_path / "webhook", cluster=True, kubeconfig=kubeconfig)
        webhook.daemon.start()
        try:
            webhook.wait_until(lambda: bool(refusals(webhook)))
            (line,) = refusals(webhook)
            assert (line["kind"], line["status"]) == ("NetworkPolicy.networking.k8s.io", 403)
            assert "networkpolicies is forbidden" in line["detail"]
            status, text = webhook.probe("/readyz")
            assert status == 503
            assert "networkpolicies is forbidden" in json.loads(text)["faults"][line["kind"]]
            reply = webhook.post(review(request(pod())))
            assert "STATE_UNKNOWN" in reply.reasons
            server.forbidden.clear()
            webhook.wait_until(webhook.is_ready)
        finally:
            webhook.daemon.stop()


def test_without_a_cluster_readiness_names_all_that_is_unknown(tmp_path: Path) -> None:
    with Webhook(tmp_path) as webhook:
        status, text = webhook.probe("/readyz")
        assert status == 200
        assert {"Pod", "NetworkPolicy.networking.k8s.io"} < set(json.loads(text)["unknown"])


def refusals(webhook: Webhook) -> list[Json]:
    return [line for line in webhook.log() if line["message"] == "cannot watch"]


# -- addresses and certificates -------------------------------------------------------


def test_ports_in_use(tmp_path: Path) -> None:
    with Webhook(tmp_path) as webhook:
        for port, health in ((webhook.port, 0), (0, webhook.health_port)):
            flags = ("--port", str(port), "--health-port", str(health))
            err = run(tmp_path, *flags, *certificates(tmp_path))
            assert f"error[PC7111]: cannot listen on `127.0.0.1` port {port or health}: " in err
            assert "another process has it" in err


def test_an_address_of_another_machine(tmp_path: Path) -> None:
    write_bundle(tmp_path / "bundle", files())
    err = run(tmp_path, "--host", "192.0.2.1", *certificates(tmp_path))
    assert "error[PC7111]: cannot listen on `192.0.2.1`" in err
    assert "another process" not in err and "an address of this machine with --host" in err


def broken_certificates(folder: Path) -> Iterator[tuple[str, Path, Path]]:
    authority = Authority(folder / "pki")
    one, other = (authority.issue(name, name, hosts=("127.0.0.1",)) for name in ("one", "other"))
    nonsense = folder / "nonsense.pem"
    nonsense.write_text("nonsense", encoding="utf-8")
    yield "no PEM", nonsense, nonsense
    yield "no PEM", nonsense, one.key
    yield "no PEM", one.certificate, nonsense
    yield "KEY_VALUES_MISMATCH", one.certificate, other.key
    yield "cannot read", folder / "absent", one.key


def test_certificates_that_cannot_be_used(tmp_path: Path) -> None:
    write_bundle(tmp_path / "bundle", files())
    for words, certificate, key in broken_certificates(tmp_path):
        flags = ("--unsigned", "--no-cluster", "--tls-cert", certificate, "--tls-key", key)
        err = run(tmp_path, *flags)
        assert "error[PC7112]: " in err and words in err, (err, words)


# -- reviews --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def webhook(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Webhook]:
    with Webhook(tmp_path_factory.mktemp("webhook"), max_body_bytes=100_000) as started:
        yield started


GOOD = review(request(pod()), "the-uid")


def test_an_old_review_is_told_so(webhook: Webhook) -> None:
    reply = webhook.post({**GOOD, "apiVersion": "admission.k8s.io/v1beta1"})
    assert reply.status == 400
    assert reply.body["error"] == "apiVersion is `admission.k8s.io/v1beta1`, not `admission.k8s.io/v1`"  # fmt: skip


def test_another_content_type_is_told_so(webhook: Webhook) -> None:
    reply = webhook.post(GOOD, headers={"Content-Type": "text/yaml"})
    assert (reply.status, reply.body) == (415, {"error": "the Content-Type is not application/json"})  # fmt: skip


def test_a_body_that_is_too_large_is_refused_by_its_uid(webhook: Webhook) -> None:
    made = pod()
    made["metadata"]["annotations"] = {"a": "x" * 200_000}
    reply = webhook.post(review(request(made), "the-uid"))
    assert reply.response["uid"] == "the-uid"
    assert reply.reasons == {"TOO_LARGE"}
    assert "longer than 100000 bytes" in reply.response["status"]["message"]


@pytest.mark.parametrize("way", ["pods/newer", "widgets/console", "secrets", "nodes/proxy"])
def test_a_connection_to_an_unexpected_resource(webhook: Webhook, way: str) -> None:
    """To a pod by a way that is not known: refused.  To what no agent is behind: admitted."""
    resource, _, subresource = way.partition("/")
    options = {"apiVersion": "v1", "kind": "NewOptions", "metadata": {"namespace": "agents", "name": "research-1"}}  # fmt: skip
    asked = request(options, "CONNECT", resource=resource, subresource=subresource)
    reply = webhook.post(review(asked, "the-uid"))
    assert reply.response["uid"] == "the-uid"
    assert reply.response["allowed"] is (resource != "pods")
    if resource == "pods":
        assert "POD_UNKNOWN" in reply.reasons
        assert "`agents/research-1`" in reply.response["status"]["message"]
    assert bundle().by_namespace["agents"]
