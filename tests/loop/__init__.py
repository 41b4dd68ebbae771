"""``make loop``: record, compile, enforce, on the kernel of this machine.  See story.py."""
