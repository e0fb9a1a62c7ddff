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

PLAIN = ("model", "response", "time", "error")
"""Texts that are kept as such; the others repeat from model to model and are kept as categories."""


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
    parts = sorted(folder.glob("part-*.parquet"))
    if not parts:
        raise DataError(f"{folder} is a directory, not a file of outcomes; name a file inside it")
    return frame_rows(_columns([(part, str(part)) for part in parts]), str(folder))


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
        raise DataError(_irregular(str(error).strip(), origin)) from error
    numbers = _csv_lines(frame)
    filled = ~((frame == "") | frame.isna()).all(axis=1).to_numpy(dtype=bool)
    return Rows(_with_whole_ids(frame[filled].reset_index(drop=True)), origin, numbers[filled], "line")


def _with_whole_ids(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with 7.0 as 7 where all ids end so: numbers that were floats when the file was written."""
    if "task_id" in frame and frame["task_id"].str.fullmatch(r"[0-9]+\.0").all():
        frame["task_id"] = frame["task_id"].str.removesuffix(".0")
    return frame


def _irregular(said: str, origin: str) -> str:
    """Return in our words, with the place where it is known, what pandas said of a broken CSV file."""
    if counts := re.search(r"Expected (\d+) fields in line (\d+), saw (\d+)", said):
        expected, line, saw = counts.groups()
        broken = f"{origin}, line {line}: {saw} fields, but the header has {expected}"
    elif unclosed := re.search(r"EOF inside string starting at row (\d+)", said):
        number = int(unclosed[1]) + 1
        broken = f"{origin}, record {number}: a quote is opened and never closed (the header is record 1)"
    else:
        broken = (
            f"{origin} is not a regular CSV file ({said.removeprefix('Error tokenizing data. C error: ')})"
        )
    return (
        f"{broken}; give every row as many fields as the header and put text that holds commas, quotes or line breaks "
        "in double quotes"
    )


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
    return frame_rows(_columns([(io.BytesIO(raw), origin)]), origin)


def _columns(files: list[tuple[Any, str]]) -> pd.DataFrame:
    """Return the rows of Parquet files, one below the other, read column by column: none is in memory twice."""
    import pyarrow as pa  # spares formats that are text

    readers = [_opened(file, origin) for file, origin in files]
    names = dict.fromkeys(name for reader in readers for name in reader.schema_arrow.names)
    frame = pd.DataFrame(index=range(sum(reader.metadata.num_rows for reader in readers)))
    for name in names:
        pieces = [_column(reader, name, origin) for reader, (_, origin) in zip(readers, files, strict=True)]
        try:
            frame[name] = _series(pa.concat_tables(pieces, promote_options="permissive").column(0))
        except pa.ArrowException:  # numbers in one file, text in another
            frame[name] = pd.concat([_series(piece.column(0)) for piece in pieces], ignore_index=True)
    pa.default_memory_pool().release_unused()
    return frame


def _opened(file: Any, origin: str) -> Any:
    """Return the reader of a Parquet file; a text that repeats is read as a category."""
    import pyarrow.parquet as pq

    try:
        schema = pq.read_schema(file)
        texts = [one.name for one in schema if _is_text(one.type) and one.name not in PLAIN]
        reader = pq.ParquetFile(file, read_dictionary=texts)
    except (OSError, ValueError) as error:  # pyarrow's errors derive from these two
        raise _unreadable(error, origin) from error
    twice = next((name for name in schema.names if schema.names.count(name) > 1), None)
    if twice is not None:
        raise DataError(f"{origin} has two columns {twice!r}; keep one of them")
    return reader


def _is_text(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _column(reader: Any, name: str, origin: str) -> Any:
    import pyarrow as pa

    if name not in reader.schema_arrow.names:
        return pa.table({name: pa.nulls(reader.metadata.num_rows)})
    try:
        return reader.read([name])
    except (OSError, ValueError) as error:
        raise _unreadable(error, origin) from error


def _series(column: Any) -> pd.Series[Any]:
    """Return a column as pandas has it, categories in the order of the alphabet."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not (pa.types.is_dictionary(column.type) and _is_text(column.type.value_type)):
        series: pd.Series[Any] = column.to_pandas()
        return series
    whole = column.unify_dictionaries().combine_chunks()  # pandas would make Python objects of all words
    order = pc.sort_indices(whole.dictionary).to_numpy()
    place = np.append(np.argsort(order), -1)
    codes = place[whole.indices.fill_null(-1).to_numpy()]
    return pd.Series(pd.Categorical.from_codes(codes, whole.dictionary.take(pa.array(order)).to_pandas()))


def _unreadable(error: Exception, origin: str) -> DataError:
    reason = (str(error).splitlines() or ["damaged"])[0].rstrip(".")
    return DataError(f"{origin} is not a readable Parquet file ({reason}); write it again")


_READERS: dict[str, Callable[[bytes, str], Rows]] = {
    ".csv": _read_csv,
    ".jsonl": _read_jsonl,
    ".ndjson": _read_jsonl,
    ".parquet": _read_parquet,
}
