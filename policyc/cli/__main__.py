"""``python -m policyc.cli``: the command line where no script is installed, as in images."""

from policyc.cli.main import entry

entry()
