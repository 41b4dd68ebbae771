"""``policyc webhook run`` on a machine whose clock jumps: ``python skewed.py FILE webhook run ...``.

FILE holds by how many seconds the clock is off, and is read each time the clock is.  What
measures spans of time is not touched, as on a machine whose clock is set.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import sys
from pathlib import Path

from webhook.logs import start_logging
from webhook.service import Service
from webhook.settings import add_flags, read_settings


def main(offset: Path, flags: list[str]) -> None:
    def now() -> dt.datetime:
        return dt.datetime.now(dt.UTC) + dt.timedelta(seconds=float(offset.read_text()))

    parser = argparse.ArgumentParser()
    add_flags(parser)
    start_logging("info")
    Service(read_settings(parser.parse_args(flags), os.environ), now).run()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[4:])
