"""What was measured has an identity: no configuration bills it twice under two names."""

from collections.abc import Mapping
from fractions import Fraction
from itertools import combinations
from typing import Any, NamedTuple

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec.structs import replace

from functions.domain import formula
from functions.domain.ledger import coverage, transitions
from functions.domain.ledger.claim import ContractItem, Terms, claim
from functions.domain.ledger.entry import Attempt, Entry, Failure, Line
from functions.domain.ledger.failures import CONFIGURATION_CHANGED
from functions.domain.plan import Plan
from tests import builders
from tests.differential.steadily import steadily


def a_line(dimension: str, state: Any = "accepted", **fields: Any) -> Line:
    return builders.a_line(dimension, state, **fields)


def an_entry(*lines: Line, **fields: Any) -> Entry:
    return builders.an_entry(*lines, **{"cloud": "aws", **fields})


def a_plan(formulas: Mapping[str, str], cloud: str = "aws") -> Plan:
    return builders.a_plan(cloud=cloud, dimensions=dict(formulas))


def conflicts(
    then: Mapping[str, str],
    now: Mapping[str, str],
    *names: str,
    line: Line | None = None,
    cloud: str = "aws",
) -> list[str]:
    """Return what keeps dimensions from being billed today beside a line of an earlier day."""
    entry = an_entry(line or a_line("cores"), formulas=dict(then))
    return coverage.conflicts(entry, dict.fromkeys(names, "5"), a_plan(now, cloud))


def test_a_renamed_dimension_would_bill_again_what_may_have_been_sent_and_only_that() -> None:
    cores, hours = {"cores": "cpu"}, {"cpu_hours": "cpu"}
    resent = a_line("cores", "unsure", doubts=1)
    assert len(conflicts(cores, hours, "cpu_hours", line=resent)) == 1
    assert conflicts(cores, hours, "cpu_hours", line=a_line("cores", "unsure")) == []


@pytest.mark.parametrize(
    ("then", "now", "bills"),
    [
        ({"cores": "cpu"}, {}, "cpu: cpu"),
        ({}, {"total": "cores"}, "total: cores"),
        ({"cores": "cpu"}, {"total": "cpu / 1000"}, "total: cpu"),
        ({"cores": "cpu + mem"}, {"both": "mem + cpu"}, "both: cpu, mem"),
        ({"cores": "cpu + mem"}, {"memory": "mem"}, "memory: mem"),
        ({"cores": "cpu"}, {"cents": "cpu_total_price"}, "cents: cpu"),
        ({"cores": "cpu_total_price"}, {"hours": "cpu"}, "hours: cpu"),
        ({"cores": "100"}, {"fee": "100"}, "fee: a flat fee"),
        ({"cores": "100"}, {"fee": "99 + 1"}, "fee: a flat fee"),
    ],
)
def test_formulas_switched_on_or_off_changed_or_priced_bill_the_same_usage(
    then: dict[str, str], now: dict[str, str], bills: str
) -> None:
    name, _, usage = bills.partition(": ")
    text = f"{usage} is billed as cores (5 accepted); {name} would bill it again"
    assert conflicts(then, now, name) == [text]
    assert conflicts(then, now, "unrelated") == []


def test_a_fixed_line_that_would_read_more_now_is_no_longer_what_it_was() -> None:
    then = {"cores": "cpu"}
    assert conflicts(then, {"cores": "cpu + mem + io"}, "cores") == [
        "cores reads io, mem now, which cores (5 accepted) does not bill"
    ]
    assert conflicts(then, {"cores": "cpu / 1000"}, "cores") == [], "its quantity stays anyway"
    assert conflicts({"cores": "cpu + mem"}, {"cores": "cpu"}, "cores") == []
    assert conflicts(then, {"cores": "500"}, "cores") == [
        "cores reads a flat fee now, which cores (5 accepted) does not bill"
    ]


def test_a_dimension_that_was_zero_before_is_billed_by_the_same_configuration() -> None:
    both = {"cores": "cpu", "burst": "max(cpu - 100, 0)"}
    assert conflicts(both, both, "cores", "burst") == []
    changed = {**both, "burst": "max(cpu - 50, 0)"}
    assert len(conflicts(both, changed, "cores", "burst")) == 1
    assert conflicts({}, {}, "cores", "mem") == []


def test_another_cloud_takes_no_more_lines_for_what_was_sent_for_the_first() -> None:
    assert conflicts({}, {}, "cores", "mem", cloud="gcp") == [
        "cores (5 accepted) was sent for cloud aws; the plan's cloud is gcp now"
    ]
    assert conflicts({}, {}, "cores", cloud="gcp") == [], "nothing but what was sent is left"
    assert conflicts({}, {}, "mem", cloud="gcp", line=a_line("cores", "unsure")) == []


def test_every_conflict_is_named() -> None:
    lines = (a_line("cores"), a_line("memory", "sent"))
    entry = an_entry(*lines, formulas={"cores": "cpu", "memory": "mem"})
    now = {"all": "cpu + mem", "mem": "mem"}
    assert coverage.conflicts(entry, {"all": "1", "mem": "1"}, a_plan(now)) == [
        "cpu is billed as cores (5 accepted); all would bill it again",
        "mem is billed as memory (5 sent); all would bill it again",
        "mem is billed as memory (5 sent); mem would bill it again",
    ]


def test_usage_of_fixed_lines_is_as_it_was_and_all_other_is_todays() -> None:
    then = {"formulas": {"cores": "cpu", "memory": "mem"}, "usage": {"cpu": "5", "mem": "5"}}
    entry = an_entry(a_line("cores"), a_line("memory", "unsure"), **then)
    today = {"cpu": "6", "mem": "6", "net": "1"}
    assert coverage.usage_of(entry, today) == {"cpu": "5", "mem": "6", "net": "1"}
    assert coverage.usage_of(entry, {}) == {"cpu": "5"}


def test_a_billed_contract_takes_only_what_bills_usage_that_came_since() -> None:
    formulas = {"cores": "cpu", "memory": "mem", "cents": "cpu_total_price"}
    entry = an_entry(a_line("cores"), formulas=formulas, usage={"cpu": "5", "mem": "0.5"})

    def due(now: Mapping[str, str], usage: Mapping[str, str], *names: str) -> set[str]:
        return coverage.still_due(entry, dict.fromkeys(names, "1"), usage, now)

    usage = {"cpu": "5", "mem": "0.5"}
    assert due(formulas, usage, "cores", "memory") == set()
    assert due(formulas, {**usage, "mem": "1"}, "cores", "memory") == {"memory"}
    assert due(formulas, {**usage, "cpu": "6"}, "cores", "cents") == {"cents"}
    renamed = {"cpu_hours": "cpu", "gib": "mem"}
    assert due(renamed, {"cpu": "6", "mem": "1"}, "cpu_hours", "gib") == {"gib"}
    assert due({}, {"cpu": "5", "mem": "0.5", "net": "1"}, "cpu", "mem", "net") == {"net"}


@pytest.mark.parametrize(
    ("then", "now", "found"),
    [
        ({"cores": "cpu"}, {"cores": "cpu", "gib": "mem"}, {"gib"}),
        ({"cores": "cpu"}, {"gib": "mem", "all": "cpu + mem", "vcpu": "cpu"}, {"gib"}),
        ({"cores": "cpu", "gib": "mem / 9"}, {"gib": "mem", "mem": "mem"}, set()),
        ({"cores": "cpu"}, {}, {"mem"}),
        ({}, {"gib": "mem"}, set()),
    ],
)
def test_a_billed_contract_takes_what_bills_usage_that_no_formula_of_it_has_read(
    then: dict[str, str], now: dict[str, str], found: set[str]
) -> None:
    entry = an_entry(a_line("cores"), formulas=then, usage={"cpu": "5", "mem": "9"})
    names = dict.fromkeys(now or ("cpu", "mem"), "1")
    assert coverage.still_due(entry, names, entry.usage, now) == found
    final = replace(entry, until="2025-07-13T10:00:00Z")
    assert coverage.still_due(final, names, entry.usage, now) == set()


# Whatever is configured from one run to the next


class Step(NamedTuple):
    """One run: its configuration, what was measured, and what becomes of each line."""

    formulas: dict[str, str]
    usage: dict[str, str]
    outcomes: list[str]
    retry: bool = True
    settles: bool = True


class Billed(NamedTuple):
    """A line that was sent and not refused, and the configuration it was computed with."""

    dimension: str
    formulas: dict[str, str]


EXPRESSIONS = ("a", "b", "a / 2", "2 * a", "a + b", "max(a - 1, 0)", "3")
configurations = st.dictionaries(
    st.sampled_from(["a", "b", "x", "y"]), st.sampled_from(EXPRESSIONS), max_size=3
)
measured = st.dictionaries(
    st.sampled_from(["a", "b"]), st.sampled_from(["1", "2", "4"]), min_size=1
)
steps = st.builds(
    Step,
    configurations,
    measured,
    st.lists(st.sampled_from(["accepted", "refused", "sent", "not taken"]), min_size=4, max_size=4),
    st.booleans(),
    st.booleans(),
)


def quantities(step: Step) -> dict[str, str]:
    usage = {name: formula.evaluate(text, {}) for name, text in step.usage.items()}
    if not step.formulas:
        return dict(step.usage)
    names = {"a": Fraction(0), "b": Fraction(0), **usage}
    found = {name: int(formula.evaluate(t, names)) for name, t in step.formulas.items()}
    return {name: str(number) for name, number in found.items() if number}


def run(entry: Entry | None, step: Step, billed: list[Billed]) -> Entry:
    """Claim, send and record one contract's month; note what may be billed by now."""
    item = ContractItem(
        contract_id="c-1",
        quantities=quantities(step),
        amounts=quantities(step),
        usage=step.usage,
        retry=step.retry and entry is not None and entry.failure is not None,
    )
    terms = Terms(a_plan(step.formulas), month="2025-07", execution="x", at="t")
    taken, action, error, cause = claim(entry, item, terms)
    if action == "record_error":
        return transitions.fail(taken, Failure(code=error, message=cause, errors=(cause,), at="t"))
    if action == "nothing":
        return taken
    lines = []
    for line, outcome in zip(taken.lines, [*step.outcomes, *["sent"] * 9], strict=False):
        if line not in taken.to_look_up or outcome == "not taken":
            lines.append(line)
            continue
        if outcome == "refused":
            billed[:] = [known for known in billed if known.dimension != line.dimension]
        elif not line.is_fixed:
            billed.append(Billed(line.dimension, step.formulas))
        lines.append(replace(line, state=outcome))
    attempt = Attempt(id="a", execution="x", at="t", dimensions=(), request="")
    sent = replace(taken, lines=tuple(lines), attempts=(attempt,))
    if sent.accepted and step.settles:
        return transitions.succeed(sent, "t")
    if step.settles and {line.state for line in lines} & {"sent", "refused"}:
        return transitions.fail(sent, Failure(code="X", message="m", errors=("m",), at="t"))
    return sent


def designed_together(one: Billed, other: Billed) -> bool:
    """Return True if one of the configurations holds both lines as they were computed."""
    return other.formulas.get(one.dimension) == one.formulas.get(one.dimension) or (
        one.formulas.get(other.dimension) == other.formulas.get(other.dimension)
    )


A, B = {"a": "2"}, {"b": "2"}


@steadily
@given(st.lists(steps, min_size=2, max_size=5))
@example([Step({"x": "a"}, A, ["accepted"]), Step({"y": "a"}, A, ["accepted"])])
@example([Step({"x": "a"}, A, ["sent"]), Step({}, A, ["accepted"] * 2)])
@example([Step({"x": "a"}, A, ["refused"]), Step({"y": "a"}, A, ["accepted"])])
@example([Step({"x": "a"}, A, ["accepted"], settles=False), Step({"y": "a"}, A, ["accepted"])])
@example(
    [
        Step({"x": "3", "a": "b"}, A, ["accepted"], settles=False),
        Step({}, A, ["accepted"] * 2, settles=False),
        Step({"a": "a", "b": "a"}, A, ["accepted"] * 3),
    ]
)
@example(
    [
        Step({"x": "3", "a": "b"}, A, ["sent"], settles=False),
        Step({"x": "3", "y": "b"}, B, ["sent"] * 2, settles=False),
        Step({"a": "b"}, B, ["accepted"] * 3),
    ]
)
@example(
    [
        Step({"x": "a", "y": "max(a - 9, b)"}, A, ["sent"], settles=False),
        Step({"x": "a", "z": "b"}, {**A, **B}, ["sent"] * 2, settles=False),
        Step({"x": "a", "y": "max(a - 9, b)"}, {**A, **B}, ["accepted"] * 3),
    ]
)
def test_no_usage_is_billed_by_two_lines_of_different_configurations(run_by_run: Any) -> None:
    entry: Entry | None = None
    billed: list[Billed] = []
    for step in run_by_run:
        entry = run(entry, step, billed)
    for one, other in combinations(billed, 2):
        assert one.dimension != other.dimension, "a line that may be billed is never computed again"
        read = coverage.sources(one.dimension, one.formulas)
        if read & coverage.sources(other.dimension, other.formulas):
            assert designed_together(one, other), (one, other)


@steadily
@given(st.lists(steps, min_size=2, max_size=4))
def test_a_change_that_would_bill_twice_is_named_and_changes_no_line(run_by_run: Any) -> None:
    entry: Entry | None = None
    for step in run_by_run:
        before = entry
        entry = run(before, step, [])
        if before and entry.failure and entry.failure.code == CONFIGURATION_CHANGED:
            if before.failure is None or not step.retry:
                assert entry.lines == before.lines
            fixed = [line.dimension for line in entry.lines if line.is_fixed]
            assert any(f"{name} (" in entry.failure.message for name in fixed)


def test_what_a_line_without_a_formula_bills_is_read_by_its_entry() -> None:
    lines = (a_line("cpu", "accepted"),)
    entry = an_entry(*lines, unbilled={"io": "0.5"}, formulas={"mem": "ram"})
    assert coverage.read_by(entry) == {"cpu", "io", "ram"}
