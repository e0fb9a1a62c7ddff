"""Python code that must pass tests, run in a process of its own. Reference: {"tests": ["f(1) == 2", ...]}.

The process is isolated (`python -I`) and limited in time, memory, files and processes (the latter not for root). Where the
system allows namespaces it has no network and all that it starts ends with it; elsewhere Python's own sockets are refused.
Where it cannot be run so, nothing is graded. That keeps accidents away; it is no wall against malice: code can read what
you can read, and could forge its own result. Grade code of models, not of enemies. It cannot judge style, or speed beyond
five seconds, or what the tests do not ask.
"""

from __future__ import annotations

import ast
import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from functools import cache

from router_training.answer_text import fenced_blocks, final_part

_SECONDS = 5
_WALL_SECONDS = 60
_MOST_LINES = 400
_RUNNER = """
import io, json, resource, socket, sys
job = json.loads(sys.stdin.read())
for limit, value in ((resource.RLIMIT_CPU, job["seconds"]), (resource.RLIMIT_AS, 512 << 20),
                     (resource.RLIMIT_FSIZE, 0), (resource.RLIMIT_CORE, 0), (resource.RLIMIT_NPROC, 0)):
    resource.setrlimit(limit, (value, value))
def refuse(*args, **kwargs):
    raise OSError("no network here")
socket.socket = socket.create_connection = refuse
out, sys.stdin, sys.stdout = sys.stdout, io.StringIO(), io.StringIO()
space = {"__name__": "answer"}
exec(job["code"], space)
if all(eval(test, space) for test in job["tests"]):
    out.write(job["word"])
    out.flush()
"""


def grade(answer: str, reference: str) -> float | None:
    """Return 1 if the code in the answer passes all tests, 0 if not.

    None for a broken reference, or where this system cannot run code in a limited process.
    """
    try:
        tests = _tests(json.loads(reference)["tests"])
    except (ValueError, KeyError, TypeError, SyntaxError):
        return None
    code = extract_code(answer)
    if code is not None and not _can_run():
        return None
    return float(code is not None and _passes(code, tests))


def _tests(told: object) -> list[str]:
    """Return the tests, each one expression.

    Raises:
        ValueError, SyntaxError: if there is none, or one that no code could pass.
    """
    if not isinstance(told, list) or not told:
        raise ValueError("no tests")
    for test in told:
        ast.parse(str(test), mode="eval")
    return [str(test) for test in told]


def extract_code(answer: str) -> str | None:
    """Return the Python code in an answer, fenced or not; None when nothing in it parses."""
    blocks = [block for block in fenced_blocks(answer) if re.search(r"\b(def|lambda)\b", block)]
    for text in ["\n".join(blocks), *blocks, final_part(answer), answer]:
        code = _longest_that_parses(text)
        if code is not None:
            return code
    return None


def _longest_that_parses(text: str) -> str | None:
    lines = text.splitlines()[:_MOST_LINES]
    starts = [
        i for i, line in enumerate(lines) if re.match(r"(def|import|from|class|@|\w+ *= *lambda)\b", line)
    ]
    for end in range(len(lines), starts[0] if starts else len(lines), -1):
        code = "\n".join(lines[starts[0] : end])
        try:
            ast.parse(code)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        return code
    return None


@cache
def _prefix() -> tuple[str, ...]:
    """Return the command that takes the network away and binds what is started, empty where the system refuses it."""
    unshare = shutil.which("unshare")
    if unshare is None:
        return ()
    command = (unshare, "--user", "--map-root-user", "--net", "--pid", "--fork", "--kill-child")
    probe = subprocess.run([*command, sys.executable, "-I", "-c", ""], capture_output=True, check=False)
    return command if probe.returncode == 0 else ()


@cache
def _can_run() -> bool:
    """Tell whether code without a fault passes here: the limits are not known to every system."""
    return hasattr(os, "killpg") and _passes("pass", ["True"])


def _passes(code: str, tests: list[str]) -> bool:
    word = secrets.token_hex(16)
    job = json.dumps({"code": code, "tests": tests, "word": word, "seconds": _SECONDS})
    command = [*_prefix(), sys.executable, "-I", "-c", _RUNNER]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={},
        cwd="/",
        start_new_session=True,
    ) as process:
        return _output(process, job.encode()) == word.encode()


def _output(process: subprocess.Popen[bytes], job: bytes) -> bytes:
    """Hand the job over, wait, end what the process left running, and return what it wrote."""
    try:
        with suppress(BrokenPipeError), process.stdin as pipe:  # type: ignore[union-attr]
            pipe.write(job)
        process.wait(_WALL_SECONDS)
    except subprocess.TimeoutExpired:
        return b""
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    out = process.stdout.fileno()  # type: ignore[union-attr]
    os.set_blocking(out, False)
    with suppress(BlockingIOError):
        return os.read(out, len(job))
    return b""
