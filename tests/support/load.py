"""Load on webhooks, and what has to be true of every answer and of the log behind it.

A good pod is admitted, a bad one refused for its reason, one of nobody's agent admitted,
and a good one's mutation is an admission: whatever happens to the server meanwhile.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Self

from policyc.audit.checkpoint import as_base64
from policyc.audit.layout import epochs_in
from policyc.audit.merkle import leaf_hash
from policyc.audit.record import decode
from policyc.audit.stored import read_epoch
from policyc.cli.main import Exit, main
from support import load_generator
from support.admission import pod, request
from support.webhook import Webhook, review

Json = Any
RATE = 500
_POLL_SECONDS = 0.05
IS_LONG = os.environ.get("POLICYC_HYPOTHESIS") == "nightly"
LONGER = 20 if IS_LONG else 1
"""How many times longer a fault lasts in the long profile."""
WRONG: Mapping[str, frozenset[str]] = {
    "account": frozenset({"AMBIGUOUS_SA"}),
    "network": frozenset({"HOST_NET"}),
}
"""Review -> why it is refused; every other one is admitted."""


def stranger() -> Json:
    """A pod of no agent, in a namespace without agents."""
    containers = [{"name": "web", "image": "registry.example.com/web:1"}]
    metadata = {"name": "web-1", "namespace": "default"}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": containers}}  # fmt: skip


@cache
def reviews() -> dict[str, tuple[str, bytes]]:
    """Name -> path and body; ``$UID`` stands for the uid."""
    account, network, bare = pod(), pod(), pod()
    account["spec"]["serviceAccount"] = "other"
    network["spec"]["hostNetwork"] = True
    bare["spec"].pop("securityContext")
    made = {
        "good": ("/validate", pod()),
        "account": ("/validate", account),
        "stranger": ("/validate", stranger()),
        "network": ("/validate", network),
        "bare": ("/mutate", bare),
    }
    return {
        name: (path, json.dumps(review(request(body), "$UID")).encode())
        for name, (path, body) in made.items()
    }


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back to one review; ``fault`` is the name of an exception, of a stage."""

    uid: str
    review: str
    port: int
    status: int
    response: Json
    fault: str
    stage: str

    @property
    def reasons(self) -> frozenset[str]:
        """Why it was refused; nothing, where a fault stands for the answer."""
        if self.fault:
            return frozenset()
        words = self.response["auditAnnotations"].get("reasons", "").split()
        return frozenset(w.removesuffix(":deny") for w in words if w.endswith(":deny"))

    @property
    def annotations(self) -> dict[str, str]:
        return dict(self.response["auditAnnotations"])

    def is_right(self) -> bool:
        """Whether it is the answer that a server without a fault gives."""
        return not self.fault and self.reasons == WRONG.get(self.review, frozenset())


class Load:
    """A context manager: on entry reviews are answered, on exit the last one was.

    Args:
        webhooks: Who is asked, in turn.
        rate: Reviews a second; 0: as fast as the answers come.
        connections: At a time.
        fresh: A handshake for each review.
        seconds: How long a client waits for an answer.
        trusted: The authorities, PEM; by default the first webhook's.

    """

    def __init__(
        self,
        *webhooks: Webhook,
        rate: float = RATE,
        connections: int = 20,
        fresh: bool = False,
        seconds: float = 30,
        trusted: Path | None = None,
    ) -> None:
        first = webhooks[0]
        number = len(list(first.folder.glob("load-*.json")))
        self._report = first.folder / f"load-{number}.jsonl"
        self._settings = first.folder / f"load-{number}.json"
        bodies = []
        for name, (path, body) in reviews().items():
            file = first.folder / f"review-{name}.json"
            file.write_bytes(body)
            bodies.append([name, path, str(file)])
        settings = {
            "ports": [w.port for w in webhooks],
            "trusted": str(trusted or first.trusted),
            "credential": list(map(str, first.credential)) if first.credential else None,
            "rate": rate,
            "connections": connections,
            "fresh": fresh,
            "seconds": seconds,
            "reviews": bodies,
            "report": str(self._report),
        }
        self._settings.write_text(json.dumps(settings))
        self._rate = rate or RATE
        self._process: subprocess.Popen[bytes] | None = None
        self._seen: list[Answer] = []
        self._read_bytes = 0

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, load_generator.__file__, self._settings], stdin=subprocess.PIPE
        )
        self.go_on(0.2)
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        self._process.communicate()
        assert self._process.returncode == 0

    @property
    def answers(self) -> list[Answer]:
        """So far."""
        if self._report.exists():
            with self._report.open("rb") as stream:
                stream.seek(self._read_bytes)
                whole = stream.read().rpartition(b"\n")[0]
            self._read_bytes += len(whole) + (1 if whole else 0)
            self._seen += [_answer(json.loads(line)) for line in whole.splitlines()]
        return self._seen

    def use(self, *webhooks: Webhook) -> None:
        """Ask these from now on."""
        assert self._process is not None
        assert self._process.stdin is not None
        line = json.dumps({"ports": [w.port for w in webhooks]}) + "\n"
        self._process.stdin.write(line.encode())
        self._process.stdin.flush()

    def go_on(self, seconds: float, port: int = 0) -> None:
        """Until so many more answers are there, not faults, as the rate has in these seconds."""
        count = max(1, int(seconds * self._rate))
        self.until(lambda new: sum(not a.fault and port in (0, a.port) for a in new) >= count)

    def until(self, is_so: Callable[[list[Answer]], bool], seconds: float = 120) -> None:
        """Until the answers from now on are as asked for."""
        assert self._process is not None
        start, deadline = len(self.answers), time.monotonic() + seconds
        while not is_so(self.answers[start:]):
            with contextlib.suppress(subprocess.TimeoutExpired):
                raise AssertionError(f"the load ended with {self._process.wait(_POLL_SECONDS)}")
            assert time.monotonic() < deadline, Counter(a.fault for a in self.answers[start:])

    def until_each_was_right(self) -> None:
        """Until there are as many right answers of every review as ``check`` asks for."""
        self.until(
            lambda new: all(
                sum(a.review == name and not a.fault and a.is_right() for a in new) > 5
                for name in reviews()
            )
        )

    def check_right(self) -> None:
        """Half a second more of it, and some of every review, all of it right."""
        self.go_on(0.5)
        self.until_each_was_right()
        self.check()

    def check(
        self, excuses: Collection[str] = (), faults: Collection[tuple[str, str]] = ()
    ) -> None:
        """Every answer is right, and there are right ones of every review.

        Args:
            excuses: Reasons for which a fault may have what is good refused.
            faults: (stage, exception) that a client may have met instead of an answer.

        """
        right: Counter[str] = Counter()
        for answer in self.answers:
            if answer.fault:
                assert (answer.stage, answer.fault) in faults, answer
                continue
            assert answer.status == 200, answer
            assert answer.response["uid"] == answer.uid, answer
            reasons = answer.reasons
            assert answer.response["allowed"] is not bool(reasons), answer
            if not answer.is_right():
                assert reasons & set(excuses), answer
                assert reasons - set(excuses) <= WRONG.get(answer.review, frozenset()), answer
            right[answer.review] += answer.is_right()
        assert all(right[name] > 5 for name in reviews()), right


def _answer(said: Json) -> Answer:
    return Answer(
        said["uid"],
        said["review"],
        said["port"],
        said.get("status", 0),
        (said.get("body") or {}).get("response"),
        said.get("fault", ""),
        said.get("stage", ""),
    )


def check_log(folder: Path, public_key: Path, answers: Collection[Answer]) -> None:
    """The log verifies against what the answers say of it, and each of them has its one record.

    The annotations of the answers are what the API server's audit log would hold.
    """
    witnesses = folder.with_name(f"{folder.name}-witnesses.jsonl")
    told = {a.uid: a for a in answers if not a.fault and "log" in a.annotations}
    judged = [
        a for a in answers if a.is_right() and a.review != "bare"
    ]  # mutations are no decisions
    assert judged
    assert all(a.uid in told for a in judged), "an answer without a record"
    events = [{"annotations": {"x.policyc.dev/log": a.annotations["log"]}} for a in told.values()]
    witnesses.write_text("".join(json.dumps(event) + "\n" for event in events))
    command = ["audit", "verify", str(folder), f"--key={public_key}", f"--anchor={witnesses}"]
    assert main(command) == Exit.CLEAN
    count = Counter(str(record.get("uid")) for _, record in decisions(folder))
    assert all(count[uid] == 1 for uid in told), "a record too many or too few"
    for leaf, record in decisions(folder):
        answer = told.get(str(record.get("uid")))
        if answer is None:
            continue
        said = answer.annotations
        assert said["log"].endswith(leaf), (said, record)
        assert said["verdict"] == record["verdict"], (said, record)
        assert said["bundle"] == record["bundle"], (said, record)
        assert said["serial"] == str(record["serial"]), (said, record)


def decisions(folder: Path) -> Iterator[tuple[str, Json]]:
    """Leaf hash in base64 and record of every decision in a log."""
    for number in epochs_in(folder):
        for line in read_epoch(folder, number).lines:
            record = decode(line)
            if record["kind"] == "decision":
                yield as_base64(leaf_hash(line)), record
