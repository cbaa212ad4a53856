"""The schema that the migrations leave is the schema that the code expects."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

from aggregator.errors import StoreError
from aggregator.store import Store, migrate, schema, upgrading

MIGRATIONS = Path(upgrading.__file__).parent / "migrations"


@pytest.fixture(
    params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)]
)
def url(request, tmp_path):
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/aggregator.db"
    url = request.getfixturevalue("postgres_url")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
    return url


def definitions(connection):
    found = connection.execute(
        "SELECT name, sql FROM sqlite_master WHERE tbl_name <> 'alembic_version'"
    )
    return {
        name: sorted(part.strip(" ()\t\n") for part in (sql or "").split(","))
        for name, sql in found
    }


def test_the_migrated_schema_is_the_one_in_the_code(url):
    assert migrate(url) == ("none", schema.REVISION)

    engine = create_engine(url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection)
        difference = compare_metadata(context, schema.whole_metadata())
    engine.dispose()
    assert difference == []


def test_sqlite_gets_the_same_statements_either_way(tmp_path):
    """What the comparison above does not see: WITHOUT ROWID, WHERE and DESC."""
    migrate(f"sqlite:///{tmp_path}/migrated.db")
    engine = create_engine(f"sqlite:///{tmp_path}/created.db")
    schema.whole_metadata().create_all(engine)
    engine.dispose()

    with (
        closing(sqlite3.connect(tmp_path / "migrated.db")) as migrated,
        closing(sqlite3.connect(tmp_path / "created.db")) as created,
    ):
        assert definitions(migrated) == definitions(created)


def test_the_newest_revision_is_the_one_in_the_code():
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))

    assert ScriptDirectory.from_config(config).get_heads() == [schema.REVISION]


def test_what_was_published_before_archives_is_numbered_by_date(url, monkeypatch):
    """By feed; what its source has taken back since is known as such."""
    with monkeypatch.context() as older:
        older.setattr(upgrading, "_run_revisions", lambda c: _upgrade(c, "0004"))
        migrate(url)
    engine = create_engine(url)
    with engine.begin() as connection:
        for statement in STORIES:
            connection.exec_driver_sql(statement)

    assert migrate(url) == ("0004", schema.REVISION)

    with engine.connect() as connection:
        numbered = connection.exec_driver_sql(
            "SELECT feed, number, story FROM publication ORDER BY feed, number"
        )
        assert [tuple(row) for row in numbered] == [
            *(("", 1, "b"), ("", 2, "a"), ("", 3, "d")),
            *(("culture", 1, "b"), ("culture", 2, "a")),
        ]
        taken_back = connection.exec_driver_sql("SELECT * FROM withdrawal")
        assert [tuple(row) for row in taken_back] == [("d", 77, False)]
    engine.dispose()


#: Id, number, published, updated, withheld, announced: "d" was taken back, "e" waits.
_ROWS = (
    *(("a", 1, 20, 1, "false", "true"), ("b", 2, 10, 2, "false", "true")),
    *(("d", 3, 20, 3, "true", "true"), ("e", 4, 5, 4, "false", "false")),
)
STORIES = (
    "INSERT INTO source (number, id, configured, position, url, first_url, name,"
    " content) VALUES (1, 's', true, 0, 'u', 'u', 'n', 'summary')",
    *(
        "INSERT INTO story (number, id, lead_source, lead_key, position, withheld,"
        " published, updated, revision, announced) VALUES"
        f" ({number}, '{id_}', 1, {number}, 0, {withheld}, {published}, {updated}, 1,"
        f" {announced})"
        for id_, number, published, updated, withheld, announced in _ROWS
    ),
    "INSERT INTO entry (source, key_hash, key, content_hash, position, first_seen,"
    " effective, ad, moves, story, withdrawn)"
    " VALUES (1, 3, 'd', 0, 0, 20, 20, false, 0, 3, 77)",
    *(
        "INSERT INTO story_topic (story, topic, published, position)"
        f" VALUES ({number}, 'culture', {published}, 0)"
        for number, published in ((1, 20), (2, 10), (4, 5))
    ),
)


def _upgrade(connection, revision):
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def test_migrating_twice_is_a_no_op(url):
    migrate(url)

    assert migrate(url) == (schema.REVISION, schema.REVISION)


def test_a_migration_that_fails_leaves_nothing(url, monkeypatch):
    run_revisions = upgrading._run_revisions

    def fail(connection):
        run_revisions(connection)
        raise StoreError("no")

    monkeypatch.setattr(upgrading, "_run_revisions", fail)
    with pytest.raises(StoreError, match="no"):
        migrate(url)
    monkeypatch.undo()

    with pytest.raises(StoreError, match="no store yet"):
        Store.open(url, writing=False)
    assert migrate(url) == ("none", schema.REVISION)


def test_sqlite_files_say_whose_they_are(tmp_path):
    migrate(f"sqlite:///{tmp_path}/aggregator.db")

    with closing(sqlite3.connect(tmp_path / "aggregator.db")) as connection:
        facts = [
            connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("application_id", "journal_mode", "page_size")
        ]
    assert facts == [schema.APPLICATION_ID, "wal", 8192]


def test_several_processes_may_make_the_database_at_once(url):
    code = "import sys; from aggregator.store import migrate; migrate(sys.argv[1])"
    processes = [
        subprocess.Popen([sys.executable, "-c", code, url], stderr=subprocess.PIPE)
        for _ in range(2)
    ]

    assert [process.communicate()[1] for process in processes] == [b""] * 2
    Store.open(url, writing=False).close()


def test_a_command_that_migrates_nothing_imports_no_alembic_and_no_psycopg(tmp_path):
    """They would cost every start-up 0.2 s."""
    url = f"sqlite:///{tmp_path}/aggregator.db"
    migrate(url)
    code = (
        "import sys; from aggregator.store import Store;"
        "Store.open(sys.argv[1], writing=True).close();"
        "print([name for name in ('alembic', 'psycopg', 'sqlalchemy.orm', 'mako')"
        " if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, url], capture_output=True, text=True, check=True
    )

    assert done.stdout == "[]\n"
