"""What recorders bring to a real API server: one profile of many nodes, whoever was first."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from support.control_plane import ControlPlane
from support.control_plane.daemon import free_ports

from policyc.cli.main import Exit, main
from policyc.profiles.registry import read_profiles
from recorder import profile, store
from recorder.api import WRITE_SECONDS, RefusedError, Server, in_cluster
from recorder.mirror import Mirror
from recorder.objects import ContendedError, Objects
from recorder.profile import Document, Run, Sighting, Workload

pytestmark = pytest.mark.e2e

MANIFESTS = Path(__file__).parents[2] / "deploy" / "recorder"
NAMESPACE = "recorded"
COLLECTION = f"/apis/policyc.dev/v1/namespaces/{NAMESPACE}/agentprofiles"
WORKLOAD = Workload("apps/v1", "Deployment", NAMESPACE, "triage", "agent")
NAME = "deployment-recorded-triage-agent"


def recorded(run: str, *paths: str, workload: Workload = WORKLOAD, node: str = "n") -> Document:
    head = Run(run, 1, 2, "from-creation", "6.18", node, (), (), (), (("files", 0),))
    seen = [
        Sighting("files", (("modes", ("read",)), ("path", path)), "application", 3, 4, 1)
        for path in paths
    ]
    return profile.profile(workload, head, seen, ("files", "egress"))


@pytest.fixture(scope="module")
def server(plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Server:
    """As the pod of the DaemonSet asks: with the rights of `deploy/recorder` and no others."""
    names = (
        "namespace",
        "crd-agentprofiles",
        "serviceaccount",
        "clusterrole",
        "clusterrolebinding",
    )
    files = [f"--filename={MANIFESTS / name}.yaml" for name in names]
    done = plane.kubectl("apply", "--server-side", *files)
    assert done.returncode == 0, done.stderr
    crd = "crd/agentprofiles.policyc.dev"
    assert plane.kubectl("wait", "--for=condition=Established", crd).returncode == 0
    plane.make_namespace(NAMESPACE)
    asked = in_cluster(environment(plane), account(plane, tmp_path_factory.mktemp("account")))
    return replace(asked, timeout_seconds=WRITE_SECONDS)


def environment(plane: ControlPlane) -> dict[str, str]:
    host, port = plane.address
    return {"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": str(port)}


def account(plane: ControlPlane, folder: Path) -> Path:
    path = "/api/v1/namespaces/policyc-recorder/serviceaccounts/policyc-recorder/token"
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    (folder / "token").write_text(plane.admin.create(path, request).body["status"]["token"])
    (folder / "ca.crt").write_bytes(plane.authority.certificate.read_bytes())
    return folder


@pytest.fixture(autouse=True)
def nothing_there(plane: ControlPlane, server: Server) -> Iterator[None]:
    yield
    plane.kubectl("delete", "agentprofiles", "--all", f"--namespace={NAMESPACE}")


def objects(plane: ControlPlane) -> dict[str, Any]:
    return {o["metadata"]["name"]: o for o in plane.admin.get(COLLECTION).body["items"]}


def write_in_the_end(sink: Objects, document: Document) -> None:
    """As the mirror does, which keeps what others were in the way of and writes it later."""
    while True:
        try:
            return sink.write(document)
        except ContendedError:
            continue


def test_nodes_that_write_at_once_lose_nothing(plane: ControlPlane, server: Server) -> None:
    """Twelve nodes, of which each writes a profile of the same container again and again."""

    def node(number: int) -> None:
        sink = Objects(server)
        for time in range(3):
            paths = (f"/srv/{number}-{t}" for t in range(time + 1))
            write_in_the_end(sink, recorded(f"r{number}", *paths))

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(node, range(12)))
    (spec,) = (o["spec"] for o in objects(plane).values())
    whole = profile.join(recorded(f"r{n}", *(f"/srv/{n}-{t}" for t in range(3))) for n in range(12))
    assert spec == whole["spec"]


def test_what_is_there_already_is_not_written_again(plane: ControlPlane, server: Server) -> None:
    Objects(server).write(recorded("r", "/a", "/b"))
    before = objects(plane)[NAME]["metadata"]["resourceVersion"]
    Objects(server).write(recorded("r", "/a"))
    assert objects(plane)[NAME]["metadata"]["resourceVersion"] == before


def test_what_others_wrote_into_the_object_stays(plane: ControlPlane, server: Server) -> None:
    Objects(server).write(recorded("r", "/a"))
    assert plane.kubectl("label", "agentprofile", NAME, f"-n={NAMESPACE}", "team=x").returncode == 0
    Objects(server).write(recorded("s", "/b"))
    found = objects(plane)[NAME]
    assert found["metadata"]["labels"]["team"] == "x"
    assert [run["id"] for run in found["spec"]["runs"]] == ["r", "s"]


def test_more_than_one_object_holds(plane: ControlPlane, server: Server) -> None:
    """The API server's own limit: objects are made smaller until it takes them, and nothing is left out."""
    paths = [f"/srv/{i}/{'x' * 1500}" for i in range(1400)]
    sink = Objects(server, largest_bytes=4 << 20)
    sink.write(recorded("r", *paths))
    assert sink.largest_bytes < 4 << 20, "the storage took it whole"
    found = objects(plane)
    assert len(found) > 1
    assert sorted(found) == [NAME, f"{NAME}-2", *(f"{NAME}-{n}" for n in range(3, len(found) + 1))]
    seen = [i["path"] for o in found.values() for i in o["spec"]["files"]]
    assert sorted(seen) == sorted(paths)
    sink.write(recorded("r", *paths))
    versions = {n: o["metadata"]["resourceVersion"] for n, o in found.items()}
    assert {n: o["metadata"]["resourceVersion"] for n, o in objects(plane).items()} == versions


def test_two_containers_of_one_name(plane: ControlPlane, server: Server) -> None:
    one = Workload("apps/v1", "Deployment", NAMESPACE, "a-b", "c")
    other = Workload("apps/v1", "Deployment", NAMESPACE, "a", "b-c")
    assert one.slug == other.slug
    for workload in (one, other):
        Objects(server).write(recorded("r", f"/{workload.name}", workload=workload))
    specs = [o["spec"] for o in objects(plane).values()]
    assert {(s["workload"]["name"], s["files"][0]["path"]) for s in specs} == {
        ("a", "/a"),
        ("a-b", "/a-b"),
    }


def test_what_kubectl_prints_is_a_recording(
    plane: ControlPlane, server: Server, tmp_path: Path
) -> None:
    Objects(server).write(recorded("r", "/a"))
    Objects(server).write(recorded("r", "/b", workload=Workload("apps/v1", "Deployment", NAMESPACE, "other", "agent")))  # fmt: skip
    listed = plane.kubectl("get", "agentprofiles", f"--namespace={NAMESPACE}", "--output=yaml")
    single = plane.kubectl("get", "agentprofile", NAME, f"--namespace={NAMESPACE}", "--output=json", "--show-managed-fields")  # fmt: skip
    outcome = read_profiles("all.yaml", listed.stdout.encode())
    assert outcome.diagnostics == []
    assert {p.workload.name for p in outcome.value if p.workload} == {"triage", "other"}
    pointers = {i.pointer for p in outcome.value for i in p.items["files"]}
    assert pointers == {"/items/0/spec/files/0", "/items/1/spec/files/0"}
    (tmp_path / "all.yaml").write_text(listed.stdout)
    (tmp_path / "one.json").write_text(single.stdout)
    out = tmp_path / "out"
    files = [str(tmp_path / name) for name in ("all.yaml", "one.json")]
    assert main(["profile", "import", *files, "--output", str(out)]) == Exit.CLEAN
    assert {path.name for path in out.iterdir()} == {
        "deployment-recorded-triage-agent.json",
        "deployment-recorded-other-agent.json",
    }


def test_an_api_server_that_is_away(plane: ControlPlane, server: Server, tmp_path: Path) -> None:
    """Files stay and are brought as soon as somebody answers; what has not changed is not brought again."""
    store.write(tmp_path, recorded("r", "/a"))
    (closed,) = free_ports(1)
    away = Server("127.0.0.1", closed, server.context, server.account)
    mirror = Mirror(tmp_path, Objects(away))
    mirror.once()
    assert mirror.pending.keys() == {f"{NAME}.json"}
    assert "does not take profiles" in mirror.reason
    mirror.objects.server = server
    mirror.once()
    assert (mirror.pending, mirror.written) == ({}, 1)
    assert objects(plane).keys() == {NAME}
    mirror.once()
    assert mirror.written == 1


def test_what_is_written_while_the_last_round_goes(
    plane: ControlPlane, server: Server, tmp_path: Path
) -> None:
    """The end asks for it while another file is on its way: it comes too."""
    under_way, go_on = Event(), Event()

    @dataclass(slots=True)
    class Held(Objects):
        def write(self, document: Document) -> None:
            under_way.set()
            assert go_on.wait(60)
            Objects.write(self, document)

    store.write(tmp_path, recorded("r", "/a"))
    mirror = Mirror(tmp_path, Held(server))
    mirror.begin()
    assert under_way.wait(60)
    store.write(tmp_path, recorded("s", "/b"))
    mirror.wake()
    ending = Thread(target=mirror.end)
    ending.start()
    go_on.set()
    ending.join()
    assert {item["path"] for item in objects(plane)[NAME]["spec"]["files"]} == {"/a", "/b"}


def test_what_the_api_server_does_not_want(server: Server, tmp_path: Path) -> None:
    """A namespace that is gone keeps one profile in its file, and no other."""
    gone = Workload("apps/v1", "Deployment", "no-such-namespace", "triage", "agent")
    for workload in (gone, WORKLOAD):
        store.write(tmp_path, recorded("r", "/a", workload=workload))
    mirror = Mirror(tmp_path, Objects(server))
    mirror.begin()
    mirror.end()
    assert mirror.pending.keys() == {f"{gone.slug}.json"}
    assert "no-such-namespace" in mirror.pending[f"{gone.slug}.json"]
    assert mirror.reason == "", "it is no fault that a namespace goes"
    assert mirror.written == 1


def test_a_field_that_nobody_knows_is_refused(server: Server) -> None:
    odd = recorded("r", "/a")
    spec: Any = odd["spec"]
    spec["files"][0]["colour"] = "red"
    with pytest.raises(RefusedError, match="colour"):
        Objects(server).write(odd)


def test_the_rights_end_there(server: Server) -> None:
    for method, path in (("DELETE", f"{COLLECTION}/{NAME}"), ("GET", "/api/v1/secrets")):
        with pytest.raises(RefusedError) as refused:
            server.request(method, path)
        assert refused.value.status == 403
