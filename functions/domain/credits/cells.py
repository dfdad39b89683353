"""Cells of a credits file: what a spreadsheet leaves around a value, and account numbers."""

import re
from collections.abc import Iterable

# What Unicode calls space separators, line separators and format characters.
_BLANKS = "\t\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))
_INVISIBLE = "".join(
    map(chr, (0x61C, 0x180E, 0xFEFF, *range(0x200B, 0x2010), *range(0x202A, 0x202D)))
) + "".join(map(chr, range(0x2060, 0x2070)))  # without U+202D and U+202E, which turn digits round
# A soft hyphen cannot be seen, but is what some documents give for a minus.
_DASHES = "\xad\u2010\u2011\u2012\u2013\u2014\u2212\ufe63\uff0d"
AROUND = f" {_BLANKS}{_INVISIBLE}"
"""What may be around a value without being part of it."""
_TIDY = str.maketrans(
    {**dict.fromkeys(_BLANKS, " "), **dict.fromkeys(_INVISIBLE), **dict.fromkeys(_DASHES, "-")}
)
_LONGEST_SHOWN, _LONGEST_JUDGED = 40, 200
_ACCOUNT = re.compile(r"(?!0{12})[0-9]{12}")
# Six digits are left in a column of usual width; one may be nobody's but an example's.
_ROUNDED = re.compile(r"(?!.0{11})[0-9]{6}0{6}")

_FORMAT = ": {account}? Format the column as text"
_AS_TEXT = "write {account} and format the column as text"
_NOT_ACCOUNTS = (
    (r"", "is missing; remove the row if it is a total"),
    (r"0{12}", "does not exist; remove the row if it is a total"),
    (r"(?i).*\b(total|sum)\b.*", "is a total; remove the row"),
    (r"[0-9]{11}", "has 11 digits: the leading zero was lost" + _FORMAT),
    (r"[0-9]{8,10}", "has {count} digits: leading zeros were lost" + _FORMAT),
    (r"[0-9]+", "has {count} digits instead of 12"),
    (
        r"(?i)[0-9]([.,][0-9]+)?e\+?[0-9]+",
        "is in scientific notation; format the column as text and enter its 12 digits",
    ),
    (r"""=["']?[0-9]{9,12}["']?""", "is a formula; " + _AS_TEXT),
    (r"'[0-9]{9,12}'?", "has an apostrophe; " + _AS_TEXT),
    (r"[0-9]{3,4}(-[0-9]{4}){2}|[0-9]{3,4}( [0-9]{4}){2}", "is written in groups; " + _AS_TEXT),
    (r"[0-9]{9,12}[.,]0*|[0-9]{1,3}([.,][0-9]{3}){3}", "is formatted as a number; " + _AS_TEXT),
    (r"[^0-9]*[0-9]{12}[^0-9]*", "has more in its cell than 12 digits; " + _AS_TEXT),
)


def tidy(cell: str) -> str:
    """Return a cell without blanks around it, and with plain blanks and dashes within."""
    return cell.translate(_TIDY).strip(" ")


def shown(value: object) -> str:
    """Quote a cell, or what stands in its place, for a message."""
    text = value if isinstance(value, str) else repr(value)
    short = text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"
    return repr(short) if isinstance(value, str) else short


def what_is_wrong(text: str, kinds: Iterable[tuple[str, str]], otherwise: str) -> str:
    """Return the sentence of the first kind that a cell is of."""
    start = text[:_LONGEST_JUDGED]
    return next((said for kind, said in kinds if re.fullmatch(kind, start)), otherwise)


def account_problem(account: str) -> str | None:
    """Explain why a tidy cell is not the number of an AWS account."""
    if _ACCOUNT.fullmatch(account):
        return None
    digits = re.sub(r"\.0*$|[^0-9]", "", account)
    said = what_is_wrong(account, _NOT_ACCOUNTS, "is not exactly 12 digits")
    return f"account {shown(account)} {said.format(account=digits.zfill(12), count=len(digits))}"


def rounded(accounts: Iterable[str]) -> list[str]:
    """Name accounts whose last digits scientific notation has taken, if several look like it."""
    found = [account for account in accounts if _ROUNDED.fullmatch(account)]
    if not found[1:]:
        return []
    like = f"{len(found)} accounts like {found[0]} end in six zeros"
    return [f"{like}, as scientific notation leaves them"]
