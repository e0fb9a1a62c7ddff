import pytest

from router_training.contract import DataError
from router_training.encoding.encoder_files import (
    MODEL_FILE,
    TOKENIZER_FILE,
    EncoderSettings,
    copy_files,
    read_settings,
    write_settings,
)

SETTINGS = EncoderSettings("words", "fp32", 16, 128, ("input_ids",), "query: ")


@pytest.fixture
def folder(tmp_path):
    (tmp_path / MODEL_FILE).write_bytes(b"network")
    (tmp_path / TOKENIZER_FILE).write_text("{}")
    write_settings(tmp_path, SETTINGS)
    return tmp_path


def test_settings_survive_the_disk_and_a_copy(folder, tmp_path):
    copy_files(folder, tmp_path / "copy")
    assert read_settings(tmp_path / "copy") == read_settings(folder)
    assert read_settings(folder)[0] == SETTINGS


def test_a_copy_onto_itself_changes_nothing(folder):
    copy_files(folder, folder / "." / "")
    assert read_settings(folder)[0] == SETTINGS


@pytest.mark.parametrize("name", [MODEL_FILE, TOKENIZER_FILE])
def test_a_file_that_changed_after_the_export_is_noticed(folder, name):
    (folder / name).write_bytes(b"another")
    with pytest.raises(DataError, match=r"digest differs\); train the policy again"):
        read_settings(folder)


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"digest": "x"}', '{"digest": "x", "inputs": 1, "name": 2}']
)
def test_settings_that_are_no_settings_are_refused(folder, content):
    (folder / "encoder.json").write_text(content)
    with pytest.raises(DataError, match="holds no exported encoder"):
        read_settings(folder)
