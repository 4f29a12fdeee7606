//! The soft drop: old columns bear hidden names, and the mirror runs on under them until the real drop (pitfalls 29 and 35).

use engine::postgres::error::sqlstate;
use engine::postgres::triggers::{Hidden, Mirror, MirrorSql};
use testbed::database::{Database, Role};
use testbed::postgres::Server;

use super::{
    Outcome, check, check_of, compile, is, lead, mirror_of, quarantined, rows, seconds, swap, table,
};

const HIDDEN: &str = "sluice_0123456789_h1";

/// `down` keeps the fraction that `up` cuts, so it reads the old side too, and both name the table.
fn mirror() -> Mirror {
    let mut mirror = mirror_of("t", vec![seconds(Some("t.seconds * 1000 + t.ms % 1000"))]);
    mirror.hidden = vec![Hidden {
        column: "ms".into(),
        name: HIDDEN.into(),
    }];
    mirror
}

async fn hidden(database: &Database<'_>) -> anyhow::Result<MirrorSql> {
    table(database).await?;
    let sql = lead(database, &mirror()).await?;
    check(database, "INSERT INTO t (id, ms) VALUES (1, 5432)", "1:5432:5").await?;
    swap(database, sql.hide.as_ref().expect("a column is hidden")).await?;
    Ok(sql)
}

#[tokio::test]
async fn every_write_goes_on_after_the_soft_drop_and_reaches_the_hidden_column() -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    hidden(&database).await?;
    let columns = format!("id, {HIDDEN}, seconds");
    for (write, expected) in [
        ("UPDATE t SET note = 'x'", "1:5432:5"),
        ("UPDATE t SET seconds = 6", "1:6432:6"),
        // Whoever finds the hidden name writes the old side.
        ("UPDATE t SET sluice_0123456789_h1 = 9999", "1:9999:9"),
        ("UPDATE t SET id = 2", "2:9999:9"),
    ] {
        check_of(&database, &columns, write, expected).await?;
    }
    assert!(quarantined(&database).await?.is_empty());
    let mut app = database.connect(Role::App).await?;
    let gone = engine::sql::execute_script(&mut app, "SELECT ms FROM t").await;
    assert_eq!(
        sqlstate(&gone.expect_err("it is hidden")).as_deref(),
        Some("42703")
    );
    Ok(())
}

#[tokio::test]
async fn an_insert_under_the_hidden_name_computes_old_or_closes_the_way_back() -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    super::create(
        &database,
        "CREATE TABLE t (id int PRIMARY KEY, ms int, note text); ALTER TABLE t ADD COLUMN seconds int",
    )
    .await?;
    let mut mirror = mirror();
    mirror.pairs = vec![seconds(Some("t.seconds * 1000 + coalesce(t.ms, 0) % 1000"))];
    let sql = lead(&database, &mirror).await?;
    swap(&database, sql.hide.as_ref().expect("a column is hidden")).await?;
    check_of(
        &database,
        &format!("id, {HIDDEN}, seconds"),
        "INSERT INTO t (id, seconds) VALUES (1, 7), (2, 2147484)",
        "1:7000:7 2:null:2147484",
    )
    .await?;
    assert_eq!(quarantined(&database).await?, ["2 closed 22003"]);
    Ok(())
}

#[tokio::test]
async fn the_name_comes_back_with_everything_that_was_written_meanwhile() -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    let sql = hidden(&database).await?;
    let columns = format!("id, {HIDDEN}, seconds");
    check_of(&database, &columns, "UPDATE t SET seconds = 6", "1:6432:6").await?;
    let unhide = sql.unhide.as_ref().expect("a column is hidden");
    swap(&database, unhide).await?;
    // New still leads: nothing is repaired.
    check(&database, "UPDATE t SET note = 'y'", "1:6432:6").await?;
    check(&database, "UPDATE t SET seconds = 8", "1:8432:8").await?;
    check(&database, "UPDATE t SET ms = 2000", "1:2000:2").await?;
    assert!(is(&database, &sql.lead.done).await?);
    // And away again: nothing of the first time is in the way.
    swap(&database, sql.hide.as_ref().expect("a column is hidden")).await
}

#[tokio::test]
async fn a_soft_drop_that_is_repeated_or_was_tampered_with_ends_where_it_should() -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    let sql = hidden(&database).await?;
    let hide = sql.hide.as_ref().expect("a column is hidden");
    let again = hide.statements.join(";\n");
    database.execute_as(Role::Owner, &again).await?;
    assert!(is(&database, &hide.done).await?);
    for drift in [
        "CREATE OR REPLACE FUNCTION sluice.sluice_0123456789_1() RETURNS trigger SECURITY DEFINER LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
        "ALTER TABLE t DISABLE TRIGGER sluice_0123456789_1",
        "DROP FUNCTION sluice.sluice_0123456789_1() CASCADE",
        "DROP SEQUENCE sluice.sluice_0123456789_c1",
        "ALTER TABLE t RENAME COLUMN sluice_0123456789_h1 TO ms",
        "ALTER TABLE t ADD COLUMN ms int",
    ] {
        database.execute_as(Role::Owner, drift).await?;
        assert!(!is(&database, &hide.done).await?, "{drift}");
        database.execute_as(Role::Owner, &again).await?;
        // A column that somebody made under the old name is not ours to take away.
        assert_eq!(
            is(&database, &hide.done).await?,
            !drift.contains("ADD COLUMN"),
            "{drift}"
        );
    }
    assert_eq!(
        rows(&database, &format!("id, {HIDDEN}, seconds")).await?,
        "1:5432:5"
    );
    Ok(())
}

#[tokio::test]
async fn each_state_answers_to_its_own_question_only() -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    table(&database).await?;
    let sql = compile(&mirror())?;
    let (hide, unhide, drop) = (
        sql.hide.as_ref().expect("hidden"),
        sql.unhide.as_ref().expect("hidden"),
        sql.drop.as_ref().expect("hidden"),
    );
    let states = [
        (&sql.install, [true, false, false, false, false, false]),
        (&sql.lead.statements, [false, true, false, true, false, false]),
        (&hide.statements, [false, false, true, false, false, false]),
        (&unhide.statements, [false, true, false, true, false, false]),
        // Without a soft drop before it, the real one takes the mirror away and finds no column to drop.
        (&sql.remove, [false, false, false, false, true, true]),
    ];
    let questions = [
        &sql.installed,
        &sql.lead.done,
        &hide.done,
        &unhide.done,
        &drop.done,
        &sql.removed,
    ];
    for (statements, expected) in states {
        database.execute_as(Role::Owner, &statements.join(";\n")).await?;
        for (question, expected) in questions.iter().zip(expected) {
            assert_eq!(
                is(&database, question).await?,
                expected,
                "after {statements:?}: {question}"
            );
        }
    }
    Ok(())
}

#[tokio::test]
async fn the_real_drop_leaves_the_new_columns_and_nothing_of_ours() -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    let sql = hidden(&database).await?;
    let drop = sql.drop.as_ref().expect("a column is hidden");
    swap(&database, drop).await?;
    assert!(is(&database, &sql.removed).await?);
    check_of(
        &database,
        "id, note, seconds",
        "UPDATE t SET seconds = 6",
        "1:null:6",
    )
    .await?;
    let dump = database.schema_dump().await?;
    assert!(!dump.contains("sluice") && !dump.contains("ms integer"), "{dump}");
    // Repeated, after it already happened.
    database
        .execute_as(Role::Owner, &drop.statements.join(";\n"))
        .await?;
    Ok(())
}
