"""The loop: record two agents, compile what they did, run them again under it, and try to leave it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import yaml

from policyc.catalog.syscalls import number
from tests.support.alone import alone
from tests.support.control_plane import ControlPlane

from .kubelet import NAMESPACE, Json, Kubelet, Running
from .node import PORT, WORLD, node
from .recording import recorder
from .roots import agents_root

AGENTS = ("assistant", "coder")
REPLICAS = 2
ONLY = {"connect": "assistant", "memfd_create": "coder"}
"""System call -> the one agent whose work has it."""
DENIED = "elsewhere.loop.example"
"""The server that is within the cap, so that a recording of it would be granted, and that no agent's work has."""
CALLED = {"assistant": ("mcp.loop.example", "model.loop.example"), "coder": ()}
"""Agent -> the servers that its work has."""

_ROOT = Path(__file__).parents[2]
_DEPLOYMENTS = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments"


def tell(layout: Path, work: Path) -> None:
    """Say each thing once it is shown; AssertionError when one is not so.

    Args:
        layout: The recorder's image.
        work: A folder for everything; what was in it goes.

    """
    shutil.rmtree(work, ignore_errors=True)
    (work / "pods").mkdir(parents=True)
    with alone(), node(work / "node") as here:
        _say("a node", "kube-apiserver, kube-controller-manager and Cilium answer")
        rootfs = agents_root(layout, work / "rootfs", here.authority)
        kubelet = Kubelet(here, work / "pods", rootfs, work / "seccomp")
        _deploy(kubelet)
        profiles = _record(kubelet, layout, work / "recorder")
        _without(kubelet)
        output = _compile(_files(profiles), work)
        with recorder(layout, work / "beside", kubelet.folder / "runc", here.plane):
            _enforce(kubelet, output)
            _syscalls(kubelet)
            _connections(kubelet)
        _learning(kubelet, output, work / "again")
        _reasons(output, work / "policies")
        for pod in tuple(kubelet.running.values()):
            kubelet.stop(pod)


def _deploy(kubelet: Kubelet) -> None:
    plane = kubelet.node.plane
    plane.make_namespace(NAMESPACE)
    for agent in AGENTS:
        metadata = {"name": agent, "namespace": NAMESPACE}
        account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}
        path = f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts/{agent}"
        assert plane.admin.apply(path, account).status in {200, 201}
        made = plane.admin.create(_DEPLOYMENTS, _deployment(agent))
        assert made.status == 201, made.message


def _record(kubelet: Kubelet, layout: Path, folder: Path) -> Path:
    """One replica of each agent ends while it is recorded, the other outlives the recorder."""
    states = kubelet.folder / "runc"
    with recorder(layout, folder, states, kubelet.node.plane) as profiles:
        for agent in AGENTS:
            ended, _ = [_working(pod) for pod in kubelet.start(agent, REPLICAS)]
            kubelet.stop(ended)
    found = [path.name for path in _files(profiles)]
    assert len(found) == len(AGENTS), found
    assert _held(kubelet.node.plane).keys() == {Path(name).stem for name in found}
    _say("recorded", f"{REPLICAS} replicas of each agent, in {' and '.join(found)}")
    _say("AgentProfiles", f"the API server has {' and '.join(_held(kubelet.node.plane))}")
    return profiles


def _files(profiles: Path) -> list[Path]:
    """Those of the agents: whatever else runs in containers of this machine is recorded too."""
    return sorted(profiles.glob(f"deployment-{NAMESPACE}-*.json"))


def _held(plane: ControlPlane) -> dict[str, Json]:
    """The AgentProfiles of the agents' namespace by name."""
    path = f"/apis/policyc.dev/v1/namespaces/{NAMESPACE}/agentprofiles"
    return {found["metadata"]["name"]: found for found in plane.admin.get(path).body["items"]}


def _without(kubelet: Kubelet) -> None:
    """Else the refusals below would say nothing of profiles and policies."""
    for pod in kubelet.running.values():
        assert {_connect(pod, name) for name in WORLD} == {"connected"}
        assert "EPERM" not in {_call(pod, name) for name in ONLY}
    _say("before", "every agent can make every call and reach every server")


def _compile(profiles: Iterable[Path], work: Path) -> Path:
    output = work / "generated"
    said = _policyc("compile", str(_policies(profiles, work)), "--output", str(output))
    _say("compiled", said.splitlines()[-1])
    return output


def _policies(profiles: Iterable[Path], work: Path) -> Path:
    """The policy of the two agents, beside their recordings."""
    root = work / "policies"
    shutil.copytree(Path(__file__).parent / "policies", root)
    (root / "profiles").mkdir()
    for path in profiles:
        shutil.copyfile(path, root / "profiles" / path.name)
    return root


def _enforce(kubelet: Kubelet, output: Path) -> None:
    """Apply the artifacts; the controllers make new pods, which start under their profiles."""
    plane = kubelet.node.plane
    (kubelet.profiles / "policyc").mkdir(parents=True)
    for agent in AGENTS:
        made = output / agent
        shutil.copyfile(made / "seccomp-amd64.json", kubelet.profiles / "policyc" / f"{agent}.json")
        for name in ("serviceaccount.yaml", "networkpolicy.yaml"):
            done = plane.kubectl("apply", "-f", str(made / name))
            assert done.returncode == 0, done.stderr
    for pod in tuple(kubelet.running.values()):
        kubelet.stop(pod)
    for agent in AGENTS:
        patch = f"--patch-file={output / agent / 'pod-security.yaml'}"
        done = plane.kubectl("patch", "deployment", agent, f"--namespace={NAMESPACE}", patch)
        assert done.returncode == 0, done.stderr
        for pod in kubelet.start(agent, REPLICAS):
            assert pod.has_seccomp, pod.name
            _working(pod)
    enforced = kubelet.node.cilium.enforced()
    assert {enforced[name] for name in kubelet.running} == {"both"}, enforced
    _say("enforced", f"{REPLICAS} replicas of each agent do their work under their artifacts")


def _syscalls(kubelet: Kubelet) -> None:
    """Two envelopes on one kernel."""
    for name, owner in ONLY.items():
        answers = {agent: {_call(pod, name) for pod in kubelet.of(agent)} for agent in AGENTS}
        for agent, seen in answers.items():
            assert ("EPERM" in seen) == (agent != owner), (name, answers)
        said = ", ".join(f"{agent} {'|'.join(sorted(seen))}" for agent, seen in answers.items())
        _say(f"{name}(-1)", said)


def _learning(kubelet: Kubelet, output: Path, work: Path) -> None:
    """What was tried under artifacts is recorded as tried, is reported, and is not granted by it."""
    plane, files, specs = kubelet.node.plane, [], {}
    for agent in AGENTS:
        name = f"deployment-{NAMESPACE}-{agent}-main"
        asked = ("get", "agentprofile", name, f"--namespace={NAMESPACE}", "--output=yaml")
        files.append(work / f"{name}.json")
        files[-1].parent.mkdir(exist_ok=True)
        files[-1].write_text(plane.kubectl(*asked).stdout)
        specs[agent] = spec = yaml.safe_load(files[-1].read_bytes())["spec"]
        tried = {item["name"] for item in spec["syscalls"] if item.get("denied")}
        assert {call for call, owner in ONLY.items() if owner != agent} <= tried, (agent, tried)
        _say("refused", f"{agent} {', '.join(sorted(tried))}, in {len(spec['runs'])} runs")
    _unanswered(specs["assistant"])
    root, again = _policies(files, work), work / "generated"
    found = _policyc_says("compile", str(root), "--output", str(again))
    assert [found.count(f"[{code}]") for code in ("PC4014", "PC4017")] == [len(AGENTS), 1], found
    for agent in AGENTS:
        calls = [_names(folder / agent / "seccomp-amd64.json") for folder in (output, again)]
        assert not (calls[1] - calls[0]) & ONLY.keys(), agent
        peers = [_blocks(folder / agent / "networkpolicy.yaml") for folder in (output, again)]
        assert not peers[1] - peers[0], agent
    _say(
        "learned",
        "PC4014 and PC4017: what was tried in vain, and is not granted by a compile of it",
    )
    _answering(files, work / "answering")


def _unanswered(spec: Json) -> None:
    """The packets that the policy dropped are in the profile, and so is who answered."""
    peers = {item["address"]: item.get("unanswered", False) for item in spec["egress"]}
    servers = {name: peers.get(address) for name, address in WORLD.items()}
    assert servers == {name: name not in CALLED["assistant"] for name in WORLD}, peers
    _say("unanswered", f"assistant {DENIED}, and the servers of its work are not")


def _answering(files: Iterable[Path], work: Path) -> None:
    """Else its absence above would say nothing: had that server answered, a compile would grant it."""
    changed = []
    for path in files:
        document = yaml.safe_load(path.read_bytes())
        for item in document["spec"]["egress"]:
            item.pop("unanswered", None)
        changed.append(work / path.name)
        changed[-1].parent.mkdir(exist_ok=True)
        changed[-1].write_text(json.dumps(document))
    root, output = _policies(changed, work), work / "generated"
    _policyc("compile", str(root), "--output", str(output))
    assert f"{WORLD[DENIED]}/32" in _blocks(output / "assistant" / "networkpolicy.yaml")
    _say("had it answered", f"a compile would grant the assistant {DENIED}")


def _blocks(policy: Path) -> set[str]:
    """The networks that a NetworkPolicy lets its pods connect to."""
    rules = yaml.safe_load(policy.read_bytes())["spec"]["egress"]
    return {peer["ipBlock"]["cidr"] for rule in rules for peer in rule["to"] if "ipBlock" in peer}


def _names(profile: Path) -> set[str]:
    rules = json.loads(profile.read_bytes())["syscalls"]
    return {n for rule in rules if rule["action"] == "SCMP_ACT_ALLOW" for n in rule["names"]}


def _connections(kubelet: Kubelet) -> None:
    """What the assistant is denied never leaves its pod; the coder is not even asked where to."""
    before = kubelet.node.cilium.denied().get("egress", 0)
    for agent in AGENTS:
        for pod in kubelet.of(agent):
            answers = {name: _connect(pod, name) for name in sorted(WORLD)}
            reached = tuple(name for name, answer in answers.items() if answer == "connected")
            assert reached == CALLED[agent], (agent, answers)
        _say(agent, ", ".join(f"{name} {answer}" for name, answer in answers.items()))
    dropped = kubelet.node.cilium.denied().get("egress", 0) - before
    assert dropped > 0, "the policy dropped nothing"
    _say("dropped", "Cilium counts the packets as `Policy denied`")


def _reasons(output: Path, root: Path) -> None:
    """Every line that allows something says why it stands there."""
    total = 0
    for agent in AGENTS:
        for name, allowing in (("seccomp-amd64.json", _calls), ("networkpolicy.yaml", _peers)):
            path = output / agent / name
            asked = ("why", f"{path}#", f"--root={root}", "--format=json")
            reasons = {line["pointer"]: line["because"] for line in json.loads(_policyc(*asked))}
            pointers = allowing(yaml.safe_load(path.read_bytes()))
            assert all(reasons.get(pointer) for pointer in pointers), (agent, name)
            total += len(pointers)
    _say("why", f"each of {total} lines that allow something has its reason")


def _calls(profile: Json) -> list[str]:
    return [
        f"/syscalls/{i}/names/{j}"
        for i, rule in enumerate(profile["syscalls"])
        if rule["action"] == "SCMP_ACT_ALLOW"
        for j in range(len(rule["names"]))
    ]


def _peers(policy: Json) -> list[str]:
    return [
        f"/spec/{way}/{i}/{peers}/{j}"
        for way, peers in (("egress", "to"), ("ingress", "from"))
        for i, rule in enumerate(policy["spec"][way])
        for j in range(len(rule[peers]))
    ]


def _deployment(agent: str) -> Json:
    labels = {"app": agent}
    container = {
        "name": "main",
        "image": "loop.example/agents@sha256:" + "0" * 64,
        "command": ["/usr/bin/python3.11", f"/agent/{agent}.py"],
        "env": [
            {"name": "MODEL", "value": f"model.loop.example:{PORT}"},
            {"name": "MCP", "value": f"mcp.loop.example:{PORT}"},
        ],
    }
    pod = {
        "serviceAccountName": agent,
        "automountServiceAccountToken": False,
        "containers": [container],
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": agent, "namespace": NAMESPACE, "labels": labels},
        "spec": {
            "replicas": REPLICAS,
            "strategy": {"type": "Recreate"},
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod},
        },
    }


def _working(pod: Running) -> Running:
    for words in ("the one and the two", "a b", "z y x"):
        answer = pod.ask(**{"do": "work", "with": words})
        assert "done" in answer, (pod.name, answer)
    return pod


def _call(pod: Running, name: str) -> str:
    return pod.ask(do="call", number=str(number("amd64", name)))["done"]


def _connect(pod: Running, server: str) -> str:
    return pod.ask(do="connect", host=WORLD[server], port=str(PORT))["done"]


def _policyc(*arguments: str) -> str:
    return _ran(*arguments).stdout


def _policyc_says(*arguments: str) -> str:
    """What is said beside the output."""
    return _ran(*arguments).stderr


def _ran(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "policyc.cli", *arguments]
    done = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def _say(what: str, text: str) -> None:
    print(f"{what + ':':<18}{text}", flush=True)


def main(arguments: Iterable[str]) -> int:
    layout, work = (Path(argument).resolve() for argument in arguments)
    assert os.geteuid() == 0, "the loop needs root"
    tell(layout, work)
    return 0
