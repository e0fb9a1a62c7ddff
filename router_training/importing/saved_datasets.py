"""Hugging Face data sets without their library: a folder that `save_to_disk` wrote, or one of Parquet files from the hub.

`datasets` is not imported: its name is that of the folder with this project's own data, and reading Arrow needs pyarrow
alone. A data set of the hub is fetched as the Parquet files into which the hub converts every one, so no code of it runs.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from router_training.contract import DataError, UsageError
from router_training.importing.records import READERS, Place, Record, Records, Rejected

USUAL_SPLITS = ("test", "validation", "train")
CONVERTED = "refs/convert/parquet"
_TABLES = (".parquet", ".jsonl", ".csv")


def saved_records(folder: Path, split: str | None = None) -> Records:
    """Yield the rows of a split of a data set on disk; without a name, of the first of USUAL_SPLITS that is there.

    Raises:
        DataError: if the folder holds no data set, or its files are damaged.
        UsageError: if there is no such split.
    """
    splits = _splits(folder)
    chosen = split or next((name for name in USUAL_SPLITS if name in splits), next(iter(splits)))
    if chosen not in splits:
        raise UsageError(f"{folder} has no split {chosen!r}; choose one of {', '.join(splits)}")
    for file in splits[chosen]:
        yield from arrow_records(file) if file.suffix == ".arrow" else READERS[file.suffix](file)


def saved_tables(folder: Path) -> list[Path]:
    """Return the Arrow files of a data set, or of all splits of several, that `save_to_disk` wrote; none elsewhere.

    Raises:
        DataError: if a state.json is none of a saved data set.
    """
    states = sorted([*folder.glob("state.json"), *folder.glob("*/state.json")])
    return [file for state in states for file in _arrow_files(state.parent)]


def fetch(name: str, into: Path, *, config: str | None = None, endpoint: str | None = None) -> Path:
    """Fetch a data set of the hub as Parquet files and return their folder, one folder below per split.

    Args:
        name: "openai/gsm8k", for example.
        into: Where the files go.
        config: Which of several configurations; needed where there is more than one.
        endpoint: Another hub's address; default: that of the environment.

    Raises:
        UsageError: if the hub does not have it, cannot be reached, or several configurations are there.
    """
    from httpx2 import HTTPError  # what huggingface_hub 2 speaks HTTP with
    from huggingface_hub import HfApi, constants, hf_hub_download  # spares data sets on disk 0.5 s

    address = endpoint or constants.ENDPOINT
    try:
        _reach(address)
        tree = HfApi(endpoint=address).list_repo_tree(
            name, recursive=True, revision=CONVERTED, repo_type="dataset"
        )
        files = [file.path for file in tree if file.path.endswith(".parquet")]
        chosen = _config(name, {file.split("/")[0] for file in files}, config)
        for file in files:
            if file.startswith(f"{chosen}/"):
                hf_hub_download(
                    name, file, local_dir=into, repo_type="dataset", revision=CONVERTED, endpoint=address
                )
    except UsageError:
        raise
    except (HTTPError, OSError, ValueError) as error:  # ValueError: no name that the hub allows
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise UsageError(
            f"{name} cannot be fetched from the hub ({reason}); check the name and the network, or give a folder that "
            "save_to_disk wrote"
        ) from error
    return into / chosen


def _reach(address: str) -> None:
    """Find out at once whether the hub can be reached: its library would try for half a minute.

    Raises:
        OSError: if it cannot.
    """
    from urllib.error import HTTPError
    from urllib.request import Request, urlopen

    try:
        with urlopen(Request(address, method="HEAD"), timeout=10):  # the hub's own address, or the user's
            return
    except HTTPError:
        return  # it speaks


def _config(name: str, there: set[str], wanted: str | None) -> str:
    chosen = wanted or (next(iter(there)) if len(there) == 1 else None)
    if chosen is None or chosen not in there:
        raise UsageError(
            f"{name} has the configurations {', '.join(sorted(there)) or '(none)'}; choose one with --config"
        )
    return chosen


def _splits(folder: Path) -> dict[str, list[Path]]:
    """Return the files of each split.

    Raises:
        DataError: if there are none.
    """
    if (folder / "dataset_dict.json").is_file():
        names = _read(folder / "dataset_dict.json").get("splits")
        return {str(name): _arrow_files(folder / str(name)) for name in names or ()}
    if (folder / "state.json").is_file():
        return {"train": _arrow_files(folder)}
    found: dict[str, list[Path]] = {}
    for file in sorted(folder.rglob("*")) if folder.is_dir() else ():
        if file.suffix in _TABLES:
            found.setdefault(_split_of(file, folder), []).append(file)
    if not found:
        raise DataError(
            f"{folder} holds no data set: no state.json, and no Parquet, JSONL or CSV file; check the path"
        )
    return found


def _split_of(file: Path, folder: Path) -> str:
    """Return the split that the file's name or folder says: test-00000-of-00001.parquet, test/0000.parquet."""
    stem = file.stem.split("-")[0]
    parent = "" if file.parent == folder else file.parent.name
    known = [name for name in (stem, parent) if name in USUAL_SPLITS]
    return known[0] if known else parent or stem


def _arrow_files(folder: Path) -> list[Path]:
    listed = _read(folder / "state.json").get("_data_files")
    if not isinstance(listed, list):
        raise DataError(f"{folder / 'state.json'} lists no files; save the data set again")
    return [folder / str(one["filename"]) for one in listed]


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read ({error}); save the data set again") from error
    return found if isinstance(found, dict) else {}


def arrow_records(path: Path) -> Records:
    """Yield the rows of a stream of Arrow batches; where it breaks off, what came before is kept."""
    import pyarrow as pa  # spares formats that are text

    number = 0
    try:
        with pa.memory_map(str(path)) as file, pa.ipc.open_stream(file) as stream:
            for batch in stream:
                for values in batch.to_pylist():
                    number += 1
                    yield Record(Place(str(path), "row", number), values)
    except (OSError, pa.ArrowException) as error:
        reason = (str(error).splitlines() or ["damaged"])[0].rstrip(".")
        if not number:
            raise DataError(
                f"{path} is not a readable Arrow file ({reason}); save the data set again"
            ) from error
        yield Rejected(Place(str(path), "row", number + 1), f"damaged from here on ({reason})")
