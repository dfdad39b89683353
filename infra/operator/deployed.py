"""A deployed environment, found by the outputs of its stacks with the user's AWS credentials."""

import os
from functools import cache
from typing import Any

import boto3
import msgspec
from botocore.exceptions import ClientError

from functions.adapters.clazar.api import Clazar
from functions.adapters.clazar.http import Credentials, Session
from functions.adapters.receivers import UsageReceiver
from functions.adapters.storage import Bucket
from functions.domain.plan import Plan, parse_plan
from infra.operator.errors import Failed, Unusable
from infra.operator.place import Place


def client(service: str) -> Any:
    """Return a client with the credentials and the region of the user."""
    return boto3.client(service)


@cache
def outputs(env: str, pipeline: str) -> dict[str, str]:
    """Return the outputs of a pipeline's stack; Unusable if it is not there."""
    name = f"{env}-{pipeline}"
    try:
        (stack,) = client("cloudformation").describe_stacks(StackName=name)["Stacks"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "ValidationError":
            raise
        raise Unusable(
            f"--env {env}: this account and region have no stack {name}; "
            "check AWS_PROFILE and AWS_REGION, or deploy it with make deploy"
        ) from None
    return {item["OutputKey"]: item["OutputValue"] for item in stack.get("Outputs", [])}


def output(env: str, pipeline: str, name: str) -> str:
    """Return one output; Failed if an earlier version without it is deployed."""
    found = outputs(env, pipeline)
    if name not in found:
        raise Failed(f"stack {env}-{pipeline} has no output {name}; run make deploy ENV={env}")
    return found[name]


def place_of(env: str) -> Place:
    """Return the buckets, plans and partner of an environment."""

    def receiver() -> UsageReceiver:
        url = output(env, "metering", "ClazarUrl")
        return Clazar(Session(url, lambda _fresh: _credentials(env)))

    _share_credentials()
    credited = _credits_bucket(env)
    return Place(
        name=env,
        state=Bucket(output(env, "metering", "StateBucketName")),
        usage=Bucket(output(env, "metering", "UsageBucketName")),
        plans=plans(env),
        clazar=receiver,
        credits=Bucket(credited) if credited else None,
    )


def _share_credentials() -> None:
    """Put the credentials of a profile where the storage library looks: the environment."""
    session = boto3.Session()
    if found := session.get_credentials():
        frozen = found.get_frozen_credentials()
        shared = {
            "AWS_ACCESS_KEY_ID": frozen.access_key,
            "AWS_SECRET_ACCESS_KEY": frozen.secret_key,
            "AWS_SESSION_TOKEN": frozen.token,
            "AWS_REGION": session.region_name,
        }
        os.environ.update({name: value for name, value in shared.items() if value})


def _credits_bucket(env: str) -> str:
    """Return the credits bucket; each pipeline can be deployed without the other."""
    try:
        return outputs(env, "credits").get("CreditsBucketName", "")
    except Unusable:
        return ""


def plans(env: str) -> tuple[Plan, ...]:
    """Return the plans as they are deployed."""
    path = output(env, "metering", "PlansPath")
    pages = client("ssm").get_paginator("get_parameters_by_path").paginate(Path=path)
    values = [item["Value"] for page in pages for item in page["Parameters"]]
    if not values:
        raise Failed(f"no plan is deployed under {path}; run make deploy ENV={env}")
    return tuple(parse_plan(msgspec.json.decode(value)) for value in values)


def _credentials(env: str) -> Credentials:
    name = output(env, "metering", "ClazarSecretName")
    text = client("secretsmanager").get_secret_value(SecretId=name)["SecretString"]
    try:
        return msgspec.json.decode(text, type=Credentials)
    except msgspec.DecodeError:  # its message may quote the secret
        raise Failed(
            f'the secret {name} must be {{"client_id": "…", "client_secret": "…"}}; put it there'
        ) from None
