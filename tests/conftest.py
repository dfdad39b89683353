"""What the long tests covered, said at the end of a run, from whatever worker."""

import gc
from collections.abc import Callable, Iterator

import pytest

_COVERED = "covered"
# The long tests keep millions of objects, none in circles: looking through them for some is waste.
gc.set_threshold(100_000, 20, 100)


@pytest.fixture
def covered(record_property: Callable[[str, object], None]) -> Callable[..., None]:
    """Return a function with which a test says what it covered: a title and counts.

    Counts under the same title add up over tests.
    """

    def said(title: str, **counts: int) -> None:
        record_property(_COVERED, {"title": title, "counts": counts})

    return said


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print a line per title, with -q as well."""
    totals: dict[str, dict[str, int]] = {}
    for title, counts in _said(terminalreporter):
        total = totals.setdefault(title, {})
        for name, count in counts.items():
            total[name] = total.get(name, 0) + count
    for title, total in totals.items():
        texts = (f"{count:,} {name.replace('_', ' ')}" for name, count in total.items())
        terminalreporter.write_line(f"covered: {title}: {', '.join(texts)}")


def _said(reporter: pytest.TerminalReporter) -> Iterator[tuple[str, dict[str, int]]]:
    for reports in reporter.stats.values():
        for report in reports:
            if getattr(report, "when", "") == "call":
                for name, value in report.user_properties:
                    if name == _COVERED:
                        yield value["title"], value["counts"]
