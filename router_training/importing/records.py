"""Files as records that know where they stood; what cannot be read is rejected by itself, never with its neighbours."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from router_training.contract import DataError

SHOWN = 300  # characters of a rejected record that are written down


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands: `number` counts from 1 in `unit`s (line, row, record)."""

    file: str
    unit: str
    number: int

    def __str__(self) -> str:
        return f"{self.file}, {self.unit} {self.number}"


@dataclass(frozen=True, slots=True)
class Record:
    """One record of a file: a row, or a JSON object."""

    place: Place
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Rejected:
    """What was left out, why, and how it begins."""

    place: Place
    reason: str
    content: str = ""


Records = Iterator[Record | Rejected]
Reader = Callable[[Path], Records]


def files_of(path: Path, suffixes: tuple[str, ...]) -> list[Path]:
    """Return the file, or the folder's files that end in one of `suffixes`, in order of their paths.

    Raises:
        DataError: if there is none.
    """
    if path.is_dir():
        found = sorted(file for file in path.rglob("*") if file.is_file() and _ending(file) in suffixes)
        if not found:
            raise DataError(f"{path} holds no file that ends in {', '.join(suffixes)}; name another folder")
        return found
    if not path.exists():
        raise DataError(f"{path} does not exist; check the path")
    if _ending(path) not in suffixes:
        raise DataError(
            f"{path} ends in {path.suffix or 'nothing'!r}, but this format is read from {', '.join(suffixes)}; "
            "convert or rename it"
        )
    return [path]


def read_records(path: Path, suffixes: tuple[str, ...]) -> Records:
    """Yield the records of a file, or of all files of a folder that end in one of `suffixes`; see `records_of`.

    Raises:
        DataError: if there is no such file, or a single one cannot be read at all.
    """
    yield from records_of(files_of(path, suffixes), lambda file: READERS[_ending(file)](file))


def records_of(files: list[Path], read: Reader) -> Records:
    """Yield the records of these files; one of several that cannot be read at all is rejected as a whole.

    Raises:
        DataError: if the only one cannot be read at all.
    """
    for file in files:
        try:
            yield from read(file)
        except DataError as error:
            if len(files) == 1:
                raise
            yield Rejected(Place(str(file), "file", 1), str(error))


def _ending(path: Path) -> str:
    return path.suffix.lower()


def _csv(path: Path) -> Records:
    from router_training.importing.csv_records import csv_records

    return csv_records(path)


def _jsonl(path: Path) -> Records:
    """Yield one record per line; a line that is no JSON object in UTF-8 is rejected."""
    with _opened(path) as lines:
        for number, raw in enumerate(lines, start=1):
            if raw.strip():
                yield _object(Place(str(path), "line", number), raw)


def _object(place: Place, raw: bytes) -> Record | Rejected:
    shown = raw[:SHOWN].decode("utf-8", "replace").strip()
    try:
        values = json.loads(raw.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        return Rejected(place, f"byte 0x{raw[error.start]:02x} is not UTF-8; save the file as UTF-8", shown)
    except (ValueError, RecursionError) as error:
        return Rejected(place, f"no JSON that can be read ({error})", shown)
    if not isinstance(values, dict):
        return Rejected(place, f"a JSON {type(values).__name__}, not an object", shown)
    return Record(place, values)


def _json(path: Path) -> Records:
    """Yield the objects of a JSON list, or the one object of the file; what stands before a break is kept.

    A file of one object per line is read as such, whatever its name.
    """
    with _opened(path) as file:
        raw = file.read()
    text = raw.decode("utf-8-sig", "replace").lstrip()
    decoder = json.JSONDecoder()
    if not text.startswith("["):
        yield from _one_object(path, text, decoder)
        return
    at, number = 1, 0
    while (at := _next(text, at)) < len(text) and text[at] != "]":
        number += 1
        place = Place(str(path), "record", number)
        try:
            value, end = decoder.raw_decode(text, at)
            yield Record(place, _mapping(value))
        except (ValueError, RecursionError) as error:
            yield Rejected(
                place, f"the file breaks off or is no JSON from here on ({error})", text[at : at + SHOWN]
            )
            return
        at = end


def _one_object(path: Path, text: str, decoder: json.JSONDecoder) -> Records:
    place = Place(str(path), "record", 1)
    try:
        yield Record(place, _mapping(decoder.decode(text)))
    except (ValueError, RecursionError) as error:
        first, _, rest = text.partition("\n")
        if rest.strip() and isinstance(_object(place, first.encode()), Record):
            yield from _jsonl(path)
        else:
            yield Rejected(place, f"the file breaks off or is no JSON ({error})", text[:SHOWN])


def _next(text: str, at: int) -> int:
    while at < len(text) and text[at] in " \t\r\n,":
        at += 1
    return at


def _mapping(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"a JSON {type(value).__name__}, not an object")
    return value


def _parquet(path: Path) -> Records:
    """Yield the rows of a Parquet file, batch by batch.

    Raises:
        DataError: if the file is damaged: its index stands at its end, so nothing of a cut file can be read.
    """
    import pyarrow as pa  # spares formats that are text
    import pyarrow.parquet as pq

    number = 0
    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=2_000):
                for values in batch.to_pylist():
                    number += 1
                    yield Record(Place(str(path), "row", number), values)
    except (OSError, pa.ArrowException) as error:
        reason = (str(error).splitlines() or ["damaged"])[0].rstrip(".")
        if number:
            yield Rejected(Place(str(path), "row", number + 1), f"damaged from here on ({reason})")
            return
        raise DataError(
            f"{path} is not a readable Parquet file ({reason}); write or copy it again"
        ) from error


def _opened(path: Path) -> Any:
    try:
        return path.open("rb")
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}); check its permissions") from error


READERS: dict[str, Reader] = {
    ".csv": _csv,
    ".tsv": _csv,
    ".jsonl": _jsonl,
    ".ndjson": _jsonl,
    ".json": _json,
    ".parquet": _parquet,
}
TABLES = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")
LOGS = (".jsonl", ".ndjson", ".json")
