"""Production code under the model: its ids are small, its threads take turns, its log is silent."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Self

import pytest

from functions.adapters import state_bucket
from functions.metering import submit_contract
from tests.model import outside


class _InTurn:
    """Stands in for a pool of threads: reads of several entries come in the order of their keys."""

    def __init__(self, _workers: int) -> None: ...

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...

    @staticmethod
    def map(function: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
        return map(function, items)


@pytest.fixture(autouse=True)
def _steps(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(submit_contract, "uuid4", outside.new_attempt)
    monkeypatch.setattr(state_bucket, "ThreadPoolExecutor", _InTurn)
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)
