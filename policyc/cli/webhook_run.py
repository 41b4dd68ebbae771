"""``policyc webhook run``: serve admission reviews."""

from __future__ import annotations

import argparse
import gc
import os

from policyc.cli.extra import needs
from policyc.cli.main import Exit


def configure(parser: argparse.ArgumentParser) -> None:
    from webhook.settings import add_flags

    add_flags(parser)
    parser.epilog = "settings also as POLICYC_WEBHOOK_<NAME> or in --config FILE"


def run(args: argparse.Namespace) -> int:
    needs("the webhook", "fastapi", "uvicorn")
    gc.disable()  # what is imported and loaded stays: collections would be a fifth of the start
    from webhook.logs import start_logging
    from webhook.service import Service
    from webhook.settings import read_settings

    settings = read_settings(args, os.environ)
    start_logging(settings.log_level)
    service = Service(settings)
    gc.enable()
    service.run()
    return Exit.CLEAN
