//! The trigger function, as the application meets it.

use engine::postgres::triggers::{Down, Mirror, MirrorSql, Pair, compile};
use sqlx::Row as _;
use testbed::database::{Database, Role};
use testbed::postgres::Server;

use super::{Outcome, named, quarantine};

/// The table `t (id, ms NOT NULL, note)` with a new column `seconds`.
async fn table(database: &Database<'_>) -> Outcome {
    quarantine(database).await?;
    let create = "CREATE TABLE t (id int PRIMARY KEY, ms int NOT NULL, note text); ALTER TABLE t ADD COLUMN seconds int";
    database.execute_as(Role::Owner, create).await?;
    database.grant_data_privileges(&["t"]).await
}

fn seconds(down: Option<&str>) -> Pair {
    Pair {
        new: "seconds".into(),
        new_type: "integer".into(),
        up: "t.ms / 1000".into(),
        reads: vec!["ms".into()],
        down: down.map(|expression| Down {
            column: "ms".into(),
            column_type: "integer".into(),
            expression: expression.into(),
        }),
        cannot_raise: false,
    }
}

fn mirror_of(table: &str, pairs: Vec<Pair>) -> Mirror {
    Mirror {
        table: named(table),
        function: "sluice_0123456789_1".into(),
        trigger: "sluice_0123456789_1".into(),
        key: vec!["id".into()],
        search_path: vec!["public".into()],
        pairs,
    }
}

async fn install(database: &Database<'_>, mirror: &Mirror) -> anyhow::Result<MirrorSql> {
    let sql = compile(mirror)?;
    database.execute_as(Role::Owner, &sql.install.join(";\n")).await?;
    assert!(
        database.value::<bool>(Role::Data, &sql.installed).await?,
        "installed"
    );
    assert!(
        !database.value::<bool>(Role::Data, &sql.removed).await?,
        "removed"
    );
    Ok(sql)
}

/// Runs one statement of the application and compares the rows, as `id:ms:seconds`, in order.
async fn check(database: &Database<'_>, statement: &str, expected: &str) -> Outcome {
    database.execute_as(Role::App, statement).await?;
    let all = "SELECT coalesce(string_agg(concat_ws(':', id, ms, coalesce(seconds::text, 'null')), ' ' ORDER BY id), '') FROM t";
    assert_eq!(
        database.value::<String>(Role::App, all).await?,
        expected,
        "after {statement}"
    );
    Ok(())
}

/// What the quarantine holds, as `id kind sqlstate`, in order of arrival.
async fn quarantined(database: &Database<'_>) -> anyhow::Result<Vec<String>> {
    let mut conn = database.connect(Role::Ledger).await?;
    let text = "SELECT row_key ->> 'id', kind, sqlstate, message FROM sluice.quarantine ORDER BY id";
    let rows = sqlx::query(text).fetch_all(&mut conn).await?;
    Ok(rows
        .iter()
        .map(|r| {
            format!(
                "{} {} {}",
                r.get::<String, _>(0),
                r.get::<String, _>(1),
                r.get::<String, _>(2)
            )
        })
        .collect())
}

#[tokio::test]
async fn every_write_leaves_new_as_up_of_old() -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    table(&database).await?;
    database
        .execute_as(Role::App, "INSERT INTO t VALUES (1, 1432, 'x'), (2, 2432, 'x')")
        .await?;
    install(&database, &mirror_of("t", vec![seconds(Some("seconds * 1000"))])).await?;
    // An update of another column makes its row right (pitfall 3).
    check(
        &database,
        "UPDATE t SET note = 'y' WHERE id = 1",
        "1:1432:1 2:2432:null",
    )
    .await?;
    check(
        &database,
        "UPDATE t SET ms = 7777 WHERE id = 2",
        "1:1432:1 2:7777:7",
    )
    .await?;
    check(
        &database,
        "UPDATE t SET seconds = 9 WHERE id = 1",
        "1:9000:9 2:7777:7",
    )
    .await?;
    check(&database, "UPDATE t SET id = id + 10", "11:9000:9 12:7777:7").await?;
    check(
        &database,
        "DELETE FROM t; INSERT INTO t (id, seconds) VALUES (3, 12)",
        "3:12000:12",
    )
    .await?;
    check(
        &database,
        "INSERT INTO t (id, ms) VALUES (3, 5432) ON CONFLICT (id) DO UPDATE SET ms = excluded.ms",
        "3:5432:5",
    )
    .await?;
    assert!(quarantined(&database).await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn a_write_that_carries_what_up_gives_never_changes_the_old_side() -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    table(&database).await?;
    database
        .execute_as(Role::App, "INSERT INTO t VALUES (1, 5432, 'x')")
        .await?;
    install(&database, &mirror_of("t", vec![seconds(Some("seconds * 1000"))])).await?;
    // The fill's own UPDATE: new is written, old is not. Five seconds are not 5432 milliseconds.
    database
        .execute_as(Role::Data, "UPDATE t SET seconds = ms / 1000")
        .await?;
    check(&database, "UPDATE t SET seconds = 5, note = 'z'", "1:5432:5").await?;
    check(
        &database,
        "INSERT INTO t VALUES (2, 1999, 'w', 1)",
        "1:5432:5 2:1999:1",
    )
    .await?;
    assert!(quarantined(&database).await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn when_both_sides_are_written_and_disagree_old_wins_and_it_is_told() -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    table(&database).await?;
    install(&database, &mirror_of("t", vec![seconds(Some("seconds * 1000"))])).await?;
    check(
        &database,
        "INSERT INTO t (id, ms, seconds) VALUES (1, 5432, 6), (2, 5432, 5)",
        "1:5432:5 2:5432:5",
    )
    .await?;
    check(
        &database,
        "UPDATE t SET ms = 1000, seconds = 4 WHERE id = 2",
        "1:5432:5 2:1000:1",
    )
    .await?;
    assert_eq!(
        quarantined(&database).await?,
        ["1 conflict 00000", "2 conflict 00000"]
    );
    Ok(())
}

#[tokio::test]
async fn a_derived_column_is_overridden_and_old_stays() -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    table(&database).await?;
    install(&database, &mirror_of("t", vec![seconds(None)])).await?;
    check(
        &database,
        "INSERT INTO t (id, ms, seconds) VALUES (1, 5432, 77)",
        "1:5432:5",
    )
    .await?;
    check(&database, "UPDATE t SET seconds = 99", "1:5432:5").await?;
    Ok(())
}

#[tokio::test]
async fn no_write_of_the_application_fails_because_an_expression_raises() -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    table(&database).await?;
    let mut pair = seconds(Some("seconds * 1000"));
    pair.up = "1000000 / ms".into();
    install(&database, &mirror_of("t", vec![pair])).await?;
    check(
        &database,
        "INSERT INTO t (id, ms) VALUES (1, 0), (2, 10)",
        "1:0:null 2:10:100000",
    )
    .await?;
    // `down` overflows; then it would put NULL into a column that refuses it. Old is kept both times.
    check(
        &database,
        "UPDATE t SET seconds = 2147484 WHERE id = 2",
        "1:0:null 2:10:100000",
    )
    .await?;
    check(
        &database,
        "UPDATE t SET seconds = NULL WHERE id = 2",
        "1:0:null 2:10:100000",
    )
    .await?;
    assert_eq!(
        quarantined(&database).await?,
        ["1 error 22012", "2 lost 22003", "2 lost 23502"]
    );
    Ok(())
}

/// What one pair's `down` restores is not a write of the application to the old side of another pair.
#[tokio::test]
async fn pairs_that_read_each_others_old_side_keep_what_was_written_through_both() -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    quarantine(&database).await?;
    let create = "CREATE TABLE t (id int PRIMARY KEY, ms int, unit text); ALTER TABLE t ADD COLUMN seconds int, ADD COLUMN label text";
    database.execute_as(Role::Owner, create).await?;
    database.grant_data_privileges(&["t"]).await?;
    let label = Pair {
        new: "label".into(),
        new_type: "text".into(),
        up: "ms || ' ' || unit".into(),
        reads: vec!["ms".into(), "unit".into()],
        down: Some(Down {
            column: "unit".into(),
            column_type: "text".into(),
            expression: "split_part(label, ' ', 2)".into(),
        }),
        cannot_raise: false,
    };
    install(
        &database,
        &mirror_of("t", vec![seconds(Some("seconds * 1000")), label]),
    )
    .await?;
    let all = "SELECT string_agg(concat_ws(':', id, ms, unit, seconds, label), ', ') FROM t";
    for (write, expected) in [
        (
            "INSERT INTO t (id, seconds, label) VALUES (1, 5, '5000 ms')",
            "1:5000:ms:5:5000 ms",
        ),
        (
            "UPDATE t SET seconds = 6, label = '6000 milli'",
            "1:6000:milli:6:6000 milli",
        ),
    ] {
        database.execute_as(Role::App, write).await?;
        let found = database.value::<String>(Role::App, all).await?;
        assert_eq!(found, expected, "after {write}");
    }
    assert!(quarantined(&database).await?.is_empty());
    Ok(())
}

/// `OTHERS` does not catch it.
#[tokio::test]
async fn an_assertion_in_an_authors_function_does_not_fail_the_write() -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    table(&database).await?;
    let function = "CREATE FUNCTION public.whole(ms int) RETURNS int IMMUTABLE LANGUAGE plpgsql
        AS 'BEGIN ASSERT ms % 1000 = 0; RETURN ms / 1000; END'";
    database.execute_as(Role::Owner, function).await?;
    let pair = Pair {
        up: "public.whole(ms)".into(),
        ..seconds(None)
    };
    install(&database, &mirror_of("t", vec![pair])).await?;
    check(
        &database,
        "INSERT INTO t (id, ms) VALUES (1, 1500)",
        "1:1500:null",
    )
    .await?;
    assert_eq!(quarantined(&database).await?, ["1 error P0004"]);
    Ok(())
}

#[tokio::test]
async fn a_value_that_does_not_fit_is_quarantined_and_never_cut() -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    quarantine(&database).await?;
    let create = "CREATE TABLE t (id int PRIMARY KEY, ms text); ALTER TABLE t ADD COLUMN seconds varchar(3)";
    database.execute_as(Role::Owner, create).await?;
    database.grant_data_privileges(&["t"]).await?;
    let pair = Pair {
        new_type: "character varying(3)".into(),
        up: "lower(ms)".into(),
        ..seconds(None)
    };
    install(&database, &mirror_of("t", vec![pair])).await?;
    check(
        &database,
        "INSERT INTO t (id, ms) VALUES (1, 'ABCD'), (2, 'ABC')",
        "1:ABCD:null 2:ABC:abc",
    )
    .await?;
    assert_eq!(quarantined(&database).await?, ["1 error 22001"]);
    Ok(())
}

#[tokio::test]
async fn the_application_writes_on_when_the_quarantine_is_gone() -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    table(&database).await?;
    let pair = Pair {
        up: "1 / ms".into(),
        ..seconds(None)
    };
    install(&database, &mirror_of("t", vec![pair])).await?;
    database
        .execute_as(Role::Ledger, "DROP TABLE sluice.quarantine")
        .await?;
    check(&database, "INSERT INTO t (id, ms) VALUES (1, 0)", "1:0:null").await
}

#[tokio::test]
async fn a_row_that_moves_between_partitions_keeps_both_sides() -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    quarantine(&database).await?;
    let create = "CREATE TABLE t (id int, ms int, k int, seconds int) PARTITION BY LIST (k);
        CREATE TABLE t1 PARTITION OF t FOR VALUES IN (1);
        CREATE TABLE t2 PARTITION OF t FOR VALUES IN (2)";
    database.execute_as(Role::Owner, create).await?;
    database.grant_data_privileges(&["t"]).await?;
    // `up` of NULL is a value: `down` of that value must not fill the old side of a row that merely moves (pitfall 2).
    let mut pair = seconds(Some("seconds * 1000"));
    pair.up = "coalesce(ms / 1000, -1)".into();
    install(&database, &mirror_of("t", vec![pair])).await?;
    let nulls = "SELECT string_agg(concat_ws(':', tableoid::regclass, id, coalesce(ms::text, 'null'), seconds), ' ' ORDER BY id) FROM t";
    database
        .execute_as(
            Role::App,
            "INSERT INTO t (id, ms, k) VALUES (1, 5432, 1), (2, NULL, 1)",
        )
        .await?;
    database.execute_as(Role::App, "UPDATE t SET k = 2").await?;
    assert_eq!(
        database.value::<String>(Role::App, nulls).await?,
        "t2:1:5432:5 t2:2:null:-1"
    );
    database
        .execute_as(Role::App, "UPDATE t SET k = 1, seconds = 9 WHERE id = 1")
        .await?;
    assert_eq!(
        database.value::<String>(Role::App, nulls).await?,
        "t1:1:9000:9 t2:2:null:-1"
    );
    assert!(quarantined(&database).await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn names_that_need_quoting_and_differences_that_a_collation_hides_are_mirrored() -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    quarantine(&database).await?;
    let create = r#"CREATE COLLATION blind (provider = icu, locale = 'und-u-ks-level1', deterministic = false);
        CREATE TABLE "select ""x""" ("Group" int PRIMARY KEY, "fa'x" text COLLATE blind, "fax
number é" text COLLATE blind)"#;
    database.execute_as(Role::Owner, create).await?;
    database.grant_data_privileges(&[r#""select ""x""""#]).await?;
    let (old, new) = ("fa'x", "fax\nnumber é");
    let pair = Pair {
        new: new.into(),
        new_type: "text".into(),
        up: format!("\"{old}\""),
        reads: vec![old.into()],
        down: Some(Down {
            column: old.into(),
            column_type: "text".into(),
            expression: format!("\"{new}\""),
        }),
        cannot_raise: true,
    };
    let mut mirror = mirror_of("select \"x\"", vec![pair]);
    mirror.key = vec!["Group".into()];
    install(&database, &mirror).await?;
    let all = r#"SELECT string_agg(t::text, ' ') FROM "select ""x""" AS t"#;
    for (write, expected) in [
        (
            r#"INSERT INTO "select ""x""" VALUES (1, 'jose')"#,
            "(1,jose,jose)",
        ),
        // Equal under the collation, other bytes (pitfall 10).
        (r#"UPDATE "select ""x""" SET "fa'x" = 'José'"#, "(1,José,José)"),
        (
            "UPDATE \"select \"\"x\"\"\" SET \"fax\nnumber é\" = 'JOSE'",
            "(1,JOSE,JOSE)",
        ),
    ] {
        database.execute_as(Role::App, write).await?;
        assert_eq!(
            database.value::<String>(Role::App, all).await?,
            expected,
            "after {write}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_mirror_that_was_touched_is_not_installed_and_a_removed_one_leaves_nothing() -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    table(&database).await?;
    let before = database.schema_dump().await?;
    let sql = install(&database, &mirror_of("t", vec![seconds(None)])).await?;
    for (touch, undo) in [
        (
            "ALTER TABLE t DISABLE TRIGGER sluice_0123456789_1",
            "ALTER TABLE t ENABLE ALWAYS TRIGGER sluice_0123456789_1",
        ),
        // What a disabled trigger that was enabled again leaves behind.
        (
            "ALTER TABLE t ENABLE TRIGGER sluice_0123456789_1",
            "ALTER TABLE t ENABLE ALWAYS TRIGGER sluice_0123456789_1",
        ),
        (
            "ALTER TABLE t ENABLE REPLICA TRIGGER sluice_0123456789_1",
            "ALTER TABLE t ENABLE ALWAYS TRIGGER sluice_0123456789_1",
        ),
        (
            "ALTER FUNCTION sluice.sluice_0123456789_1() SECURITY INVOKER",
            "ALTER FUNCTION sluice.sluice_0123456789_1() SECURITY DEFINER",
        ),
    ] {
        database.execute_as(Role::Owner, touch).await?;
        assert!(
            !database.value::<bool>(Role::Data, &sql.installed).await?,
            "{touch}"
        );
        database.execute_as(Role::Owner, undo).await?;
        assert!(
            database.value::<bool>(Role::Data, &sql.installed).await?,
            "{undo}"
        );
    }
    let body = "CREATE OR REPLACE FUNCTION sluice.sluice_0123456789_1() RETURNS trigger SECURITY DEFINER LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'";
    database.execute_as(Role::Owner, body).await?;
    assert!(!database.value::<bool>(Role::Data, &sql.installed).await?);
    database.execute_as(Role::Owner, &sql.remove.join(";\n")).await?;
    assert!(database.value::<bool>(Role::Data, &sql.removed).await?);
    assert_eq!(database.schema_dump().await?, before);
    // Repeated, after it already happened.
    database.execute_as(Role::Owner, &sql.remove.join(";\n")).await?;
    Ok(())
}

#[tokio::test]
async fn the_application_may_not_call_the_function_and_needs_no_right_on_the_ledger() -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    table(&database).await?;
    install(&database, &mirror_of("t", vec![seconds(None)])).await?;
    let may = "SELECT has_function_privilege(p.oid, 'EXECUTE') FROM pg_proc AS p WHERE p.proname = 'sluice_0123456789_1'";
    assert!(!database.value::<bool>(Role::App, may).await?);
    check(&database, "INSERT INTO t (id, ms) VALUES (1, 2000)", "1:2000:2").await
}

#[tokio::test]
async fn a_session_that_prints_values_its_own_way_mirrors_the_same_bytes() -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    quarantine(&database).await?;
    let create = "CREATE TABLE t (id int PRIMARY KEY, ms interval, note float8); ALTER TABLE t ADD COLUMN seconds text";
    database.execute_as(Role::Owner, create).await?;
    database.grant_data_privileges(&["t"]).await?;
    let pair = Pair {
        new_type: "text".into(),
        up: r"ms::text || E'\\' || '\' || note::text".into(),
        reads: vec!["ms".into(), "note".into()],
        ..seconds(None)
    };
    install(&database, &mirror_of("t", vec![pair])).await?;
    let write = "SET IntervalStyle = iso_8601; SET extra_float_digits = -5; SET standard_conforming_strings = off; \
        INSERT INTO t VALUES (1, '1 day 2 hours', 0.1234567890123)";
    database.execute_as(Role::App, write).await?;
    let seconds = database
        .value::<String>(Role::App, "SELECT seconds FROM t")
        .await?;
    assert_eq!(seconds, r"1 day 02:00:00\\0.1234567890123");
    Ok(())
}

#[tokio::test]
async fn what_replication_applies_is_mirrored_too() -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    table(&database).await?;
    install(&database, &mirror_of("t", vec![seconds(None)])).await?;
    let mut conn = database.superuser().await?;
    engine::sql::execute_script(
        &mut conn,
        "SET session_replication_role = replica; INSERT INTO t (id, ms) VALUES (1, 3000)",
    )
    .await?;
    check(&database, "SELECT 1", "1:3000:3").await
}
