"""The loop: record two agents, compile what they did, run them again under it, and try to leave it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from policyc.catalog.syscalls import names, number

from .kubelet import NAMESPACE, Json, Kubelet, Running, clear
from .node import PORT, WORLD, node
from .recording import recorder
from .roots import agents_root

AGENTS = ("assistant", "coder")
REPLICAS = 2
ROOT = Path(__file__).parents[2]
_DEPLOYMENTS = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments"


class Story:
    """Says each thing as it is shown; an AssertionError ends it."""

    def __init__(self, work: Path, layout: Path) -> None:
        clear(work)
        self._work = work
        self._layout = layout

    def tell(self) -> None:
        with node(self._work / "node") as here:
            _say("a node", "kube-apiserver, kube-controller-manager and Cilium answer")
            rootfs = agents_root(self._layout, self._work / "agents", here.authority)
            generated = self._work / "seccomp"
            kubelet = Kubelet(here, self._work / "pods", rootfs, generated)
            (self._work / "pods").mkdir()
            self._deploy(kubelet)
            profiles = self._record(kubelet)
            output = self._compile(profiles)
            self._enforce(kubelet, output)
            self._attempts(kubelet, output)
            for pod in [*kubelet.running.values()]:
                kubelet.stop(pod)

    def _deploy(self, kubelet: Kubelet) -> None:
        plane = kubelet.node.plane
        plane.make_namespace(NAMESPACE)
        for agent in AGENTS:
            account = {
                "apiVersion": "v1",
                "kind": "ServiceAccount",
                "metadata": {"name": agent, "namespace": NAMESPACE},
            }
            path = f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts/{agent}"
            assert plane.admin.apply(path, account).status in {200, 201}
            made = plane.admin.create(_DEPLOYMENTS, _deployment(agent))
            assert made.status == 201, made.message

    def _record(self, kubelet: Kubelet) -> Path:
        states = self._work / "pods" / "runc"
        with recorder(self._layout, self._work / "recorder", states) as profiles:
            for agent in AGENTS:
                for pod in kubelet.start(agent, REPLICAS):
                    _works(pod)
            for pod in [*kubelet.running.values()]:
                kubelet.stop(pod)
        found = sorted(path.name for path in profiles.glob("deployment-*.json"))
        _say("recorded", f"{REPLICAS} replicas of each agent, into {', '.join(found)}")
        return profiles

    def _compile(self, profiles: Path) -> Path:
        root = self._work / "policies"
        shutil.copytree(Path(__file__).parent / "policies", root)
        (root / "profiles").mkdir(exist_ok=True)
        for path in profiles.glob("deployment-*.json"):
            shutil.copyfile(path, root / "profiles" / path.name)
        output = self._work / "generated"
        said = _policyc("compile", str(root), "--output", str(output))
        _say("compiled", said.splitlines()[-1])
        return output

    def _enforce(self, kubelet: Kubelet, output: Path) -> None:
        """Apply the artifacts; the controllers make new pods, which start under their profiles."""
        plane = kubelet.node.plane
        for agent in AGENTS:
            kubelet.profiles.joinpath("policyc").mkdir(parents=True, exist_ok=True)
            shutil.copyfile(
                output / agent / "seccomp-amd64.json", kubelet.profiles / "policyc" / f"{agent}.json"
            )
            for kind in ("serviceaccount", "networkpolicy"):
                done = plane.kubectl("apply", "-f", str(output / agent / f"{kind}.yaml"))
                assert done.returncode == 0, done.stderr
            patch = output / agent / "pod-security.yaml"
            done = plane.kubectl(
                *("patch", "deployment", agent, f"--namespace={NAMESPACE}", f"--patch-file={patch}")
            )
            assert done.returncode == 0, done.stderr
        for agent in AGENTS:
            for pod in kubelet.start(agent, REPLICAS):
                _works(pod)
        enforced = kubelet.node.cilium.enforced()
        assert {enforced[name] for name in kubelet.running} == {"both"}, enforced
        _say("enforced", "the agents work under the compiled seccomp profiles and NetworkPolicies")

    def _attempts(self, kubelet: Kubelet, output: Path) -> None:
        allowed = {agent: _allowed(output / agent / "seccomp-amd64.json") for agent in AGENTS}
        for name in sorted(_telling(allowed))[:5]:
            answers = {p.agent: p.ask(do="call", number=str(number("amd64", name)))["done"] for p in kubelet.running.values()}
            for agent, answer in answers.items():
                assert (answer == "EPERM") == (name not in allowed[agent]), (name, answers)
            _say("a syscall", f"{name}: {answers}")
        for agent in AGENTS:
            pod = _of(kubelet, agent)[0]
            tried = {name: _outside(pod, address) for name, address in WORLD.items()}
            _say("a connection", f"{agent}: {tried}")
        dropped = kubelet.node.cilium.denied()
        _say("dropped", str(dropped))
        lines = 0
        for path in sorted(output.glob("*/*")):
            if path.name.startswith(("networkpolicy", "seccomp")):
                lines += _policyc("why", f"{path}#", "--root", str(self._work / "policies")).count("because:")
        _say("why", f"{lines} lines")


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
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": agent, "namespace": NAMESPACE, "labels": labels},
        "spec": {
            "replicas": REPLICAS,
            "strategy": {"type": "Recreate"},
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    "serviceAccountName": agent,
                    "automountServiceAccountToken": False,
                    "containers": [container],
                },
            },
        },
    }


def _works(pod: Running) -> None:
    """Three times, with other words."""
    for words in ("the one and the two", "a b", "z y x"):
        answer = pod.ask(**{"do": "work", "with": words})
        assert "done" in answer, (pod.name, answer)


def _of(kubelet: Kubelet, agent: str) -> list[Running]:
    return [pod for pod in kubelet.running.values() if pod.agent == agent]


def _outside(pod: Running, address: str) -> str:
    answer = pod.ask(do="connect", host=address, port=str(PORT))
    return answer.get("done") or answer["failed"]


def _allowed(profile: Path) -> frozenset[str]:
    rules = json.loads(profile.read_bytes())["syscalls"]
    return frozenset(
        name for rule in rules if rule["action"] == "SCMP_ACT_ALLOW" for name in rule["names"]
    )


def _telling(allowed: Mapping[str, frozenset[str]]) -> frozenset[str]:
    """Calls that one of the agents may make and another may not."""
    either = frozenset[str]().union(*allowed.values())
    return either - frozenset.intersection(*allowed.values()) - _DANGEROUS


_DANGEROUS = frozenset(names("amd64")) & {"pause", "exit", "exit_group", "rt_sigreturn"}


def _policyc(*arguments: str) -> str:
    command = [sys.executable, "-m", "policyc.cli", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _say(what: str, text: str) -> None:
    print(f"{what + ':':<14}{text}", flush=True)


def main(arguments: Iterable[str]) -> int:
    (layout, work) = arguments
    assert os.geteuid() == 0, "`make loop` needs root"
    Story(Path(work), Path(layout)).tell()
    return 0
