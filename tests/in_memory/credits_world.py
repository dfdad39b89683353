"""The credits pipeline in memory: files are dropped, CloudZero holds months, people are reported.

    with CreditsWorld() as world:
        world.upload("credits-2025-01.csv", {"054736553085": ["6407.96"]})
        world.run()
        assert world.held("2025-01") == {"054736553085": "-6407.96"}

An upload starts an execution, as the deployed rule does.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Self, cast

from functions.adapters import credits_account, credits_bucket, wiring
from functions.adapters.clock import Clock
from functions.adapters.cloudzero.api import CloudZero as RealCloudZero
from functions.adapters.objects import Stored
from functions.adapters.streams import Stream
from functions.domain.credits.drop import Limits
from functions.domain.month import Month
from infra.tasks import SETTLE_SECONDS
from tests.in_memory.account import Account
from tests.in_memory.cloudzero import CloudZero
from tests.in_memory.lambdas import PLACE, Context
from tests.in_memory.machine import Execution

CONNECTION = "stream-1"
NO_LIMITS = Limits(Decimal(0), Decimal(10**9))
AUGUST_2 = datetime(2025, 8, 2, tzinfo=UTC)
Amounts = Mapping[str, Sequence[str]]


class CreditsWorld(Account):
    def __init__(self, *, now: datetime = AUGUST_2, limits: Limits = NO_LIMITS) -> None:
        super().__init__("credits", now)
        self.credits_bucket = self.bucket("credits")
        self.cloudzero = CloudZero(self.points, self.timeline)
        self.uploaded: list[Execution] = []
        self._limits = limits

    def __enter__(self) -> Self:
        ports = {
            "credits_bucket": lambda: self.credits_bucket,
            "connection": lambda: CONNECTION,
            "allow_reversals": lambda: False,
            "limits": lambda: self._limits,
            "place": lambda: PLACE,
            "settle_seconds": lambda: float(SETTLE_SECONDS),
        }
        self.enter((wiring, ports), (credits_account, {"stream": self._stream}))
        return self

    def __exit__(self, *_exception: object) -> None:
        self.leave()

    def _stream(self, connection: str, execution: str, context: Context) -> Stream:
        clock = Clock(self.now, lambda: context.get_remaining_time_in_millis() / 1000)
        cloudzero = cast("RealCloudZero", self.cloudzero)
        return Stream(
            credits_bucket.lease(self.credits_bucket, connection),
            cloudzero,
            connection,
            execution,
            clock,
            SETTLE_SECONDS,
        )

    def upload(self, key: str, amounts: Amounts, **metadata: str) -> Execution:
        """Drop a new version of a file: by account, an amount per month. Its event arrives."""
        self.put_file(key, amounts, **metadata)
        self.uploaded.append(self.start(bucket="credits", key=key))
        return self.uploaded[-1]

    def put_file(self, key: str, amounts: Amounts, **metadata: str) -> None:
        """Drop a new version of a file whose event does not arrive, or not yet."""
        lines = [",".join((name, *(f"${text}" for text in row))) for name, row in amounts.items()]
        self.put_text(key, "".join(f"{line}\n" for line in lines), **metadata)

    def put_text(self, key: str, text: str, **metadata: str) -> None:
        """Drop a new version of a file as it is."""
        body = text.encode()
        version = f"v{self._versions()}"
        at = self.now().replace(microsecond=0)
        stated = {name.replace("_", "-"): value for name, value in metadata.items()}
        self.credits_bucket.uploads[key] = Stored(body, version, len(body), version, at, stated)

    def _versions(self) -> int:
        versions = [item.version for item in self.credits_bucket.uploads.values()]
        return max((int(version[1:]) for version in versions), default=0) + 1

    def start(self, **given: Any) -> Execution:
        """Start an execution with an input; it runs as the timeline does."""
        return self.step_functions.start(given)

    def run(self) -> None:
        """Run whatever is underway to its end."""
        self.timeline.run()

    def held(self, month: str) -> dict[str, str]:
        """Return what CloudZero holds of a month: the cost of each account."""
        rows = self.cloudzero.months.get(Month.parse(month), [])
        return {row["resource/account"]: row["cost/cost"] for row in rows}
