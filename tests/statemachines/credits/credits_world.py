"""The deployed credits stack on this machine, with a bucket and a CloudZero to play with."""

import json
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from infra.local.account import LocalAccount, Running, RunResult
from infra.local.aws.object_event import Event
from infra.local.aws.state_folder import StateFolder
from infra.local.cli.session import scaled
from infra.local.partners.cloudzero.server import CloudZeroServer

TIME_SCALE = 0.002
JANUARY = "credits-2025-01.csv"
AUGUST_2 = "2025-08-02T00:00:00Z"


def a_file(rows: int, *, first: int = 54736553085, cents: int = 640796) -> str:
    """Return a credits file: one account a row, amounts that all differ."""
    return "".join(
        f'{first + number:012d},"${(cents + number) / 100:,.2f}"\n' for number in range(rows)
    )


class CreditsWorld:
    """One test's bucket and CloudZero. `waits`: how long a second of a Retry takes."""

    def __init__(self, account: LocalAccount, folder: Path, cloudzero: CloudZeroServer) -> None:
        self.account, self.cloudzero = account, cloudzero
        self.waits = TIME_SCALE
        self.state = folder / "credits"
        self.state_folder = StateFolder(self.state)
        settings = {"CLOUDZERO_URL": cloudzero.url, **scaled(account, TIME_SCALE)}
        account.use(state=self.state_folder, environment=settings)

    def upload(self, name: str, text: str | bytes) -> Event:
        """Put a file into the bucket; its event is not delivered yet."""
        body = text.encode() if isinstance(text, str) else text
        return self.account.upload(name, body, at=AUGUST_2)

    def start(self, event: Event) -> Running:
        """Deliver an event and go on."""
        (running,) = self.account.started_by(event, time_scale=self.waits)
        return running

    def drop(self, name: str, text: str | bytes) -> RunResult:
        """Drop a file into the bucket, as a user does, and wait for what comes of it."""
        return self.account.wait(self.start(self.upload(name, text)))

    def run(self, given: Mapping[str, Any]) -> RunResult:
        """Start an execution as a person does in the console."""
        return self.account.run(given, time_scale=self.waits)

    def keys(self, prefix: str = "") -> list[str]:
        found = (path.relative_to(self.state).as_posix() for path in self.state.rglob("*.*"))
        return sorted(key for key in found if key.startswith(prefix))

    def read(self, key: str) -> Any:
        return json.loads((self.state / key).read_bytes())

    def total(self, month: str = "2025-01") -> Decimal:
        """Return the credits that CloudZero holds for a month, in US dollars."""
        return -self.cloudzero.total(month)

    def accounts(self, month: str = "2025-01") -> list[str]:
        """Return the accounts that CloudZero holds for a month."""
        return [row["resource/account"] for row in self.cloudzero.stored.get(month, [])]


def month_of(result: RunResult, month: str = "2025-01") -> dict[str, Any]:
    """Return what an execution says of a month, however it ended."""
    output = result.output or result.final_input["result"]
    (found,) = [item for item in output["months"] if item["billing_month"] == month]
    return dict(found)
