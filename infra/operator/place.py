"""Where a verb looks: a deployed environment, or a state folder with its usage folder."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Self

from functions.adapters.books import Books
from functions.adapters.clazar.api import Clazar
from functions.adapters.clazar.http import Credentials, Session
from functions.adapters.objects import Objects
from functions.adapters.receivers import UsageReceiver
from functions.domain.month import Month
from functions.domain.plan import Plan, parse_plans
from functions.domain.wording import suggestion
from infra.local.cli import arguments
from infra.operator.errors import Unusable
from infra.operator.folder import Folder
from infra.operator.options import Where

PLACES = "--env prod for a deployed environment, or --state DIR (and --usage DIR)"


class Place(NamedTuple):
    """The buckets, the plans, and how to ask Clazar, if that is possible."""

    name: str
    state: Objects
    usage: Objects | None
    plans: tuple[Plan, ...]
    clazar: Callable[[], UsageReceiver] | None = None
    credits: Objects | None = None

    def only(self, key: str | None) -> Self:
        """Return the same place with the plan that is meant; all of them if none is named."""
        if key is None:
            return self
        found = tuple(plan for plan in self.plans if key in (plan.key, plan.plan_id))
        if not found:
            known = suggestion([key], {plan.key for plan in self.plans})
            raise Unusable(f"--plan {key} is not configured; {known}")
        return self._replace(plans=found)

    def books(self) -> list[Books]:
        """Return the books of the chosen plans."""
        return [Books(self.state, plan) for plan in self.plans]

    def needs_usage(self) -> Objects:
        """Return the usage; Unusable if nobody said where it is."""
        if self.usage is None:
            raise Unusable("this verb reads usage files; add --usage DIR, the folder they are in")
        return self.usage


def find(given: Where, clazar: str | None = None) -> Place:
    """Return the place that the options name."""
    if (given.env is None) == (given.state is None):
        what = "say where to look" if given.env is None else "only one place can be looked at"
        raise Unusable(f"{what}: {PLACES}")
    if given.env is not None:
        from infra.operator.deployed import place_of  # noqa: PLC0415 (a folder needs no AWS)

        found = place_of(given.env)
    else:
        found = _folders(given)
    url = arguments.base_url(clazar, "--clazar")
    if url:
        found = found._replace(clazar=_asked_at(url))
    return found.only(given.plan)


def _folders(given: Where) -> Place:
    state = arguments.folder(given.state or Path(), "--state")
    usage = Folder(arguments.folder(given.usage, "--usage")) if given.usage else None
    configured = arguments.plans(given.plans)
    if configured is None:
        from infra.environments import PROD  # noqa: PLC0415 (only without --plans)

        plans = PROD.parsed_plans
    else:
        plans = parse_plans(json.dumps(configured))
    return Place(name=str(state), state=Folder(state), usage=usage, plans=plans)


def month_of(text: str) -> Month:
    """Read a month that was typed."""
    try:
        return Month.parse(text)
    except ValueError:
        raise Unusable(f"MONTH {text!r} is not a month; write it as 2025-07") from None


def _asked_at(url: str) -> Callable[[], UsageReceiver]:
    """Return Clazar at a URL. The deployed secret goes to the deployed URL only."""

    def receiver() -> UsageReceiver:
        names = ("CLAZAR_CLIENT_ID", "CLAZAR_CLIENT_SECRET")
        values = [os.environ.get(name, "") for name in names]
        if not all(values):
            raise Unusable(f"--clazar needs credentials; set {' and '.join(names)}")
        return Clazar(Session(url, lambda _fresh: Credentials(*values)))

    return receiver
