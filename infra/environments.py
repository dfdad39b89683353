"""Every difference between dev, staging and prod, on one screen.

A mistake here fails ``cdk synth`` with a message that names the environment, the plan and the
field, because a wrong setting found in the middle of a billing month costs money.
"""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from functions.domain.plan import Plan, parse_plan
from functions.errors import BadInput

LOG_DAYS = (7, 14, 30, 90, 180, 365, 731)
_NAME = re.compile(r"[a-z][a-z0-9-]{1,15}")
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_CRON = re.compile(r"cron\((\S+ ){5}\S+\)")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")

# AWS takes last month's usage until 06:00 UTC on the 1st, so the first start is early. The hourly
# starts after it are the wait for a late export: a start with nothing left to do is a no-op.
EARLY_IN_THE_MONTH = "cron(30 1-5 1-3 * ? *)"


class InvalidEnvironment(ValueError):
    """A setting in this file cannot be deployed as it stands."""


@dataclass(frozen=True, kw_only=True)
class Environment:
    """What one deployment is told; everything else is the same everywhere."""

    name: str
    plans: tuple[Mapping[str, object], ...]
    clazar_url: str
    usage_bucket: str | None  # None: create one that Omnistrate may write to
    keep_data: bool  # buckets, logs and the secret outlive the stack
    log_days: int
    alarm_email: str | None = None
    schedule: str = EARLY_IN_THE_MONTH

    def __post_init__(self) -> None:
        """Refuse what cannot be deployed; an Environment that exists is a valid one."""
        self._require("name", self.name, holds=bool(_NAME.fullmatch(self.name)))
        self._require("clazar_url", self.clazar_url, holds=_is_base_url(self.clazar_url))
        self._require("log_days", self.log_days, holds=self.log_days in LOG_DAYS)
        self._require("schedule", self.schedule, holds=bool(_CRON.fullmatch(self.schedule)))
        bucket, email = self.usage_bucket, self.alarm_email
        self._require("usage_bucket", bucket, holds=not bucket or bool(_BUCKET.fullmatch(bucket)))
        self._require("alarm_email", email, holds=not email or bool(_EMAIL.fullmatch(email)))
        self._require("plans", self.plans, holds=bool(self.parsed_plans))

    @property
    def parsed_plans(self) -> tuple[Plan, ...]:
        """The plans as the functions will read them, each one different."""
        plans = tuple(self._parse(plan) for plan in self.plans)
        for key, count in Counter(plan.key for plan in plans).items():
            self._require("plans", key, holds=count == 1, problem="is there more than once")
        return plans

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


def _is_base_url(text: str) -> bool:
    """Https only, and nothing after the path: the adapter appends ``/metering/`` itself."""
    url = urlsplit(text)
    extras = url.username or url.password or url.query or url.fragment
    return url.scheme == "https" and bool(url.hostname) and not extras and not text.endswith("/")


POSTGRES = {
    "service": "Postgres",
    "environment_type": "PROD",
    "plan_id": "pt-HJSv20iWX0",
    "cloud": "aws",
}

# Only one environment may bill: each has a ledger of its own, and Clazar cannot take a record back.
REHEARSED = {**POSTGRES, "dry_run": True}

DEV = Environment(
    name="dev",
    plans=(REHEARSED,),
    clazar_url="https://api.clazar.io",
    usage_bucket=None,
    keep_data=False,
    log_days=7,
)

STAGING = Environment(
    name="staging",
    plans=(REHEARSED,),
    clazar_url="https://api.clazar.io",
    usage_bucket=None,
    keep_data=False,
    log_days=30,
)

PROD = Environment(
    name="prod",
    plans=(POSTGRES,),
    clazar_url="https://api.clazar.io",
    usage_bucket=None,
    keep_data=True,
    log_days=365,
)
