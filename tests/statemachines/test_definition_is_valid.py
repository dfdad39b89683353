import json
import re
import subprocess
from pathlib import Path

import pytest

from infra import NODE, ROOT, definitions

DEFINITIONS = ("metering", "credits")
VALIDATOR = ROOT / "node_modules" / "asl-validator" / "dist" / "bin" / "asl-validator.js"


def problems(definition: str, folder: Path) -> str:
    """What the validator says about a definition with filled placeholders; nothing is fine."""
    filled = folder / "filled.asl.json"
    filled.write_text(re.sub(r"\$\{(\w+)\}", _value, definition), encoding="utf-8")
    command = [str(NODE), str(VALIDATOR), "--json-path", str(filled)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def _value(placeholder: re.Match[str]) -> str:
    name = placeholder[1]
    if name.endswith("FunctionArn"):
        return f"arn:aws:lambda:us-east-1:123456789012:function:{name}"
    return f"arn:aws:sns:us-east-1:123456789012:{name}" if name.endswith("Arn") else name.lower()


def test_the_validator_is_installed() -> None:
    assert VALIDATOR.is_file(), "run make setup"


@pytest.mark.parametrize("pipeline", DEFINITIONS)
def test_the_definition_is_valid(pipeline: str, tmp_path: Path) -> None:
    assert problems(json.dumps(definitions.load(pipeline)), tmp_path) == ""


@pytest.mark.parametrize("pipeline", DEFINITIONS)
@pytest.mark.parametrize("broken", [{"Next": "Nowhere"}, {"StartAt": "Nowhere"}, {"Type": "Tusk"}])
def test_a_broken_definition_is_refused(
    pipeline: str, broken: dict[str, str], tmp_path: Path
) -> None:
    definition = definitions.load(pipeline)
    first = definition["States"][definition["StartAt"]]
    (definition if "StartAt" in broken else first).update(broken)
    assert problems(json.dumps(definition), tmp_path) != ""
