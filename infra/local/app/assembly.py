"""The cloud assembly that `cdk synth` wrote: where a stack is, and where its functions' code is."""

import json
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.local.app.template import Template, TemplateError

REGION = "us-east-1"  # the stacks name none


@dataclass(frozen=True)
class Stack:
    """One stack of one stage: its template, and the folders of the assets it refers to."""

    name: str
    template: Template
    assets: dict[str, Path]


def read_stack(assembly: Path, *, stage: str, name: str) -> Stack:
    """The stack of a stage, e.g. ("dev", "metering")."""
    folder = assembly / f"assembly-{stage}"
    artifacts = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["artifacts"]
    stack = f"{stage}-{name}"
    for body in artifacts.values():
        properties = body.get("properties", {})
        if properties.get("stackName") == stack:
            text = (folder / properties["templateFile"]).read_text(encoding="utf-8")
            template = Template(json.loads(text), stack=stack, region=REGION)
            return Stack(stack, template, _assets(folder, artifacts))
    raise TemplateError(f"{folder} has no stack {stack}")


def _assets(folder: Path, artifacts: dict[str, Any]) -> dict[str, Path]:
    """S3 object key -> folder, as the publishing tool would read it."""
    found = {}
    for body in artifacts.values():
        if body["type"] != "cdk:asset-manifest":
            continue
        listed = json.loads((folder / body["properties"]["file"]).read_text(encoding="utf-8"))
        for asset in listed["files"].values():
            for destination in asset["destinations"].values():
                found[destination["objectKey"]] = (folder / asset["source"]["path"]).resolve()
    return found


def unpack(asset: Path, cache: Path) -> Path:
    """Put an asset's files into a folder of their own, as Lambda does with the zip in /var/task.

    A copy, so that Python can keep its compiled files there without touching what was synthesized.
    """
    target = cache / asset.name
    if target.is_dir():
        return target
    cache.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=".unpack-", dir=cache))
    try:
        shutil.copytree(asset, partial, dirs_exist_ok=True)
        partial.rename(target)
    except OSError:
        # Another run was faster.
        shutil.rmtree(partial, ignore_errors=True)
        if not target.is_dir():
            raise
    return target
