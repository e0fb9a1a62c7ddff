import pytest

from router_training.contract import DataError
from router_training.encoding.encoder_source import PACKAGED, EncoderSource, find_source


def test_the_default_encoder_comes_from_its_package_whatever_the_organisation_is_called():
    short, full = find_source("all-MiniLM-L6-v2"), find_source("sentence-transformers/all-MiniLM-L6-v2")
    assert short == full and short.is_folder
    assert short.weights_sha256 == PACKAGED["all-MiniLM-L6-v2"][2]


def test_the_packaged_weights_are_the_pinned_ones():
    find_source("all-MiniLM-L6-v2").check_weights()


def test_other_weights_are_refused(tmp_path):
    (tmp_path / "model.safetensors").write_bytes(b"something else")
    with pytest.raises(DataError, match=r"expected 53aa5117.*reinstall"):
        EncoderSource("m", str(tmp_path), "key", PACKAGED["all-MiniLM-L6-v2"][2]).check_weights()


def test_a_folder_is_itself_and_changes_its_key_when_its_files_change(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    before = find_source(str(tmp_path))
    assert before.name == tmp_path.name and before.location == str(tmp_path.resolve())
    (tmp_path / "config.json").write_text('{"more": 1}')
    assert find_source(str(tmp_path)).key != before.key


def test_any_other_name_is_left_to_sentence_transformers():
    source = find_source("BAAI/bge-small-en-v1.5")
    assert source.location == "BAAI/bge-small-en-v1.5" and not source.is_folder
    assert "/" not in source.key
