"""Dates: what lies between two, what comes after one, which weekday it is."""

from __future__ import annotations

import calendar
from datetime import date, timedelta

from langchain_core.tools import ToolException, tool

MOST = 1_000_000


@tool
def date_arithmetic(
    start: str, end: str | None = None, years: int = 0, months: int = 0, weeks: int = 0, days: int = 0
) -> str:
    """Count days between two dates, or move a date by years, months, weeks and days (negative: back).

    Dates are written as 2024-02-29. With `end`: the days from start to end. Without: the date that is reached, and
    its weekday. The end of a shorter month stands for a day that it lacks: January 31 plus one month is February 29.
    """
    first = _date(start)
    if end is not None:
        return f"{(_date(end) - first).days} days"
    if max(map(abs, (years, months, weeks, days))) > MOST:
        raise ToolException(f"moves are limited to {MOST:,} of each unit")
    try:
        reached = _months_later(first, 12 * years + months) + timedelta(weeks=weeks, days=days)
    except (ValueError, OverflowError) as error:
        raise ToolException(f"the date reached lies outside the years 1 to 9999 ({error})") from error
    return f"{reached.isoformat()} ({calendar.day_name[reached.weekday()]})"


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text.strip())
    except ValueError as error:
        raise ToolException(f"{text!r} is no date such as 2024-02-29 ({error})") from error


def _months_later(start: date, months: int) -> date:
    year, month = divmod(12 * start.year + start.month - 1 + months, 12)
    if not 1 <= year <= 9999:
        raise ValueError(f"year {year}")
    return date(year, month + 1, min(start.day, calendar.monthrange(year, month + 1)[1]))
