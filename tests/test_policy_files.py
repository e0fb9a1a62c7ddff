import json

import numpy as np
import pytest

from router_training.contract import DataError, ModelCard
from router_training.learning.policy_files import cards_from_rows, cards_to_rows, read_folder, write_folder

ARRAYS = {"part.a": np.arange(6.0).reshape(2, 3), "part.b": np.array([1, 2], dtype=np.int8)}


@pytest.fixture
def folder(tmp_path):
    write_folder(tmp_path / "saved", "policy", {"models": ["a"]}, ARRAYS)
    return tmp_path / "saved"


def test_manifest_and_arrays_survive_the_disk(folder):
    manifest, arrays = read_folder(folder, "policy")
    assert manifest["models"] == ["a"] and manifest["kind"] == "policy"
    assert all(
        np.array_equal(arrays[name], array) and arrays[name].dtype == array.dtype
        for name, array in ARRAYS.items()
    )


def test_writing_again_replaces_what_was_there(folder):
    write_folder(folder, "policy", {"models": ["b"]}, {"c": np.ones(1)})
    manifest, arrays = read_folder(folder, "policy")
    assert manifest["models"] == ["b"] and set(arrays) == {"c"}


def test_another_kind_or_format_is_refused(folder):
    with pytest.raises(DataError, match=r"expected .'answer_model', 1"):
        read_folder(folder, "answer_model")
    fields = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps({**fields, "format": 99}))
    with pytest.raises(DataError, match="99"):
        read_folder(folder, "policy")


@pytest.mark.parametrize("content", ["", "[1]", "{}", "{"])
def test_a_manifest_that_is_none_is_refused(folder, content):
    (folder / "manifest.json").write_text(content)
    with pytest.raises(DataError, match="train it again"):
        read_folder(folder, "policy")


def test_arrays_that_changed_are_noticed(folder):
    np.savez(folder / "arrays.npz", **{"part.a": np.zeros(1)})
    with pytest.raises(DataError, match="digest differs"):
        read_folder(folder, "policy")


def test_a_folder_that_is_not_there_or_is_a_file_is_refused(tmp_path):
    (tmp_path / "file").write_text("x")
    for path in (tmp_path / "nothing", tmp_path / "file"):
        with pytest.raises(DataError, match="holds no saved policy"):
            read_folder(path, "policy")
    with pytest.raises(DataError, match="name a folder that you can write to"):
        write_folder(tmp_path / "file", "policy", {}, ARRAYS)


def test_model_cards_survive_as_rows():
    card = ModelCard("m", 1.0, 2.0, capabilities=frozenset({"text", "code"}), roles=("cheap",), max_tokens=5)
    assert cards_from_rows(json.loads(json.dumps(cards_to_rows({"m": card})))) == {"m": card}
