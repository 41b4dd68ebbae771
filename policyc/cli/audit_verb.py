"""``policyc audit verify|show|prove|check``: the decision log."""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path

from policyc.audit import proof, show
from policyc.audit.anchors import read_anchors
from policyc.audit.record import Record
from policyc.audit.verify import Report, Summary, verify
from policyc.cli.main import Exit
from policyc.core.files import read_file
from policyc.signing.keys import read_verifiers

_FILTERS = {
    "code": "records with this reason word, such as SA_NOT_ALLOWED or SA_NOT_ALLOWED:warn",
    "since": "records of this time or later, such as 2026-09-01T12",
    "until": "records before this time",
    "verdict": "allow, deny, or none for what was no review",
}
_TIME = re.compile(r"\d{4}(-\d\d(-\d\d(T\d\d(:\d\d(:\d\d(\.\d+)?Z?)?)?)?)?)?", re.ASCII)


def configure(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    summaries = {
        "verify": "find edited, removed, moved or cut records, and name the first",
        "show": "print records",
        "prove": "print a proof that a record stands in the signed log",
        "check": "check such a proof",
    }
    made = {
        name: verbs.add_parser(name, help=summary, description=summary)
        for name, summary in summaries.items()
    }
    made["prove"].add_argument("record", metavar="UID", help="review uid, or EPOCH/SEQUENCE")
    for name in ("verify", "show", "prove"):
        made[name].add_argument("folder", type=Path, help="the log's folder")
    made["check"].add_argument("proof", type=Path, help="a proof, or - for stdin")
    for name in ("verify", "check"):
        made[name].add_argument(
            "--key",
            type=Path,
            action="append",
            required=name == "check",
            help="public key file; may be repeated",
        )
    made["verify"].add_argument(
        "--anchor",
        type=Path,
        action="append",
        default=[],
        help="a checkpoint kept elsewhere, or the API server's audit log; may be repeated",
    )
    for field in (*show.EXACT, "code", "since", "until"):
        made["show"].add_argument(
            f"--{field}",
            help=_FILTERS.get(field, f"records with this {field}"),
            type=_time if field in ("since", "until") else str,
            choices=("allow", "deny", "none") if field == "verdict" else None,
        )
    for name in ("verify", "show", "check"):
        made[name].add_argument("--format", choices=("text", "json"), default="text")


def run(args: argparse.Namespace) -> int:
    match args.action:
        case "verify":
            return _verify(args)
        case "show":
            return _show(args)
        case "prove":
            sys.stdout.buffer.write(proof.prove(*show.find(args.folder, args.record)))
        case _:
            _check(args)
    return Exit.CLEAN


def _time(text: str) -> str:
    """The beginning of a time as records have it: others would be compared letter by letter."""
    if not _TIME.fullmatch(text):
        raise argparse.ArgumentTypeError(
            f"`{text}` is no beginning of a UTC time: write it as 2026-12-31 or 2026-12-31T09:30"
        )
    return text


def _verify(args: argparse.Namespace) -> int:
    keys = read_verifiers(args.key) if args.key else None
    anchors = read_anchors(args.anchor, keys)
    report = verify(args.folder, keys, anchors)
    if args.format == "json":
        document = {
            "epochs": [
                {
                    "epoch": epoch.epoch,
                    "log": epoch.name,
                    "records": epoch.records,
                    "signed": epoch.signed,
                    "tornBytes": epoch.torn,
                    "closed": epoch.is_closed,
                }
                for epoch in report.epochs
            ],
            "faults": [fault.to_json() for fault in report.faults],
            "anchors": report.anchors,
            "signaturesChecked": keys is not None,
        }
        print(json.dumps(document, indent=2, ensure_ascii=False))
    else:
        _print(report, len(anchors), has_keys=keys is not None)
    return Exit.FINDINGS if report.faults else Exit.CLEAN


def _print(report: Report, anchors: int, *, has_keys: bool) -> None:
    for epoch in report.epochs:
        print(_line(epoch))
    if anchors:
        print(f"{report.anchors} of {anchors} anchors speak of this log")
    for fault in report.faults:
        print(fault)
    if report.faults:
        print("the log does not hold")
    elif has_keys:
        print("the log holds")
    else:
        # Whoever may write the folder could have computed all of it anew.
        print("the records fit together; who signed them was not checked: give --key")


def _line(epoch: Summary) -> str:
    parts = [f"{epoch.records} records"]
    if epoch.records > epoch.signed:
        parts.append(f"the last {epoch.records - epoch.signed} not signed")
    if epoch.torn:
        parts.append(f"{epoch.torn} bytes of a torn one")
    parts.append("closed" if epoch.is_closed else "not closed")
    return f"epoch {epoch.epoch:06} of {epoch.name}: {', '.join(parts)}"


def _show(args: argparse.Namespace) -> int:
    wanted = {
        field: value
        for field in (*show.EXACT, "code", "since", "until")
        if (value := getattr(args, field)) is not None
    }
    code, has_shown = Exit.CLEAN, False
    for epoch, sequence, record in show.records(args.folder):
        if record is None:
            print(f"epoch {epoch:06}, line {sequence}: no record", file=sys.stderr)
            code = Exit.FINDINGS
        elif show.matches(record, wanted):
            has_shown = True
            print(_text(epoch, record) if args.format == "text" else _json(epoch, record))
    if not has_shown:
        print("no record matches", file=sys.stderr)
    return code


def _json(epoch: int, record: Record) -> str:
    return json.dumps({"epoch": epoch, **record}, ensure_ascii=False, sort_keys=True)


def _text(epoch: int, record: Record) -> str:
    place = f"{epoch}/{record['sequence']}"
    if record["kind"] != "decision":
        return f"{place} {record['time']} {record['kind']}"
    name = record.get("name") or f"{record.get('generateName', '')}*"
    what = "/".join(str(record[key]) for key in ("resource", "subresource") if key in record)
    where = f"{record['namespace']}/{name}" if "namespace" in record else str(name)
    codes = record.get("codes")
    words = [
        place,
        str(record["time"]),
        str(record["verdict"]),
        f"{record['operation']} {what} {where}" if "operation" in record else "unread",
        f"by {record.get('user', '-')}",
        *([f"agent {record['agent']}"] if "agent" in record else []),
        *(map(str, codes) if isinstance(codes, list) else []),
        *(word for word in ("dryRun", "repeat") if record.get(word)),
    ]
    return _plain(" ".join(words))


def _plain(text: str) -> str:
    """Without what a terminal would obey: names come from whoever asked."""
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text)


def _check(args: argparse.Namespace) -> None:
    is_stdin = args.proof == Path("-")
    data = sys.stdin.buffer.read() if is_stdin else read_file(args.proof)
    proven = proof.check(data, read_verifiers(args.key))
    if args.format == "json":
        sys.stdout.buffer.write(proven.record + b"\n")
    else:
        origin, size = proven.checkpoint.origin, proven.checkpoint.size
        print(f"record {proven.sequence} stands in {origin}, signed at {size} records", flush=True)
        sys.stdout.buffer.write(proven.record + b"\n")
