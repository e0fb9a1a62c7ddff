"""A router that is written where another one was takes its place, and touches nothing else."""

import pytest

from router_training.answer_model import KIND as ANSWERS
from router_training.earlier import BESIDE, remove_earlier
from router_training.joint_model import KIND as JOINT
from router_training.learning.policy_files import write_folder
from router_training.policy import KIND as POLICY
from router_training.serving import open_router
from router_training.training import train_router

KEPT = ("notes.md", "answer_model/notes.md", "answer_model/joint/mine.json")


@pytest.fixture
def earlier(tmp_path):
    """A folder with a router that had everything, and three files of somebody else's."""
    about = {"metadata": {"n_tasks": 1404, "data_digest": "0123456789abcdef"}}
    for place, kind in (("policy", POLICY), ("answer_model", ANSWERS), ("answer_model/joint", JOINT)):
        write_folder(tmp_path / "router" / place, kind, about, {})
    for name in (*BESIDE, *KEPT):
        (tmp_path / "router" / name).write_text("")
    return tmp_path / "router"


def files_in(folder):
    return {str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()}


def test_what_belongs_to_the_earlier_router_goes_and_what_somebody_keeps_there_stays(earlier):
    said = remove_earlier(earlier)
    assert said == (
        f"The router that was in {earlier}, trained on 1,404 tasks (data digest 0123456789ab), has been replaced."
    )
    assert files_in(earlier) == {*KEPT, "policy/manifest.json", "policy/arrays.npz"}


def test_without_a_router_nothing_is_removed_that_only_has_the_name(tmp_path):
    for name in BESIDE:
        (tmp_path / name).write_text("mine")
    (tmp_path / "answer_model").mkdir()
    (tmp_path / "answer_model" / "manifest.json").write_text('{"kind": "something else"}')
    before = files_in(tmp_path)
    assert remove_earlier(tmp_path) is None and files_in(tmp_path) == before
    assert remove_earlier(tmp_path / "nowhere") is None


def test_a_router_that_cannot_be_read_is_replaced_too(earlier):
    (earlier / "policy" / "manifest.json").write_text("{")
    assert "cannot be read" in remove_earlier(earlier) and not (earlier / "joint.json").exists()


def test_a_router_trained_without_answers_is_opened_without_the_earlier_ones(
    earlier, two_kinds, minilm, vector_folder
):
    from router_training.catalogue import catalogue_from_outcomes

    table = type(two_kinds).from_frame(two_kinds.frame.assign(response=None))
    cards = catalogue_from_outcomes(table)
    trained = train_router(table, earlier, catalogue=cards, encoder=minilm, cache_dir=vector_folder)
    assert "1,404 tasks" in trained.replaced
    assert not (earlier / "joint.png").exists()
    again = train_router(table, earlier, catalogue=cards, encoder=minilm, cache_dir=vector_folder)
    assert trained.policy.metadata["data_digest"][:12] in again.replaced
    opened = open_router(earlier)
    assert (opened.answer_model, opened.joint) == (None, None) and set(KEPT) <= files_in(earlier)
