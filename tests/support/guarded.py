"""A cluster whose API server asks the webhook, as `policyc webhook manifests` configures it.

What is asked is asked by a dry run: the API server calls the webhooks all the same (their
configuration says that they have no side effects) and stores nothing.
"""

from __future__ import annotations

import base64
import contextlib
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from policyc.admission.manifests import plural
from policyc.admission.reasons import REASONS
from policyc.audit.layout import RECORDS
from policyc.cli.main import main
from policyc.deploy.configurations import GROUP
from policyc.kube.workloads import WORKLOAD_KINDS
from policyc.kube.yaml import load_all
from support.admission import SETTINGS, cluster, pod
from support.control_plane import Answer, Client, ControlPlane
from support.control_plane.daemon import DaemonError
from support.custom_kinds import KINDS, definitions
from support.kube_paths import collection, path_of
from support.logs import KEY
from support.webhook import Webhook
from support.widening import body

Json = Any  # documents of the API
OPERATOR = next(iter(SETTINGS.operators))
EMERGENCY = "emergency@corp.example"
"""A user who may reach into agents."""
MASTERS = ("system:masters",)
ACCOUNTS = ("admin", "default", "web")
_OURS = re.compile(r'admission webhook "[\w.]+\.policyc\.dev" denied the request: ')
_REASON = re.compile(r"(?:^|; |request: )([A-Z_]+): ")
_SECONDS = 20
NOTHING: Mapping[str, object] = {}


@dataclass(frozen=True, slots=True)
class Said:
    """What the API server answered: ``denied`` are our reasons, empty where others refused."""

    status: int
    denied: frozenset[str]
    warned: frozenset[str]
    message: str
    body: Json = field(default=None, repr=False)

    @property
    def is_admitted(self) -> bool:
        return self.status in (200, 201)

    @property
    def is_invalid(self) -> bool:
        """The API server itself refused it as no object of its kind."""
        return self.status in (400, 422)


def said(answer: Answer) -> Said:
    denied = frozenset(_REASON.findall(answer.message)) if _OURS.search(answer.message) else ()
    assert set(denied) <= REASONS.keys(), answer.message
    words = (warning.partition(":")[0] for warning in answer.warnings)
    warned = frozenset(word for word in words if word in REASONS)
    return Said(answer.status, frozenset(denied), warned, answer.message, answer.body)


class Guarded:
    """A context manager; what is stored before ``guard`` is of a time before the webhook."""

    operators = (OPERATOR,)

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.log = folder / "log"
        log_key = folder / "log.key"
        log_key.write_text(KEY.to_text())
        self.plane = ControlPlane(folder / "plane", audit_level="Metadata")
        self.webhook = Webhook(
            folder / "webhook",
            cluster=True,
            kubeconfig=self.plane.kubeconfig,
            operators=list(self.operators),
            break_glass=[EMERGENCY],
            log_folder=self.log,
            log_key=log_key,
            seccomp_folder=SETTINGS.seccomp_folder,
        )

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            stack.enter_context(self.plane)
            self.prepare()
            stack.enter_context(self.webhook)
            self.configurations = self._generated()
            self.guard()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    # -- with and without the webhook --------------------------------------------------

    def prepare(self) -> None:
        """The cluster in which the agents run as they should, and kinds that others bring."""
        self.store(definitions())
        paths = [f"/apis/{group}/{version}/{plural(kind)}" for group, version, kind, _ in KINDS]
        self.wait(lambda: all(self.plane.admin.get(path).status == 200 for path in paths))
        accounts = (body("ServiceAccount", name, "agents") for name in ACCOUNTS)
        runtimes = (
            body("RuntimeClass", name, "", "node.k8s.io/v1", handler=name)
            for name in ("gvisor", "runc")
        )
        self.store([*cluster(), *accounts, *runtimes])

    def guard(self) -> None:
        self.store(self.configurations)
        self.wait(lambda: not self.ask(_canary()).is_admitted)

    @contextlib.contextmanager
    def unguarded(self) -> Iterator[None]:
        """A time before the webhook: nothing that is stored then is judged."""
        for configuration in self.configurations:
            assert self.plane.admin.delete(path_of(configuration)).status == 200
        self.wait(lambda: self.ask(_canary()).is_admitted)
        try:
            yield
        finally:
            self.guard()

    @contextlib.contextmanager
    def holding(self, *bodies: Json, judged: bool = False) -> Iterator[None]:
        """The cluster with these objects too, as if the webhook had come later (or ``judged``)."""
        with contextlib.nullcontext() if judged else self.unguarded():
            self.store(bodies)
        try:
            yield
        finally:
            with contextlib.nullcontext() if judged else self.unguarded():
                self.remove(bodies)

    # -- requests ----------------------------------------------------------------------

    def ask(
        self,
        made: Json,
        *,
        client: Client | None = None,
        path: str = "",
        method: str = "POST",
        query: Mapping[str, object] = NOTHING,
        headers: Mapping[str, str] = NOTHING,
    ) -> Said:
        """A dry run of one request; by default the object's creation by the administrator."""
        answer = (client or self.plane.admin).request(
            method,
            path or (collection(made) if method == "POST" else path_of(made)),
            served(made),
            query={"dryRun": "All", **query},
            headers=headers,
        )
        return said(answer)

    def update(self, made: Json, *, subresource: str = "", client: Client | None = None) -> Said:
        """A dry run of the change of a stored object into this one."""
        path = path_of(made) + (f"/{subresource}" if subresource else "")
        return self.ask(made, client=client, path=path, method="PUT")

    def patch(
        self, stored: Json, change: Json, *, subresource: str = "", client: Client | None = None
    ) -> Said:
        """A dry run of a merge patch (RFC 7386) of a stored object."""
        path = path_of(stored) + (f"/{subresource}" if subresource else "")
        return self.ask(change, client=client, path=path, method="PATCH")

    def relabel(self, stored: Json, subresource: str = "", **labels: str | None) -> Said:
        """The change of an object's labels; None takes one away."""
        change = {"metadata": {"labels": labels}}
        return self.patch(stored, change, subresource=subresource)

    def delete(self, made: Json, client: Client | None = None) -> Said:
        return said((client or self.plane.admin).delete(path_of(made), dryRun="All"))

    def as_user(self, name: str, *groups: str) -> Client:
        """Somebody who may do everything, as far as RBAC is asked."""
        return self.plane.client(name, (*MASTERS, *groups))

    def eventually(self, ask: Any, is_so: Any) -> Any:
        """The first answer that is as wanted: the webhook hears of changes a moment later."""
        answers: list[Any] = []

        def is_as_wanted() -> bool:
            answers[:] = [ask()]
            return bool(is_so(answers[0]))

        try:
            self.wait(is_as_wanted)
        except DaemonError:
            raise AssertionError(answers[0]) from None
        return answers[0]

    def denied(self, ask: Any, *reasons: str) -> Said:
        """The refusal for these reasons, once the webhook has heard of what they rest on."""
        answer: Said = self.eventually(ask, lambda s: s.denied == set(reasons) and s.denied)
        assert answer.status == 403
        return answer

    def wait(self, is_so: Any) -> None:
        self.plane.api_server.wait_until(is_so, _SECONDS)

    def decisions(self, **fields: Json) -> list[Json]:
        """What the decision log has so far, of records with these fields."""
        paths = sorted(self.log.rglob(RECORDS))
        lines = [line for path in paths for line in path.read_text().splitlines(keepends=True)]
        found = [json.loads(line) for line in lines if line.endswith("\n")]  # not half written
        return [r for r in found if fields.items() <= r.items()]

    # -- storing -----------------------------------------------------------------------

    def store(self, bodies: Iterable[Json]) -> None:
        for one in bodies:
            answer = self.plane.admin.apply(path_of(one), served(one), force="true")
            assert answer.status in (200, 201), (path_of(one), answer.message)

    def remove(self, bodies: Sequence[Json]) -> None:
        for one in reversed(bodies):
            answer = self.plane.admin.request(
                "DELETE", path_of(one), {"gracePeriodSeconds": 0, "propagationPolicy": "Background"}
            )
            assert answer.status in (200, 202), (path_of(one), answer.message)

    def _generated(self) -> list[Json]:
        """The two configurations, of what the command line prints."""
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            main(
                [
                    "webhook",
                    "manifests",
                    f"--bundle={self.webhook.bundle}",
                    f"--url=https://127.0.0.1:{self.webhook.port}",
                    f"--ca-file={self.webhook.trusted}",
                    *(f"--operators={user}" for user in self.operators),
                ]
            )
        bodies: list[Json] = [*load_all(printed.getvalue())]
        found = [one for one in bodies if one["apiVersion"].startswith(f"{GROUP}/")]
        assert len(found) == 2
        authority = base64.b64encode(self.webhook.trusted.read_bytes()).decode()
        assert all(w["clientConfig"]["caBundle"] == authority for o in found for w in o["webhooks"])
        return found


def _canary() -> Json:
    """Refused by nobody but us: a namespace's pod security has nothing against it."""
    bad = pod("research")
    bad["spec"]["containers"][0]["image"] = "elsewhere.example/x"
    return bad


def served(made: Json) -> Json:
    """The object with what the API server wants of its kind beside the pod."""
    row = next((r for r in WORKLOAD_KINDS if r.template and r.kind == made.get("kind")), None)
    if row is None or not isinstance(made.get("spec", made), dict):
        return made
    return _completed(made, row.template)


def _completed(made: Json, way: tuple[str, ...]) -> Json:
    template = made
    for key in way:
        template = template.get(key) if isinstance(template, dict) else None
    if not isinstance(template, dict) or not isinstance(template.get("spec"), dict):
        return made
    labels = (template.get("metadata") or {}).get("labels") or {}
    spec = {**made.get("spec", {})}
    match made["kind"]:
        case "Deployment" | "ReplicaSet" | "StatefulSet" | "DaemonSet":
            spec.setdefault("selector", {"matchLabels": labels})
        case "ReplicationController":
            spec.setdefault("selector", labels)
        case "Job":
            spec["template"] = _never(template)
        case "CronJob":
            spec.setdefault("schedule", "0 0 1 1 *")
            spec["jobTemplate"] = {"spec": {"template": _never(template)}}
        case _:
            return made
    return {**made, "spec": spec}


def _never(template: Json) -> Json:
    return {**template, "spec": {"restartPolicy": "Never", **template["spec"]}}
