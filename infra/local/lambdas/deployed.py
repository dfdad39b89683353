"""The stack's functions as they would run in Lambda: code, settings and limits of the template."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from infra.local.app.assembly import Stack, unpack
from infra.local.app.template import Resource, TemplateError
from infra.local.lambdas.process import Function


class DeployedFunctions:
    """All functions of one stack."""

    def __init__(self, stack: Stack, *, cache: Path) -> None:
        self._stack = stack
        self._cache = cache
        self._found = list(stack.template.of_type("AWS::Lambda::Function"))

    def setting(self, *names: str) -> str:
        """The first of these environment variables that the stack gives to its functions."""
        for name in names:
            for function in self._found:
                if name in (variables := _variables(function)):
                    return str(variables[name])
        wanted = " or ".join(names)
        raise TemplateError(f"no function of stack {self._stack.name} has the setting {wanted}")

    def with_settings(
        self, replaced: Mapping[str, str], *, endpoint: str, region: str
    ) -> list[Function]:
        """Every function, with these settings in the place of its own where it has them."""
        for name in replaced:
            # Otherwise a partner's real address would be used where a loopback one was meant.
            self.setting(name)
        local = {
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_REGION": region,
            "AWS_DEFAULT_REGION": region,
        }
        functions = []
        for found in self._found:
            settings = _variables(found)
            known = {name: value for name, value in replaced.items() if name in settings}
            functions.append(self._function(found, {**settings, **known, **local}))
        return functions

    def _function(self, found: Resource, settings: Mapping[str, Any]) -> Function:
        properties = found.properties
        key = str(properties["Code"]["S3Key"])
        if key not in self._stack.assets:
            raise TemplateError(f"the code of {found.name} ({key}) is not in the cloud assembly")
        environment = {name: str(value) for name, value in settings.items()}
        return Function(
            name=found.name,
            arn=found.arn,
            handler=str(properties["Handler"]),
            code=unpack(self._stack.assets[key], self._cache),
            environment={**environment, **_logging(properties.get("LoggingConfig", {}))},
            timeout=float(properties.get("Timeout", 3)),
            memory=int(properties.get("MemorySize", 128)),
        )


def _variables(function: Resource) -> dict[str, Any]:
    found: dict[str, Any] = function.properties.get("Environment", {}).get("Variables", {})
    return found


def _logging(configured: Mapping[str, Any]) -> dict[str, str]:
    if configured.get("LogFormat") != "JSON":
        return {}
    return {
        "AWS_LAMBDA_LOG_FORMAT": "JSON",
        "AWS_LAMBDA_LOG_LEVEL": str(configured.get("ApplicationLogLevel", "INFO")),
    }
