"""Statements that a run makes by the thousand, for the driver itself: inserts by tuples, and those of every message."""

from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import Connection, Dialect, Engine, Table, insert
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError


def insert_sql(table: Table, engine: Engine, columns: tuple[str, ...] | None = None) -> str:
    """INSERT of these columns of `table`, else of all in schema order, for
    `Connection.exec_driver_sql(sql, list_of_tuples)`."""
    return _insert_sql(table, engine.dialect, columns)


def upsert_sql(table: Table, add_columns: Sequence[str], engine: Engine) -> str:
    """INSERT as `insert_sql`; where the primary key is there already, `add_columns` are added to the stored row."""
    return _upsert_sql(table, tuple(add_columns), engine.dialect)


def fetched(connection: Connection, statement: str, values: Sequence[object]) -> list[tuple[Any, ...]]:
    """Rows of a statement with `?` marks that every message needs, run by the driver itself.

    SQLAlchemy's part of such a statement costs more than the database's. Raises its errors all the same.
    """
    cursor = connection.connection.cursor()
    try:
        cursor.execute(positional(connection, statement), values)
        return list(cursor.fetchall()) if cursor.description else []
    except connection.dialect.loaded_dbapi.Error as error:
        raise DBAPIError(statement, values, error) from error
    finally:
        cursor.close()


def positional(connection: Connection, statement: str) -> str:
    """SQL with `?` marks as the driver of this connection wants it, for `Connection.exec_driver_sql`."""
    return _with_format_marks(statement) if connection.dialect.name == "postgresql" else statement


@cache
def _with_format_marks(statement: str) -> str:
    return statement.replace("?", "%s")


@cache
def _insert_sql(table: Table, dialect: Dialect, columns: tuple[str, ...] | None) -> str:
    return str(insert(table).compile(dialect=dialect, column_keys=list(columns or table.c.keys())))


@cache
def _upsert_sql(table: Table, add_columns: tuple[str, ...], dialect: Dialect) -> str:
    statement = sqlite.insert(table) if dialect.name == "sqlite" else postgresql.insert(table)
    added = {name: table.c[name] + statement.excluded[name] for name in add_columns}
    upsert = statement.on_conflict_do_update(index_elements=list(table.primary_key), set_=added)
    return str(upsert.compile(dialect=dialect, column_keys=list(table.c.keys())))
