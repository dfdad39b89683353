"""The second half of `make demo`: a file of credits lands to the cent, and once more the same."""

from collections.abc import Mapping
from contextlib import ExitStack
from decimal import Decimal
from pathlib import Path
from typing import Any

from rich.console import Console

from functions.domain.wording import counted
from infra import ROOT
from infra.local.cli.demo_data import AS_OF, MONTH
from infra.local.cli.ending import succeeded
from infra.local.cli.session import Session, open_session
from infra.local.cli.show_credits import show_credits
from infra.local.cli.wording import usd
from infra.local.partners.cloudzero.server import CloudZeroServer


def send_twice(
    file: Path, amounts: Mapping[str, Decimal], *, state: Path, screen: Console
) -> dict[str, Any]:
    """Both uploads against one CloudZero. Gives the result that decides the exit code."""
    total = sum(amounts.values(), Decimal(0))
    screen.rule(f"Credits: {len(amounts) + 1} rows of {MONTH}, one of them repeats an account")
    said = (
        f"{file.relative_to(ROOT)}: {counted(len(amounts), 'account')}, together {usd(total)} USD"
    )
    screen.print(said, highlight=False)
    with ExitStack() as stack:
        cloudzero = stack.enter_context(CloudZeroServer())
        environment = {"CLOUDZERO_URL": cloudzero.url}
        session = stack.enter_context(open_session("credits", state=state, environment=environment))
        session.steps.stop()
        for title in ("First upload", "Second upload: the same again"):
            screen.rule(title, align="left")
            result = _upload(session, file)
            show_credits(result, state=state.relative_to(ROOT), console=screen)
            if not succeeded(result):
                break
            equal = _show_stored(cloudzero, total, screen)
            if not equal:
                result = {**result, "status": "FAILED", "error": "DemoDiffers"}
                break
        session.ended(well=succeeded(result))
    return result


def _show_stored(cloudzero: CloudZeroServer, total: Decimal, screen: Console) -> bool:
    """Read back from CloudZero itself, and compare with the file."""
    posts, stored = cloudzero.posts, cloudzero.total(MONTH)
    sent = sum(len(post.rows) for post in posts)
    said = f"{counted(len(posts), 'drop')} so far, {counted(sent, 'row')}"
    screen.print(f"CloudZero got {said}", highlight=False)
    equal = stored == -total
    said = "equal to the file" if equal else "NOT what the file says"
    held = f"{counted(len(cloudzero.stored[MONTH]), 'row')}, together {usd(stored)} USD"
    screen.print(f"CloudZero holds {held}: {said}", highlight=False)
    return equal


def _upload(session: Session, file: Path) -> dict[str, Any]:
    session.steps.go_on()
    uploaded = session.account.upload(file.name, file.read_bytes(), at=AS_OF)
    (running,) = session.account.started_by(uploaded, progress=session.steps.report)
    ended = session.account.wait(running).as_dict()
    session.steps.stop()
    return {"file": file.name, **ended}
