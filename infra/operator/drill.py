"""`billing drill`: an incident of made-up contracts on this machine, which the operator settles."""

import datetime as dt
import json
import shlex
import sys
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console

from functions.domain.ledger.entry import Entry
from infra.local.cli.demo_data import AS_OF, CONTRACTS, MONTH, PLAN, write_demo
from infra.local.cli.metering_command import open_metering
from infra.local.cli.wording import billing
from infra.local.partners.clazar.server import ClazarServer
from infra.operator.ending import finish
from infra.operator.errors import Unusable
from infra.operator.options import Screen, Where, verb
from infra.operator.place import find, month_of
from infra.operator.status import plan_status

_REFUSED, _LOST = CONTRACTS[1:]
_SCALE = 0.001  # a lost answer is looked for again after an hour


class Drill(msgspec.Struct, kw_only=True):
    """What is left to settle, each with what is wrong and the command, and where to look."""

    folder: str
    look: list[str]
    left: list[str]
    commands: list[str]
    set_up: bool = False


@verb("drill ./drill")
def drill(
    folder: Annotated[Path, typer.Argument(help="A new folder; it keeps all of the drill.")],
    *,
    check: Annotated[bool, typer.Option("--check", help="Judge a drill set up before.")] = False,
    screen: Screen,
) -> None:
    """Practise: one contract is refused, one answer is lost; you settle both."""
    asking = not (check or screen.silent) and sys.stdin.isatty() and sys.stdout.isatty()

    def work() -> Drill:
        if check:
            return _judged(folder)
        if folder.exists():
            raise Unusable(
                f"{folder} exists; name a new folder, or judge it: billing drill {folder} --check"
            )
        _set_up(folder, shown=not screen.silent)
        found = _judged(folder)
        while asking and found.left:
            _show(found, Console(highlight=False))
            typer.prompt("Settle both in another terminal, then press Enter", "", prompt_suffix=" ")
            found = _judged(folder)
        return msgspec.structs.replace(found, set_up=not asking)

    finish(work, _show, lambda found: found.set_up or not found.left, screen)


def _set_up(folder: Path, *, shown: bool) -> None:
    """Bill the month against a Clazar that refuses one contract and loses an answer."""
    usage, state = write_demo(folder.resolve())
    (folder / "plans.json").write_text(json.dumps([PLAN]), encoding="utf-8")
    how: dict[str, Any] = {"time_scale": _SCALE, "shown": shown}
    with (
        ClazarServer(listing=False) as clazar,
        open_metering(clazar.url, usage=usage, state=state, plans=[PLAN], **how) as session,
    ):
        clazar.script(_REFUSED, "refuse")
        clazar.script(_LOST, "lost")
        session.run({"as_of": AS_OF})
        session.ended(well=True)
        held = json.dumps(clazar.accepted, indent=1)
    (folder / "clazar.json").write_text(held, encoding="utf-8")


def _judged(folder: Path) -> Drill:
    if not (folder / "clazar.json").is_file():
        raise Unusable(f"{folder} is not a drill that was set up; billing drill {folder} does it")
    root = folder.resolve()
    state, usage, plans = root / "state", root / "usage", root / "plans.json"
    where = Where(state=state, usage=usage, plans=plans)
    place, at = find(where), dt.datetime.now(dt.UTC)
    (books,) = place.books()
    found = plan_status(books, place.usage, at, where.words(**{"time-scale": str(_SCALE)}))
    entries = {e.contract_id: e for e in books.entries(month_of(MONTH), [_REFUSED, _LOST])}
    unsettled = {name: one for one in found.open for name in one.contracts}
    left = [f"{name}: {one.code}: {one.message}" for name, one in unsettled.items()]
    for contract in {_REFUSED, _LOST} - unsettled.keys():
        left += _wrong(contract, entries.get(contract))
    return Drill(
        folder=str(root),
        look=[
            billing("status", where.words()),
            f"what Clazar's own page would list: {root}/clazar.json",
        ],
        left=left,
        commands=[text for one in found.open for text in one.commands],
    )


def _wrong(contract: str, entry: Entry | None) -> list[str]:
    """Explain why a contract that is no longer open is not settled as it should be."""
    if contract == _LOST and entry and entry.last_word != "accepted":
        said = f"was resolved as {entry.last_word or 'nothing'}, but Clazar holds its records"
        return [f"{contract}: {said}; begin again with a new folder"]
    if entry is None or not entry.accepted or entry.waived:
        return [f"{contract}: is not billed; begin again with a new folder"]
    return []


def _show(found: Drill, console: Console) -> None:
    lines = [
        f"{MONTH} was billed, and {len(found.left)} of 2 contracts are left to settle:",
        *(f"  {text}" for text in found.left),
        "Look first (is the record there? then it must not be sent again):",
        *(f"  {text}" for text in found.look),
        "Then settle; OUTCOME is accepted, not_accepted or waived, and ... the reason for it:",
        *(f"  {text}" for text in found.commands),
        f"At the end: {billing('drill', shlex.quote(found.folder))} --check",
    ]
    settled = ["Both contracts are settled: nothing is lost and nothing is billed twice."]
    for line in lines if found.left else settled:
        console.print(line, markup=False, soft_wrap=True)
