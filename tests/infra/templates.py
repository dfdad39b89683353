"""Reading a synthesized template: which resources there are, and what each role may do."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ENVIRONMENTS = ("dev", "staging", "prod")


@dataclass(frozen=True)
class Template:
    """The template of one environment's metering stack."""

    text: str

    @classmethod
    def of(cls, assembly: Path, environment: str) -> "Template":
        (path,) = (assembly / f"assembly-{environment}").glob("*metering*.template.json")
        return cls(path.read_text(encoding="utf-8"))

    @property
    def body(self) -> dict[str, Any]:
        body: dict[str, Any] = json.loads(self.text)
        return body

    def resources(self, kind: str) -> dict[str, dict[str, Any]]:
        return {
            id_: resource
            for id_, resource in self.body["Resources"].items()
            if resource["Type"] == kind
        }

    def functions(self) -> dict[str, dict[str, Any]]:
        """State name -> function properties."""
        return {
            _named(r"State (\w+):", resource["Properties"]["Description"]): resource["Properties"]
            for resource in self.resources("AWS::Lambda::Function").values()
        }

    def rights(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Every statement of every role, with the construct that the role belongs to."""
        for id_, resource in self.resources("AWS::IAM::Policy").items():
            owner = _named(r"(\w+)RoleDefaultPolicy", id_)
            for statement in resource["Properties"]["PolicyDocument"]["Statement"]:
                yield owner, statement

    def keys(self, owner: str, action: str, bucket: str) -> set[str]:
        """Which keys of a bucket a role may use: ``keys("AcquirePlan", "s3:GetObject", …)``."""
        suffixes = set()
        for name, statement in self.rights():
            if name != owner or action not in listed(statement["Action"]):
                continue
            for resource in listed(statement["Resource"]):
                match resource:
                    case {"Fn::Join": [_, [{"Fn::GetAtt": [id_, "Arn"]}, key]]} if bucket in id_:
                        suffixes.add(key)
        return suffixes


def listed(value: Any) -> list[Any]:
    """A policy holds one thing or a list of things."""
    return value if isinstance(value, list) else [value]


def _named(pattern: str, text: str) -> str:
    found = re.match(pattern, text)
    assert found, text
    return found[1]
