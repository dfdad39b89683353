"""Months of usage files made from a seed: the same number always gives the same bytes.

They hold what an exporter may write: payers that are missing, null or empty, pods measured twice,
numbers in every JSON spelling, prices that are there or not, unknown dimensions and unknown fields.
"""

import json
import random
from typing import NamedTuple

from functions.domain.plan import Plan
from tests.builders import a_plan

PASSED_THROUGH: dict[str, str] = {}
FORMULAS = {
    "storage_gib_hours": "storage_allocated_byte_hours / 2**30",
    "compute_units": "cpu_core_hours * 2 + replica_hours // 3",
    "cents": "cpu_core_hours_total_price * 100",
    "uneven": "max(cpu_core_hours, replica_hours) - min(cpu_core_hours, replica_hours)",
}
DIMENSIONS = (
    *("cpu_core_hours", "memory_byte_hours", "storage_allocated_byte_hours", "replica_hours"),
    *("gpu_hours", "größe/heute"),
)
CONTRACTS = ("ae641bd1-0c1f", "c/2", "..", "c 3%", "vertrag-ß", "C/2")
_MISSING = ""
_NO_PAYER = (_MISSING, "null", '""', '"  "')


class Pod(NamedTuple):
    """What is measured once an hour: the JSON text of the fields that identify it."""

    payer: str
    fields: str


class GeneratedMonth(NamedTuple):
    """A month's files in the order of their keys, each with its hour folder, and its plan."""

    seed: int
    plan: Plan
    files: list[tuple[str | None, bytes]]
    records: int


def generated_month(seed: int) -> GeneratedMonth:
    return _Exporter(seed).month()


class _Exporter:
    """Writes one month; every choice comes from its own source of chance."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._chance = random.Random(seed)  # noqa: S311  # repeatable on purpose, not secret
        self._formulas = seed % 3 == 2  # a third of all months
        self._priced = self._chance.random() < 0.6  # not all formulas shall fail
        self._contracts = self._chance.sample(CONTRACTS, self._chance.randint(1, 4))
        self._pods = [self._pod() for _ in range(self._chance.randint(1, 4))]
        self._records = 0

    def month(self) -> GeneratedMonth:
        choose = self._chance.choice
        plan = a_plan(
            plan_id=f"pt-{self._seed}",
            duplicates=choose(["max", "max", "sum"]),
            rounding=choose(["floor", "half_up", "ceiling"]),
            dimensions=FORMULAS if self._formulas else PASSED_THROUGH,
        )
        flat = self._chance.random() < 0.2  # one month in five
        hours = self._chance.sample(range(744), self._chance.randint(2, 9))
        files = [
            (None if flat else f"{1 + hour // 24:02d}/{hour % 24:02d}", self._file(hours, hour))
            for hour in sorted(hours)
            for _ in range(self._chance.randint(1, 3))
        ]
        return GeneratedMonth(self._seed, plan, files, self._records)

    def _file(self, hours: list[int], hour: int) -> bytes:
        # An early and a late file of the flat layout may speak of the same hour.
        count = self._chance.randint(0, 20)
        records = [self._record(self._chance.choice([hour, hour, hours[0]])) for _ in range(count)]
        self._records += count
        between = self._chance.choice([",", ",\n", " ,\n  "])
        return f"[{between.join(records)}]{self._chance.choice(['', chr(10)])}".encode()

    def _record(self, hour: int) -> str:
        chance = self._chance
        pod = chance.choice([None, *self._pods])
        fields = [
            pod.fields if pod else self._subscription(),
            self._payer_of(pod) if pod else self._payer(),
            f'"dimension": {json.dumps(chance.choice(DIMENSIONS), ensure_ascii=False)}',
            f'"value":{chance.choice(["", " "])}{self._value()}',
            self._price(),
            f'"timestamp": "{self._timestamp(hour)}"',
            chance.choice([_MISSING, r'"note": "\"value\": 7, [{"', '"more": {"a": [1, null]}']),
        ]
        chance.shuffle(fields)
        return f"{{{', '.join(field for field in fields if field)}}}"

    def _payer(self) -> str:
        if self._chance.random() < 0.1:  # one record in ten
            spelling = self._chance.choice(_NO_PAYER)
        else:
            spelling = json.dumps(self._chance.choice(self._contracts))
        return f'"externalPayerId": {spelling}' if spelling else _MISSING

    def _payer_of(self, pod: Pod) -> str:
        """Return a pod's payer; now and then it is another contract's within the same hour."""
        other = json.dumps(self._contracts[0])
        return f'"externalPayerId":{other}' if self._chance.random() < 0.1 else pod.payer

    def _subscription(self) -> str:
        return self._chance.choice(
            [_MISSING, '"subscriptionId": null', '"subscriptionId": "sub-1", "podName": ""']
        )

    def _pod(self) -> Pod:
        """Return a pod, an instance, or both; with a host or without."""
        number = self._chance.randint(1, 2)
        names = self._chance.choice(
            [
                f'"podName": "p-{number}"',
                f'"instanceId": "i-{number}"',
                f'"podName": "p-{number}", "instanceId": "i-1"',
                f'"hostName": "h-{number}", "podName": "p-1", "instanceId": null',
            ]
        )
        return Pod(self._payer(), f'"subscriptionId": "sub-{number}", {names}')

    def _value(self) -> str:
        """Return a number's text: at most 12 decimals, 6 where formulas divide and multiply."""
        chance, places = self._chance, 6 if self._formulas else 12
        whole = chance.choice([0, 1, 4, chance.randrange(10**4), chance.randrange(10**11)])
        fraction = f"{chance.randrange(10**places):0{places}d}"
        spellings = [
            *(str(whole), f"{whole}.0", f"{whole}.{fraction}", f"{whole}.{fraction[:2]}"),
            *(f"{whole}e3", f"{whole}.5E+2", f"{whole}.25e-2", f"{whole * 10}e-1"),
        ]
        if not self._formulas:
            spellings += [str(whole * 10**10 + 1), f"{whole * 10**11}.{fraction}", "7e-12"]
        return chance.choice(spellings)

    def _price(self) -> str:
        """Return a price; in some months it may be missing, which is not the same as zero."""
        prices = ["0.25", "0.250", "25e-2", "3", "8.7", "0.00000931", "0", "0.0"]
        prices += [] if self._priced else [_MISSING, "null"]
        text = self._chance.choice(prices)
        return f'"pricePerUnit": {text}' if text else _MISSING

    def _timestamp(self, hour: int) -> str:
        """Return an instant of the hour, in UTC or as a clock two hours ahead writes it."""
        minute = self._chance.randrange(60)
        if self._chance.random() < 0.5:
            return f"2025-07-{1 + hour // 24:02d}T{hour % 24:02d}:{minute:02d}:00Z"
        ahead = hour + 2
        if ahead >= 744:  # no day 32
            return f"2025-08-01T{ahead % 24:02d}:{minute:02d}:00+02:00"
        return f"2025-07-{1 + ahead // 24:02d}T{ahead % 24:02d}:{minute:02d}:00+02:00"
