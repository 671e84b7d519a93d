"""The schema's history: it ends where store/schema.py stands, and an upgrade is whole or has not happened."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect

import store.migrations
from store.engine import any_version, open_store, stored_revision, writing
from store.errors import StoreDamaged, StoreError, StoreNewer
from store.migrate import Upgraded, upgrade
from store.migrations import REVISIONS
from store.schema import metadata


def test_the_migrations_end_where_the_schema_stands(new_url: str) -> None:
    upgrade(new_url)

    with any_version(new_url) as engine, engine.connect() as connection:
        options = {"compare_type": True, "compare_server_default": True}
        differences = compare_metadata(MigrationContext.configure(connection, opts=options), metadata)
    assert differences == []


def test_the_listed_revisions_are_those_in_the_folder() -> None:
    scripts = ScriptDirectory(str(Path(store.migrations.__file__).parent))

    found = [script.revision for script in scripts.walk_revisions()]

    assert tuple(reversed(found)) == REVISIONS


def test_an_upgrade_makes_a_missing_store_and_then_has_nothing_to_do(new_url: str) -> None:
    assert upgrade(new_url) == Upgraded("created")
    assert upgrade(new_url) == Upgraded("current")
    open_store(new_url).dispose()


def test_a_new_store_counts_its_generations_from_zero(store_url: str) -> None:
    with any_version(store_url) as engine, engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT id, number FROM generation").all() == [(1, 0)]


REBUILD_REPORT = """
from alembic import op
import sqlalchemy as sa

revision = "0002"
down_revision = "0001"


def upgrade():
    with op.batch_alter_table("report", recreate="auto") as table:
        table.add_column(sa.Column("colour", sa.Text(), nullable=True))
        table.alter_column("org_name", nullable=True)
    {then}
"""


@pytest.fixture
def later_revision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Makes a later Sekisho whose second revision rebuilds `report`, a table with children, and then does `then`."""

    def make(then: str) -> None:
        scripts = tmp_path / "migrations"
        shutil.copytree(Path(store.migrations.__file__).parent, scripts)
        (scripts / "versions" / "schema_0002.py").write_text(REBUILD_REPORT.replace("{then}", then))
        monkeypatch.setattr("store.migrate.SCRIPTS", str(scripts))
        monkeypatch.setattr("store.migrate.REVISIONS", ("0001", "0002"))
        monkeypatch.setattr("store.engine.REVISIONS", ("0001", "0002"))

    return make


def add_report(url: str) -> None:
    """One report with one record and one result, which hang on it by ON DELETE CASCADE."""
    with any_version(url) as engine, writing(engine) as connection:
        for statement in (
            "INSERT INTO domain (id, name, created_at) VALUES (1, 'example.jp', 0)",
            "INSERT INTO source (id, ip, first_seen_at) VALUES (1, '192.0.2.1', 0)",
            "INSERT INTO sender VALUES (1, 1, 'key', 'name', 'kind', 'basis', 0)",
            "INSERT INTO message (id, place, size, state, first_seen_at) VALUES (1, 'x', 1, 'stored', 0)",
            "INSERT INTO report (domain_id, id, key_hash, content_hash, standing, message_id, part, authenticity,"
            " reporter, org_name, email, report_id, policy_domain, begin_at, end_at, first_day, last_day, p, sp, adkim,"
            " aspf, records, bad_records, messages, passed, disposition_none, disposition_quarantine,"
            " disposition_reject, disposition_unknown, stored_at) VALUES (1, 1, 'k', 'c', 'in-force', 1, '', 'pass',"
            " 'r', 'o', 'e', 'i', 'example.jp', 0, 1, 0, 0, 'none', 'none', 'r', 'r', 1, 0, 5, 5, 5, 0, 0, 0, 0)",
            "INSERT INTO record (domain_id, report_id, number, source_id, sender_id, messages, disposition,"
            " dkim_aligned, spf_aligned, override) VALUES (1, 1, 0, 1, 1, 5, 'none', true, false, 'none')",
            "INSERT INTO auth_result (domain_id, report_id, record_number, number, method, result)"
            " VALUES (1, 1, 0, 0, 'dkim', 'pass')",
        ):
            connection.exec_driver_sql(statement)


def rows_of(url: str) -> tuple[int, int, int]:
    """How many reports, records and results there are."""
    with any_version(url) as engine, engine.connect() as connection:
        counts = [
            connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one()
            for table in ("report", "record", "auth_result")
        ]
    return counts[0], counts[1], counts[2]


def test_an_upgrade_that_rebuilds_a_table_keeps_its_children(
    store_url: str, later_revision: Callable[[str], None]
) -> None:
    add_report(store_url)
    later_revision("")

    done = upgrade(store_url)

    assert done.outcome == "upgraded"
    assert rows_of(store_url) == (1, 1, 1)
    with any_version(store_url) as engine:
        assert stored_revision(engine) == "0002"
    if done.backup:
        assert rows_of(f"sqlite:///{done.backup}") == (1, 1, 1)
    else:
        assert store_url.startswith("postgresql")


@pytest.mark.parametrize("then", ["raise RuntimeError('half-way')", "op.execute('DELETE FROM record'); 1 / 0"])
def test_an_upgrade_that_fails_half_way_has_not_happened(
    store_url: str, later_revision: Callable[[str], None], then: str
) -> None:
    add_report(store_url)
    later_revision(then)

    with pytest.raises((RuntimeError, ZeroDivisionError)):
        upgrade(store_url)

    assert rows_of(store_url) == (1, 1, 1)
    with any_version(store_url) as engine:
        assert stored_revision(engine) == "0001"
        columns = [column["name"] for column in inspect(engine).get_columns("report")]
        engine.dispose()
    assert "colour" not in columns


def test_an_upgrade_that_would_orphan_rows_has_not_happened(
    sqlite_url: str, later_revision: Callable[[str], None]
) -> None:
    add_report(sqlite_url)
    later_revision("op.execute('DELETE FROM report')")

    with pytest.raises(StoreError, match="without their parent: nothing was changed"):
        upgrade(sqlite_url)

    assert rows_of(sqlite_url) == (1, 1, 1)


def test_an_upgrade_never_touches_a_newer_a_damaged_or_a_foreign_file(sqlite_url: str, tmp_path: Path) -> None:
    path = Path(sqlite_url.removeprefix("sqlite:///"))
    damaged = tmp_path / "damaged.sqlite3"
    damaged.write_bytes(b"garbage")
    with any_version(sqlite_url) as engine, writing(engine) as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    before = path.read_bytes()

    with pytest.raises(StoreNewer):
        upgrade(sqlite_url)
    with pytest.raises(StoreDamaged):
        upgrade(f"sqlite:///{damaged}")

    assert path.read_bytes() == before
    assert damaged.read_bytes() == b"garbage"
