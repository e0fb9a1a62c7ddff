"""Outcome files as rows that remember where they stood: CSV, JSONL and Parquet."""

from __future__ import annotations

import io
import json
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from router_training.contract import DataError

VARIED = ("response", "time")
"""Texts that hardly repeat."""


@dataclass(frozen=True)
class Rows:
    """Unchecked rows; `numbers[i]` is where row i stands in `origin`, counted from 1 in `unit`s."""

    frame: pd.DataFrame
    origin: str
    numbers: NDArray[np.int64]
    unit: str

    def place(self, i: int) -> str:
        """Return 'outcomes.csv, line 7' for row i."""
        return f"{self.origin}, {self.unit} {self.numbers[i]}"


def frame_rows(frame: pd.DataFrame, origin: str) -> Rows:
    """Return the rows of a frame, numbered from 1 in its order."""
    return Rows(frame.reset_index(drop=True), origin, np.arange(1, len(frame) + 1), "row")


def read_rows(path: str | Path) -> Rows:
    """Read a CSV, JSONL or Parquet file, or a folder of parts that `pointsman label` wrote.

    Raises:
        DataError: if the file is absent, a directory, empty, of another kind, or cannot be parsed.
    """
    path = Path(path)
    if path.is_dir():
        return _read_parts(path)
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise DataError(
            f"{path} ends in {path.suffix or 'nothing'!r}, but outcomes are read from "
            f"{', '.join(_READERS)}; convert or rename it"
        )
    try:
        raw = path.read_bytes()
    except FileNotFoundError as error:
        raise DataError(f"{path} does not exist; check the path") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}); check its permissions") from error
    if not raw.strip():
        raise DataError(f"{path} is empty; it needs one row per task and model")
    return reader(raw, str(path))


def _read_parts(folder: Path) -> Rows:
    import pyarrow as pa  # spares formats that are text

    parts = sorted(folder.glob("part-*.parquet"))
    if not parts:
        raise DataError(f"{folder} is a directory, not a file of outcomes; name a file inside it")
    tables = [_arrow_table(part.read_bytes(), str(part)) for part in parts]
    return _rows_of(pa.concat_tables(tables, promote_options="permissive"), str(folder))


def _text(raw: bytes, origin: str) -> str:
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{origin}, line {line}: byte 0x{raw[error.start]:02x} is not UTF-8; save the file as UTF-8"
        ) from error


def _read_csv(raw: bytes, origin: str) -> Rows:
    text = _text(raw, origin)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            frame = pd.read_csv(
                io.StringIO(text, newline=""),
                dtype=str,
                keep_default_na=False,
                index_col=False,
                skip_blank_lines=False,
            )
    except (pd.errors.ParserError, pd.errors.ParserWarning, pd.errors.EmptyDataError) as error:
        reason = str(error).strip().removeprefix("Error tokenizing data. C error: ")
        if unclosed := re.search(r"EOF inside string starting at row (\d+)", reason):
            reason = f"a quote opened in record {int(unclosed[1]) + 1}, counting the header, is never closed"
        raise DataError(
            f"{origin} is not a regular CSV file ({reason}); give every row as many fields as the header "
            "and put text that holds commas, quotes or line breaks in double quotes"
        ) from error
    numbers = _csv_lines(frame)
    filled = ~((frame == "") | frame.isna()).all(axis=1).to_numpy(dtype=bool)
    return Rows(frame[filled].reset_index(drop=True), origin, numbers[filled], "line")


def _csv_lines(frame: pd.DataFrame) -> NDArray[np.int64]:
    """Return the line on which each record starts: a quoted field may span several lines."""
    breaks = np.zeros(len(frame), dtype=np.int64)
    for column in frame.columns:
        breaks += frame[column].str.count("\n").fillna(0).to_numpy(dtype=np.int64)
    starts = np.concatenate([[0], np.cumsum(breaks + 1)[:-1]]) if len(frame) else breaks
    return np.asarray(starts + 2, dtype=np.int64)


def _read_jsonl(raw: bytes, origin: str) -> Rows:
    records: list[dict[str, Any]] = []
    numbers: list[int] = []
    for number, line in enumerate(_text(raw, origin).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:  # a number may be too long, lists too deep
            raise DataError(
                f"{origin}, line {number}: not JSON that can be read ({error}); "
                "write one JSON object per line"
            ) from error
        if not isinstance(record, dict):
            raise DataError(
                f"{origin}, line {number}: a {type(record).__name__}, not an object; "
                'write {"task_id": ..., "prompt": ..., "model": ..., "quality": ...}'
            )
        records.append(record)
        numbers.append(number)
    frame = pd.DataFrame(records, dtype=object)
    return Rows(frame, origin, np.asarray(numbers, dtype=np.int64), "line")


def _read_parquet(raw: bytes, origin: str) -> Rows:
    return _rows_of(_arrow_table(raw, origin), origin)


def _arrow_table(raw: bytes, origin: str) -> Any:
    """Return the table; texts that repeat, as prompts do from model to model, are in it once."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        names = pq.read_schema(pa.BufferReader(raw))
        texts = [field.name for field in names if pa.types.is_string(field.type) and field.name not in VARIED]
        return pq.read_table(pa.BufferReader(raw), read_dictionary=texts)
    except (OSError, ValueError) as error:  # pyarrow's errors derive from these two
        reason = (str(error).splitlines() or ["damaged"])[0].rstrip(".")
        raise DataError(f"{origin} is not a readable Parquet file ({reason}); write it again") from error


def _rows_of(table: Any, origin: str) -> Rows:
    """Return an Arrow table's rows; no longer needed, its columns are freed one by one."""
    return frame_rows(table.to_pandas(split_blocks=True, self_destruct=True), origin)


_READERS: dict[str, Callable[[bytes, str], Rows]] = {
    ".csv": _read_csv,
    ".jsonl": _read_jsonl,
    ".ndjson": _read_jsonl,
    ".parquet": _read_parquet,
}
