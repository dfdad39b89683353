"""What is read: a day as Omnistrate exports it, and a month of one large file an hour."""

import json
from decimal import Decimal
from typing import Any

from functions.adapters import keys
from functions.domain.month import Month
from functions.domain.months.run import Run
from functions.domain.plan import Plan

MONTH, DAY = Month(2025, 7), "01"
PLAN = Plan(
    service="S", environment_type="E", plan_id="P", start_month="2025-07", completeness="calendar"
)
RUN = Run(
    plan=PLAN,
    execution="x",
    name="x",
    as_of="2025-08-02T00:00:00Z",
    months=None,
    contracts=None,
    retry_errors=False,
    dry_run=False,
    max_months=1,
)
DIMENSIONS = ("cpu_core_hours", "memory_byte_hours", "storage_allocated_byte_hours")
ROOT = keys.usage_prefix(PLAN, MONTH)


def contract(number: int) -> str:
    """Return a contract id: a UUID, as Clazar's are."""
    return f"{number:08x}-0a51-4c2b-9d0a-3f6f0d6f7a01"


def _records(number: int, hour: int) -> list[dict[str, Any]]:
    return [
        {
            "timestamp": f"2025-07-01T{hour % 24:02d}:01:59Z",
            "organizationId": f"org-{number:06d}",
            "organizationName": f"Tenant {number}",
            "customerId": f"user-{number:06d}",
            "customerEmail": f"billing-{number}@tenant.example",
            "subscriptionId": f"sub-{number:06d}",
            "externalPayerId": contract(number),
            "serviceName": "S",
            "serviceEnvironmentType": "E",
            "productTierId": "P",
            "instanceId": f"instance-{number:06d}",
            "podName": "postgres-0",
            "hostName": f"host-{number}.internal",
            "dimension": dimension,
            "value": _value(number, place),
            "pricePerUnit": 0.05,
        }
        for place, dimension in enumerate(DIMENSIONS)
    ]


def _value(number: int, place: int) -> float:
    return (number % 7 + 1) * (0.25 if number % 5 == 0 else 1 << 10 * place)


def due(number: int, dimension: str) -> Decimal:
    """Return what a contract's records of a day come to, worked out without the product's code."""
    return 24 * Decimal(str(_value(number, DIMENSIONS.index(dimension))))


def small_files(subscriptions: int, hours: int = 24) -> dict[str, bytes]:
    """Return a day of one file per subscription and hour."""
    return {
        f"{ROOT}{DAY}/{hour:02d}/sub-{number:06d}.json": json.dumps(_records(number, hour)).encode()
        for hour in range(hours)
        for number in range(subscriptions)
    }


def large_files(contracts: int, days: int) -> dict[str, bytes]:
    """Return days of one file an hour, with all contracts in it."""
    bodies = [
        json.dumps([row for n in range(contracts) for row in _records(n, hour)]).encode()
        for hour in range(24)
    ]
    return {
        f"{ROOT}{day + 1:02d}/{hour:02d}/all.json": bodies[hour]
        for day in range(days)
        for hour in range(24)
    }


def ledger(entries: int) -> dict[str, bytes]:
    """Return objects of the size of ledger entries."""
    return {f"ledger/{number:06d}.json": b"x" * 1_700 for number in range(entries)}
