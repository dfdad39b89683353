"""Findings of cdk-nag that are meant, each with its reason, beside what they are about."""

from aws_cdk import Acknowledgment, Stack, Validations
from constructs import IConstruct


def acknowledge(construct: IConstruct, rule: str, reason: str) -> None:
    """Accept one finding of one construct; anything else still fails the synth."""
    Validations.of(construct).acknowledge(Acknowledgment(id=rule, reason=reason))


def acknowledge_pattern(construct: IConstruct, arn: str, reason: str) -> None:
    """Accept one resource with a ``*`` in a policy, which cdk-nag names by logical ids."""
    resource = _as_nag_writes_it(Stack.of(construct).resolve(arn))
    acknowledge(construct, f"AwsSolutions-IAM5[Resource::{resource}]", reason)


def _as_nag_writes_it(arn: object) -> str:
    match arn:
        case {"Fn::Join": [separator, parts]}:
            return str(separator).join(_as_nag_writes_it(part) for part in parts)
        case {"Fn::GetAtt": [logical_id, attribute]}:
            return f"<{logical_id}.{attribute}>"
        case {"Ref": logical_id}:
            return f"<{logical_id}>"
        case _:
            return str(arn)
