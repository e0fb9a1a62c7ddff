"""Addresses of records, and taking turns at creating them."""

import sqlite3
import threading

import pytest

from router_training.records.local_records import (
    database_file,
    must_be_database,
    taking_turns,
    without_password,
)


def test_only_sqlite_files_have_a_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert database_file("sqlite:///a%20b/mlflow.db?timeout=5") == tmp_path / "a b" / "mlflow.db"
    assert database_file("sqlite:////somewhere/x.db").as_posix() == "/somewhere/x.db"
    assert database_file("sqlite:///:memory:") is None and database_file("http://127.0.0.1:5000") is None


def test_a_file_of_another_kind_is_refused_and_databases_are_not(tmp_path):
    sqlite3.connect(tmp_path / "real.db").execute("CREATE TABLE t (x)").connection.close()
    (tmp_path / "empty.db").touch()
    (tmp_path / "text.db").write_text("hello, I am a text")
    for fine in ("real.db", "empty.db", "absent.db"):
        must_be_database(tmp_path / fine)
    with pytest.raises(OSError, match="a file of another kind"):
        must_be_database(tmp_path / "text.db")


def test_turns_do_not_overlap(tmp_path):
    inside, most = [], []

    def turn():
        with taking_turns(tmp_path / "records.db"):
            inside.append(1)
            most.append(len(inside))
            inside.pop()

    threads = [threading.Thread(target=turn) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1, 1, 1, 1]


@pytest.mark.parametrize(
    ("shown", "given"),
    [
        ("postgresql://me:***@db:5432/ml", "postgresql://me:word@db:5432/ml"),
        ("http://me:***@host/x", "http://me:p@ss:w@host/x"),
        ("not open 'http://:***@host'", "not open 'http://:word@host'"),
        ("http://host:5000/a@b", "http://host:5000/a@b"),
        ("sqlite:////a/mlflow.db", "sqlite:////a/mlflow.db"),
    ],
)
def test_an_address_is_shown_without_its_password(shown, given):
    assert without_password(given) == shown
