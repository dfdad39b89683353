"""A plan: what is metered, and by which rules. The same keys in infra and in a JSON file."""

import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Annotated, Literal, Self

import msgspec

from functions.domain import formula
from functions.domain.conversion import given, parse
from functions.domain.month import Month
from functions.errors import BadInput

_PATH_PART = re.compile(r"[^/:\x00-\x1f]{1,128}")
_STATE_FILE = re.compile(r"(?!\.+(/|$))[A-Za-z0-9._-]+(/(?!\.+(/|$))[A-Za-z0-9._-]+)*")
_OWN_PREFIXES = ("ledger/", "leases/", "runs/", "reports/", "previews/", "days/")
_PERCENT = re.compile(r"[0-9]{1,4}(\.[0-9]{1,2})?%")
_Minutes = Annotated[int, msgspec.Meta(ge=0, le=40_320)]


class Plan(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One plan of the exporter, and how its usage becomes billed quantities."""

    service: str
    environment_type: str
    plan_id: str
    cloud: Literal["aws", "azure", "gcp"] = "aws"
    dimensions: dict[str, str] = {}
    start_month: str | None = None
    max_months: Annotated[int, msgspec.Meta(ge=1, le=24)] = 12
    completeness: Literal["marker", "calendar"] = "marker"
    marker_margin_minutes: _Minutes = 60
    final_margin_minutes: _Minutes = 10
    missing_hours: Literal["stop", "warn"] = "stop"
    duplicates: Literal["max", "sum"] = "max"
    rounding: Literal["floor", "half_up", "ceiling"] = "floor"
    carry_remainders: bool = True
    approve_above: str | None = None
    late_window: Annotated[int, msgspec.Meta(ge=0, le=12)] = 3
    state_file: str = "metering_state.json"
    submit_concurrency: Annotated[int, msgspec.Meta(ge=1, le=1_000)] = 5
    dry_run: bool = False

    @property
    def key(self) -> str:
        """`service:environment:plan`, as in the state file and the export marker."""
        return f"{self.service}:{self.environment_type}:{self.plan_id}"

    @property
    def path(self) -> str:
        """`service/environment/plan`, as in the keys of both buckets."""
        return f"{self.service}/{self.environment_type}/{self.plan_id}"

    @property
    def approve_share(self) -> Fraction | None:
        """The share by which a total may move; a month that moves more is held."""
        return None if self.approve_above is None else Fraction(self.approve_above[:-1]) / 100

    def counting(self, duplicates: str) -> Self:
        """Return the plan with this rule for duplicates, its own if none is given."""
        return msgspec.structs.replace(self, duplicates=duplicates or self.duplicates)


def parse_plan(value: object, unnamed: str = "") -> Plan:
    """Read one plan configuration; BadInput names the plan, the field and the value."""
    named = value.get("plan_id") if isinstance(value, Mapping) else unnamed or repr(value)
    plan = parse(value, Plan, f"plan {named or unnamed or '?'}")
    where = f"plan {plan.key}"
    for name in ("service", "environment_type", "plan_id"):
        if not _PATH_PART.fullmatch(value := getattr(plan, name)) or value in (".", ".."):
            problem = f"{value!r} must be 1 to 128 characters without / or : or .. parts"
            raise BadInput(f"{where}: {name}: {problem}")
    if plan.start_month is not None:
        given(f"{where}: start_month", Month.parse, plan.start_month)
    if not _STATE_FILE.fullmatch(plan.state_file) or plan.state_file.startswith(_OWN_PREFIXES):
        problem = f"{plan.state_file!r} must be a plain key outside {_OWN_PREFIXES}"
        raise BadInput(f"{where}: state_file: {problem}")
    if plan.approve_above is not None and not _PERCENT.fullmatch(plan.approve_above):
        raise BadInput(f"{where}: approve_above: {plan.approve_above!r} must be like '20%'")
    for name, text in plan.dimensions.items():
        if not name.strip():
            raise BadInput(f"{where}: dimensions: {name!r}: a dimension needs a name")
        given(f"{where}: dimensions.{name}", formula.check, text)
    return plan


def parse_plans(text: str | bytes) -> tuple[Plan, ...]:
    """Read a JSON list of plan configurations; BadInput where it is none or a key repeats."""
    try:
        values = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"plans are not JSON: {error}") from error
    if not isinstance(values, list) or not values:
        raise BadInput("plans must be a JSON list with at least one plan")
    plans = tuple(parse_plan(value, f"number {n}") for n, value in enumerate(values, 1))
    keys = [plan.key for plan in plans]
    for key in keys:
        if keys.count(key) > 1:
            raise BadInput(f"plan {key} is configured {keys.count(key)} times")
    return plans
