"""What the synthesized CloudFormation template says, with its intrinsic functions worked out.

Nothing of the pipelines is declared a second time for this machine: names, environments, timeouts
and definitions are read from here. Only the intrinsics that the CDK really writes are understood;
any other one is an error, because a name guessed wrongly would look like a defect of the pipeline.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from infra.local.app import resource_names

ACCOUNT = "123456789012"
"""The account that moto answers for."""
PARTITION = "aws"

_VARIABLE = re.compile(r"\$\{([^}]+)\}")


class TemplateError(Exception):
    """The template holds something that cannot be worked out; the message says what and where."""


@dataclass(frozen=True)
class Resource:
    """One resource, with its properties worked out."""

    logical_id: str
    type: str
    name: str
    arn: str
    properties: dict[str, Any]


class Template:
    """One stack's template.

    Properties are worked out when asked for, so that resources which mean nothing here (alarms,
    dashboards, policies) may use any intrinsic.
    """

    def __init__(self, body: Mapping[str, Any], *, stack: str, region: str) -> None:
        self._resources: Mapping[str, Any] = body.get("Resources", {})
        self._stack = stack
        self.region = region
        self._intrinsics: dict[str, Callable[[Any], Any]] = {
            "Ref": self._ref,
            "Fn::GetAtt": lambda argument: self._attribute(*argument),
            "Fn::Join": self._join,
            "Fn::Sub": lambda text: _VARIABLE.sub(lambda found: str(self._ref(found[1])), text),
        }

    def of_type(self, kind: str) -> Iterator[Resource]:
        """Every resource of a CloudFormation type, in the template's order."""
        for logical_id, body in self._resources.items():
            if body["Type"] == kind:
                yield Resource(
                    logical_id,
                    kind,
                    self._name(logical_id),
                    self._arn(logical_id),
                    self._mapping(body.get("Properties", {})),
                )

    def _mapping(self, value: Mapping[str, Any]) -> dict[str, Any]:
        return {key: self.resolve(inner) for key, inner in value.items()}

    def resolve(self, value: Any) -> Any:
        """A property value with every intrinsic in it replaced by what it stands for."""
        if isinstance(value, list):
            return [self.resolve(inner) for inner in value]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((name, argument),) = value.items()
            if name in self._intrinsics:
                return self._intrinsics[name](argument)
            if name.startswith("Fn::"):
                raise TemplateError(f"{name} in stack {self._stack} is not understood")
        return self._mapping(value)

    def _join(self, argument: list[Any]) -> str:
        separator, parts = argument
        return str(separator).join(str(part) for part in self.resolve(parts))

    def _ref(self, name: str) -> Any:
        pseudo = {
            "AWS::Region": self.region,
            "AWS::AccountId": ACCOUNT,
            "AWS::Partition": PARTITION,
        }
        if name in pseudo:
            return pseudo[name]
        is_arn = self._kind(name) in resource_names.REF_IS_ARN
        return self._arn(name) if is_arn else self._name(name)

    def _attribute(self, name: str, attribute: str) -> Any:
        if attribute != "Arn":
            what = f"{name}.{attribute} ({self._kind(name)})"
            raise TemplateError(f"{what} in stack {self._stack} is not understood")
        return self._arn(name)

    def _kind(self, name: str) -> str:
        try:
            return str(self._resources[name]["Type"])
        except KeyError:
            raise TemplateError(f"stack {self._stack} refers to {name}, which it lacks") from None

    def _name(self, logical_id: str) -> str:
        kind = self._kind(logical_id)
        own = resource_names.NAME_PROPERTY.get(kind, "")
        given = self._resources[logical_id].get("Properties", {}).get(own)
        if given is not None:
            return str(self.resolve(given))
        name = f"{self._stack}-{logical_id}"
        if kind == "AWS::S3::Bucket":
            name = name.lower()
        return name[-resource_names.NAME_LIMIT.get(kind, 80) :].lstrip("-")

    def _arn(self, logical_id: str) -> str:
        kind = self._kind(logical_id)
        service = kind.split("::")[1].lower()
        pattern = resource_names.ARN.get(kind, service + ":{0}:{1}:{2}")
        name = self._name(logical_id).lstrip("/")
        return f"arn:{PARTITION}:" + pattern.format(self.region, ACCOUNT, name)
