"""`make demo`: a month is billed and a file of credits is sent, each twice: nothing doubles."""

from pathlib import Path
from typing import Any

from rich.console import Console

from functions.domain.wording import counted
from infra import ROOT
from infra.local.cli.demo_credits import send_twice
from infra.local.cli.demo_data import AS_OF, PLAN, write_credits, write_demo
from infra.local.cli.ending import succeeded
from infra.local.cli.metering_command import open_metering
from infra.local.cli.show import console, show_run
from infra.local.partners.clazar.server import ClazarServer

FOLDER = ROOT / ".demo"


def run_demo() -> dict[str, Any]:
    """Both pipelines, one after the other. Gives the result that decides the exit code."""
    screen = console()
    usage, state = write_demo(FOLDER)
    result = _bill_twice(usage, state, screen)
    if succeeded(result):
        file, amounts = write_credits(FOLDER)
        result = send_twice(file, amounts, state=FOLDER / "credits", screen=screen)
    screen.rule()
    screen.print(f"Everything that was written is in {_shown(FOLDER)}", highlight=False)
    return result


def _bill_twice(usage: Path, state: Path, screen: Console) -> dict[str, Any]:
    """Both runs against one Clazar. Gives the result of the last one."""
    screen.rule("Metering: July 2025 of one plan, one of three contracts already billed")
    screen.print(f"Usage as Omnistrate exports it: {_shown(usage)}", highlight=False)
    with (
        ClazarServer() as clazar,
        open_metering(clazar.url, usage=usage, state=state, plans=[PLAN]) as session,
    ):
        sent = 0
        for title in ("First run", "Second run: the same again"):
            screen.rule(title, align="left")
            result = session.run({"as_of": AS_OF})
            show_run(result, state=state.relative_to(ROOT), console=screen)
            posts = clazar.posts[sent:]
            sent += len(posts)
            records = sum(len(post.records) for post in posts)
            said = f"{counted(len(posts), 'submission')} with {counted(records, 'record')}"
            screen.print(f"Clazar got {said}")
            if not succeeded(result):
                break
        session.ended(well=succeeded(result))
    return result


def _shown(path: Path) -> str:
    return f"{path.relative_to(ROOT)}/"
