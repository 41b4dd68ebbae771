"""``python -m tests.support.control_plane``: see build."""

from .build import main

raise SystemExit(main())
