"""AggregatePartition: read one partition's files and write their exact sums."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal

import msgspec
from aws_lambda_powertools import Logger

from functions.adapters import configuration, usage_reader
from functions.adapters.storage import Objects
from functions.domain import keys
from functions.domain.problem import Problem
from functions.domain.run_files import Partial
from functions.domain.usage import Group, Tally
from functions.domain.usage_files import UsageFile
from functions.errors import BadUsage
from functions.metering.payloads import MonthTask, Partition, PartitionTask
from functions.payloads import task_handler

logger = Logger()
Reader = Callable[[Iterable[UsageFile]], Iterator[tuple[UsageFile, bytes | Problem]]]


@task_handler
def handler(task: PartitionTask, _context: object) -> Partition:
    """Write the partial sums; the output only names the partition."""
    store = usage_reader.open_store(configuration.usage_bucket().name)
    partial = aggregate(
        task, configuration.state_bucket(), lambda files: usage_reader.read_all(store, files)
    )
    logger.info("partition summed", index=task.partition.index, records=partial.records)
    return task.partition


def partial_key(task: MonthTask, partition: Partition) -> str:
    """Return where a partition's sums are written."""
    root = keys.run(task.run.plan, task.of, task.run.name, dry_run=task.run.dry_run)
    return f"{root}partials/{partition.index:05d}.json"


def aggregate(task: PartitionTask, objects: Objects, read: Reader) -> Partial:
    """Sum a partition. Bad usage is a result, not an error, so that every bad file gets named."""
    listed = objects.read(task.partition.key)
    if listed is None:
        raise BadUsage(f"{task.partition.key} is missing: the run's files were removed")
    tally = Tally(duplicates=task.run.plan.duplicates)
    for file, body in read(msgspec.json.decode(listed.body, type=list[UsageFile])):
        if isinstance(body, Problem):
            tally.add_problem(body)
        else:
            tally.add_file(file.key, file.hour, body)
    partial = Partial(
        files=tally.files,
        records=tally.records,
        duplicates=tally.duplicates,
        dropped={name: Decimal(value) for name, value in tally.dropped.items()},
        problems=tally.problems,
        sums=[(_exact(group), Decimal(value)) for group, value in tally.groups.items()],
        twins=tally.twins,
        twin=tally.twin,
    )
    objects.put(partial_key(task, task.partition), msgspec.json.encode(partial))
    return partial


def _exact(group: Group) -> Group:
    contract, dimension, price, subscription = group
    return contract, dimension, None if price is None else Decimal(price), subscription
