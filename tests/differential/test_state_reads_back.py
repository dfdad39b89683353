"""Whatever the state bucket holds says the same after it was written and read."""

import json
from datetime import UTC, datetime, timedelta, timezone
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import msgspec
from hypothesis import assume, given
from hypothesis import strategies as st

from functions.adapters import keys
from functions.domain.ledger.entry import Entry
from functions.domain.month import Month, format_instant, parse_instant
from functions.domain.months import state_file
from functions.domain.months.journal import Journal
from functions.domain.months.state_file import ErrorRecord
from functions.domain.plan import Plan, parse_plan, parse_plans
from functions.domain.usage.tally import Tally
from tests.builders import JULY, PLAN
from tests.differential.steadily import steadily

months = st.builds(Month, st.integers(2006, 2100), st.integers(1, 12))
plan_keys = st.sampled_from(["Postgres:PROD:pt-1", "Other:DEV:pt-2", "ü:PROD:pt-3"])
contracts = st.text(min_size=1, max_size=12)
exported = contracts.filter(lambda name: name == name.strip())
# Names as a careful operator, a careless one and an attacker would choose them.
hostile_ids = st.one_of(
    st.sampled_from(["..", ".", "a/b", "%2F", "a%", "plan", "x.json", "../../x", "ü/ö", "a b"]),
    st.text(min_size=1, max_size=20).filter(str.isprintable),
)

# Months and instants


@steadily
@given(months, months)
def test_months_are_ordered_as_they_are_written(one: Month, other: Month) -> None:
    assert (one < other) == (str(one) < str(other)) == (one.start < other.start)


instants = st.datetimes(datetime(1970, 1, 2), datetime(9999, 12, 30))  # noqa: DTZ001
offsets = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timedelta(minutes=minutes))


@steadily
@given(instants, offsets)
def test_an_instant_is_the_same_whatever_offset_it_is_written_with(
    naive: datetime, offset: timedelta
) -> None:
    instant = naive.replace(tzinfo=UTC)
    assert parse_instant(instant.astimezone(timezone(offset)).isoformat()) == instant
    assert parse_instant(format_instant(instant)) == instant.replace(microsecond=0)


# Plans


formulas = st.sampled_from(["a", "a / 2**30", "max(a, b_total_price)", "0.1 * a", " a // 3 "])
path_parts = st.text(min_size=1, max_size=20).filter(
    lambda text: not set(text) & set("/:") and text.isprintable() and text not in (".", "..")
)
plans = st.builds(
    Plan,
    service=path_parts,
    environment_type=path_parts,
    plan_id=path_parts,
    dimensions=st.dictionaries(contracts.filter(str.strip), formulas, max_size=3),
    start_month=st.none() | months.map(str),
    max_months=st.integers(1, 24),
    marker_margin_minutes=st.integers(0, 40_320),
    late_window=st.integers(0, 12),
    state_file=st.sampled_from(["metering_state.json", "a/b-c_d.json"]),
    submit_concurrency=st.integers(1, 1_000),
)


@steadily
@given(plans)
def test_a_plan_reads_back_from_its_json(plan: Plan) -> None:
    assert parse_plan(json.loads(msgspec.json.encode(plan).decode())) == plan
    assert parse_plans(f"[{msgspec.json.encode(plan).decode()}]") == (plan,)


# Keys


@steadily
@given(hostile_ids, months)
def test_a_contract_id_is_read_back_from_its_key_and_stays_in_its_month(
    contract: str, month: Month
) -> None:
    key = keys.ledger_entry(PLAN, month, contract)
    assert keys.name_in(key) == contract
    folder, _, name = key.rpartition("/")
    assert f"{folder}/" == keys.ledger_month(PLAN, month)
    assert name.isascii()
    assert name not in (".", "..")


@steadily
@given(hostile_ids, hostile_ids)
def test_two_contracts_never_share_a_key(one: str, other: str) -> None:
    same = keys.ledger_entry(PLAN, JULY, one) == keys.ledger_entry(PLAN, JULY, other)
    assert same == (one == other)


@steadily
@given(hostile_ids)
def test_a_contract_id_that_usage_may_have_is_taken_as_it_is(contract: str) -> None:
    assume(contract == contract.strip())
    tally = Tally(duplicates="max")
    record = {"externalPayerId": contract, "dimension": "d", "value": 1}
    tally.add_file("k", "01/00", json.dumps([record]).encode())
    tally.end()
    assert tally.groups == {(contract, "d", None, None): 1}


# Ledger and journal


def of_type(hint: Any) -> st.SearchStrategy[Any]:
    """Draw every field of a struct, the optional ones as well."""
    origin, arguments = get_origin(hint), get_args(hint)
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return st.builds(hint, **{name: of_type(of) for name, of in get_type_hints(hint).items()})
    if origin is tuple:
        return st.lists(of_type(arguments[0]), max_size=2).map(tuple)
    if origin is dict:
        return st.dictionaries(*map(of_type, arguments), max_size=2)
    if origin in (Union, UnionType):
        return st.one_of(*map(of_type, arguments))
    return st.integers(0, 10**9) if hint is int else st.from_type(hint)


@steadily
@given(of_type(Entry))
def test_a_ledger_entry_reads_back(entry: Entry) -> None:
    body = msgspec.json.format(msgspec.json.encode(entry), indent=1)
    assert msgspec.json.decode(body, type=Entry) == entry


@steadily
@given(of_type(Journal))
def test_a_journal_reads_back(journal: Journal) -> None:
    assert msgspec.json.decode(msgspec.json.encode(journal), type=Journal) == journal


# The state file


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=8,
)
errors = st.builds(
    ErrorRecord,
    contract_id=exported,
    errors=st.lists(st.text(max_size=5), max_size=2),
    code=st.text(max_size=5),
    message=st.text(max_size=5),
    payload=st.none() | st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=2),
    retry_count=st.integers(0, 9),
)
by_month = st.dictionaries(months.map(str), st.lists(exported, max_size=3), max_size=3)
errors_by_month = st.dictionaries(
    months.map(str), st.lists(errors.map(msgspec.to_builtins), max_size=3), max_size=3
)
documents = st.dictionaries(
    plan_keys,
    st.builds(
        lambda own, notes: {**notes, **own},
        st.fixed_dictionaries(
            {},
            optional={
                "last_processed_month": months.map(str),
                "success_contracts": by_month,
                "error_contracts": errors_by_month,
            },
        ),
        st.dictionaries(st.sampled_from(["note", "owner", "x"]), values, max_size=2),
    ),
)


@steadily
@given(st.dictionaries(st.text(max_size=6), values))
def test_a_state_file_reads_back_with_every_key_and_in_its_order(document: dict[str, Any]) -> None:
    read = state_file.parse(state_file.encode(document), "state.json")
    assert json.dumps(read) == json.dumps(document)


@steadily
@given(documents, plan_keys, months, st.lists(exported, max_size=3), st.lists(errors, max_size=3))
def test_a_month_that_is_recorded_changes_nothing_else_and_twice_is_once(
    document: dict[str, Any],
    plan: str,
    month: Month,
    successes: list[str],
    failed: list[ErrorRecord],
) -> None:
    def recorded(before: dict[str, Any], *, closes: bool) -> dict[str, Any]:
        return state_file.record_month(
            before, plan, month, successes=successes, errors=failed, closes=closes, at="now"
        )

    before = json.dumps(document)
    after, closed = recorded(document, closes=False), recorded(document, closes=True)
    assert json.dumps(document) == before
    assert json.dumps(recorded(closed, closes=True)) == json.dumps(closed)
    assert json.dumps(_without(after, plan, str(month))) == json.dumps(
        _without(document, plan, str(month))
    )
    state = state_file.read_plan(after, plan, "state.json")
    assert state
    assert set(successes) <= state.at(month).done
    assert {record.contract_id for record in failed} <= state.at(month).failed
    assert not (set(successes) - {record.contract_id for record in failed}) & state.at(month).failed


def _without(document: dict[str, Any], plan: str, month: str) -> dict[str, Any]:
    """Return a state file without what recording a month of a plan may change."""
    entry = dict(document.get(plan, {}))
    for name in ("success_contracts", "error_contracts"):
        entry[name] = {key: value for key, value in entry.get(name, {}).items() if key != month}
    entry.pop("last_updated", None)
    return {**document, plan: dict(sorted(entry.items()))}
