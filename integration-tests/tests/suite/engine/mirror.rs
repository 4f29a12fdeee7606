//! The trigger function, as the application meets it.

mod both;
mod bytes;
mod closed;
mod counter;
mod defaults;
mod hidden;
mod in_place;
mod new;
mod old;
mod partitions;
mod raising;
mod swap;
mod writers;

use engine::postgres::triggers::{Down, Mirror, MirrorSql, OnDownError, Pair, Swap, compile};
use sqlx::Row as _;
use testbed::database::{Database, Role};

use super::{Outcome, named, quarantine};

/// The table `t (id, ms NOT NULL, note)` with a new column `seconds`.
async fn table(database: &Database<'_>) -> Outcome {
    create(
        database,
        "CREATE TABLE t (id int PRIMARY KEY, ms int NOT NULL, note text); ALTER TABLE t ADD COLUMN seconds int",
    )
    .await
}

/// A table of that name for the application to write, and a ledger beside it.
async fn create(database: &Database<'_>, statements: &str) -> Outcome {
    quarantine(database).await?;
    database.execute_as(Role::Owner, statements).await?;
    database.grant_data_privileges(&["t"]).await
}

fn down(column: &str, column_type: &str, expression: &str) -> Down {
    Down {
        column: column.into(),
        column_type: column_type.into(),
        expression: expression.into(),
        on_error: OnDownError::Close,
        has_default: false,
        not_null: false,
    }
}

fn seconds(back: Option<&str>) -> Pair {
    Pair {
        new: "seconds".into(),
        new_type: "integer".into(),
        up: "t.ms / 1000".into(),
        reads: vec!["ms".into()],
        down: back.map(|expression| down("ms", "integer", expression)),
        cannot_raise: false,
    }
}

/// The table `t (id, email, note)` with a new column `mail`.
async fn emails(database: &Database<'_>) -> Outcome {
    create(
        database,
        "CREATE TABLE t (id int PRIMARY KEY, email text, note text); ALTER TABLE t ADD COLUMN mail text",
    )
    .await
}

/// The classic that cannot be repaired from old: `Bob@x` is not what `up` gives.
fn mail() -> Pair {
    Pair {
        new: "mail".into(),
        new_type: "text".into(),
        up: "lower(email)".into(),
        reads: vec!["email".into()],
        down: Some(down("email", "text", "mail")),
        cannot_raise: false,
    }
}

fn mirror_of(table: &str, pairs: Vec<Pair>) -> Mirror {
    Mirror {
        table: named(table),
        function: "sluice_0123456789_1".into(),
        trigger: "sluice_0123456789_1".into(),
        counter: "sluice_0123456789_c1".into(),
        key: vec!["id".into()],
        search_path: vec!["public".into()],
        pairs,
        hidden: vec![],
    }
}

async fn install(database: &Database<'_>, mirror: &Mirror) -> anyhow::Result<MirrorSql> {
    let sql = compile(mirror)?;
    database.execute_as(Role::Owner, &sql.install.join(";\n")).await?;
    assert!(is(database, &sql.installed).await?, "installed");
    assert!(!is(database, &sql.removed).await?, "removed");
    Ok(sql)
}

/// [`install`], and new leads.
async fn lead(database: &Database<'_>, mirror: &Mirror) -> anyhow::Result<MirrorSql> {
    let sql = install(database, mirror).await?;
    swap(database, &sql.lead).await?;
    assert!(!is(database, &sql.installed).await?, "old leads no more");
    Ok(sql)
}

/// Runs a swap, which had not happened before and has afterwards.
async fn swap(database: &Database<'_>, swap: &Swap) -> Outcome {
    assert!(!is(database, &swap.done).await?, "done already: {}", swap.done);
    database
        .execute_as(Role::Owner, &swap.statements.join(";\n"))
        .await?;
    assert!(is(database, &swap.done).await?, "not done: {}", swap.done);
    Ok(())
}

async fn is(database: &Database<'_>, question: &str) -> anyhow::Result<bool> {
    database.value(Role::Data, question).await
}

/// Runs one statement of the application and compares the rows, as `id:ms:seconds`, in order.
async fn check(database: &Database<'_>, statement: &str, expected: &str) -> Outcome {
    check_of(database, "id, ms, seconds", statement, expected).await
}

/// The same for `id:email:mail`.
async fn check_mail(database: &Database<'_>, statement: &str, expected: &str) -> Outcome {
    check_of(database, "id, email, mail", statement, expected).await
}

/// The same for any columns of `t`, the first of which is never NULL.
async fn check_of(database: &Database<'_>, columns: &str, statement: &str, expected: &str) -> Outcome {
    database.execute_as(Role::App, statement).await?;
    assert_eq!(rows(database, columns).await?, expected, "after {statement}");
    Ok(())
}

async fn rows(database: &Database<'_>, columns: &str) -> anyhow::Result<String> {
    let cells: Vec<String> = columns
        .split(", ")
        .map(|c| format!("coalesce({c}::text, 'null')"))
        .collect();
    let all = format!(
        "SELECT coalesce(string_agg(concat_ws(':', {}), ' ' ORDER BY id), '') FROM t",
        cells.join(", ")
    );
    database.value(Role::Owner, &all).await
}

/// What the quarantine holds, as `id kind sqlstate`, in order of arrival.
async fn quarantined(database: &Database<'_>) -> anyhow::Result<Vec<String>> {
    let mut conn = database.connect(Role::Ledger).await?;
    let text = "SELECT row_key ->> 'id', kind, sqlstate FROM sluice.quarantine ORDER BY id";
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
