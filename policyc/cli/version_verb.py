"""``policyc version``."""

from __future__ import annotations

import argparse

import policyc
from policyc.cli.main import Exit


def configure(parser: argparse.ArgumentParser) -> None:
    """No options."""
    del parser


def run(args: argparse.Namespace) -> int:
    del args
    print(f"policyc {policyc.__version__}, edition 2026")
    return Exit.CLEAN
