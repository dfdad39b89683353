"""A credits file is read as a whole or refused as a whole, each problem with its line."""

import csv
import io
import re
import time
from collections.abc import Sequence
from contextlib import suppress
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from functions.domain.credits.file import MOST_PROBLEMS, CreditsFile, read_credits
from functions.domain.credits.name import months_of
from functions.errors import BadCredits
from tests.builders import JULY

ONE, QUARTER = "credits-2025-01.csv", "credits-2025-01_2025-03.csv"
A, B, C = "054736553085", "000000000001", "999999999999"
SAVE = "save the file as CSV UTF-8 (comma delimited)"
CUT_OFF = (
    "the file ends within an amount or before it; if it is whole, write the amount with its cents "
    "and end the line"
)


def read(text: str | bytes, key: str = ONE, **given: Any) -> CreditsFile:
    """Read a file; `given` may be its metadata and whether reversals are allowed."""
    body = text.encode() if isinstance(text, str) else text
    terms: dict[str, Any] = {"metadata": {}, "allow_reversals": False, **given}
    return read_credits(key, body, months_of(key, JULY), **terms)


def back_fill(text: str, **given: Any) -> CreditsFile:
    return read(text, QUARTER, **given)


def problems(text: str | bytes, key: str = ONE, **given: Any) -> list[str]:
    """Return the lines of the refusal below its first."""
    with pytest.raises(BadCredits) as refused:
        read(text, key, **given)
    first, *listed = str(refused.value).split("\n")
    count = f"{len(listed)} problem{'s' if len(listed) != 1 else ''}"
    assert first == f"{key}: {count}, nothing of it was posted"
    return listed


def lines_of(listed: Sequence[str]) -> list[int]:
    """Return the numbers that problems begin with."""
    return [int(problem.partition(":")[0].removeprefix("line ")) for problem in listed]


def amounts_of(file: CreditsFile) -> dict[str, list[str]]:
    return {account: [f"{amount:.2f}" for amount in row] for account, row in file.credits.items()}


# What is accepted


def test_accounts_keep_their_leading_zeros_and_amounts_their_cents() -> None:
    file = read(f'{A},"$6,407.96"\n{B},$0.00\n"{C}",11845.35\n')
    assert amounts_of(file) == {A: ["6407.96"], B: ["0.00"], C: ["11845.35"]}
    assert (file.rows, file.total, file.repeated) == (3, Decimal("18253.31"), [])
    nothing = read(f"{A},$0.00\n{B},0\n")
    assert amounts_of(nothing) == {A: ["0.00"], B: ["0.00"]}, "it empties its month"


@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf"], ids=["plain", "bom"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["lf", "crlf", "cr"])
@pytest.mark.parametrize("last", ["", "{end}", "{end}{end}{end}"], ids=["open", "ended", "empty"])
def test_byte_order_mark_line_ends_and_empty_lines_at_the_end_change_nothing(
    start: bytes, end: str, last: str
) -> None:
    rows = [f'{A},"$6,407.96"', f"{B},$0.00", f'"{C}",1.00']
    file = read(start + (end.join(rows) + last.format(end=end)).encode())
    assert amounts_of(file) == {A: ["6407.96"], B: ["0.00"], C: ["1.00"]}
    assert file.rows == 3


def test_reversals_are_read_only_where_they_are_allowed() -> None:
    text = f"{A},$5.00\n{B},-$2.00\n{C},(1.50)\n"
    file = read(text, allow_reversals=True)
    assert amounts_of(file) == {A: ["5.00"], B: ["-2.00"], C: ["-1.50"]}
    assert file.total == Decimal("1.50")
    assert lines_of(problems(text)) == [2, 3]


# What is refused


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (A, "1 column instead of 2"),
        (f"{A},$1.00,", "3 columns instead of 2; column 3 is empty: delete it"),
        (f"{A},$1.00,,\xa0,", "5 columns instead of 2; columns 3 to 5 are empty: delete them"),
        *(
            (row, "3 columns instead of 2; an amount with a comma needs quotes")
            for row in (f"{A},$6,407.96", f"{A},6,40")
        ),
        *(
            (row, "3 columns instead of 2; keep only the account and 1 amount")
            for row in (f"{A},5.00,USD", f'{A},"$6,407.96",USD', f"{A},5.00,6.00")
        ),
        (f"{A},5.00,,USD", "4 columns instead of 2; keep only the account and 1 amount"),
    ],
)
def test_a_short_or_long_row_is_refused(row: str, said: str) -> None:
    assert problems(f"{B},$1.00\n{row}\n") == [f"line 2: {said}"]


@pytest.mark.parametrize("row", [f",{A},5.00", f"{A},Prod,5.00", f"{A},5.00,{B},6.00"])
def test_a_column_that_is_no_amount_is_not_taken_for_one_without_quotes(row: str) -> None:
    assert problems(f"{B},$1.00\n{row}\n")[0].endswith("; keep only the account and 1 amount")


def test_a_grand_total_below_the_rows_is_no_account() -> None:
    (problem,) = problems(f'{A},"$6,407.96"\n{B},$0.04\n,"$6,408.00"\n')
    assert problem == "line 3: account '' is missing; remove the row if it is a total"


@pytest.mark.parametrize("end", ["", "\n", "\n,\n"])
def test_a_last_row_that_is_the_sum_of_all_others_is_refused(end: str) -> None:
    rows = f"{A},$1.00\n{B},$2.50\n{C},$0.00\n"
    said = (
        "remove the total. If it is an account, move the row up, and accept it if it is held then"
    )
    assert problems(f"{rows}123456789012,$3.50{end}") == [
        f"line 4: the row is the sum of all others; {said}"
    ]
    assert read(f"123456789012,$3.50\n{rows}").rows == 4
    assert read(f"{rows}123456789012,$3.51\n").rows == 4


@pytest.mark.parametrize("at", [0, 1])
@pytest.mark.parametrize(("last", "total"), [("0.20", "1.30"), ("0.00", "1.10")])
def test_a_row_above_that_is_the_sum_of_two_others_or_more_is_a_doubt(
    at: int, last: str, total: str
) -> None:
    rows = [f"{A},1.00", f"{B},0.10", f"{C},{last}", "111111111111,0.00"]
    rows.insert(at, f"123456789012,{total}")
    text = f"line {at + 1}, 123456789012, is the sum of all others; remove it if a total"
    assert read("\n".join(rows) + "\n").doubts == [text]
    assert read("\n".join(rows).replace(total, "1.40")).doubts == []


@pytest.mark.parametrize("at", [0, 3])
@pytest.mark.parametrize(
    ("total", "off"), [("60.97", 3), ("60.98", 2), ("61.02", 2), ("61.03", 3), ("-61.01", 12_201)]
)
def test_a_total_of_cells_that_were_not_rounded_is_off_by_half_a_cent_per_row_and_a_doubt(
    at: int, total: str, off: int
) -> None:
    rows = [f"{A},10.33", f"{B},20.33", f"{C},30.34", "111111111111,0.00"]
    rows.insert(at, f"123456789012,{total}")
    text = f"line {at + 1}, 123456789012, is nearly the sum of all others; remove it if a total"
    doubts = read("\n".join(rows) + "\n", allow_reversals=True).doubts
    assert doubts == [text][: off <= 2]


def test_every_month_of_a_total_may_be_off_by_half_a_cent_per_row() -> None:
    rows = f"{A},10.33,5.00,0\n{B},20.33,1.00,0\n123456789012,30.65,{{}},0\n"
    assert len(back_fill(rows.format("6.01")).doubts) == 1
    assert back_fill(rows.format("6.02")).doubts == []


def test_accounts_of_a_cent_are_no_totals_of_each_other() -> None:
    assert read(f"{A},0.01\n{B},0.01\n{C},0.01\n").doubts == []


def test_a_total_above_is_one_with_or_without_the_repeated_rows() -> None:
    rows = [f"{A},10.00", "123456789012,40.00", f"{B},20.00", f"{A},10.00", f"{C},0.00"]
    assert "line 2, 123456789012, is the sum" in str(read("\n".join(rows) + "\n").doubts)
    half = [f"{A},10.00", f"{B},20.00", f"{C},5.00", "111111111111,1.00", f"{A},18.00"]
    assert read("\n".join([*half, "222222222222,0.00"]) + "\n").doubts == []


@pytest.mark.parametrize(
    ("found", "doubted"),
    [
        *((["123457000000", B, "234568000000"], 2), (["123000000000", "123000000000"], 2)),
        *((["123457000000", B, C], 0), (["100000000000", "200000000000", "300000000000"], 0)),
    ],
)
def test_several_accounts_that_scientific_notation_may_have_rounded_are_a_doubt(
    found: list[str], doubted: int
) -> None:
    file = read("".join(f"{account},5.0{line}\n" for line, account in enumerate(found)))
    said = (
        f"{doubted} accounts like {found[0]} end in six zeros, as scientific notation leaves them"
    )
    assert file.doubts == [said][: bool(doubted)]


def test_only_the_first_doubts_about_totals_are_named() -> None:
    rows = "".join(f"{number:012d},-1.00\n" for number in range(1, 9)) + f"{A},6.00\n{B},0.00\n"
    assert read(rows, allow_reversals=True).doubts[3:] == ["and 5 more"]


def test_an_account_of_nine_digits_and_more_is_none_of_its_amount() -> None:
    for account, at in (("000123456789", 1), ("000012345678", 0)):
        found = f"{account},{account.lstrip('0')}.00\n"
        assert at == (len(problems(found)) if at else 1 - read(found).rows)
    (said,) = problems("000123456780,123456780.00\n")
    assert said == "line 1: amount '123456780.00' is the account of its row"


def test_a_total_counts_repeated_rows_or_leaves_them_out() -> None:
    rows = f"{A},$1.00\n{B},$2.50\n{A},$1.00\n"
    for total in ("$4.50", "$3.50"):
        assert lines_of(problems(f"{rows}123456789012,{total}\n")) == [4]
    assert lines_of(problems(f"{rows}{B},$4.50\n")) == [4]


def test_a_total_is_found_above_accounts_without_money() -> None:
    assert lines_of(problems(f"{A},$1.00\n{B},$2.00\n123456789012,$3.00\n{C},$0.00\n")) == [3]


def test_the_account_in_the_column_of_its_amount_is_no_money() -> None:
    for amount in ('"$123,456,789,012.00"', "123456789012.00"):
        (problem,) = problems(f"123456789012,{amount}\n")
        assert "is the account of its row" in problem
    assert read("123456789012,123456789012.50\n").rows == 1


@pytest.mark.parametrize("amounts", [[5], [5, 5], [5, 0, 5], [0, 0, 0]])
def test_accounts_with_the_same_amount_are_no_total(amounts: list[int]) -> None:
    rows = zip([A, B, C], amounts, strict=False)
    assert read("".join(f"{name},${dollars}.00\n" for name, dollars in rows)).rows == len(amounts)


def test_the_total_of_a_back_fill_is_that_of_every_month() -> None:
    rows = f"{A},1.00,2.00,0\n{B},1.00,0,3.00\n"
    assert lines_of(problems(f"{rows}{C},2.00,2.00,3.00\n", QUARTER)) == [3]
    assert back_fill(f"{rows}{C},2.00,2.00,0\n").rows == 3


@pytest.mark.parametrize(
    "header", ["account_id,amount", "Account ID,Credits ($)", ",amount", "Linked account", "sep=,"]
)
def test_a_header_of_one_month_is_called_one_and_nothing_else_is_said_of_it(header: str) -> None:
    (problem,) = problems(f"{header}\n{A},$1.00\n")
    assert problem == f"line 1: {header!r} is a header row; remove it"
    assert lines_of(problems(f"{A},$1.00\n{header}\n"))[0] == 2


@pytest.mark.parametrize("row", [f"{A[1:]},$1.00", "Total,$1.00", ",$1.00", "5.47E+10,x"])
def test_a_first_row_with_an_amount_or_digits_is_no_header(row: str) -> None:
    listed = problems(f"{row}\n{A},$1.00\n")
    assert set(lines_of(listed)) == {1}
    assert "header" not in str(listed)


@pytest.mark.parametrize("first", ["account", "Account ID", ""])
def test_a_back_fill_may_say_its_months_in_a_header(first: str) -> None:
    file = back_fill(f"\ufeff{first}, 2025-01,2025-02,2025-03\r\n{A},1,2,3\r\n")
    assert amounts_of(file) == {A: ["1.00", "2.00", "3.00"]}
    assert file.rows == 1


@pytest.mark.parametrize(
    "months",
    [
        *("2025-02,2025-01,2025-03", "2025-01,2025-02", "2025-01,2025-02,2025-04"),
        *("2025-01,2025-02,2025-03,", "Jan-25,Feb-25,Mar-25", "2025-01,2025-02,2025-03,total"),
    ],
)
def test_a_header_that_does_not_fit_the_name_refuses_the_back_fill(months: str) -> None:
    (problem,) = problems(f"account,{months}\n{A},1,2,3\n", QUARTER)
    assert problem.startswith("line 1: the header 'account,")
    assert problem.endswith("does not fit the name; write account,2025-01,2025-02,2025-03")


@pytest.mark.parametrize(
    ("row", "separator"),
    [
        *((row, "semicolons") for row in (f"{A};$1.00", f"{A};1,00", f'"{A}";"$1.00"')),
        (f'{A};"1.234,50"', "semicolons"),
        *((row, "tabs") for row in (f"{A}\t$1.00", f'"{A}"\t"1,00"')),
        (f"{A}|$1.00", "bars"),
    ],
)
def test_columns_that_commas_do_not_separate_are_called_so(row: str, separator: str) -> None:
    said = f"line 2: the columns are separated by {separator}, not commas; {SAVE}"
    assert problems(f"{B},$1.00\n{row}\n") == [said]


@pytest.mark.parametrize(
    "body", [b"", b"\n", b"\r\n\r\n", b"\xef\xbb\xbf", b"\xef\xbb\xbf\n", b" ,\n,,\n", b'"",""\n']
)
def test_an_empty_file_is_refused(body: bytes) -> None:
    said = ["line 1: the file is empty; to empty a month give its accounts $0.00"]
    assert problems(body) == said
    assert problems("account,2025-01,2025-02,2025-03\n", QUARTER) == said, "a header alone"
    header = "line 1: 'account,amount' is a header row; remove it"
    assert problems("account,amount\n") == [header, *said]


def test_an_empty_line_between_rows_is_refused() -> None:
    listed = problems(f"\n{A},$1.00\n\r\n\n{B},$1.00\n\n\n")
    assert listed == [f"line {number}: the line is empty" for number in (1, 3, 4)]
    assert problems(f"{A},1\n,\n{B},1\n") == ["line 2: the line is empty"]
    assert lines_of(problems(f'{A},$1.00\n\n"{B}"0,$1.00\n')) == [2, 3], "none can be split"


@pytest.mark.parametrize(
    "end", [",\n", ",,,\n,,,\n", " \n\xa0, \n", '"",""\n', ",", "  ", "\n\n,", ',\r\n"",\r\n\r\n']
)
def test_rows_of_commas_or_blanks_at_the_end_hold_nothing(end: str) -> None:
    assert amounts_of(read(f'{A},"$1.00"\n{B},2\n{end}')) == {A: ["1.00"], B: ["2.00"]}


@pytest.mark.parametrize(
    ("body", "line", "byte"),
    [
        (f"{A},$1.00\n{B},$1.00\u20ac\n".encode("cp1252"), 2, "0x80"),
        (f"{A},1.00\r{B},2.00\r\xff".encode("latin-1"), 3, "0xff"),
        (f"{A},1.00\n{B}\xff".encode("latin-1"), 2, "0xff"),
        (b"\xef\xbb\xbf" + f"{A},$1.00\n".encode() + b"\xff\n", 2, "0xff"),
        (b"\xef\xbb\xbf" + f"{A},$1.00\n\n".encode() + b"9\xa01\n", 3, "0xa0"),
    ],
    ids=["cp1252", "cr", "open", "bom", "bom later"],
)
def test_a_file_that_is_not_utf_8_text_is_refused_with_line_and_byte(
    body: bytes, line: int, byte: str
) -> None:
    assert problems(body) == [f"line {line}: byte {byte} is not UTF-8 text; {SAVE}"]


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        *((f"{A},$1.00\n".encode(name), "UTF-16") for name in ("utf-16", "utf-16-le", "utf-16-be")),
        (b"\xfe\xff" + f"{A},$1.00\n".encode("utf-16-be"), "UTF-16"),
        (b"PK\x03\x04\n\x00\n\x00\x9c", "a workbook"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "a workbook"),
        (b"\x1f\x8b\x08\x00abc", "compressed"),
        *((b"%PDF-1.4\n", "a PDF"), (b"{\\rtf1 1.00}", "RTF")),
        *(
            (mark + b"\n<Error><Code>x</Code></Error>", "HTML or XML")
            for mark in (b"", b"\xef\xbb\xbf")
        ),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "a pointer of Git LFS"),
    ],
)
def test_a_file_that_is_no_csv_is_called_what_it_is(body: bytes, kind: str) -> None:
    assert problems(body) == [f"line 1: the file is {kind}; {SAVE}"]


def test_every_problem_of_a_file_is_listed_not_only_the_first() -> None:
    text = f"{A},NaN\n12,1.005,\n{B},$1.00\n,x\n"
    assert lines_of(problems(text)) == [1, 2, 2, 2, 4, 4]


def test_a_hundred_problems_are_listed_and_more_than_that_by_kind() -> None:
    listed = problems("".join(f"{A},x{number}\n" for number in range(MOST_PROBLEMS)))
    assert lines_of(listed) == list(range(1, MOST_PROBLEMS + 1))
    text = "".join(f"{A},1.{number}5\n" for number in range(1_000, 4_000))
    with pytest.raises(BadCredits) as refused:
        read(f"{text}{A},x\n{A},y\n")
    said = "has more than two decimals; round it to the cent"
    assert str(refused.value).split("\n") == [
        f"{ONE}: 3,002 problems, nothing of it was posted",
        *(f"line {line}: amount '1.{line + 999}5' {said}" for line in (1, 2, 3)),
        f"and 2,997 more of this kind; the last is line 3000: amount '1.39995' {said}",
        "line 3001: amount 'x' is not plain US dollars like $6,407.96",
        "line 3002: amount 'y' is not plain US dollars like $6,407.96",
    ]


@pytest.mark.parametrize("text", [f'{A},"$1.00', f'{A},"$1.00\n{B},$2.00\n', f'{A},"$1.00"x\n'])
def test_a_quote_that_is_not_closed_is_refused_at_the_line_it_opens(text: str) -> None:
    assert set(lines_of(problems(f"{C},$1.00\n{text}"))) == {2}
    (unclosed,) = problems(f'{A},"1.00\n')
    assert unclosed == "line 1: the quotes do not match up (unexpected end of data)"


def test_a_quoted_line_end_within_a_row_is_refused_and_later_lines_keep_their_numbers() -> None:
    first, second = problems(f'{A},"$1.00\r\n"\n{B},x\n')
    assert first == r"line 1: amount '$1.00\r\n' is not plain US dollars like $6,407.96"
    assert second.startswith("line 3: ")


@pytest.mark.parametrize(
    "text",
    [
        *(f'{A},"{sign * 60_000}"\n' for sign in (".", ",", "1.", "5 ", ".,")),
        *(f'"{sign * 60_000}\n",5.00\n' for sign in ("a", "a1", ".", " ")),
        *(f"{A},5.00{end}{end * 1_000_000}" for end in (",\r\n", "\n", ", \n")),
    ],
)
def test_a_cell_or_an_end_of_any_length_is_read_at_once(text: str) -> None:
    began = time.process_time()
    with suppress(BadCredits):
        assert read(text).rows == 1
    assert time.process_time() - began < 3


def test_a_cell_without_end_is_refused() -> None:
    listed = problems(f"{A},$1.00\n{'9' * 200_000},$1.00\n{B},x\n")
    assert lines_of(listed) == [2, 3]


CORRUPTED = [
    *("", "{account}", "{account},{amount},", "{account},{amount},{amount}", "{account}\t{amount}"),
    *(",{amount}", "{short},{amount}", "{account}0,{amount}", "x{account},{amount}"),
    *("{account},", "{account},-{amount}", "{account},({amount})", "{account},NaN"),
    *("{account},{amount}0", "{account},{amount}e0", '{account},"{european}"'),
    *('"{account}"{amount}', "{account};{amount}"),
]
accounts = st.integers(1, 10**12 - 1).map("{:012d}".format)
amounts = st.integers(0, 10**32 - 1).map(lambda cents: f"{cents // 100}.{cents % 100:02d}")


def ends_with_a_total(rows: Sequence[tuple[str, list[str]]]) -> bool:
    """Return True if the last row adds up others, each as often as it is there or once."""
    *others, last = [[Fraction(cell) for cell in cells] for _, cells in rows]
    once = {account: row for (account, _), row in reversed([*zip(rows, others, strict=False)])}
    return any(last) and any(
        [sum(column) for column in zip(*some, strict=True)] == last
        for some in (others, [*once.values()])
    )


@settings(deadline=None)
@given(
    st.lists(st.tuples(accounts, amounts), min_size=2, max_size=30),
    st.data(),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from(["", "\ufeff"]),
)
def test_one_bad_row_refuses_the_whole_file_and_is_named_by_its_line(
    rows: list[tuple[str, str]], data: st.DataObject, end: str, mark: str
) -> None:
    assume(not ends_with_a_total([(account, [amount]) for account, amount in rows]))
    number = data.draw(st.integers(0, len(rows) - 2))
    account, amount = rows[number]
    corrupted = data.draw(st.sampled_from(CORRUPTED)).format(
        account=account, amount=amount, short=account[1:], european=amount.replace(".", ",")
    )
    assume(Fraction(amount) or not re.search("[-(]", corrupted))  # -0.00 is 0.00
    lines = [",".join(row) for row in rows]
    assert read((mark + "".join(line + end for line in lines)).encode()).rows == len(rows)
    lines[number] = corrupted
    listed = problems((mark + "".join(line + end for line in lines)).encode())
    assert set(lines_of(listed)) == {number + 1}


# Cut off


@pytest.mark.parametrize("amount", ["$6", "$6407", "$6407.", "$6407.9", "(1.0"])
def test_an_open_last_line_without_the_cents_that_others_have_is_refused_as_cut_off(
    amount: str,
) -> None:
    assert f"line 2: {CUT_OFF}" in problems(f"{A},$1.00\n{B},{amount}")
    assert problems(f"{A},6.5") == [f"line 1: {CUT_OFF}"]


@pytest.mark.parametrize("amount", ["$6407.96", '"$6,407.96"', "$6407.96 ", '"$6,407"'])
def test_an_open_last_line_with_its_cents_or_closed_quotes_is_whole(amount: str) -> None:
    assert read(f"{A},$1.00\n{B},{amount}").rows == 2
    assert read(f'{A},"$1.00"\n{B},"$7" ').total == Decimal(8), "a blank cuts nothing off"


def test_a_file_of_whole_dollars_needs_no_line_end() -> None:
    assert read(f"{A},$500\n{B},$100").total == 600
    for end in ("\n", "\r", "\r\n"):
        assert read(f"{A},1.00{end}{B},6{end}").total == 7, "with an end a line is whole"


@pytest.mark.parametrize("allow_reversals", [False, True])
@pytest.mark.parametrize("last", ["", "-", "$ -", " ", " $ -   "])
def test_an_open_last_line_that_may_have_lost_its_amount_is_refused_as_cut_off(
    last: str, *, allow_reversals: bool
) -> None:
    for written in ("1.00,2.00", "1,2", "-,-"):
        text = f"{A},{written},{last}"
        (problem,) = problems(text, QUARTER, allow_reversals=allow_reversals)
        assert problem.startswith("line 1: the file ends within an amount")
        assert back_fill(f"{text}\n", allow_reversals=allow_reversals).rows == 1
    if last.strip():
        assert lines_of(problems(f"{A},{last}", allow_reversals=allow_reversals)) == [1]


@pytest.mark.parametrize("text", [f'{A},"$1.00"\n{B},"$6,4', f'{A},"$1.00"\n"{B}'])
def test_a_row_that_is_whole_is_not_called_cut_off(text: str) -> None:
    assert set(lines_of(problems(text))) == {2}


def test_an_open_last_amount_may_have_lost_the_minus_that_others_have_behind_them() -> None:
    text = f"{A},5.00-\n{B},5.00"
    (problem,) = problems(text, allow_reversals=True)
    assert problem.startswith("line 2: the file ends within an amount")
    for whole in (f"{text}\n", f"{text}-"):
        assert read(whole, allow_reversals=True).rows == 2


@given(
    st.lists(st.tuples(accounts, st.integers(1, 10**9)), min_size=2, max_size=4),
    st.sampled_from(["{0:.2f}", "${0:.2f}", "${0:,.2f}"]),
    st.data(),
)
def test_a_file_with_cents_that_is_cut_off_within_a_row_is_refused(
    rows: list[tuple[str, int]], written: str, data: st.DataObject
) -> None:
    text = io.StringIO(newline="")
    written_rows = [(name, written.format(Decimal(cents).scaleb(-2))) for name, cents in rows]
    csv.writer(text, lineterminator="\n").writerows(written_rows)
    whole = text.getvalue().rstrip("\n")
    begin = whole.rfind("\n") + 1
    assert problems(whole[: data.draw(st.integers(begin + 1, len(whole) - 1))])


# Repeated accounts


def test_a_repeated_account_keeps_the_first_row() -> None:
    file = read(f"{A},$1.00\n{B},$2.00\n{A},1\n{A},$1.50\n")
    assert amounts_of(file) == {A: ["1.00"], B: ["2.00"]}
    assert [(row.line, row.account, row.kept, row.skipped) for row in file.repeated] == [
        (3, A, ["1.00"], ["1.00"]),
        (4, A, ["1.00"], ["1.50"]),
    ]
    assert (file.rows, file.total) == (4, Decimal("5.50"))
    assert [row.differs for row in file.repeated] == [False, True]


def test_a_back_fill_compares_the_amounts_of_every_month() -> None:
    file = back_fill(f"{A},1.00,2.00,3.00\n{A},1.00,2.00,3.00\n{A},1.00,3.00,2.00\n")
    assert [row.differs for row in file.repeated] == [False, True]
    assert amounts_of(file) == {A: ["1.00", "2.00", "3.00"]}


few_accounts = st.sampled_from([A, B, C, "123456789012"])


@settings(deadline=None)
@given(
    st.integers(1, 3).flatmap(
        lambda months: st.lists(
            st.tuples(few_accounts, st.lists(amounts, min_size=months, max_size=months)),
            min_size=1,
            max_size=12,
        )
    )
)
def test_what_is_kept_and_what_is_skipped_make_up_the_file(
    rows: list[tuple[str, list[str]]],
) -> None:
    assume(not ends_with_a_total(rows))
    text = "".join(f"{','.join([account, *cells])}\n" for account, cells in rows)
    file = read(text, (ONE, "credits-2025-01_2025-02.csv", QUARTER)[len(rows[0][1]) - 1])
    kept = sum(Fraction(amount) for row in file.credits.values() for amount in row)
    skipped = sum(Fraction(cell) for row in file.repeated for cell in row.skipped)
    assert kept + skipped == Fraction(file.total)
    assert Fraction(file.total) == sum(Fraction(cell) for _, cells in rows for cell in cells)
    assert len(file.credits) + len(file.repeated) == file.rows == len(rows)
    first: dict[str, list[str]] = {}
    for account, cells in rows:
        first.setdefault(account, cells)
    assert amounts_of(file) == first


# Back-fill


@pytest.mark.parametrize("cells", ["1.00", "1.00,2.00", "1.00,2.00,3.00,4.00", "1.00,2.00,3.00,"])
@pytest.mark.parametrize("line", [1, 2])
def test_every_row_of_a_back_fill_has_exactly_as_many_amounts_as_months(
    cells: str, line: int
) -> None:
    rows = [f"{A},1.00,2.00,3.00\n"] * 2
    rows[line - 1] = f"{B},{cells}\n"
    (problem,) = problems("".join(rows), QUARTER)
    assert problem.startswith(f"line {line}: {cells.count(',') + 2} columns instead of 4")


def test_a_back_fill_has_an_amount_per_month_oldest_first() -> None:
    file = back_fill(f'{A},$1.00,"$2,000.00",3\n{B},0.00,0.00,0.01\n')
    assert amounts_of(file) == {A: ["1.00", "2000.00", "3.00"], B: ["0.00", "0.00", "0.01"]}


@pytest.mark.parametrize("cell", ["", " ", "\xa0"])
def test_an_empty_amount_is_zero_only_in_a_back_fill(cell: str) -> None:
    file = back_fill(f"{A},{cell},2.00,{cell}\n")
    assert amounts_of(file) == {A: ["0.00", "2.00", "0.00"]}
    assert lines_of(problems(f"{A},{cell}\n")) == [1]


@pytest.mark.parametrize("cell", ["-", "$ -", " $-   ", "-$0.00", "($0.00)", "0.00-"])
def test_a_dash_or_a_negative_zero_is_zero_in_every_file(cell: str) -> None:
    assert amounts_of(back_fill(f"{A},{cell},2.00,{cell}\n"))[A] == ["0.00", "2.00", "0.00"]
    assert amounts_of(read(f"{A},{cell}\n")) == {A: ["0.00"]}
    assert read(f'{A},"$ (-)"\n{B},(-)\n{C},$1.00\n').total == Decimal("1.00")


def test_an_amount_of_a_back_fill_that_cannot_be_read_is_not_zero() -> None:
    listed = problems(f"{A},n/a,2.00,1e5\n", QUARTER)
    assert lines_of(listed) == [1, 1]
    assert "'n/a'" in listed[0]


# Control totals


def test_a_file_that_is_what_its_uploader_says_passes() -> None:
    text = f'{A},"$1,000.00"\n{A},$0.50\n'
    for total in ("1000.50", "$1,000.50", "1000.5"):
        assert read(text, metadata={"row-count": "2", "total-usd": total}).rows == 2
    assert read(text, metadata={"other": "x"}).rows == 2


@pytest.mark.parametrize(
    ("said", "named"),
    [
        ({"row-count": "3"}, "row-count is '3', the file has 2 rows"),
        ({"total-usd": "3.49"}, "total-usd is '3.49', the file's is 3.50"),
        *(({"row-count": text}, f"row-count is {text!r}") for text in ("", "2.0")),
        *(({"total-usd": text}, f"total-usd is {text!r}") for text in ("-3.50", "NaN", "")),
    ],
)
def test_a_file_that_lost_rows_on_its_way_is_reported_by_its_control_totals(
    said: dict[str, str], named: str
) -> None:
    (problem,) = problems(f"{A},1.00\n{B},2.50\n", metadata=said)
    assert problem.startswith(f"the upload's {named}")


def test_control_totals_are_compared_with_what_can_be_read_and_listed_with_a_total() -> None:
    rows = f"{A},1.00\n{B},2.50\n{C},3.50\n"
    listed = problems(rows, metadata={"row-count": "2", "total-usd": "3.50"})
    said = [problem.partition(" is ")[0] for problem in listed]
    assert said == ["the upload's row-count", "the upload's total-usd", "line 3: the row"]
    assert lines_of(problems(f"{rows}x,1\n", metadata={"row-count": "2"})) == [4]
    one = problems(f"{A},1.00\n", metadata={"row-count": "2"})
    assert one == ["the upload's row-count is '2', the file has 1 row"]
    assert read(f"{A},-3.50\n", allow_reversals=True, metadata={"total-usd": "-3.50"}).rows == 1


@pytest.mark.parametrize(
    ("months", "amounts"),
    [
        *((2, text) for text in ("$1,407.96", "$1,407", "$100,000", "1,407", "$1,407.5")),
        *((2, text) for text in ("$1,407.9600", "-$1,407.96")),
        *((2, text) for text in ("$ 1,407.96", "USD 1,407.96", "us$1,407", "1,407.96 USD")),
        *((2, text) for text in ("1,407 usd", "($1,407.96)", "- $1,407.96", "-USD 1,407")),
        *((3, text) for text in ("$1,034,567.89", "$1,000,407.96", "$12,000,000.00")),
    ],
)
def test_an_amount_without_its_quotes_is_not_taken_for_several_months(
    months: int, amounts: str
) -> None:
    key = f"credits-2025-01_2025-0{months}.csv"
    others = ",".join(['"$1,000.00"'] * months)
    for blank in ("", " ", "\xa0", "\u200b\t"):
        said = problems(f"{A},{blank}{amounts}\n{B},{others}\n", key, allow_reversals=True)
        assert said[0].endswith("may be one amount or several; put every amount in quotes")
        assert amounts.strip("()") in said[0]


@pytest.mark.parametrize(
    ("amounts", "other"),
    [
        *(("$1,407", "2,3"), ("100,000", "2,3"), ("1,407", "5.00,3")),
        *(("1,407 usd", "2,3"), ("USD1,407", "2,3")),
    ],
)
def test_a_currency_zeros_or_cents_anywhere_show_that_an_amount_lacks_its_quotes(
    amounts: str, other: str
) -> None:
    said = problems(f"{A},{amounts}\n{B},{other}\n", "credits-2025-01_2025-02.csv")
    assert said == [f"line 1: '{amounts}' may be one amount or several; put every amount in quotes"]


def test_two_amounts_in_a_row_without_quotes_are_both_named() -> None:
    said = problems(f"{A},$12,050,$13,060\n", "credits-2025-01_2025-04.csv")
    assert [text.split("'")[1] for text in said] == ["$12,050", "$13,060"]


@pytest.mark.parametrize(
    ("row", "amounts"),
    [
        *(("$1.00,407.96", "1.00 407.96"), ("$1,$407.96", "1 407.96"), ("5,100", "5 100")),
        *((" $1, $407.96", "1 407.96"), ("USD 1,USD 407", "1 407"), (" 5 , 100 ", "5 100")),
        *(('"1","407.96"', "1 407.96"), ('"1", 407.96', "1 407.96")),
        ('"$1,407.96","$2,134,567.89"', "1407.96 2134567.89"),
    ],
)
def test_what_can_only_be_two_months_is_read(row: str, amounts: str) -> None:
    file = read(f"{A},{row}\n", "credits-2025-01_2025-02.csv")
    assert file.credits[A] == [Decimal(amount) for amount in amounts.split()]


@pytest.mark.parametrize("place", ["first", "last"])
def test_a_first_or_last_column_that_adds_up_the_others_is_refused(place: str) -> None:
    def named(*amounts: str) -> str:
        cells = [text.split()[:: 1 if place == "last" else -1] for text in amounts]
        return "".join(f"{n},{','.join(row)}\n" for n, row in zip((A, B, C), cells, strict=False))

    two = ["1.00 2.00 3.00", "10.00 20.00 30.00"]
    said = f"the {place} column is the sum of the others; remove the total. If it is "
    said += "a month, upload the months one by one"
    assert problems(named(*two, "1.50 0.00 1.50"), QUARTER) == [said]
    assert read(named(two[0], "10.00 20.00 31.00"), QUARTER).rows == 2
    assert read(named(two[0], "1.50 0.00 1.50"), QUARTER).rows == 2, "one may add up by chance"


@pytest.mark.parametrize(
    "text",
    [
        f'{A}, "$6,407.96"\n',
        f'"{A}" ,"$6,407.96" \n',
        f' "{A}"\t,\xa0"$6,407.96"\u200b',
        f'{A},"$6,407.96"\n \xa0,\u200b\n',
        f'\u2002{A}\u2066,\u061c"$6,407.96"\u200c',
        f'{A},"$6,407.96"\n"\u202f",\u3000\r\n\ufeff,',
    ],
)
def test_blanks_beside_quotes_and_rows_of_any_blanks_say_nothing(text: str) -> None:
    assert read(text).credits == {A: [Decimal("6407.96")]}


def test_two_accounts_of_one_amount_are_no_total_of_each_other() -> None:
    for text in (f"{A},5.00\n{B},5.00\n", f"{A},5.00\n{B},5.00\n{C},0.00\n"):
        assert read(text).doubts == []
