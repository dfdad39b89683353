"""The cloud assembly that `cdk synth` wrote: where a stack is, and where its functions' code is."""

import json
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.local.app.template import Template, TemplateError

DEFAULT_REGION = "us-east-1"


@dataclass(frozen=True)
class Stack:
    """One stack of one stage: its template, and the folders of the assets it refers to."""

    name: str
    template: Template
    assets: dict[str, Path]


def read_stack(assembly: Path, *, stage: str, name: str) -> Stack:
    """The stack of a stage, e.g. ("dev", "metering"); an assembly without stages will do, too."""
    nested = assembly / f"assembly-{stage}"
    folder = nested if nested.is_dir() else assembly
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    for artifact, body in manifest["artifacts"].items():
        if body["type"] != "aws:cloudformation:stack":
            continue
        properties = body["properties"]
        known_as = {artifact, properties.get("stackName", ""), body.get("displayName", "")}
        if any(known == name or known.endswith((f"-{name}", f"/{name}")) for known in known_as):
            break
    else:
        raise TemplateError(f"{folder} has no stack {name}")
    region = str(body.get("environment", "")).rpartition("/")[2]
    stack = properties.get("stackName", artifact)
    return Stack(
        stack,
        Template.read(
            folder / properties["templateFile"],
            stack=stack,
            region=DEFAULT_REGION if region in {"", "unknown-region"} else region,
        ),
        _assets(folder, manifest["artifacts"]),
    )


def _assets(folder: Path, artifacts: dict[str, Any]) -> dict[str, Path]:
    """S3 object key -> folder or archive, as the publishing tool would read it."""
    found = {}
    for body in artifacts.values():
        if body["type"] != "cdk:asset-manifest":
            continue
        listed = json.loads((folder / body["properties"]["file"]).read_text(encoding="utf-8"))
        for asset in listed.get("files", {}).values():
            for destination in asset["destinations"].values():
                if "path" in asset["source"]:
                    found[destination["objectKey"]] = (folder / asset["source"]["path"]).resolve()
    return found


def unpack(asset: Path, cache: Path) -> Path:
    """Put an asset's files into a folder of their own, as Lambda does with the zip in /var/task.

    A copy, so that Python can keep its compiled files there without touching what was synthesized.
    """
    target = cache / asset.name.removesuffix(".zip")
    if target.is_dir():
        return target
    cache.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=".unpack-", dir=cache))
    try:
        if asset.is_dir():
            shutil.copytree(asset, partial, dirs_exist_ok=True)
        else:
            shutil.unpack_archive(asset, partial, "zip")
        partial.rename(target)
    except OSError:
        # Another run was faster.
        shutil.rmtree(partial, ignore_errors=True)
        if not target.is_dir():
            raise
    return target
