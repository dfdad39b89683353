"""Rights on the keys of a bucket: no more than the patterns written down for a task."""

from collections.abc import Iterable
from dataclasses import dataclass

from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3

from infra.constructs.acknowledged import acknowledge_pattern

KEYS_ARE_MADE_AT_RUN_TIME = (
    "The object keys hold plan, month, run, contract or file, so a part of the pattern is open."
)


@dataclass(frozen=True, kw_only=True)
class Access:
    """Key patterns of one bucket; there is no right to delete."""

    read: tuple[str, ...] = ()
    write: tuple[str, ...] = ()
    list_only: tuple[str, ...] = ()

    def replacing(self, placeholder: str, keys: Iterable[str]) -> "Access":
        """Put the keys that are known only at synth in the place of a placeholder."""
        known = tuple(keys)

        def replaced(patterns: tuple[str, ...]) -> tuple[str, ...]:
            return tuple(key for p in patterns for key in (known if p == placeholder else (p,)))

        return Access(
            read=replaced(self.read), write=replaced(self.write), list_only=replaced(self.list_only)
        )

    def grant(self, bucket: s3.IBucket, role: iam.Role) -> None:
        """Write the rights into the role, reading first."""
        self._objects(bucket, role, "s3:GetObject", self.read)
        self._objects(bucket, role, "s3:PutObject", self.write)
        if listed := [*self.read, *self.list_only]:
            _names(bucket, role, listed)

    def _objects(
        self, bucket: s3.IBucket, role: iam.Role, action: str, patterns: tuple[str, ...]
    ) -> None:
        if not patterns:
            return
        arns = [bucket.arn_for_objects(pattern) for pattern in patterns]
        role.add_to_policy(iam.PolicyStatement(actions=[action], resources=arns))
        for arn, pattern in zip(arns, patterns, strict=True):
            if "*" in pattern:
                acknowledge_pattern(role, arn, KEYS_ARE_MADE_AT_RUN_TIME)


def _names(bucket: s3.IBucket, role: iam.Role, patterns: list[str]) -> None:
    """Without a right to list, S3 answers 403 instead of 404 for an object that is not there.

    ``IfExists``, because a read of one object carries no ``s3:prefix`` to compare. A listing that
    names a prefix outside these patterns is refused.
    """
    role.add_to_policy(
        iam.PolicyStatement(
            actions=["s3:ListBucket"],
            resources=[bucket.bucket_arn],
            conditions={"StringLikeIfExists": {"s3:prefix": patterns}},
        )
    )
