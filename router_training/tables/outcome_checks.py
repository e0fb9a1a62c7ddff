"""What every outcome table must obey; each breach is one sentence with file, row, rule and remedy."""

from __future__ import annotations

import json
import logging
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from router_training.contract import LABEL_SOURCES, DataError
from router_training.tables.outcome_files import PLAIN, Rows

REQUIRED = ("task_id", "prompt", "model", "quality")
TORN_SHARE = 0.01  # a few tasks with two prompts are a flaw of the table, more are a mistake in task_id

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class NumberRule:
    """The closed range of one numeric column, and what to do about a value outside."""

    low: float
    high: float
    remedy: str


NUMBERS = {
    "quality": NumberRule(0.0, 1.0, "rescale it, or leave it blank where the grade is missing"),
    "cost_usd": NumberRule(0.0, np.inf, "give the price of one call in USD, or leave it blank"),
    "latency_s": NumberRule(0.0, np.inf, "give seconds, or leave it blank"),
    "prompt_tokens": NumberRule(0.0, np.inf, "give a token count, or leave it blank"),
    "completion_tokens": NumberRule(0.0, np.inf, "give a token count, or leave it blank"),
    "propensity": NumberRule(0.0, 1.0, "give the probability of this choice, or leave it blank"),
}
COLUMNS = (
    "task_id",
    "prompt",
    "model",
    "quality",
    "task_type",
    "reference",
    "cost_usd",
    "latency_s",
    "prompt_tokens",
    "completion_tokens",
    "response",
    "source",
    "label_source",
    "propensity",
    "time",
    "error",
)
TEXTS = frozenset(COLUMNS) - frozenset(NUMBERS)


def checked(rows: Rows) -> pd.DataFrame:
    """Return the rows with the columns COLUMNS, typed and sorted by task and model.

    Texts have dtype `string` where PLAIN, else they are categories in the order of the alphabet; numbers are float64 with
    NaN where missing; other columns are left out. Where up to TORN_SHARE of the tasks have several prompts, rows with the
    rarer ones are left out, with a warning. The columns of `rows` are used up, so that none is in memory twice.

    Raises:
        DataError: at the first rule that the rows break.
    """
    rows = _with_prompts(rows)
    _require_columns(rows)
    if rows.frame.empty:
        raise DataError(f"{rows.origin} has no rows; it needs one per task and model")
    frame = pd.DataFrame(index=rows.frame.index)
    for name in COLUMNS:
        frame[name] = _texts(rows, name) if name in TEXTS else _numbers(rows, name)
        if name in rows.frame.columns:
            del rows.frame[name]
    frame["label_source"] = _categories(frame["label_source"].astype("string").fillna("gold"))
    _check_label_sources(rows, frame)
    _check_unique(rows, frame)
    frame = _with_one_prompt_per_task(rows, frame)
    if frame["quality"].isna().all():
        raise DataError(
            f"{rows.origin}: quality is blank in every row; grade at least some answers in [0, 1]"
        )
    return sorted_rows(frame)


def sorted_rows(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows by task and model."""
    models, _ = pd.factorize(frame["model"], sort=True)
    order = np.lexsort([np.asarray(models), frame["task_id"].cat.codes.to_numpy()])
    if (order[1:] < order[:-1]).any():
        for name in COLUMNS:
            frame[name] = frame[name].array.take(order)
    return frame.reset_index(drop=True)


def _require_columns(rows: Rows) -> None:
    missing = [name for name in REQUIRED if name not in rows.frame.columns]
    twice = rows.frame.columns[rows.frame.columns.duplicated()]
    if len(twice):
        raise DataError(f"{rows.origin} has two columns {str(twice[0])!r}; keep one of them")
    if missing:
        found = ", ".join(map(str, rows.frame.columns)) or "none"
        remedy = "separate fields by commas" if {";", "\t"} & set(found) else "rename or add it"
        raise DataError(
            f"{rows.origin} has no column {' and no column '.join(map(repr, missing))} (found: {found}); "
            f"outcomes need task_id, prompt (or messages), model and quality: {remedy}"
        )


def _with_prompts(rows: Rows) -> Rows:
    """Take the prompt from the last user message where only `messages` is given."""
    if "prompt" in rows.frame.columns or "messages" not in rows.frame.columns:
        return rows
    prompts = [_last_user_text(rows, i, value) for i, value in enumerate(rows.frame["messages"])]
    return Rows(
        rows.frame.assign(prompt=pd.Series(prompts, dtype=object)), rows.origin, rows.numbers, rows.unit
    )


def _last_user_text(rows: Rows, i: int, value: Any) -> str:
    try:
        messages = json.loads(value) if isinstance(value, str) else value
        last = [message for message in messages if message["role"] == "user"][-1]["content"]
        if isinstance(last, str):
            return last
        return "\n".join(part["text"] for part in last if part.get("type", "text") == "text")
    except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
        raise DataError(
            f"{rows.place(i)}: messages holds no user text; "
            'write [{"role": "user", "content": "..."}] or give a prompt'
        ) from error


def _texts(rows: Rows, name: str) -> pd.Series[Any]:
    if name not in rows.frame.columns:
        texts = pd.Series(pd.NA, index=rows.frame.index, dtype="string")
    elif isinstance((given := rows.frame[name]).dtype, pd.CategoricalDtype):
        texts = _recoded(given, _unicode(rows, name, pd.Series(given.cat.categories)))
    else:
        texts = _unicode(rows, name, given)
        texts = texts.mask(texts == "")
    if name in PLAIN:
        texts = texts.astype("string")
    elif texts.dtype == "string":
        texts = _categories(texts)
    if name in REQUIRED and (blank := _blank(texts)).any():
        place = rows.place(int(np.argmax(blank)))
        raise DataError(f"{place}: {name} is blank; every outcome names its {name}: fill it in")
    return texts


def _blank(texts: pd.Series[Any]) -> NDArray[np.bool_]:
    if texts.dtype == "string":
        return np.asarray(texts.isna() | (texts.str.strip() == "").fillna(False), dtype=bool)
    empty = np.append(texts.cat.categories.str.strip() == "", True)  # the last: what is missing has code -1
    return np.asarray(empty[texts.cat.codes])


def _categories(texts: pd.Series[Any]) -> pd.Series[Any]:
    codes, words = pd.factorize(texts, sort=True)
    return pd.Series(pd.Categorical.from_codes(codes, words), index=texts.index)


def _recoded(given: pd.Series[Any], words: pd.Series[Any]) -> pd.Series[Any]:
    """Return categories that say `words` where they said their own, and equal words as one; none is blank."""
    if not (words == "").any() and (words.array[1:] > words.array[:-1]).all():
        return given.cat.rename_categories(words.array) if given.cat.categories.dtype != "string" else given
    codes, different = pd.factorize(words.mask(words == ""), sort=True)
    recoded = np.append(codes, -1)[given.cat.codes]
    return pd.Series(pd.Categorical.from_codes(recoded, different), index=given.index)


def _unicode(rows: Rows, name: str, column: pd.Series[Any]) -> pd.Series[Any]:
    if name == "task_id" and column.dtype.kind in "fO":
        column = pd.Series(_ids(column), index=column.index, dtype=object)
    if column.dtype == object:
        column = pd.Series([_json_text(value) for value in column], index=column.index, dtype=object)
    try:
        return column.astype("string")
    except UnicodeEncodeError as error:
        given = enumerate(rows.frame[name])
        i = next(i for i, value in given if str(value).encode(errors="ignore").decode() != str(value))
        raise DataError(
            f"{rows.place(i)}: {name} holds half a character (a lone surrogate); write it as UTF-8"
        ) from error


def _ids(column: pd.Series[Any]) -> list[Any]:
    """Return numbers that were read as 7.0 as 7: a column of numbers with a gap becomes one of floats.

    The text "7.0" is another id than "7", as versions are, but not beside numbers: then it was one itself.
    """
    are_numbers = any(isinstance(value, int | float) and value == value for value in column)
    return [_whole(value) if are_numbers else value for value in column]


def _whole(value: Any) -> Any:
    if isinstance(value, str):
        return value[:-2] if re.fullmatch(r"[0-9]+\.0", value) else value
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _json_text(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else value


def _numbers(rows: Rows, name: str) -> pd.Series[Any]:
    if name not in rows.frame.columns:
        return pd.Series(np.nan, index=rows.frame.index, dtype="float64")
    given = rows.frame[name]
    if given.dtype == object or isinstance(given.dtype, pd.StringDtype):
        given = given.map(_number_text)
    numbers = pd.to_numeric(given, errors="coerce").astype("Float64").astype("float64")
    rule = NUMBERS[name]
    wrong = given.notna() & numbers.isna()
    if wrong.any():
        i = _first(wrong)
        raise DataError(
            f"{rows.place(i)}: {name} is {_short(rows.frame[name].iloc[i])}, not a number; write one, or leave it blank"
        )
    wrong = numbers.notna() & ~(numbers.between(rule.low, rule.high) & np.isfinite(numbers))
    if wrong.any():
        i = _first(wrong)
        span = f"in [0, {rule.high:g}]" if np.isfinite(rule.high) else "finite and at least 0"
        raise DataError(f"{rows.place(i)}: {name} is {numbers.iloc[i]:g}, but must be {span}; {rule.remedy}")
    return numbers


_WORDS = {"": None, "nan": None, "null": None, "none": None, "na": None, "true": 1.0, "false": 0.0}


def _number_text(value: Any) -> Any:
    """Read the words that files use for missing, true and false."""
    if isinstance(value, str):
        return _WORDS.get(value.strip().lower(), value)
    return value


def _check_label_sources(rows: Rows, frame: pd.DataFrame) -> None:
    wrong = ~frame["label_source"].isin(LABEL_SOURCES)
    if wrong.any():
        i = _first(wrong)
        raise DataError(
            f"{rows.place(i)}: label_source is {_short(frame['label_source'].iloc[i])}; "
            f"use one of {', '.join(LABEL_SOURCES)}, or leave it blank for gold"
        )


def _check_unique(rows: Rows, frame: pd.DataFrame) -> None:
    again = frame.duplicated(["task_id", "model"])
    if again.any():
        i = _first(again)
        same = (frame["task_id"] == frame["task_id"].iloc[i]) & (frame["model"] == frame["model"].iloc[i])
        raise DataError(
            f"{rows.place(i)}: task {_short(frame['task_id'].iloc[i])} and model "
            f"{_short(frame['model'].iloc[i])} already stand in {rows.unit} {rows.numbers[_first(same)]}; "
            "keep one row per task and model (average repeats)"
        )


def _with_one_prompt_per_task(rows: Rows, frame: pd.DataFrame) -> pd.DataFrame:
    """Leave out the rows whose prompt is not their task's most common one, where such tasks are rare."""
    codes = pd.DataFrame({name: frame[name].cat.codes for name in ("task_id", "prompt")})
    other = codes["prompt"] != codes.groupby("task_id")["prompt"].transform("first")
    if not other.any():
        return frame
    torn, tasks = codes["task_id"][other].nunique(), codes["task_id"].nunique()
    if torn > TORN_SHARE * tasks:
        i = _first(other)
        same = frame["task_id"] == frame["task_id"].iloc[i]
        raise DataError(
            f"{rows.place(i)}: task {_short(frame['task_id'].iloc[i])} has another prompt than in "
            f"{rows.unit} {rows.numbers[_first(same)]}; one task_id means one prompt: give the second its own"
        )
    sizes = codes.groupby(["task_id", "prompt"]).size().reset_index(name="rows")
    sizes = sizes.sort_values(["task_id", "rows", "prompt"], ascending=[True, False, True])
    common = sizes.drop_duplicates("task_id").set_index("task_id")["prompt"]
    kept = codes["prompt"] == codes["task_id"].map(common)
    logger.warning(
        "%s: %d of %d tasks have more than one prompt; %d rows with the rarer prompt are left out",
        rows.origin,
        torn,
        tasks,
        int((~kept).sum()),
    )
    return frame.loc[kept]


def _first(mask: pd.Series[Any]) -> int:
    flags: NDArray[np.bool_] = mask.to_numpy(dtype=bool, na_value=False)
    return int(np.argmax(flags))


def _short(value: Any, width: int = 60) -> str:
    text = str(value)
    return repr(text if len(text) <= width else text[: width - 1] + "…")
