"""The control plane as one value: start it, talk to it, break parts of it, stop it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Self

from .client import Client
from .daemon import Daemon, free_ports
from .pki import Authority, Credential, signing_keys
from .programs import find

_HOST = "127.0.0.1"
_SERVICES = "10.96.0.0/16"
API_SERVICE = "10.96.0.1"
"""Of the Service `kubernetes` in `default`, which gets the first address of the range."""
ADMIN = ("admin", ("system:masters",))


class ControlPlane:
    """A context manager: on entry everything answers, on exit every process has ended.

    Args:
        folder: Logs, certificates and configuration; kept.  The data of etcd in it is removed.
        controllers: Whether kube-controller-manager runs too: then namespaces get their default
            ServiceAccount, Deployments their ReplicaSets and Pods.
        shared_user: Whether all controllers are one user, as without
            ``--use-service-account-credentials``: it gets the rights that each of them needs.
        audit_level: None, Metadata, Request or RequestResponse: what ``audit_log`` records; an event
            may reach the file shortly after the request was answered.
        api_server_flags: Further flags, as ``("--feature-gates=X=true",)``.
        environment: Where KUBEBUILDER_ASSETS, XDG_CACHE_HOME and PATH are read.

    """

    def __init__(
        self,
        folder: Path,
        *,
        controllers: bool = True,
        shared_user: bool = False,
        audit_level: str | None = None,
        api_server_flags: Sequence[str] = (),
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.audit_log = folder / "audit.log"
        self.authority = Authority(folder / "pki")
        self._issued: dict[tuple[str, tuple[str, ...]], Credential] = {}
        self._environment = environment
        self._etcd_port, self._peer_port, port = free_ports(3)
        self.address = (_HOST, port)
        self.admin = self.client(*ADMIN)
        self.kubeconfig = self.kubeconfig_of(*ADMIN)
        self._etcd_client = Client(
            (_HOST, self._etcd_port), self.authority.certificate, self._issue("etcd-client", ())
        )
        self.etcd = Daemon(self._etcd_command(), folder)
        self.api_server = Daemon(
            [*self._api_server_command(), *self._audit_flags(audit_level), *api_server_flags],
            folder,
        )
        self.controller_manager = (
            Daemon(self._controller_manager_command(shared_user), folder) if controllers else None
        )

    @property
    def server(self) -> str:
        """The URL of the API server."""
        return f"https://{_HOST}:{self.address[1]}"

    def __enter__(self) -> Self:
        try:
            self.etcd.start()
            self.etcd.wait_until(partial(_is_ok, self._etcd_client, "/health"))
            self.start_api_server()
            if self.controller_manager is not None:
                self.controller_manager.start()
                account = "/api/v1/namespaces/default/serviceaccounts/default"
                self.controller_manager.wait_until(partial(_is_ok, self.admin, account))
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start_api_server(self) -> None:
        """Also again, after ``api_server.stop()`` or ``kill()``: same port, same data."""
        self.api_server.start()
        self.api_server.wait_until(partial(_is_ok, self.admin, "/readyz"))

    def stop(self) -> None:
        """Clients before servers, so that each can finish what it does."""
        for daemon in (self.controller_manager, self.api_server, self.etcd):
            if daemon is not None:
                daemon.stop()
        shutil.rmtree(self.folder / "etcd", ignore_errors=True)

    def client(self, user: str, groups: Sequence[str] = ()) -> Client:
        """The API as this user, by a client certificate."""
        return Client(self.address, self.authority.certificate, self._issue(user, groups))

    def kubeconfig_of(self, user: str, groups: Sequence[str] = ()) -> Path:
        """A kubeconfig for this user; JSON is YAML."""
        credential = self._issue(user, groups)
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {
                    "name": "plane",
                    "cluster": {
                        "server": self.server,
                        "certificate-authority": str(self.authority.certificate),
                    },
                }
            ],
            "users": [
                {
                    "name": user,
                    "user": {
                        "client-certificate": str(credential.certificate),
                        "client-key": str(credential.key),
                    },
                }
            ],
            "contexts": [{"name": "plane", "context": {"cluster": "plane", "user": user}}],
            "current-context": "plane",
        }
        path = credential.key.with_suffix(".kubeconfig")
        path.write_text(json.dumps(config))
        return path

    def make_namespace(self, name: str, labels: Mapping[str, str] | None = None) -> None:
        body = {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": name, "labels": labels},
        }
        answer = self.admin.apply(f"/api/v1/namespaces/{name}", body)
        assert answer.status in (200, 201), answer.message

    def kubectl(self, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run kubectl as the administrator; the caller judges the exit code."""
        return subprocess.run(
            [find("kubectl", self._environment), *arguments],
            env={
                "KUBECONFIG": str(self.kubeconfig),
                "KUBECACHEDIR": str(self.folder / "kubectl"),
                "HOME": str(self.folder),
                "PATH": self._environment.get("PATH", ""),
            },
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )

    def _issue(self, user: str, groups: Sequence[str]) -> Credential:
        key = (user, tuple(groups))
        if key not in self._issued:
            file_name = f"{len(self._issued)}-{user.replace(':', '-')}"
            self._issued[key] = self.authority.issue(file_name, user, groups=groups)
        return self._issued[key]

    def _etcd_command(self) -> list[str]:
        url, peer = (f"http://{_HOST}:{port}" for port in (self._etcd_port, self._peer_port))
        url = url.replace("http:", "https:")
        serving = self.authority.issue("etcd", "etcd", hosts=(_HOST,))
        return [
            str(find("etcd", self._environment)),
            "--name=plane",
            f"--data-dir={self.folder / 'etcd'}",
            f"--listen-client-urls={url}",
            f"--advertise-client-urls={url}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=plane={peer}",
            f"--cert-file={serving.certificate}",
            f"--key-file={serving.key}",
            f"--trusted-ca-file={self.authority.certificate}",
            "--client-cert-auth",
            "--logger=zap",
        ]

    def _api_server_command(self) -> list[str]:
        hosts = (_HOST, API_SERVICE, "localhost", "kubernetes.default.svc")
        serving = self.authority.issue("api-server", "kube-apiserver", hosts=hosts)
        etcd_client = self._issue("etcd-client", ())
        kubelet_client = self._issue(*ADMIN)
        self._signing_key, public = signing_keys(self.folder / "pki")
        return [
            str(find("kube-apiserver", self._environment)),
            f"--etcd-servers=https://{_HOST}:{self._etcd_port}",
            f"--etcd-cafile={self.authority.certificate}",
            f"--etcd-certfile={etcd_client.certificate}",
            f"--etcd-keyfile={etcd_client.key}",
            f"--bind-address={_HOST}",
            f"--advertise-address={_HOST}",
            f"--secure-port={self.address[1]}",
            f"--tls-cert-file={serving.certificate}",
            f"--tls-private-key-file={serving.key}",
            f"--client-ca-file={self.authority.certificate}",
            f"--kubelet-client-certificate={kubelet_client.certificate}",
            f"--kubelet-client-key={kubelet_client.key}",
            f"--kubelet-certificate-authority={self.authority.certificate}",
            "--kubelet-preferred-address-types=InternalIP",
            "--authorization-mode=Node,RBAC",
            "--allow-privileged=true",
            f"--service-cluster-ip-range={_SERVICES}",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={public}",
            f"--service-account-signing-key-file={self._signing_key}",
            # A loopback address is no valid endpoint of the Service `kubernetes`.
            "--endpoint-reconciler-type=none",
        ]

    def _audit_flags(self, level: str | None) -> list[str]:
        if level is None:
            return []
        policy = self.folder / "audit-policy.json"
        policy.write_text(
            json.dumps(
                {
                    "apiVersion": "audit.k8s.io/v1",
                    "kind": "Policy",
                    "omitStages": ["RequestReceived"],
                    "rules": [{"level": level}],
                }
            )
        )
        return [f"--audit-policy-file={policy}", f"--audit-log-path={self.audit_log}"]

    def _controller_manager_command(self, shared_user: bool) -> list[str]:
        groups = ("system:masters",) if shared_user else ()
        config = self.kubeconfig_of("system:kube-controller-manager", groups)
        return [
            str(find("kube-controller-manager", self._environment)),
            f"--kubeconfig={config}",
            f"--use-service-account-credentials={str(not shared_user).lower()}",
            f"--service-account-private-key-file={self._signing_key}",
            f"--root-ca-file={self.authority.certificate}",
            "--leader-elect=false",
            "--secure-port=0",
        ]


def _is_ok(client: Client, path: str) -> bool:
    try:
        return client.get(path).status == 200
    except OSError:
        return False
