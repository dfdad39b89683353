"""Numbers and messages as an operator reads them, the same everywhere on the screen."""

import re
import shlex
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from itertools import groupby
from pathlib import Path

from functions.domain.month import Month
from infra import ROOT

_LAUNCHER = ROOT / ".venv/bin/billing"


def usd(amount: Decimal | str) -> str:
    """An amount with its cents; what is not an amount stays as it is."""
    try:
        return f"{Decimal(amount):,.2f}"
    except InvalidOperation:
        return str(amount)


def visible(text: str) -> str:
    """Return a text in which nothing can move the cursor or color the screen."""
    return re.sub(r"[\x00-\x1f\x7f-\x9f]", " ", text)


def one_line(message: str, longest: int = 150) -> str:
    """As much of a message as fits into one line."""
    text = " ".join(visible(message).split())
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"


def spans(months: Iterable[str]) -> Iterator[str]:
    """Yield months, those that follow each other together: May 2025 to July 2025 (3 months)."""
    numbered = enumerate(sorted(map(Month.parse, set(months))))
    for _, run in groupby(numbered, lambda pair: pair[1].plus(-pair[0])):
        found = [f"{month.start:%B %Y}" for _, month in run]
        yield found[0] if len(found) == 1 else f"{found[0]} to {found[-1]} ({len(found)} months)"


def waits(late: Sequence[tuple[str, str]]) -> Iterator[str]:
    """Say which months wait, each reason once; instants in it are those of the first month."""
    kinds: dict[str, list[tuple[str, str]]] = {}
    for month, reason in late:
        kinds.setdefault(re.sub(r"[0-9T:-]{19}Z", "", reason), []).append((month, reason))
    for found in kinds.values():
        months = ", ".join(spans(month for month, _ in found))
        verb = "waits" if len(found) == 1 else "wait, the first for this"
        yield f"{months} {verb}: {found[0][1]}"


def billing(verb: str, options: str) -> str:
    """Return a whole command of the operator that can be pasted in any folder."""
    found = shutil.which("billing")
    on_path = found is not None and Path(found).resolve() == _LAUNCHER.resolve()
    name = "billing" if on_path else shlex.quote(str(_LAUNCHER))
    return " ".join(filter(None, (name, verb, options)))


def words(options: Mapping[str, object]) -> str:
    """Return options that have a value as they are typed; a folder is one from everywhere."""
    found = {name: value for name, value in options.items() if value is not None}
    paths = {name: value.resolve() for name, value in found.items() if isinstance(value, Path)}
    return shlex.join(str(part) for pair in {**found, **paths}.items() for part in pair)
