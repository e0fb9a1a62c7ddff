"""Ask models a set of tasks and grade the answers: an outcome table of your own.

Every answer goes to an append-only journal first, so a run that is cut continues where it stopped, and grades
can be mended without asking a model again.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from router_training import graders
from router_training.contract import Catalogue, DataError, ModelCard, Outcome, Task

Progress = Callable[[int, int], None]
Row = dict[str, Any]
_CHUNK = 150
_RETRIES = 3


def label(
    tasks: Sequence[Task],
    catalogue: Catalogue,
    out_dir: Path | str,
    *,
    concurrency: int = 8,
    limit: int | None = None,
    allow_code: bool = False,
    source: str | None = None,
    usd_per_hour: float | None = None,
    ask_models: bool = True,
    progress: Progress | None = None,
) -> list[Outcome]:
    """Ask every model every task, grade, and write `tasks.jsonl` and `outcomes.parquet` into `out_dir`.

    The tasks are asked in chunks, all models per chunk: wherever the run is cut, its table is usable.
    `out_dir/journal.jsonl` keeps the raw answers; cells found there are not asked again. Python answers are
    only run when `allow_code` is set, and are ungraded otherwise. With `usd_per_hour` latencies are those of
    `as_if_alone`. With `ask_models=False` the journal is graded
    as it is.
    """
    folder = Path(out_dir)
    folder.mkdir(parents=True, exist_ok=True)
    chosen = list(tasks[:limit])
    journal = folder / "journal.jsonl"
    if ask_models:
        ask(chosen, catalogue, journal, concurrency=concurrency, progress=progress)
    outcomes = grade_journal(chosen, catalogue, journal, allow_code=allow_code, source=source)
    if usd_per_hour is not None:
        outcomes = [as_if_alone(outcome, usd_per_hour) for outcome in outcomes]
    write_tasks(chosen, folder / "tasks.jsonl")
    write_outcomes(outcomes, folder / "outcomes.parquet")
    return outcomes


def ask(
    tasks: Sequence[Task],
    catalogue: Catalogue,
    journal: Path,
    *,
    concurrency: int = 8,
    progress: Progress | None = None,
) -> None:
    """Ask what the journal does not hold yet, and append each answer to it."""
    done = {cell for cell, row in read_journal(journal).items() if row.get("response") is not None}
    _end_last_line(journal)
    total, count = len(tasks) * len(catalogue), 0
    with journal.open("a", encoding="utf-8") as out, ThreadPoolExecutor(concurrency) as pool:
        for card, chunk in _chunks(tasks, catalogue):
            caller = _caller(card)
            open_cells = [task for task in chunk if (task.task_id, card.name) not in done]
            count += len(chunk) - len(open_cells)
            for row in pool.map(caller, open_cells):
                _append(out, row)
                count += 1
                if progress is not None:
                    progress(count, total)


def _end_last_line(journal: Path) -> None:
    """Close a line that a cut run left open, so that the next answer starts its own."""
    if journal.exists() and not journal.read_bytes().endswith(b"\n"):
        with journal.open("a", encoding="utf-8") as out:
            out.write("\n")


def _chunks(tasks: Sequence[Task], catalogue: Catalogue) -> Iterator[tuple[ModelCard, Sequence[Task]]]:
    for start in range(0, len(tasks), _CHUNK):
        for card in catalogue.values():
            yield card, tasks[start : start + _CHUNK]


def _append(out: Any, row: Row) -> None:
    out.write(json.dumps(row, ensure_ascii=False) + "\n")
    out.flush()
    os.fsync(out.fileno())


def _caller(card: ModelCard) -> Callable[[Task], Row]:
    """Return a function that asks this model one task and never raises for a model's failure."""
    from openai import OpenAI, OpenAIError

    key = os.environ.get(card.api_key_env, "") if card.api_key_env else ""
    client = OpenAI(base_url=card.base_url, api_key=key or "none", max_retries=_RETRIES, timeout=900)

    def call(task: Task) -> Row:
        started = time.perf_counter()
        row: Row = {"task_id": task.task_id, "model": card.name, "prompt": task.prompt}
        try:
            reply = client.chat.completions.create(
                model=card.model or card.name,
                messages=messages(card, task.prompt),
                temperature=card.temperature,
                max_tokens=card.max_tokens,
            )
            row |= _reply_fields(reply)
        except OpenAIError as error:
            row["error"] = f"{type(error).__name__}: {error}"[:300]
        row["latency_s"] = round(time.perf_counter() - started, 4)
        row["time"] = datetime.now(UTC).isoformat(timespec="seconds")
        return row

    return call


def messages(card: ModelCard, prompt: str) -> Any:
    """Return the chat messages that this card sends for a prompt."""
    system = [{"role": "system", "content": card.system_prompt}] if card.system_prompt else []
    return [*system, {"role": "user", "content": prompt}]


def _reply_fields(reply: Any) -> Row:
    if not reply.choices:  # some endpoints report a failure so
        return {"error": f"a reply without an answer: {reply}"[:300]}
    choice, usage = reply.choices[0], reply.usage
    return {
        "response": choice.message.content or "",
        "finish_reason": choice.finish_reason,
        "prompt_tokens": usage.prompt_tokens if usage else None,
        "completion_tokens": usage.completion_tokens if usage else None,
    }


def read_journal(journal: Path) -> dict[tuple[str, str], Row]:
    """Return the cells of a journal by (task_id, model): the answer, or else the last failure.

    A line cut in half is skipped.
    """
    cells: dict[tuple[str, str], Row] = {}
    if journal.exists():
        for line in journal.read_text(encoding="utf-8").split("\n"):  # not at the line ends inside an answer
            try:
                row = json.loads(line)
            except json.JSONDecodeError:
                continue
            cell = (row["task_id"], row["model"])
            if row.get("response") is not None or "response" not in cells.get(cell, {}):
                cells[cell] = row
    return cells


def grade_journal(
    tasks: Sequence[Task],
    catalogue: Catalogue,
    journal: Path,
    *,
    allow_code: bool = False,
    source: str | None = None,
) -> list[Outcome]:
    """Grade the journal's answers; a cell that was never answered or cannot be judged has no quality.

    Raises:
        DataError: if the journal holds another prompt under the id of one of these tasks.
    """
    cells = read_journal(journal)
    outcomes = []
    for task in tasks:
        for card in catalogue.values():
            row = cells.get((task.task_id, card.name))
            if row is not None and row["prompt"] != task.prompt:
                raise DataError(
                    f"{journal}: task {task.task_id!r} was asked with another prompt; "
                    "label changed tasks into a new folder"
                )
            outcomes.append(_outcome(task, card, row, allow_code, source))
    return outcomes


def as_if_alone(outcome: Outcome, usd_per_hour: float) -> Outcome:
    """Return the outcome with the seconds that its price buys on a machine of `usd_per_hour`.

    For cards whose prices are a machine's time divided by its tokens per second, one request at a time. What was
    measured while many requests shared the machine says how busy it was, not how long one request takes.
    """
    if outcome.cost_usd is None:
        return replace(outcome, latency_s=None)
    return replace(outcome, latency_s=round(outcome.cost_usd / usd_per_hour * 3600, 4))


def _outcome(task: Task, card: ModelCard, row: Row | None, allow_code: bool, source: str | None) -> Outcome:
    if row is None or row.get("response") is None:
        error = "not answered" if row is None else row.get("error")
        return Outcome(
            task.task_id,
            task.prompt,
            card.name,
            None,
            task.task_type,
            task.reference,
            source=source,
            error=error,
        )
    quality = grade_answer(task, row["response"], allow_code=allow_code)
    tokens_in, tokens_out = row.get("prompt_tokens"), row.get("completion_tokens")
    cost = None if tokens_in is None or tokens_out is None else card.usd(tokens_in, tokens_out)
    return Outcome(
        task_id=task.task_id,
        prompt=task.prompt,
        model=card.name,
        quality=quality,
        task_type=task.task_type,
        reference=task.reference,
        cost_usd=cost,
        latency_s=row.get("latency_s"),
        prompt_tokens=tokens_in,
        completion_tokens=tokens_out,
        response=row["response"],
        source=source,
        time=row.get("time"),
        error=None if quality is not None else "answer could not be graded",
    )


def grade_answer(task: Task, answer: str, *, allow_code: bool = False) -> float | None:
    """Return the quality of an answer, or None when the task has no grader or its grader may not run."""
    if task.grader is None or task.reference is None:
        return None
    if task.grader == "python_tests" and not allow_code:
        return None
    return graders.load(task.grader)(answer, task.reference)


def write_tasks(tasks: Iterable[Task], path: Path) -> None:
    """Write tasks as JSONL."""
    names = ("task_id", "task_type", "prompt", "reference", "grader")
    lines = [json.dumps({name: getattr(task, name) for name in names}, ensure_ascii=False) for task in tasks]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def read_tasks(path: Path | str) -> list[Task]:
    """Read tasks from JSONL as `write_tasks` writes them.

    Raises:
        DataError: if the file cannot be read or a line is no task.
    """
    names = {"task_id", "task_type", "prompt", "reference", "grader"}
    tasks = []
    try:
        lines = Path(path).read_text(encoding="utf-8").rstrip("\n").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"{path}: cannot be read as UTF-8 text ({error}); give a JSONL file of tasks"
        ) from error
    known: set[str] = set()
    for number, line in enumerate(lines, 1):
        try:
            row = json.loads(line)
            task = Task(**{name: row[name] for name in names & set(row)})
            if not isinstance(task.prompt, str) or not task.prompt.strip():
                raise ValueError("the prompt is blank or no text")
            if task.task_id in known:
                raise ValueError(f"another line has task_id {task.task_id!r} as well")
            known.add(task.task_id)
            tasks.append(task)
        except (ValueError, TypeError, RecursionError) as error:
            raise DataError(
                f"{path}, line {number}: no task ({error}); each line is an object with a prompt and a task_id of its own"
            ) from error
    return tasks


def write_outcomes(outcomes: Iterable[Outcome], path: Path) -> None:
    """Write outcomes as Parquet, one row per task and model."""
    import pandas as pd

    frame = pd.DataFrame([{name: getattr(row, name) for name in Outcome.__slots__} for row in outcomes])
    for name in ("prompt_tokens", "completion_tokens"):
        frame[name] = frame[name].astype("Int64")
    frame.to_parquet(path, index=False, compression="zstd")
