"""Work in processes apart: one that is killed when it takes too long, and pools whose processes outlive nobody."""

from __future__ import annotations

import json
import multiprocessing
import os
import queue
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from functools import cache
from importlib import import_module
from typing import Any

_MEMORY = 2 << 30  # bytes
_START_S = 60.0
_COMMAND = "from router_training.apart import work; work()"


class Apart:
    """One worker process, started when first needed; calls wait for one another. What goes in and out is JSON."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._lines: queue.Queue[str] = queue.Queue()

    def call(self, module: str, function: str, args: tuple[Any, ...], seconds: float) -> Any:
        """Return what the function returns; None where it raises, dies or takes longer than `seconds`."""
        with self._lock:
            process = self._process or self._start()
            try:
                process.stdin.write(json.dumps([module, function, args]) + "\n")  # type: ignore[union-attr]
                process.stdin.flush()  # type: ignore[union-attr]
                return json.loads(self._lines.get(timeout=seconds))
            except (queue.Empty, OSError, ValueError):
                self._end()
                return None

    def _start(self) -> subprocess.Popen[str]:
        self._process = process = subprocess.Popen(
            [sys.executable, "-c", _COMMAND],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
        )
        lines: queue.Queue[str] = queue.Queue()
        self._lines = lines
        threading.Thread(target=_read, args=(process, lines), daemon=True).start()
        with suppress(queue.Empty):
            lines.get(timeout=_START_S)
        return process

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            with suppress(OSError):
                self._process.stdin.close()  # type: ignore[union-attr]
        self._process = None


def _read(process: subprocess.Popen[str], lines: queue.Queue[str]) -> None:
    with process.stdout as out:  # type: ignore[union-attr]
        for line in out:
            lines.put(line)
    lines.put("")  # it ended


@cache
def shared() -> Apart:
    """Return the worker of this process; it ends with it."""
    return Apart()


def end_with_parent() -> None:
    """Let this process of a pool end when the one that started it does, however that ended; Ctrl-C is left to that one."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_outlive_nobody, daemon=True).start()


def _outlive_nobody() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def work() -> None:
    """Do what standard input asks for, one line each, until it ends."""
    with suppress(ImportError, ValueError, OSError):
        import resource  # not on Windows

        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    out, sys.stdout = sys.stdout, sys.stderr
    print("ready", file=out, flush=True)  # the protocol
    for line in sys.stdin:
        module, function, args = json.loads(line)
        try:
            found = getattr(import_module(module), function)(*args)
        except Exception:  # noqa: BLE001  # whatever a library raises on a model's answer: there is no judgement
            found = None
        print(json.dumps(found), file=out, flush=True)
