"""What is measured, each in a process of its own: `python -m tests.bench.measures NAME ARGUMENTS`.

The process keeps to one core and prints wall and processor seconds, peak resident MiB and what it
has done. Preparing is not counted; the server's processor time is not either.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import boto3
import msgspec

from functions.adapters import keys
from functions.adapters.storage import Bucket
from functions.adapters.usage_reader import UsageStore
from functions.domain.usage import usage_files
from functions.domain.usage.fold import Fold
from functions.domain.usage.tally import Tally
from functions.domain.usage.usage_files import Listed
from functions.metering.fold_day import fold_day
from functions.metering.payloads import DayTask
from tests.bench import layouts, month
from tests.bench.loopback_s3 import BUCKET
from tests.memory import MemoryObjects

# What a run has done, or what works it out once the clock has stopped.
Result = dict[str, Any] | Callable[[], dict[str, Any]]


def _task(day: str) -> DayTask:
    return DayTask(run=layouts.RUN, month=str(layouts.MONTH), day=day)


def _checked(state: MemoryObjects, count: int = 1, number: int | None = None) -> dict[str, Any]:
    """Count files and records of folded days, and sums that are not what was written.

    `number`: the contract whose values all the others have.
    """
    files, records, sums, wrong = 0, 0, 0, 0
    for day in range(count):
        stored = state.read(keys.day(layouts.PLAN, layouts.MONTH, f"{day + 1:02d}"))
        assert stored
        fold = msgspec.json.decode(stored.body, type=Fold)
        files, records, sums = files + fold.files, records + fold.records, sums + len(fold.sums)
        for (contract, dimension, _, _), value in fold.sums:
            of = int(str(contract)[:8], 16) if number is None else number
            wrong += value != layouts.due(of, dimension)
    assert sums == records // 24
    return {"files": files, "records": records, "sums": sums, "wrong": wrong}


def ours() -> Callable[[], Result]:
    """A day by FoldDay, which is read, and again, which is only listed."""
    state = MemoryObjects()

    def run() -> Result:
        fold_day(_task(layouts.DAY), UsageStore(BUCKET), state)
        return partial(_checked, state)

    return run


def again() -> Callable[[], dict[str, Any]]:
    """A day that is folded already: listed and compared, nothing is read."""
    state = MemoryObjects()
    fold_day(_task(layouts.DAY), UsageStore(BUCKET), state)

    class Unread(UsageStore):
        def read(self, files: Iterable[Listed]) -> Any:
            raise AssertionError(f"{len(list(files))} files are read again")

    def run() -> dict[str, Any]:
        return {"files": fold_day(_task(layouts.DAY), Unread(BUCKET), state).files, "read": 0}

    return run


def reading() -> Callable[[], dict[str, Any]]:
    """Reading a day alone: it is listed before, and nothing is decoded."""
    store = UsageStore(BUCKET)
    root = keys.usage_prefix(layouts.PLAN, layouts.MONTH)
    listed = store.under(f"{layouts.ROOT}{layouts.DAY}/")
    placed = (usage_files.place(item, root, layouts.MONTH) for item in listed)
    files = usage_files.of_day(layouts.DAY, [at for at in placed if isinstance(at, Listed)])
    return lambda: {"files": len(files), "bytes": sum(len(body) for _, body in store.read(files))}


def days(count: str) -> Callable[[], Result]:
    """Several days by FoldDay, one after the other."""
    state = MemoryObjects()

    def run() -> Result:
        _fold(int(count), UsageStore(BUCKET), state)
        return partial(_checked, state, int(count))

    return run


def _fold(count: int, store: UsageStore, state: MemoryObjects) -> None:
    for number in range(count):
        fold_day(_task(f"{number + 1:02d}"), store, state)


def late(count: str) -> Callable[[], dict[str, Any]]:
    """A month that was folded before one file of its second day had come."""
    state, read = MemoryObjects(), list[Listed]()

    class Before(UsageStore):
        def under(self, prefix: str, **but: Any) -> Any:
            return (item for item in super().under(prefix, **but) if "/02/05/" not in item.key)

    class Counted(UsageStore):
        def read(self, files: Iterable[Listed]) -> Any:
            read.extend(found := list(files))
            return super().read(found)

    _fold(int(count), Before(BUCKET), state)

    def run() -> dict[str, Any]:
        _fold(int(count), Counted(BUCKET), state)
        return {"read": len(read), "days_read": len({file.hour and file.hour[:2] for file in read})}

    return run


def plain(most: str) -> Callable[[], dict[str, Any]]:
    """The plain way, listed before: a request after the other, all in a list, int() for money."""
    client = boto3.client(
        "s3", region_name="us-east-1", endpoint_url=os.environ["AWS_ENDPOINT_URL"]
    )

    pages = client.get_paginator("list_objects_v2")
    listed = pages.paginate(Bucket=BUCKET, Prefix=f"{layouts.ROOT}{layouts.DAY}/")
    names = [item["Key"] for page in listed for item in page["Contents"]]

    def run() -> dict[str, Any]:
        records: list[dict[str, Any]] = []
        for name in names[: int(most)]:
            records.extend(json.loads(client.get_object(Bucket=BUCKET, Key=name)["Body"].read()))
        sums: dict[tuple[str, str], int] = {}
        for record in records:
            pair = record["externalPayerId"], record["dimension"]
            sums[pair] = sums.get(pair, 0) + int(record["value"])
        return {"files": min(len(names), int(most)), "records": len(records)}

    return run


def decode(subscriptions: str, again: str = "") -> Callable[[], dict[str, Any]]:
    """Decoding and adding up alone, of bodies that are in memory.

    `again`: each file comes twice in its hour, so that every record is compared.
    """
    files = layouts.small_files(int(subscriptions))
    if again:
        files = {f"{key[:-5]}{n}.json": body for key, body in files.items() for n in ("", "-2")}

    def run() -> dict[str, Any]:
        tally = Tally(duplicates="max")
        for key, body in files.items():
            tally.add_file(key, key.removeprefix(layouts.ROOT)[:5], body)
        tally.end()
        assert not tally.problems
        return {"files": tally.files, "records": tally.records}

    return run


def listing() -> Callable[[], dict[str, Any]]:
    """Listing a day alone, its hour folders at the same time."""

    def run() -> dict[str, Any]:
        store = UsageStore(BUCKET)
        return {"files": sum(1 for _ in store.under(f"{layouts.ROOT}{layouts.DAY}/"))}

    return run


class _Simulated(UsageStore):
    """A day of very many files, which all say the same."""

    def __init__(self, subscriptions: int) -> None:
        self._subscriptions = subscriptions
        self._body = next(iter(layouts.small_files(1, 1).values()))

    def under(self, prefix: str, **_: Any) -> Any:
        for hour in range(24):
            for number in range(self._subscriptions):
                name = f"{prefix}{hour:02d}/sub-{number:06d}.json"
                yield Listed(name, f"{number:032x}", len(self._body))

    def read(self, files: Iterable[Listed]) -> Any:
        for file in files:
            name = f"{layouts.contract(int(file.key[-11:-5]))}".encode()
            yield file, self._body.replace(layouts.contract(0).encode(), name)


def simulated(subscriptions: str) -> Callable[[], Result]:
    """FoldDay over a day whose listing and files are made up: what it keeps in memory."""
    state, store = MemoryObjects(), _Simulated(int(subscriptions))

    def run() -> Result:
        fold_day(_task(layouts.DAY), store, state)
        return partial(_checked, state, 1, 0)

    return run


def ledger(entries: str) -> Callable[[], dict[str, Any]]:
    """Reading the ledger of a month through obstore."""
    names = [f"ledger/{number:06d}.json" for number in range(int(entries))]
    return lambda: {"entries": sum(1 for found in Bucket(BUCKET).read_many(names) if found)}


MEASURES: dict[str, Callable[..., Callable[[], Result]]] = {
    found.__name__: found
    for found in (ours, again, days, reading, late, plain, decode, listing, simulated, ledger)
} | {"merge": month.merge, "close": month.close}


def _resident(what: str) -> float:
    """Return the resident MiB of this process: now (`VmRSS`) or at most so far (`VmHWM`)."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(what)) / 1024


def main() -> None:
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    run = MEASURES[sys.argv[1]](*sys.argv[2:])
    base = _resident("VmRSS")
    wall, cpu = time.perf_counter(), time.process_time()
    result = run()
    used = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
    peak = _resident("VmHWM")
    if callable(result):
        result = result()
    print(json.dumps({**used, "peak": peak, "base": base, **result}))  # noqa: T201


if __name__ == "__main__":
    main()
