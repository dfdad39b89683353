"""Omnistrate's export of one plan: hour files, a marker that lags, and what goes wrong."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from functions.adapters import keys
from functions.domain.month import Month, format_instant
from functions.domain.plan import Plan
from tests.simulation.terms import FIRST, LAST
from tests.simulation.world import StoryWorld

_MALFORMED = b'[{"externalPayerId": "c-1", "dimension": '


class Exporter:
    """Writes a plan's files as time goes by."""

    def __init__(self, world: StoryWorld, plan: Plan) -> None:
        self.mirror: Exporter | None = None
        self.is_mirrored = False
        self._world, self._rng, self.plan = world, world.rng, plan
        self._contracts = world.terms.contracts[plan.plan_id]
        self.broken: dict[str, bytes] = {}
        self.missing: dict[str, bytes] = {}
        self.full_month = self._rng.randrange(24) if self._rng.random() < 0.5 else -1

    def schedule(self, index: int) -> None:
        """Let a month's files and marker come when their hours are over."""
        month, rng = FIRST.plus(index), self._rng
        if not self.is_mirrored:
            self._schedule_files(month, index)
        for _ in range(rng.randint(2, 6)):
            at = month.start + timedelta(hours=rng.uniform(0, month.hours))
            lag = timedelta(hours=rng.choice((0, 1, 5, 30, 80)))
            self._world.timeline.at(at, partial(self.export_to, at - lag))
        done = month.end + timedelta(hours=rng.choice((1, 2, 7, 20, 50, 150)))
        self._world.timeline.at(done, lambda: self.export_to(month.end + timedelta(hours=1)))

    def _schedule_files(self, month: Month, index: int) -> None:
        rng = self._rng
        hours = sorted(rng.sample(range(month.hours), rng.randint(2, 4)))
        if self._world.terms.is_flat and index == self.full_month:
            self._world.timeline.at(month.start, lambda: self._write_all_hours(month, hours))
        else:
            for hour in hours:
                due = month.start + timedelta(hours=hour + 1)
                self._world.timeline.at(due, partial(self.write_hour, month, hour))

    def write_last_month(self) -> None:
        """Export a month in which every contract has used much of everything."""
        terms = self._world.terms
        records = [
            {
                "timestamp": format_instant(LAST.start),
                "subscriptionId": "sub-1",
                "externalPayerId": contract,
                "dimension": dimension,
                "value": 40.25,
            }
            for contract in self._contracts
            for dimension in terms.dimensions
        ]
        self._write(self._key(LAST, 0, "sub-1"), json.dumps(records).encode(), LAST)

    def export_to(self, instant: datetime) -> None:
        """Move the marker on, never back."""
        known = self._world.usage_bucket.objects.get(keys.EXPORT_MARKER, b"{}")
        held = json.loads(known).get(self.plan.key, {}).get("last_processed_to", "")
        if format_instant(instant) > held:
            self._world.exported_to(instant, self.plan)

    def write_hour(self, month: Month, hour: int, name: str = "sub-1") -> None:
        records = list(self._records(month, hour))
        self._write(self._key(month, hour, name), json.dumps(records).encode(), month)

    def _write_all_hours(self, month: Month, hours: list[int]) -> None:
        """Export a month hour by hour, most of them empty; sometimes one comes days late."""
        hole = self._rng.choice(hours)
        for hour in range(month.hours):
            records = list(self._records(month, hour)) if hour in hours else []
            key = self._key(month, hour, "sub-1", flat=False)
            body = json.dumps(records).encode()
            if hour == hole:
                self.missing[key] = body
                days = timedelta(days=self._rng.uniform(0, 9))
                self._world.timeline.at(month.end + days, self.fill_holes)
            else:
                self._write(key, body, month, quietly=True)
        self._world.say(f"{self.plan.key} {month} is exported hour by hour, {hole} is missing")

    def fill_holes(self) -> None:
        """Export what was left out."""
        for key, body in self.missing.items():
            self._write(key, body, _month_of(key, self.plan))
        self.missing.clear()

    def _key(self, month: Month, hour: int, name: str, *, flat: bool | None = None) -> str:
        at = month.start + timedelta(hours=hour)
        folder = keys.usage_prefix(self.plan, month)
        is_flat = self._world.terms.is_flat if flat is None else flat
        return f"{folder}{at:%d%H}-{name}.json" if is_flat else f"{folder}{at:%d/%H}/{name}.json"

    def _write(self, key: str, body: bytes, month: Month, *, quietly: bool = False) -> None:
        self._world.usage_bucket.edit(key, body)
        self._world.changed[self.plan.key, str(month)] = self._world.now().isoformat()
        if not quietly:
            self._world.say(f"file {key}: {_shown(body)}")
        if self.mirror:
            self.mirror.copy(key.removeprefix(keys.usage_prefix(self.plan)), body, month)

    def copy(self, name: str, body: bytes, month: Month) -> None:
        """Export the same usage, with contracts written as in this plan."""
        for contract in self._contracts:
            for spelled in (contract.lower(), contract.upper()):
                body = body.replace(f'"{spelled}"'.encode(), f'"{contract}"'.encode())
        self._write(f"{keys.usage_prefix(self.plan)}{name}", body, month, quietly=True)

    def _records(self, month: Month, hour: int) -> Iterator[dict[str, Any]]:
        rng, terms = self._rng, self._world.terms
        at = month.start + timedelta(hours=hour)
        index = (month.year - FIRST.year) * 12 + month.month - FIRST.month
        present = [
            name for name, (first, last) in self._contracts.items() if first <= index <= last
        ]
        for contract in [*present, None]:
            for dimension in terms.dimensions:
                if rng.random() < (0.6 if contract else 0.04):
                    record = {
                        "timestamp": format_instant(at),
                        "subscriptionId": "sub-1",
                        "dimension": dimension,
                        "value": rng.choice(terms.values),
                    }
                    if contract:
                        record["externalPayerId"] = contract
                    if rng.random() < 0.3:
                        record["podName"] = f"pod-{contract}"
                    yield record
                    if rng.random() < 0.15:
                        yield record | {"value": rng.choice(terms.values)}

    def change_something(self, last: Month) -> None:
        """Change a file of one of the last months: late, rewritten, gone, or broken for a while."""
        if self.is_mirrored:
            return
        rng, world = self._rng, self._world
        month = last.plus(-rng.choice((0, 1, 1, 1, 2, 2, 3, 5)))
        if month < FIRST:
            return
        prefix = keys.usage_prefix(self.plan, month)
        objects = world.usage_bucket.objects
        found = sorted(k for k in objects if k.startswith(prefix) and objects[k] != b"[]")
        what = rng.choice(("late", "late", "rewritten", "gone", "broken", "more"))
        if what == "late" and not self._is_full(month):
            self.write_hour(month, rng.randrange(month.hours), "late")
        elif not found:
            return
        elif what == "broken":
            key = rng.choice(found)
            self.broken.setdefault(key, objects[key])
            self._write(key, _MALFORMED, month)
            world.timeline.after(rng.uniform(3_600, 6 * 86_400), lambda: self.repair(key))
        elif what == "gone" and len(found) > 1 and not self._is_full(month):
            # Not the last one: a re-opened contract of a month without files stays an error.
            key = rng.choice(found)
            whole = self.broken.pop(key, None)
            if whole and self.mirror:  # its copy stays, and nobody would repair that
                self.mirror.copy(key.removeprefix(keys.usage_prefix(self.plan)), whole, month)
            world.usage_bucket.remove([key])
            world.changed[self.plan.key, str(month)] = world.now().isoformat()
            world.say(f"file {key} is removed")
        else:
            key = rng.choice(found)
            self.broken.pop(key, None)
            keeps = what != "rewritten" and objects[key] != _MALFORMED
            old = json.loads(objects[key]) if keeps else []
            records = [*old, *self._records(month, _hour_of(key, prefix))]
            self._write(key, json.dumps(records).encode(), month)

    def _is_full(self, month: Month) -> bool:
        return self._world.terms.is_flat and month == FIRST.plus(self.full_month)

    def repair(self, key: str) -> None:
        """Export a broken file again, as it was before."""
        if key in self.broken:
            self._write(key, self.broken.pop(key), _month_of(key, self.plan))

    def repair_all(self) -> None:
        """Export everything again that is broken or missing."""
        for key in sorted(self.broken):
            self.repair(key)
        self.fill_holes()


def _hour_of(key: str, prefix: str) -> int:
    digits = key.removeprefix(prefix).replace("/", "")
    return (int(digits[:2]) - 1) * 24 + int(digits[2:4])


def _month_of(key: str, plan: Plan) -> Month:
    year, month = key.removeprefix(keys.usage_prefix(plan)).split("/")[:2]
    return Month(int(year), int(month))


def _shown(body: bytes) -> str:
    try:
        records = json.loads(body)
    except ValueError:
        return body.decode()
    return ", ".join(
        f"{item.get('externalPayerId')} {item['value']} {item['dimension'][:4]}"
        + (" (pod)" if "podName" in item else "")
        for item in records
    )
