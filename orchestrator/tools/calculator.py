"""Arithmetic without eval: the expression is parsed, and only numbers and named operations are worked out."""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from langchain_core.tools import ToolException, tool

LONGEST = 500  # characters
BIGGEST_EXPONENT = 1_000
MOST_DIGITS = 100
MOST_BITS = 4_096  # of an exact number: as far as it is readable, and quick
Number = Fraction | float

OPERATIONS: dict[type[ast.AST], Callable[..., Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.UAdd: operator.pos,
    ast.USub: operator.neg,
}
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "abs": abs,
    "min": min,
    "max": max,
    "round": lambda number, digits=0: _rounded(number, digits),
    "floor": math.floor,
    "ceil": math.ceil,
    "sqrt": lambda number: _root(number),
    "exp": math.exp,
    "log": math.log,
    "log10": math.log10,
    "sin": math.sin,
    "cos": math.cos,
    "tan": math.tan,
}
CONSTANTS = {"pi": math.pi, "e": math.e}


@tool
def calculator(expression: str) -> str:
    """Work out an arithmetic expression such as "(17 + 25) * 3 / 4" or "sqrt(2) ** 3".

    Knows + - * / // % **, parentheses, abs, min, max, round, floor, ceil, sqrt, exp, log, log10, sin, cos, tan,
    pi and e. Fractions are exact.
    """
    return calculated(expression)


def calculated(expression: str) -> str:
    """Return the value of an expression as text; whole numbers and short decimals are exact.

    Raises:
        ToolException: if it is no arithmetic, or its value is undefined or too big.
    """
    if len(expression) > LONGEST:
        raise ToolException(f"the expression has {len(expression)} characters; {LONGEST} is the most")
    try:
        return _text(_value(ast.parse(expression.strip(), mode="eval").body))
    except SyntaxError as error:
        raise ToolException(f"{expression!r} is no arithmetic expression ({error.msg})") from error
    except (ArithmeticError, ValueError, TypeError, RecursionError) as error:
        raise ToolException(f"{expression!r} has no value: {error}") from error


def _value(node: ast.AST) -> Number:
    match node:
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            return _bounded(_exact(number))
        case ast.BinOp(left=left, op=ast.Pow(), right=right):
            return _bounded(_power(_value(left), _value(right)))
        case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATIONS:
            return _bounded(OPERATIONS[type(op)](_value(left), _value(right)))
        case ast.UnaryOp(op=op, operand=operand) if type(op) in OPERATIONS:
            return _bounded(OPERATIONS[type(op)](_value(operand)))
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if name in FUNCTIONS:
            return _bounded(_exact(FUNCTIONS[name](*map(_value, args))))
        case ast.Name(id=name) if name in CONSTANTS:
            return CONSTANTS[name]
    raise ToolException(
        f"{ast.unparse(node)!r} is not allowed; use numbers, + - * / // % ** and known functions"
    )


def _exact(number: Any) -> Number:
    """Return a written number or a whole result as a fraction; 0.1 is one tenth, as written."""
    if isinstance(number, float):
        return Fraction(repr(number)) if math.isfinite(number) else number
    return Fraction(number)


def _power(base: Number, exponent: Number) -> Number:
    if abs(float(exponent)) > BIGGEST_EXPONENT:
        raise ToolException(f"the exponent {_text(exponent)} is too big; {BIGGEST_EXPONENT} is the most")
    if isinstance(base, Fraction) and isinstance(exponent, Fraction) and exponent.denominator == 1:
        size = max(base.numerator.bit_length(), base.denominator.bit_length())
        if size * abs(exponent.numerator) > 2 * MOST_BITS:
            raise ToolException("the power is too big a number")
        return base**exponent.numerator
    if base < 0:
        raise ToolException("a negative number has no such power among real numbers")
    return math.pow(base, exponent)


def _root(number: Number) -> Number:
    """Return the square root, exact where it is a fraction."""
    if number < 0:
        raise ToolException("a negative number has no real square root")
    if isinstance(number, Fraction):
        top, bottom = math.isqrt(number.numerator), math.isqrt(number.denominator)
        if top * top == number.numerator and bottom * bottom == number.denominator:
            return Fraction(top, bottom)
    return math.sqrt(number)


def _rounded(number: Number, digits: Number) -> Number:
    if digits != int(digits) or abs(int(digits)) > MOST_DIGITS:
        raise ToolException(f"round takes a whole number of digits, {MOST_DIGITS} at most")
    return _exact(round(number, int(digits)))


def _bounded(number: Number) -> Number:
    if isinstance(number, Fraction):
        if max(number.numerator.bit_length(), number.denominator.bit_length()) > MOST_BITS:
            raise ToolException("the value is too big a number")
    elif not math.isfinite(number):
        raise ToolException("the value is too big a number")
    return number


def _text(number: Number) -> str:
    """Return a whole number or a short decimal as it is, anything else with 12 significant digits."""
    if isinstance(number, float):
        number = Fraction(number) if number.is_integer() and abs(number) < 1e15 else number
    if isinstance(number, Fraction):
        if number.denominator == 1:
            return str(number.numerator)
        if (decimal := float(number)) and Fraction(repr(decimal)) == number:
            return repr(decimal)
    return f"{float(number):.12g}"
