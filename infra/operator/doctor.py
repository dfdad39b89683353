"""`billing doctor`: what has to be there for a run to succeed, each with what to do."""

import datetime as dt
from collections.abc import Callable, Iterator

import msgspec
from botocore.exceptions import ClientError
from rich.console import Console

from functions.adapters import keys
from functions.adapters.books import Books
from infra.operator.deployed import client, output, outputs
from infra.operator.ending import finish, sentence
from infra.operator.errors import Failed
from infra.operator.options import Screen, Where, verb
from infra.operator.place import Place, find
from infra.operator.status import plan_status

_FEWEST_FUNCTIONS = 100  # at once, for the maps of both pipelines


class Finding(msgspec.Struct, kw_only=True):
    """One thing that was looked at; `text` says what to do where it is not well."""

    what: str
    well: bool
    text: str


Look = Callable[[], str]


@verb("doctor --env prod")
def doctor(*, where: Where, screen: Screen) -> None:
    """Look at credentials, stacks, secrets, marker, buckets, subscription and quotas."""

    def work() -> list[Finding]:
        found = list(_looked(_of_account(where.env))) if where.env else []
        if not all(one.well for one in found[:2]):
            return found  # without credentials or stack nothing else can be looked at
        return [*found, *_looked(_of_place(find(where), where.env or ""))]

    def show(found: list[Finding], console: Console) -> None:
        for one in sorted(found, key=lambda one: one.well):
            word = "ok  " if one.well else "LOOK"
            console.print(f"{word} {one.what}: {one.text}", markup=False, soft_wrap=True)

    finish(work, show, lambda found: all(one.well for one in found), screen)


def _looked(looks: Iterator[tuple[str, Look]]) -> Iterator[Finding]:
    for what, look in looks:
        try:
            yield Finding(what=what, well=True, text=look())
        except Exception as error:  # noqa: BLE001 - one that fails must not hide the others
            yield Finding(what=what, well=False, text=sentence(error))


def _of_account(env: str) -> Iterator[tuple[str, Look]]:
    yield "AWS credentials", lambda: str(client("sts").get_caller_identity()["Arn"])
    yield "stack metering", lambda: f"{len(outputs(env, 'metering'))} outputs"
    yield "stack credits", lambda: f"{len(outputs(env, 'credits'))} outputs"
    yield "secret of Clazar", lambda: _secret(env, "metering", "ClazarSecretName", "client_secret")
    yield "secret of CloudZero", lambda: _secret(env, "credits", "CloudZeroSecretName", "api_key")
    for pipeline in ("metering", "credits"):
        yield f"mail of {pipeline}", lambda of=pipeline: _subscribed(env, of)  # type: ignore[misc]
    yield "quota of functions at once", _quota


def _of_place(place: Place, env: str) -> Iterator[tuple[str, Look]]:
    yield "state bucket" if env else "state folder", lambda: _listed(place)
    for books in place.books():
        yield f"plan {books.plan.key}", lambda of=books: _plan(of, place)  # type: ignore[misc]


def _secret(env: str, pipeline: str, name: str, key: str) -> str:
    secret = output(env, pipeline, name)
    todo = f'put JSON with "{key}" into it: aws secretsmanager put-secret-value'
    try:
        text = client("secretsmanager").get_secret_value(SecretId=secret)["SecretString"]
        held = msgspec.json.decode(text)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise
        raise Failed(f"{secret} has no value; {todo}") from None
    except msgspec.DecodeError:  # its message may quote the secret
        raise Failed(f"{secret} is not JSON; {todo}") from None
    if not (isinstance(held, dict) and held.get(key)):
        raise Failed(f"{secret} has no {key}; {todo}")
    return secret


def _subscribed(env: str, pipeline: str) -> str:
    topic = output(env, pipeline, "TopicArn")
    pages = client("sns").get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic)
    found = [item["SubscriptionArn"] for page in pages for item in page["Subscriptions"]]
    confirmed = [arn for arn in found if arn.startswith("arn:")]
    if not confirmed:
        waits = "confirm it by the link in its mail" if found else "subscribe somebody to it"
        raise Failed(f"nobody gets the messages of {topic}; {waits}")
    return f"{len(confirmed)} subscribed"


def _quota() -> str:
    most = client("lambda").get_account_settings()["AccountLimit"]["ConcurrentExecutions"]
    if most < _FEWEST_FUNCTIONS:
        raise Failed(
            f"the account runs {most} functions at once, {_FEWEST_FUNCTIONS} are good; ask for "
            "more in Service Quotas (Lambda, concurrent executions)"
        )
    return str(most)


def _listed(place: Place) -> str:
    next(place.state.list("", limit=1), None)
    if place.usage is not None:
        next(place.usage.list(keys.USAGE_ROOT, limit=1), None)
    return place.name


def _plan(books: Books, place: Place) -> str:
    found = plan_status(books, place.usage, dt.datetime.now(dt.UTC), "")
    if found.notes:
        raise Failed("; ".join(found.notes))
    total = sum(len(one.contracts) for one in found.open)
    return f"last closed month {found.last_closed or 'none yet'}, {total} open"
