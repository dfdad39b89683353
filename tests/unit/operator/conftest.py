from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from infra.operator import acting, command, deployed, doctor, drill, executions, restoring  # noqa: F401  # their verbs
from infra.operator.options import app
from tests.unit.operator.account import Account
from tests.unit.operator.typed import Billing


@pytest.fixture
def billing(monkeypatch: pytest.MonkeyPatch) -> Billing:
    """The command, as it is typed."""
    for name in ("BILLING_ENV", "BILLING_STATE", "BILLING_USAGE"):
        monkeypatch.delenv(name, raising=False)

    def typed(*words: str | Path) -> Result:
        return CliRunner().invoke(app, [str(word) for word in words])

    return typed


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    """An account with both stacks of dev; nothing waits."""
    found = Account()
    for module in (deployed, executions, doctor):
        monkeypatch.setattr(module, "client", found)
    monkeypatch.setattr(executions, "_EVERY", 0)
    monkeypatch.setattr(deployed, "_share_credentials", lambda: None)
    deployed.outputs.cache_clear()
    yield found
    deployed.outputs.cache_clear()
