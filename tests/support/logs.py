"""Decision logs for tests: requests, verdicts, small logs, and what happens to them.

As a program it is a process that decides and may be killed or run out of space:
``python -m support.logs FOLDER KEY COUNT [--strict] [--limit BYTES]`` prints a line for
each decision: its sequence and hash, ``lost`` or ``denied``.
"""

from __future__ import annotations

import argparse
import contextlib
import resource
from datetime import UTC, datetime, timedelta
from pathlib import Path

from policyc.admission.request import Operation, Request
from policyc.admission.verdict import Finding, Level, Verdict
from policyc.audit.log import DecisionLog
from policyc.audit.receipt import LogUnavailableError
from policyc.signing.keys import Signer, parse_signer

KEY = Signer("policy.example/log", bytes(range(32)))
OTHER_KEY = Signer("policy.example/log", bytes(range(1, 33)))
NOON = datetime(2026, 9, 1, 12, tzinfo=UTC)
NAME = "replica-a"


class Clock:
    """A clock that moves a millisecond each time it is read; ``moment`` can be set."""

    def __init__(self, moment: datetime = NOON) -> None:
        self.moment = moment

    def __call__(self) -> datetime:
        self.moment += timedelta(milliseconds=1)
        return self.moment


def asked(uid: str, name: str = "research-1", **more: object) -> Request:
    """A request to create a pod."""
    fields = {
        "uid": uid, "operation": Operation.CREATE, "group": "", "version": "v1", "kind": "Pod",
        "resource": "pods", "resource_group": "", "namespace": "agents", "name": name,
        "user": "kubernetes-admin", "object": {"metadata": {"name": name}},
    }  # fmt: skip
    return Request(**(fields | more))  # type: ignore[arg-type]  # fields by name


def decided(uid: str, *reasons: str) -> Verdict:
    """A denial for these reasons, or the admission."""
    found = tuple(Finding(reason, "no", level=Level.DENY) for reason in reasons)
    return Verdict(uid, found, "research", "enforce", "sha256:" + "0" * 64)


def opened(folder: Path, *, strict: bool = False, clock: Clock | None = None) -> DecisionLog:
    """The next epoch of a log, with the tests' key and a clock that nobody else moves."""
    return DecisionLog(folder, KEY, NAME, strict=strict, clock=clock or Clock(), boot="boot")


def fill(log: DecisionLog, start: int, count: int) -> None:
    """Decisions with the uids ``uid-START`` and on; each third is a denial."""
    for at in range(start, start + count):
        uid = f"uid-{at}"
        log.append(asked(uid), decided(uid, *(["SA_NOT_ALLOWED"] if at % 3 == 2 else [])), serial=7)


def closed_log(folder: Path, *counts: int) -> Path:
    """A log with an epoch for each count; an epoch holds count + 2 records."""
    clock, start = Clock(), 0
    for count in counts:
        with opened(folder, clock=clock) as log:
            fill(log, start, count)
        start += count
    return folder


def copied(folder: Path, target: Path) -> Path:
    """What a kill would leave of a log that is being written: no half-written files."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.name.startswith("."):
            with contextlib.suppress(FileNotFoundError):  # finished and renamed meanwhile
                data = path.read_bytes()
                place = target / path.relative_to(folder)
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(data)
    return target


def crashed_log(folder: Path, signed: int, unsigned: int, torn: int = 0) -> Path:
    """A log as a kill leaves it: decisions below a checkpoint, more of them, half of one."""
    whole = folder.with_name(f"{folder.name}-whole")
    with opened(whole, strict=True) as log:
        fill(log, 0, signed)
        copied(whole, folder)
        fill(log, signed, unsigned + 1)
    lines = (whole / "000001" / "records.jsonl").read_bytes().splitlines(keepends=True)
    kept, half = lines[: 1 + signed + unsigned], lines[1 + signed + unsigned]
    (folder / "000001" / "records.jsonl").write_bytes(b"".join(kept) + half[:torn])
    return folder


def main() -> None:
    """See the module's first lines."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("key")
    parser.add_argument("count", type=int)
    parser.add_argument("--strict", action="store_true")
    parser.add_argument("--limit", type=int, help="no file grows beyond it for half of the time")
    args = parser.parse_args()
    with DecisionLog(args.folder, parse_signer(args.key), NAME, strict=args.strict) as log:
        for at in range(args.count):
            if args.limit:
                limit = args.limit if at < args.count // 2 else resource.RLIM_INFINITY
                resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
            try:
                receipt = log.append(asked(f"uid-{at}"), decided(f"uid-{at}"))
            except LogUnavailableError:
                print("denied", flush=True)
                continue
            print(f"{receipt.sequence} {receipt.hash}" if receipt else "lost", flush=True)
        print(log.health.fault or "healthy", flush=True)


if __name__ == "__main__":
    main()
