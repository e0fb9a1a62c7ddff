"""Do the equations in an answer hold? Each is worked out again, exactly; nothing is ever run."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import pairwise
from typing import Any

from router_training.answers.finding import ABSENT, Finding

KIND = "arithmetic"
MOST_CHARS, MOST_EQUATIONS, LONGEST_SIDE = 20_000, 100, 80
MOST_BITS = 256
SPACING = re.compile(
    r"\\(?:left|right|displaystyle|[,;!: ])|\\[()\[\]]|[$€£¥]|\*\*(?=\S)|(?<=\S)\*\*(?=[\s.,]|$)"
)
FRACTION = re.compile(r"\\[dt]?frac ?\{([\d.]{1,20})\} ?\{([\d.]{1,20})\}")
PERCENT = "*.01"
SIGNS = (
    (re.compile(r"\\times|\\cdot|×|·|⋅"), "*"),
    (re.compile(r"\\div|÷"), "/"),
    (re.compile(r"−|–"), "-"),
    (re.compile(r"(?<=[\d)]) [xX] (?=[\d(])"), " * "),
    (re.compile(r"(?<=\d)(?:,|\{,\})(?=\d{3}(?!\d))"), ""),
    (re.compile(r"(?<=\d) ?\\?%"), PERCENT),
)
LEFT = re.compile(r"[\d.+\-*/() \t]*\Z")
RIGHT = re.compile(r"[\d.+\-*/() \t]*")
EQUALS = re.compile(r"(?<![=<>!:+\-*/~≈])=(?![=>~])")
SEPARATED = re.compile(r"\. |^\s*[-*+] (?=[\d(])")
JOINED = re.compile(r"[\w^\\{}|\])!'\"_]\Z")
NO_PLAIN_EQUATION = re.compile(
    r"\s*(?:mod\b|\(?\\?p?mod\b|r(?:emainder)?\b|base\b|[\^_\\{:!]|\d)|[A-Za-z](?![A-Za-z])", re.I
)
OPERATIONS: dict[type[ast.AST], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


def find(prompt: str, answer: str) -> Finding:
    """Count the equations that do not hold; those of the prompt are its own business.

    It counts, and takes no share: a share could be watered down by equations that nobody needs.
    """
    told = {_key(left, right): (left, right) for left, right in equations(answer)}
    asked = {_key(left, right) for left, right in equations(prompt)} if told else set()
    checked = [sides for key, sides in told.items() if key not in asked]
    wrong = [f"{left} = {right}" for left, right in checked if not holds(left, right)]
    if not checked:
        return Finding(KIND, ABSENT, "the answer shows no equation that can be worked out")
    if not wrong:
        return Finding(KIND, "all hold", f"all equations hold ({len(checked)} worked out again)")
    name = "one wrong" if len(wrong) == 1 else "several wrong"
    return Finding(KIND, name, f"{len(wrong)} of {len(checked)} equations do not hold: {wrong[0]}")


def equations(text: str) -> Iterator[tuple[str, str]]:
    """Yield the two sides of each equation between numbers, of which at least one side is to be worked out."""
    for line in _plain(text[:MOST_CHARS]).splitlines() if "=" in text else ():
        signs = [match.start() for match in EQUALS.finditer(line)]
        if len(signs) > MOST_EQUATIONS or not signs:
            continue
        places = [-1, *signs, len(line)]
        parts = [line[start + 1 : end] for start, end in pairwise(places)]
        for before, after in pairwise(range(len(parts))):
            left, right = _left(parts[before], before == 0), _right(parts[after], after == len(parts) - 1)
            if left and right and (_is_sum(left) or _is_sum(right)):
                yield left, right


def holds(left: str, right: str) -> bool:
    """Tell whether both sides are equal as far as the decimals shown tell; a side without a value tells nothing."""
    first, second = value(left), value(right)
    if first is None or second is None:
        return True
    slack = max(_rounding(left, right), _rounding(right, left), abs(first) / 1000)
    if abs(first - second) <= slack:
        return True
    shown = (side.replace(PERCENT, "") for side in (left, right))  # "2 / 8 * 100 = 25%" is what people write
    return PERCENT in left + right and holds(*shown)


def value(side: str) -> Fraction | None:
    """Return what a side is worth, None where it has no value."""
    try:
        return _worked_out(ast.parse(side.strip(), mode="eval").body)
    except (SyntaxError, ValueError, ZeroDivisionError, RecursionError, MemoryError, OverflowError):
        return None


def _worked_out(node: ast.AST) -> Fraction:
    match node:
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            found = Fraction(repr(number))
        case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATIONS:
            found = OPERATIONS[type(op)](_worked_out(left), _worked_out(right))
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            found = -_worked_out(operand)
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            found = _worked_out(operand)
        case _:
            raise ValueError("no arithmetic")
    if max(found.numerator.bit_length(), found.denominator.bit_length()) > MOST_BITS:
        raise OverflowError("too big a number")
    return found


def _plain(text: str) -> str:
    bare = FRACTION.sub(r"(\1/\2)", SPACING.sub("", text))
    for sign, plain in SIGNS:
        bare = sign.sub(plain, bare)
    return bare


def _left(part: str, is_first: bool) -> str | None:
    """Return the expression that ends before an equals sign; one cut out of a longer one is none."""
    found = LEFT.search(part, max(0, len(part) - LONGEST_SIDE))
    side = found.group() if found else ""
    before = part[: len(part) - len(side)]
    if JOINED.search(before) and side[:1] not in (" ", "\t"):
        return None
    pieces = SEPARATED.split(side) if is_first and not before.strip() else re.split(r"\. ", side)
    side = pieces[-1].strip()
    if side[:1] in ("+", "*", "/", "-", ")") and (before.strip() or side[:1] != "-"):
        return None
    return side if any(sign.isdigit() for sign in side) else None


def _right(part: str, is_last: bool) -> str | None:
    """Return the expression that begins after an equals sign, up to the words or the next sentence."""
    found = RIGHT.match(part[:LONGEST_SIDE])
    side = found.group() if found else ""
    rest = part[len(side) :]
    if NO_PLAIN_EQUATION.match(rest):
        return None
    side = re.split(r"\.(?:\s|$)", side)[0].strip()
    if not any(sign.isdigit() for sign in side) or side[-1] in "+-*/(":
        return None
    return side.rstrip(".")


def _is_sum(side: str) -> bool:
    return any(sign in side.lstrip("+-") for sign in "+-*/")


def _rounding(side: str, of: str) -> Fraction:
    """Return how far off a number may be that was rounded or cut off to what it shows; a sum is not rounded."""
    if _is_sum(side):
        return Fraction(0)
    decimals = len(side.partition(".")[2])
    return Fraction(1, 10 ** min(decimals, 20)) if decimals or "/" in of else Fraction(0)


def _key(left: str, right: str) -> str:
    return f"{left}={right}".replace(" ", "")
