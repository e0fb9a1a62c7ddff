"""A challenger serves only after it has won on gold that neither side has seen."""

import json
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import onnx
import pytest
from mlflow import MlflowClient
from tokenizers import Tokenizer, models as token_models, pre_tokenizers

from router_training.contract import DataError, ModelCard, Outcome
from router_training.embedding import Encoder
from router_training.encoding.encoder_files import MODEL_FILE, TOKENIZER_FILE, EncoderSettings, write_settings
from router_training.evaluation import evaluate
from router_training.guarantee import Claim, make_promise
from router_training.learning.selection import Candidate
from router_training.outcomes import OutcomeTable
from router_training.policy import fit_policy, load_policy
from router_training.retraining import Options, retrain
from router_training.tables.merging import learned_from, three_parts
from router_training.training import judge
from router_training.verifier_noise import corrected

EASY, HARD = ("add", "sort", "count", "name"), ("prove", "compose", "derive", "refute")
LOGISTIC = (Candidate("logistic", {"C": 1.0}),)
CATALOGUE = {"large": ModelCard("large", 10.0, 10.0), "small": ModelCard("small", 1.0, 1.0)}


def outcome(task: int, model: str, quality: float, **changes) -> Outcome:
    verb = (EASY if task % 2 else HARD)[task // 2 % 4]
    prompt = f"{verb} the {task} things of kind {task * 7 % 97}"
    tokens = {"prompt_tokens": 10, "completion_tokens": 50}
    usd = CATALOGUE[model].usd(10, 50)
    return replace(
        Outcome(f"t{task:04}", prompt, model, quality, cost_usd=usd, latency_s=1.0, **tokens), **changes
    )


def gold(n: int = 400) -> OutcomeTable:
    """The large model is nearly always right, the small one only on easy tasks, which every second task is."""
    rng = np.random.default_rng(7)
    right = {"large": (0.95, 0.95), "small": (0.1, 0.93)}
    return OutcomeTable.from_outcomes(
        outcome(task, model, float(rng.random() < right[model][task % 2]))
        for task in range(n)
        for model in CATALOGUE
    )


def blind(table: OutcomeTable) -> OutcomeTable:
    """Deal whole rows of quality to other tasks: what is learned from it says nothing of a prompt."""
    dealt = dict(zip(table.task_ids, np.random.default_rng(0).permutation(table.quality), strict=True))
    keys = zip(table.frame["task_id"], table.frame["model"], strict=True)
    return OutcomeTable.from_frame(
        table.frame.assign(quality=[dealt[task][table.models.index(model)] for task, model in keys])
    )


@pytest.fixture(scope="module")
def table():
    return gold()


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    """A network of one layer: the mean of its words' vectors, drawn at random."""
    folder = tmp_path_factory.mktemp("encoder")
    words = [*EASY, *HARD, "the", "things", "of", "kind", "[UNK]"]
    tokenizer = Tokenizer(
        token_models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="[UNK]")
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.save(str(folder / TOKENIZER_FILE))
    table = np.random.default_rng(0).normal(size=(len(words), 16)).astype(np.float32)
    make = onnx.helper
    nodes = [
        make.make_node("Gather", ["table", "input_ids"], ["rows"]),
        make.make_node("ReduceMean", ["rows"], ["mean"], axes=[1], keepdims=0),
        make.make_node("LpNormalization", ["mean"], ["vector"], axis=1, p=2),
    ]
    graph = make.make_graph(
        nodes,
        "words",
        [make.make_tensor_value_info("input_ids", onnx.TensorProto.INT64, ["texts", "tokens"])],
        [make.make_tensor_value_info("vector", onnx.TensorProto.FLOAT, ["texts", 16])],
        [onnx.numpy_helper.from_array(table, "table")],
    )
    model = make.make_model(graph, opset_imports=[make.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, str(folder / MODEL_FILE))
    write_settings(folder, EncoderSettings("words", "fp32", 16, 128, ("input_ids",), ""))
    return Encoder.load(folder)


@pytest.fixture(scope="module")
def fitted(encoder, tmp_path_factory):
    """Return what trains a policy on a table, once, and says where it is saved."""
    folder = tmp_path_factory.mktemp("policies")

    def fit(table):
        if not (folder / table.digest).exists():
            policy = fit_policy(
                table, catalogue=CATALOGUE, encoder=encoder, candidates=LOGISTIC, cache_dir=folder / "cache"
            )
            policy.save(folder / table.digest)
        return folder / table.digest

    return fit


@pytest.fixture
def loop(store, table, encoder, tmp_path):
    """Return what runs the gate: `loop(feedback)`, with the store, table and prices of this module."""

    def run(feedback=None, on=table, champion=None, seed=None, **options):
        return retrain(
            store,
            on,
            catalogue=CATALOGUE,
            champion=champion,
            feedback=feedback,
            seed=seed,
            encoder=encoder,
            candidates=LOGISTIC,
            cache_dir=tmp_path / "cache",
            **options,
        )

    return run


@pytest.fixture
def crown(store, fitted):
    """Return what makes a policy trained on a table the champion, and says its version."""

    def run(table, answer_model_dir=None):
        run = store.log_training(fitted(table), answer_model_dir=answer_model_dir)
        store.promote(run.version)
        return run.version

    return run


def aliases(store):
    model = MlflowClient(store.uri).get_registered_model("router")
    return {alias: str(version) for alias, version in model.aliases.items()}


def test_a_challenger_that_wins_on_gold_serves_and_the_old_champion_is_remembered(loop, crown, store, table):
    first = crown(blind(three_parts(table).train))
    verdict = loop([])
    assert verdict.promoted and verdict.difference.low > 0.0
    assert "wins and serves" in verdict.reason and verdict.champion_version == first
    assert aliases(store) == {"champion": verdict.version, "previous": first}
    assert load_policy(store.champion().path).metadata["data_digest"] == three_parts(table).train.digest


def test_the_verifiers_word_on_traffic_alone_can_win(loop, crown, table):
    parts = three_parts(table)
    unseen = table.frame["task_id"].isin(parts.train.task_ids[8:]) & (table.frame["model"] == "small")
    sparse = OutcomeTable.from_frame(table.frame[~unseen])
    assert three_parts(sparse).gate.digest == parts.gate.digest
    crown(three_parts(sparse).train)
    rng = np.random.default_rng(1)
    heard = [
        outcome(task, "small", 0.1 + 0.8 * (rng.random() < (0.1, 0.93)[task % 2]), label_source="verifier")
        for task in range(1000, 1300)
    ]
    verdict = loop(heard, on=sparse)
    assert verdict.n_feedback == 300 and verdict.promoted


def test_poisoned_feedback_does_not_reach_the_throne(loop, crown, store, table):
    parts = three_parts(table)
    champion = crown(parts.train)
    poison = [
        outcome(10_000 + task, model, float((model == "small") == (task % 2 == 0)), label_source="verifier")
        for task in range(600)
        for model in CATALOGUE
    ]
    verdict = loop(poison)
    assert not verdict.promoted and verdict.difference.low <= 0.0
    assert verdict.n_feedback == len(poison)
    assert "does not win, so nothing changes" in verdict.reason
    assert aliases(store) == {"champion": champion}


def test_without_news_nobody_is_trained(loop, crown, store, table):
    crown(three_parts(table).train)
    verdict = loop([])
    assert not verdict.promoted and verdict.version is None and verdict.difference is None
    assert "nothing new to learn from" in verdict.reason
    assert len(MlflowClient(store.uri).search_model_versions("name = 'router'")) == 1


def test_feedback_on_gate_prompts_is_no_news(loop, crown, table):
    parts = three_parts(table)
    crown(parts.train)
    told = [
        outcome(int(task[1:]), "small", 0.5, task_id="trace", label_source="verifier")
        for task in parts.gate.task_ids
    ]
    verdict = loop(told)
    assert verdict.version is None and verdict.n_left_out == len(parts.gate)


def test_where_nobody_serves_the_challenger_must_beat_the_constants(loop, store, table):
    assert loop([], on=blind(table)).promoted is False
    assert store.champion() is None
    verdict = loop([])
    assert verdict.promoted and "against the constants" in verdict.reason
    assert store.champion().version == verdict.version


def test_the_stores_own_feedback_is_read(loop, crown, store, table, request_record):
    crown(three_parts(table).train)
    prompt = outcome(5000, "small", 1.0).prompt
    store.log_requests([request_record(prompt=prompt)])
    verdict = loop()
    assert verdict.n_feedback == 1 and verdict.version is not None


def test_a_promoted_challenger_keeps_the_champions_answer_model(loop, crown, store, table, tmp_path):
    (tmp_path / "answers").mkdir()
    (tmp_path / "answers" / "manifest.json").write_text("{}")
    crown(blind(three_parts(table).train), tmp_path / "answers")
    assert loop([]).promoted
    assert (store.champion().answer_model_path / "manifest.json").read_text() == "{}"


def test_the_gate_is_split_by_the_champions_seed_unless_told(loop, store, table, encoder, tmp_path):
    train = three_parts(table, 3).train
    policy = fit_policy(train, catalogue=CATALOGUE, encoder=encoder, candidates=LOGISTIC, seed=3)
    policy.save(tmp_path / "third")
    store.promote(store.log_training(tmp_path / "third").version)
    verdict = loop([])
    assert "nothing new to learn from" in verdict.reason and verdict.gate_is_unseen
    told = loop([], seed=0)
    assert not told.gate_is_unseen and "may know some of these tasks" in told.reason


def test_a_challenger_taught_by_feedback_is_known_again_by_its_gold(loop, crown, store, table, tmp_path):
    parts = three_parts(table)
    crown(blind(parts.train))
    heard = [outcome(task, "small", 0.5, label_source="verifier") for task in range(1000, 1010)]
    verdict = loop(heard)
    assert verdict.promoted and not verdict.gate_is_unseen
    assert loop(heard).gate_is_unseen
    policy = load_policy(store.champion().path)
    assert policy.metadata["data_digest"] != parts.train.digest and learned_from(policy, parts.train)
    judged = judge(policy, table, tmp_path / "judged", n_boot=100)
    assert judged.evaluation.n_tasks == len(parts.gate) and "of the gate" in judged.part


def test_the_verdict_is_a_run(loop, crown, store, table):
    crown(blind(three_parts(table).train))
    verdict = loop([])
    run = MlflowClient(store.uri).get_run(verdict.run_id)
    assert run.data.tags["verdict"] == "promoted" and run.data.tags["mlflow.note.content"] == verdict.reason
    assert run.data.metrics["difference_low"] == pytest.approx(verdict.difference.low)
    assert run.data.params["challenger_version"] == verdict.version


def test_a_champion_with_a_model_that_gold_does_not_know_is_a_data_error(loop, crown, table):
    crown(three_parts(table).train)
    renamed = table.frame.assign(model=table.frame["model"].replace("large", "larger"))
    with pytest.raises(
        DataError, match=r"chooses among large, small, of which the outcomes has only small \(.*train anew"
    ):
        loop([], on=OutcomeTable.from_frame(renamed))


def test_the_same_inputs_give_the_same_verdict(loop, crown, store, table):
    crown(blind(three_parts(table).train))
    champion = store.champion()
    first, second = loop([]), loop([], champion=champion)
    assert first.difference.value == second.difference.value
    assert (first.challenger, first.champion) == (second.challenger, second.champion)


LONG_AND_WRONG = 0.45
SHORT_AND_RIGHT = 0.30


def answers(tasks, rng):
    """Return what both models would do on these tasks."""
    right = {"large": (0.95, 0.95), "small": (0.1, 0.93)}
    return OutcomeTable.from_outcomes(
        outcome(task, model, float(rng.random() < right[model][task % 2]))
        for task in tasks
        for model in CATALOGUE
    )


def heard_by_a_verifier_that_likes_length(policy, traffic, rng):
    """Return traffic as a verifier labels it that takes long answers (the small model's) for right, gold of one in 25,
    and the share of labels that are wrong.
    """
    rates = {("small", 0.0): LONG_AND_WRONG, ("large", 1.0): SHORT_AND_RIGHT}
    rows, grades, wrong = [], [], 0
    for i, chosen in enumerate(policy.choose(traffic.prompts, 0.8)):
        asked = chosen if rng.random() < 0.9 else ("small" if chosen == "large" else "large")
        quality = float(traffic.quality[i, traffic.models.index(asked)])
        flip = rng.random() < rates.get((asked, quality), 0.02)
        wrong += flip
        task = int(traffic.task_ids[i][1:])
        said = 0.05 + 0.9 * abs(quality - flip)
        rows.append(outcome(task, asked, said, label_source="verifier", propensity=0.9))
        if rng.random() < 0.04:
            grades.append(outcome(task, asked, quality))
    return rows, OutcomeTable.from_outcomes(grades), wrong / len(traffic)


def test_a_verifier_that_likes_length_drags_the_router_down_only_where_it_is_not_corrected(encoder):
    rng = np.random.default_rng(0)
    train, traffic, test = (
        answers(tasks, rng) for tasks in (range(160), range(1000, 3000), range(9000, 10500))
    )

    def fitted(table):
        return fit_policy(table, catalogue=CATALOGUE, encoder=encoder, candidates=LOGISTIC)

    old = fitted(train)
    heard, grades, wrong = heard_by_a_verifier_that_likes_length(old, traffic, rng)
    assert 0.18 < wrong < 0.28
    forecasts = old.forecast([one.prompt for one in heard])
    places = [old.models.index(one.model) for one in heard]
    rows = [
        Outcome(**row) for row in grades.frame[["task_id", "prompt", "model", "quality"]].to_dict("records")
    ]
    better, _, enough = corrected(heard, rows, forecasts.p_success[range(len(heard)), places])
    lifts = {
        name: evaluate(
            fitted(train.concat(OutcomeTable.from_outcomes(labels))),
            test,
            twin=old,
            catalogue=CATALOGUE,
            n_boot=200,
        ).learned_lift
        for name, labels in (("raw", heard), ("corrected", better))
    }
    assert enough
    assert lifts["raw"].high < -0.05, "without the correction the new router is far below the old one"
    assert lifts["corrected"].high > 0.0 and lifts["corrected"].value > -0.005, "with it, it is not"


def test_the_verdict_says_how_the_verifier_errs_and_what_was_done_about_it(loop, crown, fitted, table):
    crown(three_parts(table).train)
    rng, policy = np.random.default_rng(0), load_policy(fitted(three_parts(table).train))
    heard, grades, _ = heard_by_a_verifier_that_likes_length(policy, answers(range(1000, 2500), rng), rng)
    verdict = loop(heard, more_gold=[grades], options=Options(dry_run=True))
    bias = {one.name: one.bias for one in verdict.biases}
    assert bias["large"].high < 0.0
    assert "corrected for how the verifier errs on" in verdict.noise
    assert "a correction needs 30" in loop(heard, options=Options(dry_run=True)).noise
    assert "as asked" in loop(heard, more_gold=[grades], options=Options(dry_run=True, correct=False)).noise


def test_gold_grades_of_answers_stand_on_their_traces_but_for_a_dry_run(
    loop, crown, store, table, request_record
):
    crown(three_parts(table).train)
    asked = [request_record(i, prompt=outcome(5000 + i, "small", 1.0).prompt) for i in range(3)]
    store.log_requests(asked)
    graded = OutcomeTable.from_outcomes(
        replace(outcome(5000 + i, "small", 0.0), task_id=asked[i].trace_id, reference="42") for i in (0, 2)
    )
    search = "feedback.gold < 0.5 AND expectation.expected_response = '42'"
    for dry_run, told in ((True, 0), (False, 2)):
        verdict = loop(more_gold=[graded], options=Options(dry_run=dry_run))
        assert verdict.n_gold_traces == told
        assert len(MlflowClient(store.uri).search_traces([store.experiment_id], search)) == told


def test_every_look_at_the_gate_is_counted_and_a_dry_run_changes_nothing(loop, crown, store, table):
    first = crown(blind(three_parts(table).train))
    verdict = loop([], options=Options(dry_run=True))
    assert not verdict.promoted and verdict.version is None and verdict.tries == 1
    assert "would win and serve (dry run" in verdict.reason and aliases(store) == {"champion": first}
    run = MlflowClient(store.uri).get_run(verdict.run_id)
    assert run.data.tags["dry_run"] == "true" and run.data.tags["verdict"] == "kept"
    again = loop([])
    assert again.tries == 2 and again.promoted
    assert again.difference.low < verdict.difference.low, "the second try is held to more"
    other = OutcomeTable.from_outcomes(
        outcome(task, model, float(task % 2 or model == "large"))
        for task in range(5000, 5300)
        for model in CATALOGUE
    )
    assert loop([], on=other).tries == 1, "new gold is looked at for the first time"


def test_the_table_of_reasons_is_in_the_run(loop, crown, store, table):
    crown(blind(three_parts(table).train))
    verdict = loop([])
    kept = MlflowClient(store.uri).download_artifacts(verdict.run_id, "reasons.json")
    rows = json.loads(Path(kept).read_text())
    assert [row[0] for row in rows["data"]] == [rule.rule for rule in verdict.rules]
    assert rows["columns"][0] == "rule" and all(rule.holds for rule in verdict.rules)
    assert [rule.rule.split(" ")[0] for rule in verdict.rules[:3]] == ["champion,", "best", "mix"]


def test_a_promise_that_the_challenger_does_not_make_is_spoken_of(loop, store, table, encoder, tmp_path):
    policy = fit_policy(three_parts(table).train, catalogue=CATALOGUE, encoder=encoder, candidates=LOGISTIC)
    promise = make_promise(policy, three_parts(table).traffic, Claim(0.5, 0.6))
    replace(policy, promise=promise).save(tmp_path / "promised")
    store.promote(store.log_training(tmp_path / "promised").version)
    heard = [outcome(task, "small", 0.5, label_source="verifier") for task in range(1000, 1010)]
    verdict = loop(heard)
    assert "the challenger promises nothing" in verdict.promise and "quality>=0.5 of best" in verdict.promise


def test_only_recent_feedback_is_read_where_that_is_asked(loop, crown, store, table, request_record):
    crown(three_parts(table).train)
    prompts = [outcome(5000 + i, "small", 1.0).prompt for i in range(4)]
    store.log_requests([request_record(i, prompt=prompt) for i, prompt in enumerate(prompts)])
    since = datetime.fromisoformat("2026-01-31T12:02:00+00:00")
    assert loop(options=Options(since=since, dry_run=True)).n_feedback == 2
