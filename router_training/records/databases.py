"""Records in a database other than SQLite, reached without a server of MLflow's in between, and without importing mlflow."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from router_training.contract import UsageError
from router_training.records.local_records import without_password

if TYPE_CHECKING:
    from sqlalchemy import Connection

KINDS = ("postgresql", "mysql", "mssql")
"""How the addresses begin of databases that MLflow can keep its records in."""
TURN = 7_064_101  # the number of the lock is ours to choose


def is_database(uri: str) -> bool:
    """Say whether `uri` names such a database, as postgresql+psycopg://user@host/name does."""
    return uri.startswith(KINDS)


@contextmanager
def connected(uri: str) -> Iterator[Connection]:
    """Keep a connection open.

    Raises:
        UsageError: The database's driver is not installed.
        OSError: The database does not answer, or refuses what it is asked.
    """
    from sqlalchemy import create_engine  # spares those with SQLite or a server 0.3 s
    from sqlalchemy.exc import SQLAlchemyError
    from sqlalchemy.pool import NullPool

    try:
        with create_engine(uri, poolclass=NullPool).connect() as connection:
            yield connection
    except ModuleNotFoundError as error:
        raise UsageError(
            f"{without_password(uri)} cannot be opened: {error}; for PostgreSQL, pip install 'pointsman[postgres]' "
            "and write postgresql+psycopg://USER@HOST/DATABASE"
        ) from error
    except SQLAlchemyError as error:
        raise OSError(str(error).partition("\n")[0]) from error


@contextmanager
def turn_in(uri: str) -> Iterator[None]:
    """Let one process at a time through for this database, where it is PostgreSQL; its lock dies with its holder.

    Raises:
        UsageError, OSError: as for `connected`.
    """
    from sqlalchemy import text  # as above

    with connected(uri) as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text(f"SELECT pg_advisory_lock({TURN})"))
        yield
