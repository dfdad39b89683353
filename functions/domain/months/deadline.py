"""Until when a marketplace takes the usage of a month, and how long that is."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from functions.domain.month import Month, format_instant
from functions.domain.wording import counted

_SOON, _HOURS = timedelta(hours=2), timedelta(hours=48)
# Sources: AWS BatchMeterUsage takes last month's usage until 06:00 UTC on the 1st; Azure takes an
# event for 24 hours. Google states no limit.
_TAKEN_FOR: Mapping[str, timedelta] = {"aws": timedelta(hours=6), "azure": timedelta(hours=24)}
_MARKETPLACES = {"aws": "AWS", "azure": "Azure", "gcp": "Google Cloud"}


def deadline(cloud: str, month: Month) -> datetime | None:
    """Return until when a marketplace takes the usage of a month; None if no limit is known."""
    taken_for = _TAKEN_FOR.get(cloud)
    return month.end + taken_for if taken_for else None


def time_left(until: datetime, at: datetime) -> str:
    """Return how long there is, as people say it; empty once it has been over for two days."""
    left = until - at
    if left <= timedelta(0):
        return "deadline passed" if -left < _HOURS else ""
    if left < _SOON:
        return f"{counted(int(left / timedelta(minutes=1)), 'minute')} left"
    if left < _HOURS:
        return f"{counted(int(left / timedelta(hours=1)), 'hour')} left"
    return f"{counted(left.days, 'day')} left"


def taken_until(cloud: str, month: Month, at: datetime) -> str:
    """Say until when a marketplace takes a month's usage; empty if that is unknown or long over."""
    until = deadline(cloud, month)
    left = time_left(until, at) if until else ""
    takes = f"{_MARKETPLACES[cloud]} takes its usage until"
    return f"{takes} {format_instant(until)}: {left}" if until and left else ""
