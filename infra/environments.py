"""Every difference between dev, staging and prod, on one screen.

A mistake here fails ``cdk synth`` with a message that names the environment, the plan and the
field, because a wrong setting found in the middle of a billing month costs money.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from functions.domain.plan import Plan, parse_plan
from functions.errors import BadInput

LOG_DAYS = (7, 14, 30, 90, 180, 365, 731)
_NAME = re.compile(r"[a-z][a-z0-9-]{1,15}")
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_CRON = re.compile(r"cron\((\S+ ){5}\S+\)")
_CONNECTION = re.compile(r"[A-Za-z0-9_-]{1,64}")
_SHARE = re.compile(r"0(\.[0-9]+)?|1(\.0+)?")
_MULTIPLE = re.compile(r"[1-9][0-9]{0,8}(\.[0-9]+)?")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")

# AWS takes last month's usage until 06:00 UTC on the 1st, so the first start is early. The hourly
# starts after it are the wait for a late export: a start with nothing left to do is a no-op. The
# daily starts after them read the day that is over, compare late usage and remind of contracts
# that are still open.
EARLY_AND_DAILY = ("cron(30 1-5 1-3 * ? *)", "cron(30 5 4-31 * ? *)")


# The word for an environment that bills and whose alarms are meant to reach no address.
NOBODY = ""
SAMPLE_PLAN = "pt-your-plan-id"  # in a fresh clone, in the place of a plan of yours


class InvalidEnvironment(SystemExit):
    """A setting in this file cannot be deployed as it stands.

    Whatever command reads this file ends with that one sentence, not with a traceback.
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
        self._require("name", self.name, holds=bool(_NAME.fullmatch(self.name)))
        self._require("log_days", self.log_days, holds=self.log_days in LOG_DAYS)
        for expression in self.schedules:
            self._require("schedules", expression, holds=bool(_CRON.fullmatch(expression)))
        bucket, email = self.usage_bucket, self.alarm_email
        self._require("usage_bucket", bucket, holds=not bucket or bool(_BUCKET.fullmatch(bucket)))
        self._require("alarm_email", email, holds=not email or bool(_EMAIL.fullmatch(email)))
        self._require("clazar_url", self.clazar_url, holds=_is_base_url(self.clazar_url))
        self._require("plans", self.plans, holds=bool(self.parsed_plans))
        self._check_credits()

    def _check_credits(self) -> None:
        """Look at types as well: any text would do as "yes", and a float is not exact."""
        self._require("cloudzero_url", self.cloudzero_url, holds=_is_base_url(self.cloudzero_url))
        connection, limit = self.cloudzero_connection_id, self.shrink_limit
        is_name = bool(_CONNECTION.fullmatch(connection))
        self._require("cloudzero_connection_id", connection, holds=is_name)
        is_share = isinstance(limit, str) and bool(_SHARE.fullmatch(limit))
        self._require("shrink_limit", limit, holds=is_share)
        growth = self.growth_limit
        is_multiple = isinstance(growth, str) and bool(_MULTIPLE.fullmatch(growth))
        self._require("growth_limit", growth, holds=is_multiple)
        reversals = self.allow_reversals
        self._require("allow_reversals", reversals, holds=isinstance(reversals, bool))

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


def _is_base_url(text: str) -> bool:
    """Https only, and nothing after the path: the adapters append what they call."""
    url = urlsplit(text)
    extras = url.username or url.password or url.query or url.fragment
    return url.scheme == "https" and bool(url.hostname) and not extras and not text.endswith("/")


POSTGRES = {
    "service": "Postgres",
    "environment_type": "PROD",
    "plan_id": SAMPLE_PLAN,
    "cloud": "aws",
}

CLAZAR, CLOUDZERO = "https://api.clazar.io", "https://api.cloudzero.com"

# Only one environment may bill: each has a ledger of its own, and Clazar cannot take a record back.
REHEARSED = {**POSTGRES, "dry_run": True}

# SAMPLE_PLAN is to become the id of a plan of yours, as in the path of its usage files.
# A placeholder below is to become the id of the environment's own AnyCost Stream connection
# (CloudZero: Settings > Billing Connections). An environment that bills needs an alarm_email, too.

DEV = Environment(
    name="dev",
    plans=(REHEARSED,),
    clazar_url=CLAZAR,
    cloudzero_url=CLOUDZERO,
    cloudzero_connection_id=placeholder("dev"),
    usage_bucket=None,
    keep_data=False,
    log_days=7,
)

STAGING = Environment(
    name="staging",
    plans=(REHEARSED,),
    clazar_url=CLAZAR,
    cloudzero_url=CLOUDZERO,
    cloudzero_connection_id=placeholder("staging"),
    usage_bucket=None,
    keep_data=False,
    log_days=30,
)

PROD = Environment(
    name="prod",
    plans=(POSTGRES,),
    clazar_url=CLAZAR,
    cloudzero_url=CLOUDZERO,
    cloudzero_connection_id=placeholder("prod"),
    usage_bucket=None,
    keep_data=True,
    log_days=365,
    mails_closed=True,
)
