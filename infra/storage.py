"""The buckets of the pipelines: what comes in, and what we know we sent."""

from typing import cast

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.constructs.acknowledged import acknowledge
from infra.environment import Environment

OMNISTRATE_ACCOUNT = "498789612402"
RUNS_DAYS, PREVIEW_DAYS, OLD_VERSION_DAYS = 90, 30, 7
# Longer than the longest `late_window`: closed months are compared by the folds of their days.
FOLD_DAYS = 430

NO_ACCESS_LOGS = (
    "Server access logs are best effort and need a bucket of their own. What was sent, when and "
    "by which execution stands in the bucket itself, where every version of it is kept."
)


def removal_policy(*, keep_data: bool) -> RemovalPolicy:
    """Keep what holds evidence, except when its very first deployment is rolled back."""
    return RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE if keep_data else RemovalPolicy.DESTROY


class PrivateBucket(s3.Bucket):
    """Versioned, encrypted, TLS only, closed to the public.

    S3-managed keys: Omnistrate writes from another account, and a customer key would add a key
    policy to be kept in step without keeping anybody out who may read the bucket.
    """

    def __init__(
        self, scope: Construct, id_: str, *, keep_data: bool, rules: list[s3.LifecycleRule]
    ) -> None:
        """Emptying the bucket before a stack is deleted stays a deliberate act."""
        super().__init__(
            scope,
            id_,
            versioned=True,
            encryption=s3.BucketEncryption.S3_MANAGED,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            removal_policy=removal_policy(keep_data=keep_data),
            lifecycle_rules=[
                s3.LifecycleRule(
                    abort_incomplete_multipart_upload_after=Duration.days(OLD_VERSION_DAYS),
                    expired_object_delete_marker=True,
                ),
                *rules,
            ],
        )
        acknowledge(self, "AwsSolutions-S1", NO_ACCESS_LOGS)

    def refuse_unconditional_writes(self, *prefixes: str) -> None:
        """Deny whoever writes without having read: programs and operators alike.

        Both keys in one operator: only a request that carries neither is denied.
        """
        self.add_to_resource_policy(
            iam.PolicyStatement(
                sid="ConditionalWritesOnly",
                effect=iam.Effect.DENY,
                principals=[iam.AnyPrincipal()],
                actions=["s3:PutObject"],
                resources=[self.arn_for_objects(f"{prefix}*") for prefix in prefixes],
                conditions={"Null": {"s3:if-none-match": "true", "s3:if-match": "true"}},
            )
        )


class MeteringStorage(Construct):
    """Only what a run leaves behind expires.

    The state file, ledger, leases and reports never do: they are the proof of what was billed.
    """

    def __init__(self, scope: Construct, id_: str, *, environment: Environment) -> None:
        """Take the operator's usage bucket by name, or make one."""
        super().__init__(scope, id_)
        usage, keep_data = environment.usage_bucket, environment.keep_data
        lives = {"runs/": RUNS_DAYS, "previews/": PREVIEW_DAYS, "days/": FOLD_DAYS}
        rules = [_expire(prefix, days) for prefix, days in lives.items()]
        self.state = PrivateBucket(self, "StateBucket", keep_data=keep_data, rules=rules)
        self.state.refuse_unconditional_writes("ledger/", "leases/", "days/")
        self.usage: s3.IBucket = (
            s3.Bucket.from_bucket_name(self, "UsageBucket", usage)
            if usage
            else self._export_bucket(keep_data=keep_data)
        )

    def _export_bucket(self, *, keep_data: bool) -> s3.Bucket:
        """Omnistrate asks for exactly these two rights on the whole bucket.

        A file may be rewritten within its hour; the version before is kept for a while, so that
        a disputed month can be recomputed from what was there.
        """
        old_versions = s3.LifecycleRule(noncurrent_version_expiration=Duration.days(RUNS_DAYS))
        bucket = PrivateBucket(self, "UsageBucket", keep_data=keep_data, rules=[old_versions])
        bucket.add_to_resource_policy(
            iam.PolicyStatement(
                sid="OmnistrateExport",
                principals=[iam.AccountPrincipal(OMNISTRATE_ACCOUNT)],
                actions=["s3:PutObject", "s3:GetObject"],
                resources=[bucket.arn_for_objects("*")],
            )
        )
        return bucket


class CreditsBucket(PrivateBucket):
    """Uploads, and beside them all that is known of what CloudZero held and holds.

    Only what a run leaves behind expires. An upload, a snapshot, a drop and a report never do:
    they are the way back, and the proof.
    """

    def __init__(self, scope: Construct, id_: str, *, keep_data: bool) -> None:
        """Tell EventBridge of every object.

        By the property itself: the ready-made option would deploy a function that sets it.
        """
        super().__init__(scope, id_, keep_data=keep_data, rules=[_expire("runs/", RUNS_DAYS)])
        self.refuse_unconditional_writes("leases/", "drops/")
        bucket = cast("s3.CfnBucket", self.node.default_child)
        bucket.notification_configuration = s3.CfnBucket.NotificationConfigurationProperty(
            event_bridge_configuration=s3.CfnBucket.EventBridgeConfigurationProperty(
                event_bridge_enabled=True
            )
        )


def _expire(prefix: str, days: int) -> s3.LifecycleRule:
    return s3.LifecycleRule(
        prefix=prefix,
        expiration=Duration.days(days),
        noncurrent_version_expiration=Duration.days(OLD_VERSION_DAYS),
    )
