"""Reading a synthesized template: which resources there are, and what each role may do."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra import credits_tasks, definitions, metering_tasks
from infra.environment import Environment
from infra.environments import DEV, PROD, STAGING
from infra.tasks import Task

ENVIRONMENTS: Mapping[str, Environment] = {e.name: e for e in (DEV, STAGING, PROD)}
PIPELINES: Mapping[str, Mapping[str, Task]] = {
    "metering": metering_tasks.TASKS,
    "credits": credits_tasks.TASKS,
}


@dataclass(frozen=True)
class Template:
    """The template of one pipeline in one environment."""

    environment: Environment
    pipeline: str
    text: str

    @classmethod
    def of(cls, assembly: Path, environment: str, pipeline: str) -> "Template":
        (path,) = (assembly / f"assembly-{environment}").glob(f"*{pipeline}*.template.json")
        return cls(ENVIRONMENTS[environment], pipeline, path.read_text(encoding="utf-8"))

    @property
    def tasks(self) -> Mapping[str, Task]:
        return PIPELINES[self.pipeline]

    @property
    def machine(self) -> str:
        """The construct of the state machine, and so the owner of its rights."""
        return self.pipeline.capitalize()

    @property
    def definition(self) -> dict[str, Any]:
        return definitions.load(self.pipeline)

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

    def properties(self, kind: str) -> list[dict[str, Any]]:
        """What the resources of a kind are configured with."""
        return [found["Properties"] for found in self.resources(kind).values()]

    @property
    def alarms(self) -> list[dict[str, Any]]:
        return self.properties("AWS::CloudWatch::Alarm")

    def statements(self, kind: str) -> list[tuple[str, dict[str, Any]]]:
        """Every statement of the policies of a kind, with the policy that it is in."""
        return [
            (id_, statement)
            for id_, policy in self.resources(kind).items()
            for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        ]

    def variables(self, state: str) -> dict[str, Any]:
        reported: dict[str, Any] = self.functions()[state]["Environment"]["Variables"]
        return reported

    def rights(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Every statement of every role, with the construct that the role belongs to."""
        for id_, statement in self.statements("AWS::IAM::Policy"):
            yield _named(r"(\w+)RoleDefaultPolicy", id_), statement

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

    def owners(self, action: str) -> set[str]:
        """Which roles may do this to anything."""
        return {owner for owner, right in self.rights() if action in listed(right["Action"])}

    def rights_of(self, owner: str) -> dict[str, list[Any]]:
        """Action -> resources of one role."""
        return {
            action: listed(right["Resource"])
            for name, right in self.rights()
            if name == owner
            for action in listed(right["Action"])
        }


def listed(value: Any) -> list[Any]:
    """A policy holds one thing or a list of things."""
    return value if isinstance(value, list) else [value]


def _named(pattern: str, text: str) -> str:
    found = re.match(pattern, text)
    assert found, text
    return found[1]
