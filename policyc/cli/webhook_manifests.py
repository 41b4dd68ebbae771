"""``policyc webhook manifests``: the objects that put the webhook into a cluster."""

from __future__ import annotations

import argparse
import base64
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import policyc
from policyc.cli.main import Exit
from policyc.cli.objects import add_bundle, open_bundle
from policyc.cli.report import say
from policyc.core.diagnostics import Diagnostic, Severity
from policyc.core.errors import PolicycError
from policyc.core.files import make_folder, read_file, write_file
from policyc.deploy.configurations import Target, TooMany, is_free
from policyc.deploy.manifests import manifests, stream
from policyc.deploy.objects import Rollout
from policyc.deploy.reach import reach_of_envelopes

_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")  # RFC 1123
_REGISTRY = "registry.example.com/policyc"


def configure(parser: argparse.ArgumentParser) -> None:
    add_target(parser)
    parser.add_argument(
        "--image",
        default=f"{_REGISTRY}/webhook:{policyc.__version__}",
        help="image of the webhook, best by digest",
    )
    parser.add_argument(
        "--bundle-image",
        default=f"{_REGISTRY}/bundle:latest",
        metavar="IMAGE",
        help="image that holds generated, the signed output folder, and generated.sig",
    )
    parser.add_argument(
        "--bundle-objects",
        action="store_true",
        help="take envelopes from the cluster's EnvelopeBundle objects instead of an image",
    )
    parser.add_argument(
        "--any-client",
        action="store_true",
        help="for an API server that shows webhooks no certificate: answer everybody who reaches the port",
    )
    parser.add_argument("--replicas", type=_replicas, default=2, metavar="N", help="pods (2)")
    parser.add_argument(
        "--log-claim",
        default="",
        metavar="NAME",
        help="claim of a volume for decision logs that all pods may write; none: they go with the pods",
    )
    parser.add_argument(
        "-o", "--output", type=Path, metavar="FOLDER", help="write a kustomize base instead"
    )
    parser.add_argument(
        "--check", action="store_true", help="write nothing; exit 1 if FOLDER is out of date"
    )


def add_target(parser: argparse.ArgumentParser) -> None:
    """The options that say what the cluster is like."""
    add_bundle(parser)
    parser.add_argument(
        "--home",
        type=_namespace,
        default="policyc-system",
        metavar="NAMESPACE",
        help="the webhook's own namespace",
    )
    parser.add_argument(
        "--url",
        type=_url,
        default="",
        help="where the API server finds the webhook, outside of the cluster",
    )
    parser.add_argument(
        "--ca-file", type=Path, metavar="FILE", help="authority of the webhook's certificate, PEM"
    )
    parser.add_argument(
        "--operators",
        action="append",
        default=[],
        metavar="USER",
        help="a user who may change the webhook's objects; repeatable",
    )
    parser.add_argument(
        "--renewers",
        action="append",
        default=[],
        metavar="USER",
        help="a user who may renew the Secret policyc-tls, as cert-manager does; repeatable",
    )
    parser.add_argument(
        "--pod-annotations",
        action="append",
        type=_annotation,
        default=[],
        metavar="KEY",
        help="an annotation of pods that a network plug-in may write unasked; repeatable",
    )


def _replicas(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(
            f"`{text}` is no number of pods: without one nothing starts in agents' namespaces"
        )
    return int(text)


def _namespace(text: str) -> str:
    if not _LABEL.fullmatch(text):
        raise argparse.ArgumentTypeError(f"`{text}` cannot name a namespace")
    return text


def _annotation(text: str) -> str:
    if not is_free(text):
        raise argparse.ArgumentTypeError(
            f"`{text}` cannot change unasked: it is judged, or no key of a plug-in's own domain"
        )
    return text


def _url(text: str) -> str:
    if text and not text.startswith("https://"):  # the API server calls no other
        raise argparse.ArgumentTypeError(f"`{text}` is no address: write it as https://HOST:PORT")
    return text


def _authority(path: Path) -> str:
    """A caBundle: base64 of PEM; the API server takes no other."""
    data = read_file(path)
    if b"-----BEGIN CERTIFICATE-----" not in data:
        raise PolicycError(
            "PC7112", f"`{path}` holds no certificate", help="give the authority's certificate, PEM"
        )
    return base64.b64encode(data).decode()


def target_of(args: argparse.Namespace) -> Target:
    """The target of the options; PolicycError PC7058, PC7061, PC7112 or PC8116 when it cannot be one."""
    bundle = open_bundle(args.bundle)
    try:
        return Target(
            namespaces=tuple(sorted(bundle.by_namespace)),
            home=args.home,
            url=args.url,
            ca_bundle=_authority(args.ca_file) if args.ca_file else "",
            operators=frozenset(args.operators),
            reach=reach_of_envelopes(bundle),
            renewers=frozenset(args.renewers),
            pod_annotations=frozenset(args.pod_annotations),
        )
    except TooMany as fault:
        raise PolicycError(
            "PC8116", str(fault), help="put agents together into fewer namespaces"
        ) from None
    except ValueError as fault:
        raise PolicycError(
            "PC7061", str(fault), help="give the agent, or the webhook, a namespace of its own"
        ) from None


def _unpinned(rollout: Rollout) -> Iterator[Diagnostic]:
    """A warning for each image that is a placeholder, or whose content may change."""
    options = {"--image": rollout.image}
    if not rollout.from_objects:
        options["--bundle-image"] = rollout.bundle
    for option, name in options.items():
        if name.startswith(_REGISTRY):
            said = "is a placeholder: the webhook would never start, and its namespaces fail closed"
        elif "@" not in name:
            said = "is named without a digest: its content may change"
        else:
            continue
        yield Diagnostic(
            "PC8114",
            f"image `{name}` {said}",
            help=f"name your own with `{option} REPOSITORY@sha256:...`",
            severity=Severity.WARNING,
        )


def run(args: argparse.Namespace) -> int:
    if args.check and args.output is None:
        raise PolicycError(
            "PC7115",
            "--check compares a folder with what would be written, and none is named",
            help="name the folder with --output",
        )
    rollout = Rollout(
        args.image,
        args.bundle_image,
        args.replicas,
        args.bundle_objects,
        args.log_claim,
        client_certificates=not args.any_client,
    )
    files = manifests(target_of(args), rollout)
    if not args.check:
        say(_unpinned(rollout), "text")
    if args.output is None:
        sys.stdout.write(stream(files).decode())
        return Exit.CLEAN
    stale = [name for name in files if files[name] != _written(args.output / name)]
    if not args.check and stale:
        make_folder(args.output)
    for name in stale:
        if not args.check:
            write_file(args.output / name, files[name])
        print(f"{'out of date' if args.check else 'written'}: {args.output / name}")
    return Exit.FINDINGS if args.check and stale else Exit.CLEAN


def _written(path: Path) -> bytes | None:
    """What a file holds; None where there is none."""
    return read_file(path) if path.is_file() else None
