"""Both pipelines on the local engine: time, requests and sizes per contract, and imports."""

import json
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from infra.local.app.synthesis import synthesized
from tests.bench import layouts
from tests.bench.page import Page

_ROOT = Path(__file__).parents[2]
_MARKER = "omnistrate-metering/last_success_export.json"
_AS_OF, _ACCOUNTS = "2025-08-02T00:00:00Z", 15_000
_COLUMNS = (
    "| contracts | s | ms per contract | transitions | history events | largest payload B "
    "| objects per contract | state B per contract |\n"
    "| --- | --- | --- | --- | --- | --- | --- | --- |"
)


def measure(page: Page, contracts: list[int]) -> None:
    """Add what runs of the local engine take; one run each."""
    page.title("A month with one day of usage on the local engine, built-in Clazar", _COLUMNS)
    synthesized()  # so that no run has to
    for count in contracts:
        with TemporaryDirectory() as folder:
            page.cells(*_month(Path(folder), count))
    page.line("One run each. State: of ledger entries. Starting the engine is in the time.")
    page.title("Credits", "| what | s |\n| --- | --- |")
    with TemporaryDirectory() as folder:
        file = Path(folder, "credits-2025-01.csv")
        file.write_text("".join(f"{n + 1:012d},$1.{n % 100:02d}\n" for n in range(_ACCOUNTS)))
        for name, more in (("posted and verified", ()), ("checked only", ("--check",))):
            _, seconds = _command("credits", str(file), "--as-of", _AS_OF, *more)
            page.cells(f"{_ACCOUNTS:,} accounts, {name}", f"{seconds:.1f}")
    page.title("Importing a handler in a fresh interpreter", "| handler | s |\n| --- | --- |")
    names = [
        ".".join(path.relative_to(_ROOT).with_suffix("").parts)
        for pipeline in ("metering", "credits")
        for path in sorted((_ROOT / "functions" / pipeline).glob("*.py"))
        if "def handler(" in path.read_text(encoding="utf-8")
    ]
    found = sorted(
        ((median(_import(name) for _ in range(3)), name) for name in names), reverse=True
    )
    for seconds, name in [*found[:3], found[len(found) // 2]]:
        page.cells(name, f"{seconds:.2f}")
    page.line(f"The three slowest of {len(found)}, and the median.")


def _month(folder: Path, count: int) -> list[str]:
    usage, state, plans = folder / "usage", folder / "state", folder / "plans.json"
    files = layouts.large_files(count, 1)
    plan = {"service": "S", "environment_type": "E", "plan_id": "P", "missing_hours": "warn"}
    plans.write_text(json.dumps([{**plan, "start_month": "2025-07", "submit_concurrency": 5}]))
    marker = {"S:E:P": {"last_processed_to": "2025-08-01T02:00:00Z"}}
    for key, body in {**files, _MARKER: json.dumps(marker).encode()}.items():
        path = usage / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
    given = ("--usage", usage, "--state", state, "--plans", plans, "--as-of", _AS_OF)
    ran, seconds = _command("metering", *map(str, given))
    (month,) = ran["output"]["months"]
    assert (month["submitted"], ran["failed_children"]) == (count, 0), ran
    entries = list(state.glob("ledger/S/E/P/2025-07/*.json"))
    return [
        f"{count:,}",
        f"{seconds:.1f}",
        f"{seconds / count * 1000:.0f}",
        f"{ran['transitions']:,}",
        f"{ran['history_events']:,}",
        f"{ran['largest_payload_bytes']:,}",
        f"{len(entries) / count:.0f}",
        f"{sum(path.stat().st_size for path in entries) / count:,.0f}",
    ]


def _command(*arguments: str) -> tuple[dict[str, Any], float]:
    command = [sys.executable, "-m", "infra.local", *arguments, "--json"]
    began = time.perf_counter()
    done = subprocess.run(
        command, cwd=_ROOT, capture_output=True, text=True, timeout=3_600, check=False
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(arguments)}:\n{done.stdout}\n{done.stderr}")
    ran: dict[str, Any] = json.loads(done.stdout)
    return ran, time.perf_counter() - began


def _import(name: str) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", f"import {name}"], cwd=_ROOT, check=True)
    return time.perf_counter() - began
