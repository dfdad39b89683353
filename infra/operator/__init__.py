"""The operator's command, `billing`: see and act, on deployed stacks and on local folders."""

import os

# The functions' code logs to stdout, where the answer of a verb goes.
os.environ.setdefault("POWERTOOLS_LOG_LEVEL", "CRITICAL")
