"""``policyc bundle keygen|sign|objects|verify``: signed output folders."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

from policyc.bundle.load import load_signed
from policyc.bundle.objects import objects_of
from policyc.bundle.sign import sign_folder
from policyc.bundle.statement import MANIFEST, place_of, signature_path
from policyc.cli.main import Exit
from policyc.core.errors import PolicycError
from policyc.signing.keys import generate, read_signer, read_verifiers


def configure(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    summaries = {
        "keygen": "make an Ed25519 key pair",
        "sign": "sign an output folder",
        "objects": "print a signed output folder as objects of a cluster",
        "verify": "check an output folder against its signature",
    }
    made = {
        name: verbs.add_parser(name, help=summary, description=summary)
        for name, summary in summaries.items()
    }
    made["keygen"].add_argument("name", help="the key's name, such as policy.example.com/bundles")
    made["keygen"].add_argument(
        "-o", "--output", type=Path, required=True, help="private key; FILE.pub is the public one"
    )
    for name in ("sign", "objects", "verify"):
        made[name].add_argument(
            "folder", nargs="?", type=Path, default=Path("generated"), help="(generated)"
        )
    made["sign"].add_argument("--key", type=Path, required=True, help="private key file")
    made["sign"].add_argument("--serial", type=int, help="higher than the last one (one more)")
    made["verify"].add_argument(
        "--key", type=Path, action="append", required=True, help="public key file; may be repeated"
    )
    made["verify"].add_argument(
        "--least-serial", type=int, default=0, help="refuse older builds (0)"
    )


def run(args: argparse.Namespace) -> int:
    if args.action != "keygen":
        _is_there(args.folder)
    match args.action:
        case "keygen":
            _keygen(args.name, args.output)
        case "sign":
            _is_compiled(args.folder)
            statement = sign_folder(args.folder, read_signer(args.key), args.serial)
            print(f"{signature_path(args.folder).name}: serial {statement.serial}")
        case "objects":
            for body in objects_of(args.folder):
                print(f"---\n{json.dumps(body, ensure_ascii=False)}")
        case _:
            keys = read_verifiers(args.key)
            files, serial = load_signed(args.folder, keys, args.least_serial)
            print(f"{args.folder}: {len(files)} files, serial {serial}, verified")
    return Exit.CLEAN


def _is_there(folder: Path) -> None:
    """A wrong path is named as one, before anything is said of signatures."""
    if not folder.is_dir():
        raise PolicycError(
            "PC7058",
            f"there is no folder `{folder}`",
            help="name the output folder of `policyc compile`",
        )


def _is_compiled(folder: Path) -> None:
    """A folder that nothing was compiled into is named as one: nobody has changed it."""
    if not (place_of(folder).folder / MANIFEST).exists():
        raise PolicycError(
            "PC7058",
            f"`{folder}` is no compiled bundle: there is no {MANIFEST}",
            help="name the output folder of `policyc compile`",
        )


def _keygen(name: str, path: Path) -> None:
    signer = generate(name)
    _write_new(path, signer.to_text(), 0o600)
    _write_new(path.with_name(f"{path.name}.pub"), str(signer.verifier), 0o644)
    print(signer.verifier)


def _write_new(path: Path, text: str, mode: int) -> None:
    """A file that was not there: no key is ever overwritten."""
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w") as stream:
            stream.write(text + "\n")
    except FileExistsError as fault:
        raise PolicycError(
            "PC7053",
            f"cannot write `{path}`: {fault.strerror}",
            help="keys are never overwritten: name another file, or move the old one away",
        ) from fault
    except OSError as fault:
        raise PolicycError(
            "PC7053",
            f"cannot write `{path}`: {fault.strerror}",
            help="name a file in a folder that exists and may be written",
        ) from fault
