"""The deployed metering stack on this machine, with folders and a Clazar to play with."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from infra.local.account import LocalAccount, Running, RunResult
from infra.local.aws.state_folder import StateFolder
from infra.local.cli.session import scaled
from infra.local.partners.clazar.server import ClazarServer
from tests import builders

SERVICE, ENVIRONMENT, PLAN_ID = "Postgres", "PROD", "pt-HJSv20iWX0"
PLAN = {"service": SERVICE, "environment_type": ENVIRONMENT, "plan_id": PLAN_ID}
KEY = f"{SERVICE}:{ENVIRONMENT}:{PLAN_ID}"
PATH = f"{SERVICE}/{ENVIRONMENT}/{PLAN_ID}"
TIME_SCALE = 0.002
AUGUST_2 = "2025-08-02T00:00:00Z"
DIMENSIONS = ("cpu_core_hours", "memory_byte_hours", "storage_allocated_byte_hours")


def a_record(
    contract: str | None, dimension: str = "cpu_core_hours", **fields: Any
) -> dict[str, Any]:
    """Return a usage record as Omnistrate exports it."""
    return builders.a_record(contract, dimension, **fields)


class World:
    """One test's usage, state and Clazar. Short months: a day of hours is a plan's whole usage."""

    def __init__(self, account: LocalAccount, folder: Path, clazar: ClazarServer) -> None:
        self.account, self.clazar = account, clazar
        self.usage, self.state = folder / "usage", folder / "state"
        self.usage.mkdir()
        self.state_folder = StateFolder(self.state)
        self.plan: dict[str, Any] = {**PLAN, "start_month": "2025-07"}
        self.exported_to("2025-08-01T02:14:59Z")

    def exported_to(self, instant: str, key: str = KEY) -> None:
        """Write the export's completion marker."""
        self.put(
            "omnistrate-metering/last_success_export.json",
            {key: {"last_processed_to": instant, "last_updated_at": instant}},
        )

    def put(self, key: str, content: Any) -> Path:
        """Put an object into the usage bucket."""
        path = self.usage / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
        return path

    def hour(self, folder: str, content: Any, *, month: str = "2025/07", path: str = PATH) -> Path:
        """Put one hour's file; `folder` is `DD/HH`."""
        return self.put(f"omnistrate-metering/{path}/{month}/{folder}/sub-1.json", content)

    def month(
        self,
        *contracts: str,
        month: str = "2025-07",
        hours: int = 6,
        dimensions: Iterable[str] = DIMENSIONS,
        path: str = PATH,
        **fields: Any,
    ) -> None:
        """Write some hours in which every contract uses one unit of every dimension."""
        names = list(dimensions)
        records = [a_record(name, dimension, **fields) for name in contracts for dimension in names]
        for hour in range(hours):
            self.hour(f"01/{hour:02d}", records, month=month.replace("-", "/"), path=path)

    def months(self, *contracts: str, of: Iterable[str]) -> None:
        """Write some hours of several months, where it does not matter that others are missing."""
        self.plan["missing_hours"] = "warn"
        for month in of:
            self.month(*contracts, month=month, dimensions=DIMENSIONS[:1])

    def _use(self) -> None:
        self.account.use(
            usage=self.usage,
            state=self.state_folder,
            plans=[self.plan],
            environment={"CLAZAR_URL": self.clazar.url, **scaled(self.account, TIME_SCALE)},
        )

    def run(self, given: Mapping[str, Any] | None = None, *, as_of: str = AUGUST_2) -> RunResult:
        self._use()
        return self.account.run({"as_of": as_of, **(given or {})}, time_scale=TIME_SCALE)

    def start(self, given: Mapping[str, Any] | None = None) -> Running:
        self._use()
        return self.account.start({"as_of": AUGUST_2, **(given or {})}, time_scale=TIME_SCALE)

    def state_json(self) -> Any:
        """Return this plan's part of the state file, None without one."""
        path = self.state / "metering_state.json"
        return json.loads(path.read_text())[KEY] if path.exists() else None

    def write_state(self, content: Any) -> None:
        """Write the state file as an operator would."""
        self.state.mkdir(exist_ok=True)
        (self.state / "metering_state.json").write_text(json.dumps(content))

    def edit_state(self, **changes: Any) -> None:
        self.write_state({KEY: {**self.state_json(), **changes}})

    def keys(self, prefix: str = "") -> list[str]:
        """Return the keys in the state bucket."""
        found = (path.relative_to(self.state).as_posix() for path in self.state.rglob("*.*"))
        return sorted(key for key in found if key.startswith(prefix))

    def ledger(self, contract: str, month: str = "2025-07") -> Any:
        return json.loads((self.state / f"ledger/{PATH}/{month}/{contract}.json").read_text())

    def report(self, month: str = "2025-07") -> Any:
        return json.loads((self.state / f"reports/{PATH}/{month}/report.json").read_text())

    def billed(self) -> dict[tuple[str, str, str], int]:
        """Return what Clazar bills, each record once or the test fails."""
        assert all(count == 1 for count in self.clazar.accepted_count().values())
        return {
            (record["contract_id"], record["dimension"], record["start_time"][:7]): int(
                record["quantity"]
            )
            for record in self.clazar.accepted
        }

    def billed_contracts(self, month: str = "2025-07") -> set[str]:
        return {contract for contract, _, of_month in self.billed() if of_month == month}
