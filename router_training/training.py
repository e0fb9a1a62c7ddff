"""Train a router, judge it on tasks that chose nothing, and record what came of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from router_training.answer_model import AnswerModel, fit_on_answers
from router_training.contract import Catalogue, DataError, UsageError
from router_training.earlier import remove_earlier
from router_training.embedding import Encoder
from router_training.evaluation import default_dials
from router_training.guarantee import Claim, make_promise
from router_training.joint.fitting import can_compare, fit_joint_model
from router_training.joint_model import JOINT_FOLDER, JointModel
from router_training.judgement import Judgement, judge_policy
from router_training.judging.comparison import Comparison
from router_training.judging.evaluation_result import Evaluation
from router_training.judging.joint_evaluation import JointEvaluation, evaluate_joint, write_joint
from router_training.outcomes import OutcomeTable, require_routable
from router_training.policy import Policy, fit_policy
from router_training.reporting.files import FIGURES, REPORTS, write_judgement
from router_training.tables.merging import TEST_SHARE, learned_from, three_parts
from router_training.twin import twin_on

if TYPE_CHECKING:
    from router_training.tracking import Store

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Trained:
    """A router with its judgement.

    `folder` holds policy/, answer_model/ and the files of `write_judgement`. `joint` and
    `compared`, its judgement (joint.json, joint.png), are None where too few tasks have an answer of every model.
    `refusal` says why what was asked could not be promised; None where it is, or nothing was asked.
    `replaced` says which router was in the folder before; None where there was none.
    """

    policy: Policy
    answer_model: AnswerModel | None
    joint: JointModel | None
    evaluation: Evaluation
    train: OutcomeTable
    test: OutcomeTable
    folder: Path
    refusal: str | None = None
    compared: JointEvaluation | None = None
    replaced: str | None = None

    @property
    def serves(self) -> bool:
        """Whether it may become champion: it beats every constant, and no promise was refused."""
        return self.evaluation.pays and self.refusal is None


def train_router(
    table: OutcomeTable,
    folder: Path,
    *,
    catalogue: Catalogue,
    encoder: Encoder,
    seed: int = 0,
    cache_dir: Path | None = None,
    progress: Progress | None = None,
    claim: Claim | None = None,
) -> Trained:
    """Fit on the training part of `table`, judge on the rest, write everything under `folder`.

    The split keeps near-duplicate prompts together, and follows from `seed` and the prompts alone, so that
    `pointsman evaluate` and `pointsman retrain` find the same parts again. With a claim to promise, half of the rest is
    set aside to test it, and the router is judged on the other half: nothing is lost for fitting.

    Raises:
        DataError: if the table leaves nothing to choose from or to learn from.
    """
    require_routable(table)
    train, test = table.split(TEST_SHARE, seed)
    if claim is not None:
        parts = three_parts(table, seed)
        test = parts.gate
    policy = fit_policy(
        train, catalogue=catalogue, encoder=encoder, seed=seed, cache_dir=cache_dir, progress=progress
    )
    twin = twin_on(policy, train, test, seed=seed, cache_dir=cache_dir, progress=_part(progress, "twin"))
    policy = replace(policy, twin=twin)
    answer_model, joint = _learn_from_answers(
        train, policy, seed=seed, cache_dir=cache_dir, report=progress or _silent
    )
    refusal = None
    if claim is not None:
        try:
            policy = replace(policy, promise=make_promise(policy, parts.traffic, claim, seed))
        except DataError as error:
            refusal = str(error)
    judgement = judge_policy(
        policy,
        test,
        twin_p=twin.p_success,
        part=_held_out(test),
        seed=seed,
        cache_dir=cache_dir,
        progress=_part(progress, "test"),
    )
    replaced = remove_earlier(folder)
    policy.save(folder / "policy")
    if answer_model is not None:
        answer_model.save(folder / "answer_model")
    if joint is not None:
        joint.save(folder / "answer_model" / JOINT_FOLDER)
    write_judgement(judgement, folder)
    compared = judge_joint(policy, answer_model, joint, test, folder, seed=seed)
    return Trained(
        policy, answer_model, joint, judgement.evaluation, train, test, folder, refusal, compared, replaced
    )


def judge_joint(
    policy: Policy,
    answer_model: AnswerModel | None,
    joint: JointModel | None,
    test: OutcomeTable,
    folder: Path,
    *,
    n_boot: int = 1000,
    seed: int = 0,
) -> JointEvaluation | None:
    """Judge the joint model on held-out answers and write joint.json and joint.png; None without one or answers.

    Raises:
        UsageError: if the folder cannot be written.
    """
    if answer_model is None or joint is None or not has_responses(test):
        return None
    dials = default_dials()
    found = evaluate_joint(test, policy, answer_model, joint, dials, n_boot=n_boot, seed=seed)
    try:
        write_joint(found, folder)
    except OSError as error:
        raise UsageError(f"{folder} cannot be written ({error.strerror}); name another folder") from error
    return found


def _learn_from_answers(
    train: OutcomeTable, policy: Policy, *, seed: int, cache_dir: Path | None, report: Progress
) -> tuple[AnswerModel | None, JointModel | None]:
    """Return what can be learnt from the table's answers: of each by itself, and of all to a prompt together."""
    if not has_responses(train):
        return None, None
    report("answer model", 0, 1)
    answer_model, p_alone = fit_on_answers(train, policy, seed=seed, cache_dir=cache_dir)
    report("answer model", 1, 1)
    if not can_compare(p_alone):
        return answer_model, None
    report("joint model", 0, 1)
    joint = fit_joint_model(train, policy, p_alone, seed=seed, cache_dir=cache_dir)
    report("joint model", 1, 1)
    return answer_model, joint


def judge(
    policy: Policy,
    table: OutcomeTable,
    folder: Path,
    *,
    n_boot: int = 1000,
    cache_dir: Path | None = None,
    progress: Progress | None = None,
    compare_with: Callable[[OutcomeTable], Comparison] | None = None,
) -> Judgement:
    """Judge a policy on its held-out part of `table`, or on all of it where it was trained on another table.

    What `compare_with` finds on that part is written beside.

    Raises:
        DataError: if the table lacks a model of the policy, or is too small.
    """
    test, part = judged_part(policy, table)
    seed = int(policy.metadata.get("seed", 0))
    train, _ = table.split(TEST_SHARE, seed)
    twin = None
    if policy.twin is not None and policy.twin.fits(test, policy.models):
        twin = policy.twin
    elif train.digest == policy.metadata.get("data_digest"):
        twin = twin_on(policy, train, test, seed=seed, cache_dir=cache_dir, progress=_part(progress, "twin"))
    judgement = judge_policy(
        policy,
        test,
        twin_p=None if twin is None else twin.p_success,
        part=part,
        n_boot=n_boot,
        seed=seed,
        cache_dir=cache_dir,
        progress=_part(progress, "test"),
    )
    write_judgement(judgement, folder, None if compare_with is None else compare_with(test))
    return judgement


def judged_part(policy: Policy, table: OutcomeTable) -> tuple[OutcomeTable, str]:
    """Return the tasks that a policy may be judged on, and one sentence that says which they are.

    Raises:
        DataError: if there is nothing to choose between, or too few prompts to split.
    """
    require_routable(table)
    seed = int(policy.metadata.get("seed", 0))
    train, test = table.split(TEST_SHARE, seed)
    if train.digest == policy.metadata.get("data_digest"):
        test = test if policy.promise is None else three_parts(table, seed).gate
        return test, _held_out(test)
    if learned_from(policy, train):
        gate = three_parts(table, seed).gate
        return gate, (
            f"The router learned from this table and from feedback: judged on the {len(gate):,} tasks of the gate "
            "that let it serve, without a shuffled twin."
        )
    return table, (
        f"The router was trained on another table: judged on all {len(table):,} tasks of this one. "
        "Tasks that both tables share flatter it, and there is no shuffled twin."
    )


def _held_out(test: OutcomeTable) -> str:
    return f"Judged on the {len(test):,} tasks of this table that were held out when the router was trained."


def _silent(_label: str, _done: int, _total: int) -> None:
    """Report nothing."""


def _part(progress: Progress | None, name: str) -> Progress | None:
    """Return a progress function that says of which part it speaks."""
    if progress is None:
        return None
    return lambda label, done, total: progress(f"{name}: {label}", done, total)


def has_responses(table: OutcomeTable) -> bool:
    """Tell whether the table holds answers to learn a verifier from."""
    return any(response is not None for response in table.responses.ravel())


def record(trained: Trained, store: Store, *, seed: int) -> str:
    """Log and register a trained router.

    It becomes champion only if it beats every constant on the test part, and what was to be promised could be.

    Returns:
        The version in the registry.
    """
    run = store.log_training(
        trained.folder / "policy",
        answer_model_dir=None if trained.answer_model is None else trained.folder / "answer_model",
        params={**trained.policy.metadata_params(), "seed": seed, "test_share": TEST_SHARE},
        tags={"promise": trained.refusal or trained.policy.promise_status().sentence},
        metrics=trained.evaluation.metrics(),
        figures=[trained.folder / name for name in FIGURES],
        reports=[trained.folder / name for name in REPORTS],
        data_digest=trained.train.digest,
    )
    if trained.serves:
        store.promote(run.version)
    return run.version
