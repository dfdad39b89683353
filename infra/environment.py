"""What one deployment is given, and the check of it.

A mistake fails ``cdk synth`` with a message that names the environment, the plan and the field,
because a wrong setting found in the middle of a billing month costs money.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from functions.domain.plan import Plan, parse_plan
from functions.errors import BadInput

LOG_DAYS = (7, 14, 30, 90, 180, 365, 731)
# AWS takes last month's usage until 06:00 UTC on the 1st, so the first start is early. The hourly
# starts after it are the wait for a late export: a start with nothing left to do is a no-op. The
# daily starts after them read the day that is over, compare late usage and remind of contracts
# that are still open.
EARLY_AND_DAILY = ("cron(30 1-5 1-3 * ? *)", "cron(30 5 4-31 * ? *)")
SAMPLE_PLAN = "pt-your-plan-id"  # in a fresh clone, in the place of a plan of yours


def _matches(pattern: str) -> Callable[[object], bool]:
    """Texts only: a float limit is not exact."""
    return lambda value: isinstance(value, str) and bool(re.fullmatch(pattern, value))


def _is_nothing_or(pattern: str) -> Callable[[object], bool]:
    return lambda value: value is None or _matches(rf"|{pattern}")(value)


def _is_base_url(text: str) -> bool:
    """Https only, and nothing after the path: the adapters append what they call."""
    url = urlsplit(text)
    extras = url.username or url.password or url.query or url.fragment
    return url.scheme == "https" and bool(url.hostname) and not extras and not text.endswith("/")


def _are_schedules(expressions: tuple[str, ...]) -> bool:
    return all(map(_matches(r"cron\((\S+ ){5}\S+\)"), expressions))


VALID: Mapping[str, Callable[[Any], bool]] = {
    "name": _matches(r"[a-z][a-z0-9-]{1,15}"),
    "log_days": LOG_DAYS.__contains__,
    "schedules": _are_schedules,
    "usage_bucket": _is_nothing_or(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"),
    "alarm_email": _is_nothing_or(r"[^@\s]+@[^@\s]+\.[^@\s]+"),
    "clazar_url": _is_base_url,
    "cloudzero_url": _is_base_url,
    "cloudzero_connection_id": _matches(r"[A-Za-z0-9_-]{1,64}"),
    "allow_reversals": lambda value: isinstance(value, bool),  # any text would do as "yes"
    "shrink_limit": _matches(r"0(\.[0-9]+)?|1(\.0+)?"),
    "growth_limit": _matches(r"[1-9][0-9]{0,8}(\.[0-9]+)?"),
}


class InvalidEnvironment(SystemExit):
    """A setting of an environment cannot be deployed as it stands.

    Whatever command reads it ends with that one sentence, not with a traceback.
    """


@dataclass(frozen=True, kw_only=True)
class Environment:
    """What one deployment is reported; everything else is the same everywhere."""

    name: str
    plans: tuple[Mapping[str, object], ...]
    clazar_url: str
    cloudzero_url: str
    cloudzero_connection_id: str  # of a stream that nothing else writes to
    usage_bucket: str | None  # None: create one that Omnistrate may write to
    keep_data: bool  # buckets and secrets outlive the stack; logs never do
    log_days: int
    alarm_email: str | None = None  # None: not decided yet; NOBODY: alarms reach no address
    schedules: tuple[str, ...] = EARLY_AND_DAILY
    allow_reversals: bool = False  # credits files may take credits back: negative amounts
    shrink_limit: str = "0.5"  # hold an upload below this share of the stored rows or total
    growth_limit: str = "10"  # hold an upload above this multiple of them
    runbook_url: str = "docs/runbook.md"  # where alarms and mails send the operator
    mails_closed: bool = False  # a mail as well when a month was closed without trouble

    def __post_init__(self) -> None:
        """Refuse what cannot be deployed; an Environment that exists is a valid one."""
        for field, is_valid in VALID.items():
            value = getattr(self, field)
            self._require(field, value, holds=is_valid(value))
        self._require("plans", self.plans, holds=bool(self.parsed_plans))

    @property
    def mail_settings(self) -> Mapping[str, str]:
        """The settings of the functions that write a mail."""
        return {
            "ENVIRONMENT": self.name,
            "RUNBOOK_URL": self.runbook_url,
            "MAILS_CLOSED": "true" if self.mails_closed else "false",
        }

    @property
    def parsed_plans(self) -> tuple[Plan, ...]:
        """The plans as the functions will read them, each one different."""
        plans = tuple(self._parse(plan) for plan in self.plans)
        for key, count in Counter(plan.key for plan in plans).items():
            self._require("plans", key, holds=count == 1, problem="is there more than once")
        return plans

    def unfinished(self, pipeline: str) -> Iterator[str]:
        """Explain what is missing before a pipeline of an environment that bills is deployed."""
        if all(plan.dry_run for plan in self.parsed_plans):
            return
        if self.alarm_email is None:
            yield (
                f"environment {self.name}: alarm_email is not set, and {self.name} bills; "
                "set an address, or NOBODY if no address is to get its alarms"
            )
        if pipeline == "metering" and any(p.plan_id == SAMPLE_PLAN for p in self.parsed_plans):
            yield (
                f"environment {self.name}: plan_id {SAMPLE_PLAN!r} is a placeholder; set the id "
                "of the plan in Omnistrate"
            )
        connection = self.cloudzero_connection_id
        if pipeline == "credits" and connection == placeholder(self.name):
            yield (
                f"environment {self.name}: cloudzero_connection_id {connection!r} is a "
                "placeholder; set the id of an AnyCost Stream connection of its own"
            )

    def _parse(self, settings: Mapping[str, object]) -> Plan:
        try:
            return parse_plan(dict(settings))
        except BadInput as refused:
            raise InvalidEnvironment(f"environment {self.name}: {refused}") from refused

    def _require(
        self, field: str, value: object, *, holds: bool, problem: str = "is not valid"
    ) -> None:
        if not holds:
            raise InvalidEnvironment(f"environment {self.name}: {field} {value!r} {problem}")


def refuse_shared_connections(environments: Iterable[Environment]) -> None:
    """Each drop replaces a whole month of its stream: two environments would erase each other."""
    owners: dict[str, str] = {}
    for environment in environments:
        connection = environment.cloudzero_connection_id
        owner = owners.setdefault(connection.lower(), environment.name)
        if owner != environment.name:
            raise InvalidEnvironment(
                f"environment {environment.name}: cloudzero_connection_id {connection!r} is that "
                f"of {owner}, too; the two would replace each other's months"
            )


def placeholder(name: str) -> str:
    """Return the connection id that a fresh clone has in the place of an environment's own."""
    return f"{name}-anycost-stream"
