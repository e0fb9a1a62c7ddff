"""LiteLLM's logs (JSONL, JSON, CSV): the standard logging payload, or rows of its table of spend. Nothing is graded yet.

A failed call is one whose status is failure. Latency is from start to end: `response_time` is that of the first token
where the answer was streamed. An answer from LiteLLM's cache keeps no cost and no latency. Calls that are no chat or
completion (embeddings, images, speech) are passed over; a row without its prompt is listed as rejected.

Known from its documentation (StandardLoggingPayload and LiteLLM_SpendLogs, as of October 2026), not from a log of ours.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from router_training.importing.cells import Cell, Cells, Choices
from router_training.importing.records import LOGS, Record, Rejected, read_records

SUFFIXES = (*LOGS, ".csv", ".parquet")
NO_CHAT = re.compile(r"embedding|image|speech|transcription|moderation|rerank|ocr|video|file|vector_store")
NO_PROMPT = (
    "the log holds no prompt; LiteLLM keeps it only where store_prompts_in_spend_logs is true and "
    "turn_off_message_logging is not"
)


def cells(path: Path, choices: Choices) -> Cells:
    """Yield one cell per call."""
    for record in read_records(path, SUFFIXES):
        if isinstance(record, Rejected):
            yield record
        elif not NO_CHAT.search(str(record.values.get("call_type")).lower()):
            prompt = _prompt(record.values)
            yield (
                Rejected(record.place, NO_PROMPT)
                if prompt is None
                else Cell(record.place, _fields(record, prompt))
            )


def _prompt(given: Mapping[str, Any]) -> Any:
    """Return the messages, or the request that holds them: the table of spend keeps {} in `messages` of a chat."""
    for name in ("messages", "proxy_server_request"):
        found = given.get(name)
        if str(found).strip() not in ("{}", "[]", "", "None", "nan", "null"):
            return None if "redacted-by-litellm" in str(found)[:200] else found
    return None


def _fields(record: Record, prompt: Any) -> Mapping[str, Any]:
    given = record.values
    started, ended = _seconds(given.get("startTime")), _seconds(given.get("endTime"))
    cached = str(given.get("cache_hit")).lower() == "true"
    cost = given.get("response_cost", given.get("spend"))
    return {
        "prompt": prompt,
        "model": given.get("model_group") or given.get("model"),
        "response": given.get("response"),
        "prompt_tokens": given.get("prompt_tokens"),
        "completion_tokens": given.get("completion_tokens"),
        "cost_usd": None if cached else cost,
        "latency_s": None if cached or started is None or ended is None else max(ended - started, 0.0),
        "time": None if started is None else datetime.fromtimestamp(started, UTC).isoformat(),
        "error": _error(given) if given.get("status") == "failure" else None,
    }


def _error(given: Mapping[str, Any]) -> str:
    details = given.get("error_information")
    said = details.get("error_message") if isinstance(details, Mapping) else None
    return str(given.get("error_str") or said or "the call failed")


def _seconds(value: Any) -> float | None:
    if isinstance(value, int | float):
        return float(value)
    if isinstance(value, datetime):
        return value.timestamp()
    try:
        found = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
