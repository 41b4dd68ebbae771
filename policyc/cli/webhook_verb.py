"""``policyc webhook``: one module an action, imported only when it is asked for."""

from __future__ import annotations

import argparse
import importlib

ACTIONS = {
    "run": "serve admission reviews until SIGTERM",
    "manifests": "write the objects that put the webhook into a cluster",
}
"""Each action is ``policyc.cli.webhook_<action>`` with ``configure(parser)`` and ``run(args) -> int``."""


def configure(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    for name, summary in ACTIONS.items():
        action = actions.add_parser(name, help=summary, description=summary)
        module = importlib.import_module(f"policyc.cli.webhook_{name}")
        module.configure(action)
        action.set_defaults(act=module.run)


def run(args: argparse.Namespace) -> int:
    return int(args.act(args))
