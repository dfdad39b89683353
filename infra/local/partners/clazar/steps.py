"""What each word of a Clazar script does to one request.

A plan is plain data (wait, take the records or not, which to refuse, what to answer), so each word
is one table entry that changes one thing, and words can be joined: `"slow:0.2+lost"`,
`"partial:memory_byte_hours+unlabelled+shuffled"`.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from infra.local.partners.clazar import contract
from infra.local.partners.clazar.contract import Record, Refusal, Result
from infra.local.partners.clazar.script import Step, seconds, setting
from infra.local.partners.http import CUT, GARBAGE, Reply

SUCCESS = "success"
_LABELS = ("contract_id", "dimension")


@dataclass(frozen=True)
class Plan:
    """What happens to one request; the defaults are a service in good health."""

    words: str = "ok"
    wait_before: float = 0
    wait_after: float = 0
    accepts: bool = True
    expires_tokens: bool = False
    answer: Reply | None = None
    refusal: Callable[[Record], Refusal | None] | None = None
    status: Callable[[Record], str] = lambda _: SUCCESS
    reshape: tuple[Callable[[list[Result]], list[Result]], ...] = ()


def _answering(reply: Reply, *, accepts: bool = False) -> Step[Plan]:
    """Make a step that answers without results; `:accepted` / `:unaccepted` says what is true."""

    def step(plan: Plan, argument: str) -> Plan:
        if argument not in ("", "accepted", "unaccepted"):
            message = f"expected 'accepted' or 'unaccepted', got {argument!r} in {plan.words!r}"
            raise ValueError(message)
        taken = argument == "accepted" if argument else accepts
        return replace(plan, answer=reply, accepts=taken)

    return step


def _partial(plan: Plan, dimension: str) -> Plan:
    if not dimension:
        raise ValueError("partial needs a dimension, as in 'partial:cpu_core_hours'")
    return replace(
        plan,
        refusal=lambda item: (
            contract.DIMENSION_NOT_ALLOWED if item["dimension"] == dimension else None
        ),
    )


def _fail(plan: Plan, dimension: str) -> Plan:
    return replace(
        plan, status=lambda item: "fail" if dimension in ("", item["dimension"]) else SUCCESS
    )


def _unlabelled(plan: Plan, _: str) -> Plan:
    """Take the labels off error results; alone it refuses every record, so that there are some."""
    if plan.refusal is None:
        plan = replace(plan, refusal=lambda _: contract.DIMENSION_NOT_ALLOWED)
    return _reshaping(lambda results: [_without_labels(result) for result in results])(plan, "")


def _without_labels(result: Result) -> Result:
    if "errors" not in result:
        return result
    return {name: value for name, value in result.items() if name not in _LABELS}


def _reshaping(change: Callable[[list[Result]], list[Result]]) -> Step[Plan]:
    return lambda plan, _: replace(plan, reshape=(*plan.reshape, change))


_BUSY = Reply(429, {"message": "Request was throttled."})
_UNAVAILABLE = Reply(503, {"message": "Service unavailable."})
_GATEWAY_TIMEOUT = Reply(504, b"<html><h1>504 Gateway Time-out</h1></html>")
_EXPIRE: Step[Plan] = setting(expires_tokens=True, accepts=False)

AUTHENTICATION_STEPS: dict[str, Step[Plan]] = {
    "ok": setting(refusal=lambda _: None),
    "busy": _answering(_BUSY),
    "unavailable": _answering(_UNAVAILABLE),
    "gateway-timeout": _answering(_GATEWAY_TIMEOUT),
    "garbage": _answering(GARBAGE),
    "drop": _answering(CUT),
    "slow": seconds("wait_before"),
}
LISTING_STEPS: dict[str, Step[Plan]] = {**AUTHENTICATION_STEPS, "expire": _EXPIRE}
METERING_STEPS: dict[str, Step[Plan]] = {
    **AUTHENTICATION_STEPS,
    "expire": _EXPIRE,
    "garbage": _answering(GARBAGE, accepts=True),
    "lost": _answering(CUT, accepts=True),
    "slow-answer": seconds("wait_after"),
    "refuse": setting(refusal=lambda _: contract.UNKNOWN_CONTRACT),
    "partial": _partial,
    "fail": _fail,
    "unlabelled": _unlabelled,
    "shuffled": _reshaping(lambda results: results[1:] + results[:1]),
    "short": _reshaping(lambda results: results[:-1]),
}
