"""The commands as a user types them: the main job on real outcomes, and bad input as one sentence."""

import io
import json
from pathlib import Path

import pytest

from orchestrator.cli import read_prompt
from orchestrator.judge_calibration import Reply, append_reply, draw_cases
from orchestrator.strategies import available
from router_training.contract import UsageError
from router_training.judging.judge_bias import load_bias
from router_training.outcomes import load_outcomes

STARTER = Path(__file__).resolve().parents[1] / "datasets" / "starter"
MODELS = str(STARTER / "models.toml")


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    """Return a file with 200 tasks of the starter set."""
    path = tmp_path_factory.mktemp("data") / "outcomes.parquet"
    load_outcomes(STARTER / "outcomes.parquet").take(range(200)).to_parquet(path)
    return path


@pytest.fixture(scope="module")
def router(outcomes, tmp_path_factory):
    """Return the folder of a router trained on that file."""
    from router_training.catalogue import load_catalogue
    from router_training.embedding import load_encoder
    from router_training.training import train_router

    folder = tmp_path_factory.mktemp("router")
    train_router(load_outcomes(outcomes), folder, catalogue=load_catalogue(MODELS), encoder=load_encoder())
    return folder


def test_train_writes_a_router_its_evaluation_and_the_picture(run, outcomes, tmp_path):
    code, out, _ = run("train", outcomes, "--models", MODELS, "--out", tmp_path / "router", "--no-track")
    assert code == 0
    assert "oracle" in out and "labels shuffled" in out and "always " in out
    found = json.loads((tmp_path / "router" / "evaluation.json").read_text())
    assert found["n_tasks"] > 0 and found["lift"]["low"] <= found["lift"]["value"] <= found["lift"]["high"]
    for name in ("curve.png", "reliability.png"):
        assert (tmp_path / "router" / name).read_bytes().startswith(b"\x89PNG")


@pytest.fixture(scope="module")
def promising(outcomes, tmp_path_factory):
    """Return a router's folder with a promise that this little data can support."""
    from router_training.catalogue import load_catalogue
    from router_training.embedding import load_encoder
    from router_training.guarantee import Claim
    from router_training.training import train_router

    folder = tmp_path_factory.mktemp("promising")
    options = {"catalogue": load_catalogue(MODELS), "encoder": load_encoder(), "claim": Claim(0.3, 0.6)}
    train_router(load_outcomes(outcomes), folder, **options)
    return folder


def test_route_shows_what_was_promised_and_which_dial_it_covers(run, promising):
    code, out, _ = run("route", "What is 3 + 4?", "--router", promising, "--json")
    promise = json.loads(out)["promise"]
    assert code == 0 and not promise["holds"] and "Promised: at dial" in promise["sentence"]
    dial = promise["sentence"].rstrip(".").split("use dial ")[1]
    covered = json.loads(run("route", "What is 3 + 4?", "--router", promising, "--dial", dial, "--json")[1])
    assert covered["promise"]["holds"]


def test_route_shows_that_other_prices_void_the_promise(run, promising, tmp_path):
    models = tmp_path / "models.toml"
    models.write_text(Path(MODELS).read_text().replace("usd_per_mtok_in = 0.060", "usd_per_mtok_in = 0.061"))
    code, out, _ = run("route", "What is 3 + 4?", "--router", promising, "--models", models)
    assert code == 0 and "The promise is void: prices have changed since it was made" in " ".join(out.split())


def test_a_promise_that_the_data_do_not_support_is_refused_after_the_router_is_saved(run, outcomes, tmp_path):
    words = (
        "--models",
        MODELS,
        "--out",
        tmp_path / "router",
        "--promise",
        "quality>=1.5 of best, confidence 0.95",
    )
    code, out, err = run("train", outcomes, *words)
    assert code == 2 and "pointsman: the promise 'quality>=1.5 of best, confidence 0.95' is refused" in err
    assert "no champion: what was asked could not be promised" in " ".join(out.split())
    assert json.loads((tmp_path / "router" / "policy" / "manifest.json").read_text())["promise"] is None


def test_a_promise_that_cannot_be_read_is_refused_before_any_work(run, outcomes, tmp_path):
    code, _, err = run("train", outcomes, "--out", tmp_path / "router", "--promise", "as good as gold")
    assert code == 2 and "the promise 'as good as gold' cannot be read; write" in err
    assert not (tmp_path / "router").exists()


def test_route_names_the_models_that_cannot_serve_and_why(run, router):
    code, out, _ = run(
        "route", "Reverse a list.", "--router", router, "--needs", "code", "--dial", "0", "--json"
    )
    decision = json.loads(out)
    assert code == 0 and decision["model"] != "smollm2-135m"
    assert decision["unable"] == {"smollm2-135m": "smollm2-135m lacks code (its capabilities: text)"}
    code, _, err = run("route", "What is this?", "--router", router, "--needs", "vision")
    assert code == 2 and err.startswith("pointsman: no model can serve prompt 0: ")


def test_evaluate_judges_on_the_held_out_part(run, outcomes, router, tmp_path):
    code, out, _ = run("evaluate", outcomes, "--models", MODELS, "--router", router, "--out", tmp_path)
    assert code == 0
    assert "held out" in out and "labels shuffled" in out
    assert json.loads((tmp_path / "evaluation.json").read_text())["n_tasks"] < 200


def test_route_names_a_model_and_its_forecasts(run, router):
    code, out, _ = run("route", "What is 17 + 25?", "--router", router, "--json")
    decision = json.loads(out)
    assert code == 0
    assert decision["model"] in [forecast["model"] for forecast in decision["forecasts"]]
    best = max(decision["forecasts"], key=lambda forecast: forecast["worth"])
    assert decision["model"] == best["model"]


def test_ask_replays_what_the_real_model_said(run, outcomes, router):
    table = load_outcomes(outcomes)
    code, out, _ = run("ask", table.prompts[0], "--router", router, "--recorded", outcomes, "--json")
    answer = json.loads(out)
    said = table.responses[0, table.models.index(answer["model"])]
    assert code == 0
    assert answer["result"] == said and 0.0 <= answer["confidence"] <= 1.0 and answer["usd"] > 0.0


def test_a_trace_and_a_comparison_show_the_recorded_answers(run, outcomes, router):
    prompt = load_outcomes(outcomes).prompts[0]
    asked = ("ask", prompt, "--router", router, "--recorded", outcomes)
    code, out, _ = run(*asked, "--trace", "--strategy", "ensemble")
    assert code == 0 and "succeeds with" in out and "said: " in out
    code, out, _ = run(*asked, "--compare", "cost_based, ensemble(n=2)", "--json")
    answers = json.loads(out)
    assert code == 0 and {name: len(one["attempts"]) for name, one in answers.items()} == {
        "cost_based": 1,
        "ensemble(n=2)": 2,
    }


def test_a_trace_of_a_comparison_is_refused(run):
    code, out, err = run("ask", "hi", "--trace", "--compare", "all")
    assert (code, out) == (2, "") and err.startswith(
        "pointsman: --trace shows one answer and --compare several"
    )


def test_every_strategy_is_listed_with_what_it_means(run):
    code, out, _ = run("strategies")
    first_lines = [line.split() for line in out.splitlines() if not line.startswith(" ")]
    assert code == 0 and [words[0] for words in first_lines] == list(available())
    assert all(len(words) > 1 for words in first_lines)


def test_all_strategies_are_judged_on_the_held_out_part_beside_the_constants(run, outcomes, router, tmp_path):
    words = ("evaluate", outcomes, "--models", MODELS, "--router", router, "--out", tmp_path)
    code, out, _ = run(*words, "--strategies", "all", "--resamples", "100", "--deadline-s", "20")
    found = json.loads((tmp_path / "strategies.json").read_text())
    assert code == 0 and "held out" in out and "always " in out
    assert found["n_tasks"] < 200 and len(found["rows"]) == len(available()) + 4
    assert (tmp_path / "strategies.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    "words", [("evaluate", "nowhere.csv", "--strategies", "nope"), ("ask", "hi", "--compare", ",")]
)
def test_a_strategy_that_cannot_be_read_is_refused_before_any_work(run, words):
    code, _, err = run(*words)
    assert code == 2 and err.startswith("pointsman: ") and "strategy" in err


def test_ask_says_at_once_that_no_recording_answers(run, outcomes, router):
    code, out, err = run("ask", "a prompt nobody recorded", "--router", router, "--recorded", outcomes)
    assert code == 2 and out == "" and "holds no answer to 'a prompt nobody recorded'; ask one of its" in err


def test_without_a_champion_route_says_what_to_do(run):
    code, _, err = run("route", "hello")
    assert code == 2
    assert "no champion" in err and "pointsman train" in err


BAD_TABLES = {
    "empty.csv": b"",
    "header.csv": b"task_id,prompt,model,quality\n",
    "missing.csv": b"task_id,prompt,quality\na,hi,1\n",
    "range.csv": b"task_id,prompt,model,quality\na,hi,m,1.5\na,hi,n,0\n",
    "text.csv": b"task_id,prompt,model,quality\na,hi,m,good\na,hi,n,0\n",
    "nan.csv": b"task_id,prompt,model,quality\na,hi,m,nan\nb,ho,n,nan\n",
    "twice.csv": b"task_id,prompt,model,quality\na,hi,m,1\na,hi,m,0\nb,ho,n,1\n",
    "one_model.csv": b"task_id,prompt,model,quality\na,hi,m,1\nb,ho,m,0\n",
    "one_task.csv": b"task_id,prompt,model,quality\na,hi,m,1\na,hi,n,0\n",
    "latin.csv": "task_id,prompt,model,quality\na,caf\xe9,m,1\n".encode("latin-1"),
    "broken.parquet": b"PAR1 but not really",
    "table.xlsx": b"PK",
}


@pytest.mark.parametrize("name", BAD_TABLES)
def test_a_table_that_cannot_be_used_is_one_sentence_and_exit_code_2(run, tmp_path, name):
    path = tmp_path / name
    path.write_bytes(BAD_TABLES[name])
    code, out, err = run("train", path, "--no-track", "--out", tmp_path / "router")
    assert code == 2
    assert "Traceback" not in out + err
    assert err.startswith("pointsman: ") and name in err and err.count("\n") == 1


def test_a_directory_and_a_missing_file_are_refused(run, tmp_path):
    for path in (tmp_path, tmp_path / "nowhere.csv"):
        code, _, err = run("train", path, "--no-track")
        assert code == 2 and err.startswith("pointsman: ") and str(path) in err


@pytest.mark.parametrize("content", ["not toml at all [", "[models.a]\nprice = 1\n", "[models]\n"])
def test_an_unreadable_models_file_is_refused(run, outcomes, tmp_path, content):
    path = tmp_path / "models.toml"
    path.write_text(content)
    code, _, err = run("train", outcomes, "--models", path, "--no-track")
    assert code == 2 and err.startswith("pointsman: ") and "models.toml" in err and err.count("\n") == 1


def test_a_models_file_that_lacks_a_model_of_the_table_is_refused(run, outcomes, tmp_path):
    path = tmp_path / "models.toml"
    path.write_text("[models.other]\nusd_per_mtok_in = 1.0\nusd_per_mtok_out = 1.0\n")
    code, _, err = run("train", outcomes, "--models", path, "--no-track", "--out", tmp_path / "router")
    assert code == 2 and err.startswith("pointsman: ")


@pytest.mark.parametrize("dial", ["2", "-0.1", "nan"])
def test_a_dial_outside_its_range_is_refused(run, router, dial):
    code, _, err = run("route", "hello", "--router", router, f"--dial={dial}")
    assert code == 2 and err.startswith("pointsman: ") and "dial" in err


@pytest.mark.parametrize("words", [["train", "nowhere.csv"], ["retrain", "nowhere.csv"], ["demo"]])
def test_a_negative_seed_is_refused(run, words):
    code, out, err = run(*words, "--seed=-1")
    assert code == 2 and "--seed" in err and "Traceback" not in out + err


@pytest.mark.parametrize("command", ["train", "evaluate"])
def test_an_output_folder_that_is_a_file_is_refused_before_any_work(run, tmp_path, command):
    (tmp_path / "taken").write_text("a file")
    code, _, err = run(command, "nowhere.csv", "--out", tmp_path / "taken")
    assert code == 2 and "--out" in err and "is a file" in err


def test_a_blank_prompt_is_refused_before_anything_is_opened(run):
    code, _, err = run("ask", " ", "--router", "nowhere")
    assert code == 2 and "the prompt is" in err


def test_an_unknown_strategy_lists_the_known_ones(run, outcomes, router):
    code, _, err = run("ask", "hello", "--router", router, "--recorded", outcomes, "--strategy", "nope")
    assert code == 2 and "cascade" in err


@pytest.mark.parametrize(("prompt", "rule"), [(" ", "give a text"), ("caf\udce9", "not UTF-8")])
def test_a_prompt_that_is_no_text_is_refused(prompt, rule):
    with pytest.raises(UsageError, match=rule):
        read_prompt(prompt)


def test_standard_input_that_is_not_utf_8_is_refused(monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"caf\xe9 au lait"), encoding="utf-8"))
    with pytest.raises(UsageError, match="not UTF-8"):
        read_prompt("-")


@pytest.mark.parametrize(
    ("piped", "prompt"),
    [("a\nb\n", "a\nb"), ("a", "a"), ("a\n\n", "a\n"), ("\n a ", "\n a "), ("a\r\n", "a")],
)
def test_the_newline_that_ends_standard_input_is_no_part_of_the_prompt(monkeypatch, piped, prompt):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(piped.encode()), encoding="utf-8"))
    assert read_prompt("-") == prompt


def test_a_prompt_of_200_kb_goes_to_a_model_that_takes_it_and_is_refused_where_none_does(
    run, router, monkeypatch, tmp_path
):
    models = tmp_path / "models.toml"
    models.write_text(Path(MODELS).read_text().replace("context_tokens = 32768", "context_tokens = 65536"))
    monkeypatch.setattr("sys.stdin", io.StringIO("word " * 40_000))
    code, out, _ = run("route", "-", "--router", router, "--models", models, "--json")
    assert code == 0 and json.loads(out)["model"] != "smollm2-135m"
    monkeypatch.setattr("sys.stdin", io.StringIO("word " * 40_000))
    code, _, err = run("route", "-", "--router", router)
    assert code == 2 and "takes 32,768 tokens, but the prompt has about 50,0" in err


def test_verifiers_are_listed_with_one_line_each(run):
    code, out, _ = run("verifiers")
    names = [line.split()[0] for line in out.splitlines() if line.strip()]
    assert code == 0 and {"arithmetic", "judge", "learned", "self_consistency"} <= set(names)


def test_what_verifiers_are_worth_is_printed_and_given_as_json(run, outcomes, router):
    code, out, _ = run("verifiers", "report", outcomes, "--router", router, "--tasks", "40")
    assert code == 0 and "likelihood ratio" in out and "arithmetic" in out
    code, out, _ = run("verifiers", "report", outcomes, "--router", router, "--tasks", "40", "--json")
    assert code == 0 and json.loads(out)["n_answers"] > 50


def test_a_judge_is_measured_from_recorded_replies_and_needs_a_known_card(run, outcomes, tmp_path):
    replies, bias = tmp_path / "replies.jsonl", tmp_path / "bias.json"
    words = ("verifiers", "calibrate", outcomes, "--replies", replies, "--out", bias, "--cases", "10")
    code, _, err = run(*words)
    assert code == 2 and "holds no recorded reply" in err
    code, _, err = run(*words, "--judge", "nobody", "--models", MODELS)
    assert code == 2 and "'nobody' is no card" in err
    for case in draw_cases(load_outcomes(outcomes), 10):
        for yes_first in (True, False):
            append_reply(replies, Reply(case.task_id, case.model, yes_first, "YES" if case.quality else "NO"))
    code, out, _ = run(*words)
    assert code == 0 and "changes 0% of its verdicts" in out and load_bias(bias).n_right == 5
