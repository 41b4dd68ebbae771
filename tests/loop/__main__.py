"""``python -m tests.loop LAYOUT FOLDER``: tell the story with the recorder of an OCI layout."""

import sys

from .story import main

raise SystemExit(main(sys.argv[1:]))
