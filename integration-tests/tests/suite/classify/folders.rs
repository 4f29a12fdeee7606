//! Folders as each tool lays them out, without a word of configuration.

use super::ground::{Folder, Outcome, codes};

#[test]
fn rails_writes_one_structure() -> Outcome {
    let folder = Folder::of(&[
        (
            "db/structure.sql",
            "\\restrict abc\nSET statement_timeout = 0;\n\n--\n-- Name: f(); Type: FUNCTION\n--\n\nCREATE FUNCTION public.f() RETURNS trigger\n    LANGUAGE plpgsql\n    AS $$\nBEGIN\n  NEW.a = ';';\n  RETURN NEW;\nEND;\n$$;\n\nCREATE TABLE public.users (\n    id bigint NOT NULL\n);\n\nCREATE UNIQUE INDEX i ON public.users USING btree (id);\n\nINSERT INTO \"schema_migrations\" (version) VALUES\n('20240102000000'),\n('20240101000000');\n\n\\unrestrict abc\n",
        ),
        (
            "db/migrate/20240101000000_create_users.rb",
            "class CreateUsers < ActiveRecord::Migration[8.0]\nend\n",
        ),
    ])?;
    assert_eq!(
        folder.told(&["db"])?,
        [
            "db/structure.sql:1 \\restrict abc",
            "db/structure.sql:2 SET statement_timeout = 0",
            "db/structure.sql:8 CREATE FUNCTION public.f() RETURNS trigger",
            "db/structure.sql:17 CREATE TABLE public.users (",
            "db/structure.sql:21 CREATE UNIQUE INDEX i ON public.users USING btree (id)",
            "db/structure.sql:23 INSERT INTO \"schema_migrations\" (version) VALUES",
            "db/structure.sql:27 \\unrestrict abc",
        ]
    );
    Ok(())
}

#[test]
fn flyway_runs_versions_then_repeatables() -> Outcome {
    let folder = Folder::of(&[
        ("sql/R__views.sql", "SELECT 'r';"),
        ("sql/V1__init.sql", "SELECT '1';"),
        ("sql/V1.10__late.sql", "SELECT '1.10';"),
        ("sql/V1.2__early.sql", "SELECT '1.2';"),
        ("sql/V2__next.sql", "SELECT '2';"),
        ("sql/U2__next.sql", "SELECT 'undo 2';"),
        ("sql/.hidden.sql", "SELECT 'hidden';"),
        ("sql/V2__next.sql.conf", "executeInTransaction=false"),
    ])?;
    assert_eq!(
        folder.told(&["sql"])?,
        [
            "sql/V1__init.sql:1 SELECT '1'",
            "sql/V1.2__early.sql:1 SELECT '1.2'",
            "sql/V1.10__late.sql:1 SELECT '1.10'",
            "sql/V2__next.sql:1 SELECT '2'",
            "sql/R__views.sql:1 SELECT 'r'",
        ]
    );
    let both = folder.told(&["sql", "--down"])?;
    assert!(
        both.contains(&"sql/U2__next.sql:1 SELECT 'undo 2'".to_owned()),
        "{both:?}"
    );
    folder
        .classify(&["sql"])?
        .is(0, &["1 of the way back left out (--down)"]);
    Ok(())
}

#[test]
fn prisma_has_a_folder_for_each_migration() -> Outcome {
    let folder = Folder::of(&[
        (
            "prisma/migrations/migration_lock.toml",
            "provider = \"postgresql\"\n",
        ),
        (
            "prisma/migrations/20240201000000_second/migration.sql",
            "-- AlterTable\nALTER TABLE \"User\" ADD COLUMN \"fax\" TEXT;\n",
        ),
        (
            "prisma/migrations/20240101000000_init/migration.sql",
            "-- CreateTable\nCREATE TABLE \"User\" (\n    \"id\" SERIAL NOT NULL\n);\n",
        ),
    ])?;
    let statements = folder.statements(&["prisma"])?;
    let files: Vec<&str> = statements.iter().filter_map(|one| one["file"].as_str()).collect();
    assert_eq!(
        files,
        [
            "prisma/migrations/20240101000000_init/migration.sql",
            "prisma/migrations/20240201000000_second/migration.sql",
        ]
    );
    // What an earlier migration has created is a table like any other.
    assert_eq!(statements[1]["locks"][0]["mode"], "AccessExclusiveLock");
    Ok(())
}

#[test]
fn sqlx_has_simple_and_reversible_files() -> Outcome {
    let folder = Folder::of(&[
        (
            "migrations/2_add_fax.up.sql",
            "ALTER TABLE customer ADD COLUMN fax text;",
        ),
        (
            "migrations/2_add_fax.down.sql",
            "ALTER TABLE customer DROP COLUMN fax;",
        ),
        (
            "migrations/10_index.sql",
            "-- no-transaction\nCREATE INDEX CONCURRENTLY i ON customer (fax);",
        ),
        ("migrations/1_init.sql", "CREATE TABLE customer (id int);"),
    ])?;
    assert_eq!(
        folder.told(&["migrations"])?,
        [
            "migrations/1_init.sql:1 CREATE TABLE customer (id int)",
            "migrations/2_add_fax.up.sql:1 ALTER TABLE customer ADD COLUMN fax text",
            "migrations/10_index.sql:2 CREATE INDEX CONCURRENTLY i ON customer (fax)",
        ]
    );
    assert_eq!(folder.told(&["migrations", "--down"])?.len(), 4);
    // A file that is named is read, whatever its direction.
    assert_eq!(folder.told(&["migrations/2_add_fax.down.sql"])?.len(), 1);
    Ok(())
}

#[test]
fn goose_and_dbmate_write_both_directions_into_a_file() -> Outcome {
    let goose = "-- +goose Up\n-- +goose StatementBegin\nCREATE FUNCTION f() RETURNS int AS $$ SELECT 1; $$ LANGUAGE sql;\n-- +goose StatementEnd\nALTER TABLE a ADD COLUMN x int;\n\n-- +goose Down\nALTER TABLE a DROP COLUMN x;\n";
    let folder = Folder::of(&[
        ("goose/00001_a.sql", goose),
        (
            "dbmate/20240101_a.sql",
            "-- migrate:up\nALTER TABLE a ADD COLUMN x int;\n\n-- migrate:down\nALTER TABLE a DROP COLUMN x;\n",
        ),
    ])?;
    assert_eq!(
        folder.told(&["goose"])?,
        [
            "goose/00001_a.sql:3 CREATE FUNCTION f() RETURNS int AS $$ SELECT 1; $$ LANGUAGE sql",
            "goose/00001_a.sql:5 ALTER TABLE a ADD COLUMN x int",
        ]
    );
    assert_eq!(
        folder.told(&["dbmate"])?,
        ["dbmate/20240101_a.sql:2 ALTER TABLE a ADD COLUMN x int"]
    );
    let both = folder.statements(&["goose", "dbmate", "--down"])?;
    assert_eq!(both.len(), 5);
    assert_eq!(both[2]["phase"], "contract");
    Ok(())
}

const ALEMBIC: &str = r#""""add fax"""
from alembic import op
import sqlalchemy as sa

revision = "bbb"
down_revision = "aaa"


def upgrade() -> None:
    op.execute("ALTER TABLE customer ADD COLUMN fax text")
    op.execute(
        """
        CREATE INDEX i ON customer (fax);
        ALTER TABLE customer
          ALTER COLUMN fax SET NOT NULL
        """
    )
    op.add_column("customer", sa.Column("phone", sa.Text()))


def downgrade() -> None:
    op.execute("ALTER TABLE customer DROP COLUMN fax")
"#;

#[test]
fn alembic_is_python_and_runs_in_the_order_of_its_revisions() -> Outcome {
    let first = "from alembic import op\nrevision = \"aaa\"\ndown_revision = None\ndef upgrade():\n    op.execute(\"CREATE TABLE customer (id int)\")\n";
    let folder = Folder::of(&[
        (
            "alembic/env.py",
            "from alembic import context\ncontext.run_migrations()\n",
        ),
        ("alembic/versions/aaa_zz.py", ALEMBIC),
        ("alembic/versions/zzz_aa.py", first),
        (
            "offline.sql",
            "BEGIN;\n\n-- Running upgrade aaa -> bbb\n\nALTER TABLE customer ADD COLUMN fax TEXT;\n\nUPDATE alembic_version SET version_num='bbb' WHERE alembic_version.version_num = 'aaa';\n\nCOMMIT;\n",
        ),
    ])?;
    assert_eq!(
        folder.told(&["alembic"])?,
        [
            "alembic/versions/zzz_aa.py:5 CREATE TABLE customer (id int)",
            "alembic/versions/aaa_zz.py:10 ALTER TABLE customer ADD COLUMN fax text",
            "alembic/versions/aaa_zz.py:13 CREATE INDEX i ON customer (fax)",
            "alembic/versions/aaa_zz.py:14 ALTER TABLE customer",
            "alembic/versions/aaa_zz.py:18 op.add_column(\"customer\", sa.Column(\"phone\", sa.Text()))",
        ]
    );
    let statements = folder.statements(&["alembic", "--down"])?;
    let call = &statements[4];
    assert_eq!(
        (call["phase"].as_str(), codes(call)),
        (Some("unknown"), vec!["SL2007".to_owned()])
    );
    assert_eq!(
        (statements.len(), &statements[5]["phase"]),
        (6, &"contract".into())
    );
    assert_eq!(folder.told(&["offline.sql"])?.len(), 4);
    Ok(())
}

#[test]
fn diesel_has_up_and_down() -> Outcome {
    let folder = Folder::of(&[
        ("migrations/2024-01-01-000000_a/up.sql", "SELECT 'up';"),
        ("migrations/2024-01-01-000000_a/down.sql", "SELECT 'down';"),
    ])?;
    assert_eq!(
        folder.told(&["migrations"])?,
        ["migrations/2024-01-01-000000_a/up.sql:1 SELECT 'up'"]
    );
    Ok(())
}

#[test]
fn several_paths_come_in_their_order() -> Outcome {
    let folder = Folder::of(&[
        ("b/1.sql", "SELECT 1;"),
        ("a.sql", "SELECT 2;"),
        ("b/deep/er/2.sql", "SELECT 3;"),
    ])?;
    assert_eq!(
        folder.told(&["b", "a.sql"])?,
        [
            "b/1.sql:1 SELECT 1",
            "b/deep/er/2.sql:1 SELECT 3",
            "a.sql:1 SELECT 2",
        ]
    );
    Ok(())
}
