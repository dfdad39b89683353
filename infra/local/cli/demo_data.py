"""July 2025: usage as Omnistrate would have exported it, and a file of credits; all invented."""

import datetime as dt
import json
import shutil
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

PLAN = {"service": "Postgres", "environment_type": "PROD", "plan_id": "pt-HJSv20iWX0"}
AS_OF = "2025-08-02T00:00:00Z"
MONTH = "2025-07"

_KEY = ":".join(PLAN.values())
_PREFIX = Path("omnistrate-metering", *PLAN.values())
_FIRST_HOUR = dt.datetime(2025, 7, 1, tzinfo=dt.UTC)
_HOURS = 31 * 24
_ACCOUNTS = 23
_GIB = 2**30


@dataclass(frozen=True)
class _Tenant:
    """One customer with one instance; one of them exports in each hour, in turn."""

    contract: str
    name: str
    cores: int
    memory_gib: int
    storage_gib: int


_TENANTS = (
    _Tenant("5b0c1f2e-0a51-4c2b-9d0a-3f6f0d6f7a01", "alder", 2, 4, 10),
    _Tenant("7d9e3a44-61c8-4f0e-8a3d-91b2c5e4d702", "birch", 4, 8, 50),
    _Tenant("c2f8b6d0-3e7a-4b19-b5c4-0d8a7e6f5c03", "cedar", 8, 16, 100),
)

CONTRACTS = tuple(tenant.contract for tenant in _TENANTS)
"""The first one is already billed."""


def write_demo(root: Path) -> tuple[Path, Path]:
    """Make both folders anew: usage and state. The first contract has already been billed."""
    shutil.rmtree(root, ignore_errors=True)
    usage, state = root / "usage", root / "state"
    for number in range(_HOURS):
        hour = _FIRST_HOUR + dt.timedelta(hours=number)
        tenant = _TENANTS[number % len(_TENANTS)]
        path = usage / _PREFIX / hour.strftime("%Y/%m/%d/%H") / f"sub-{tenant.name}.json"
        _write(path, _records(tenant, hour))
    marker = {"last_processed_to": "2025-08-01T02:14:59Z", "last_updated_at": AS_OF}
    _write(usage / "omnistrate-metering" / "last_success_export.json", {_KEY: marker})
    _write(
        state / "metering_state.json",
        {
            _KEY: {
                "last_processed_month": "2025-06",
                "last_updated": "2025-07-25T20:15:37Z",
                "success_contracts": {
                    "2025-06": [tenant.contract for tenant in _TENANTS],
                    "2025-07": [_TENANTS[0].contract],
                },
                "error_contracts": {},
            }
        },
    )
    return usage, state


def write_credits(root: Path) -> tuple[Path, dict[str, Decimal]]:
    """Write a file of credits. Returns it with the amount of each account.

    There is one row more than there are accounts: the last row repeats the first one.
    """
    amounts = {
        f"{number * 7_654_321:012d}": Decimal(number * 272_143 % 999_983) / 100
        for number in range(1, _ACCOUNTS + 1)
    }
    rows = [f'{account},"${amount:,.2f}"' for account, amount in amounts.items()]
    path = root / f"credits-{MONTH}.csv"
    path.write_text("\n".join([*rows, rows[0], ""]), encoding="utf-8")
    return path, amounts


def _records(tenant: _Tenant, hour: dt.datetime) -> list[dict[str, Any]]:
    values = {
        "cpu_core_hours": tenant.cores,
        "memory_byte_hours": tenant.memory_gib * _GIB,
        "storage_allocated_byte_hours": tenant.storage_gib * _GIB,
    }
    return [
        {
            "timestamp": hour.strftime("%Y-%m-%dT%H:01:59Z"),
            "organizationId": f"org-{tenant.name}",
            "organizationName": tenant.name.title(),
            "customerId": f"user-{tenant.name}",
            "customerEmail": f"billing@{tenant.name}.example",
            "subscriptionId": f"sub-{tenant.name}",
            "externalPayerId": tenant.contract,
            "serviceName": PLAN["service"],
            "serviceEnvironmentType": PLAN["environment_type"],
            "productTierId": PLAN["plan_id"],
            "instanceId": f"instance-{tenant.name}",
            "podName": "postgres-0",
            "hostName": f"host-{tenant.name}.internal",
            "dimension": dimension,
            "value": value,
            "pricePerUnit": 0.05,
        }
        for dimension, value in values.items()
    ]


def _write(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")
