"""A SQL query that must return what the reference's query returns. Reference: {"setup": "CREATE TABLE ...", "query": "SELECT ..."}.

With "ordered": true the order of rows counts. Run by duckdb in memory (extra `graders`), without files or network, two
seconds at most. It cannot judge a query that is right on the rows of `setup` by chance: give rows that tell apart.
"""

from __future__ import annotations

import json
import re
import threading
from collections import Counter
from typing import Any

from router_training.answer_text import fenced_blocks, final_part
from router_training.extras import needed

_SECONDS = 2.0
_MOST_ROWS = 100_000
_ENOUGH = 50
_STATEMENT = re.compile(r"(?:'[^']*'|\"[^\"]*\"|--[^\n]*|[^;])*")
_QUERY = re.compile(r"\b(?:with|select|from|values)\b", re.IGNORECASE)


def grade(answer: str, reference: str) -> float | None:
    """Return 1 if the answer's query returns the same rows, 0 if not or if it fails, None for a broken reference.

    Names of columns do not matter, their order does; numbers may differ in the ninth digit.
    """
    try:
        key = json.loads(reference)
        setup, query, ordered = str(key["setup"]), str(key["query"]), bool(key.get("ordered", False))
    except (ValueError, KeyError, TypeError):
        return None
    wanted = _rows(setup, query)
    if wanted is None:
        return None
    found = _rows(setup, _query(answer))
    if found is None:
        return 0.0
    return float(found == wanted if ordered else Counter(found) == Counter(wanted))


def _query(answer: str) -> str:
    blocks = [block for block in fenced_blocks(answer) if _QUERY.search(block)]
    text = (blocks[-1] if blocks else final_part(answer)).strip(" `\n")
    starts = [match.start() for match in _QUERY.finditer(text)][:_ENOUGH]
    statements = [found.group() for start in starts if (found := _STATEMENT.match(text, start))]
    return next(filter(_parses, statements), statements[0] if statements else "")


def _parses(statement: str) -> bool:
    """Tell whether duckdb reads this as one statement: "from the table: ..." is a sentence."""
    duckdb = needed("duckdb", "graders", "the grader sql_result")
    try:
        return len(duckdb.extract_statements(statement)) == 1
    except duckdb.Error:
        return False


def _rows(setup: str, query: str) -> list[tuple[Any, ...]] | None:
    duckdb = needed("duckdb", "graders", "the grader sql_result")
    limits = {
        "enable_external_access": False,
        "memory_limit": "256MB",
        "threads": 1,
        "lock_configuration": True,
    }
    with duckdb.connect(":memory:", config=limits) as database:
        late = threading.Timer(_SECONDS, database.interrupt)
        late.start()
        try:
            database.execute(setup)
            rows = database.execute(query).fetchmany(_MOST_ROWS) if query else None
        except (duckdb.Error, RuntimeError):  # an interrupt is a RuntimeError
            return None
        finally:
            late.cancel()
    return None if rows is None else [tuple(map(_value, row)) for row in rows]


def _value(value: Any) -> Any:
    if isinstance(value, bool | str) or value is None:
        return value
    try:
        return float(f"{float(value):.9g}")
    except (TypeError, ValueError, OverflowError):
        return str(value)
