import json
import multiprocessing
import os
import signal
from itertools import count

import numpy as np
import pytest

from router_training.contract import DataError
from router_training.encoding.processes import PAYS_FROM, over_processes
from router_training.encoding.prompts import prompts_of

PROMPTS = [f"What is {n} + {n}?" for n in range(2 * PAYS_FROM)]


def batches(size=2):
    keyed = [(str(n).encode(), text) for n, text in enumerate(PROMPTS)]
    return (dict(keyed[i : i + size]) for i in range(0, len(keyed), size))


def write_outcomes(path, prompts=PROMPTS):
    rows = [
        {"task_id": n, "prompt": prompt, "model": model, "quality": 1}
        for n, prompt in enumerate(prompts)
        for model in ("a", "b")
    ]
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


def test_processes_make_the_same_vectors_in_the_same_order(minilm):
    made = [pair for found in over_processes(minilm, 2)(batches()) for pair in found.items()]
    alone = minilm.encode(PROMPTS)
    assert [key for key, _ in made] == [str(n).encode() for n in range(len(PROMPTS))]
    assert np.array_equal(np.frombuffer(b"".join(row for _, row in made), "<f4").reshape(alone.shape), alone)


def test_few_texts_start_no_process(minilm):
    spread = over_processes(minilm, 2)(batches(size=len(PROMPTS)))
    assert len(next(spread)) == len(PROMPTS) and not multiprocessing.active_children()


def test_a_process_that_is_killed_ends_the_run_with_a_sentence_and_what_was_done_is_there(minilm):
    endless = ({str(n).encode(): f"prompt {n}"} for n in count())
    found = over_processes(minilm, 2)(endless)
    assert list(next(found)) == [b"0"]
    os.kill(multiprocessing.active_children()[0].pid, signal.SIGKILL)
    with pytest.raises(
        DataError, match=r"one of 2 processes was killed.*what was done is kept: run the command again"
    ):
        for _ in found:
            pass


def test_embed_makes_each_vector_once_and_the_readers_find_them(run, minilm, tmp_path):
    data, out = write_outcomes(tmp_path / "outcomes.jsonl"), tmp_path / "cache"
    minilm.save(out / "encoders" / minilm.folder.name)  # else it would be exported anew
    _, first, _ = run("embed", data, "--out", out)
    assert f"{len(PROMPTS)} different prompts in {data}: {len(PROMPTS)} encoded now" in first
    assert f"POINTSMAN_CACHE={out} pointsman train" in first
    assert ": 0 encoded now, the others known" in run("embed", data, "--out", out)[1]
    told = []
    vectors = minilm.encode_cached(PROMPTS, out, lambda *news: told.append(news))
    assert not told and np.array_equal(vectors, minilm.encode(PROMPTS))


def test_prompts_are_those_of_the_table_or_of_the_tasks(tmp_path):
    assert sorted(prompts_of(write_outcomes(tmp_path / "outcomes.jsonl"))) == sorted(PROMPTS)
    (tmp_path / "tasks.csv").write_text("question,answer\nWhat is 1 + 1?,2\nWhat is 2 + 2?,4\n")
    assert prompts_of(tmp_path / "tasks.csv") == ["What is 1 + 1?", "What is 2 + 2?"]


def test_a_file_that_is_not_there_is_one_sentence(run, tmp_path):
    code, _, said = run("embed", tmp_path / "none.csv")
    assert code == 2 and "does not exist; check the path" in said
