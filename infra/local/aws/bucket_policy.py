"""What a bucket's policy refuses of writes: those without a condition, where it demands one."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from infra.local.app.template import PARTITION, Template
from infra.local.aws.wsgi_server import Environ

_HEADERS = {"s3:if-match": "HTTP_IF_MATCH", "s3:if-none-match": "HTTP_IF_NONE_MATCH"}


@dataclass(frozen=True)
class Refusal:
    """Objects that may only be written with one of these headers."""

    bucket: str
    resource: str
    headers: tuple[str, ...]

    def holds(self, bucket: str, key: str, environ: Environ) -> bool:
        """Return True if this write is refused."""
        return (
            bucket == self.bucket
            and fnmatchcase(f"arn:{PARTITION}:s3:::{bucket}/{key}", self.resource)
            and not any(name in environ for name in self.headers)
        )


def refusals(template: Template) -> Iterator[Refusal]:
    """Yield what the template's bucket policies say; their other statements mean nothing here."""
    for policy in template.of_type("AWS::S3::BucketPolicy"):
        for statement in policy.properties["PolicyDocument"]["Statement"]:
            if headers := _headers(statement):
                for resource in _listed(statement["Resource"]):
                    yield Refusal(policy.properties["Bucket"], resource, headers)


def _headers(statement: Mapping[str, Any]) -> tuple[str, ...]:
    if statement["Effect"] != "Deny" or "s3:PutObject" not in _listed(statement["Action"]):
        return ()
    match statement.get("Condition"):
        case {"Null": absent} if all(value == "true" for value in absent.values()):
            return tuple(_HEADERS[key] for key in absent)
    return ()


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
