"""Production code under the model: its ids are small, its threads take turns, its log is silent."""

import logging
from collections.abc import Iterator

import pytest

from functions.adapters import reports
from functions.metering import submit_contract
from tests.model import outside


@pytest.fixture(autouse=True)
def _steps(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(submit_contract, "uuid4", outside.new_attempt)
    monkeypatch.setattr(reports, "page", lambda _written: b"")  # for people, who are not modelled
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)
