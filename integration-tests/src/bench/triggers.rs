//! What our triggers cost whoever writes to the table: the same writes on the same table, with the triggers on and off in turn.

use std::time::Duration;

use sqlx::PgConnection;

use super::ground::Ground;
use super::results::Writes;
use super::subject::Subject;
use crate::database::Role;

/// A kind of write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Write {
    what: &'static str,
    set: &'static str,
    /// Rows a statement.
    rows: u64,
}

/// Of the column that the trigger reads, and of another one: an update of any column makes its row right.
const WRITES: [Write; 4] = [
    Write {
        what: "one row, email",
        set: "email = reverse(email)",
        rows: 1,
    },
    Write {
        what: "one row, another column",
        set: "visits = visits + 1",
        rows: 1,
    },
    Write {
        what: "5,000 rows, email",
        set: "email = reverse(email)",
        rows: 5000,
    },
    Write {
        what: "5,000 rows, another column",
        set: "visits = visits + 1",
        rows: 5000,
    },
];

/// One turn of each kind, over a table that a job has filled.
pub(super) async fn writes(
    ground: &Ground,
    subject: &Subject<'_>,
    window: Duration,
    round: u32,
) -> anyhow::Result<Vec<Writes>> {
    let mut conn = subject.database.connect(Role::App).await?;
    let mut all = Vec::new();
    for write in WRITES {
        switch(subject, "ENABLE").await?;
        let with_triggers = rate(ground, subject, &mut conn, (write, window)).await?;
        switch(subject, "DISABLE").await?;
        let without = rate(ground, subject, &mut conn, (write, window)).await?;
        all.push(Writes {
            table: subject.kind.table().to_owned(),
            what: write.what.to_owned(),
            round,
            with_triggers,
            without,
        });
    }
    switch(subject, "ENABLE").await?;
    Ok(all)
}

async fn switch(subject: &Subject<'_>, how: &str) -> anyhow::Result<()> {
    let switch = format!("ALTER TABLE {} {how} TRIGGER USER", subject.kind.table());
    subject.database.execute_as(Role::Owner, &switch).await.map(drop)
}

/// Rows a second of one connection that does nothing else.
async fn rate(
    ground: &Ground,
    subject: &Subject<'_>,
    conn: &mut PgConnection,
    (write, window): (Write, Duration),
) -> anyhow::Result<f64> {
    let statement = statement(subject, write);
    let groups = (subject.rows / write.rows).max(1);
    let mut random = fastrand::Rng::new();
    let (begun, mut rows) = (ground.clock.monotonic(), 0);
    loop {
        let group = random.u64(0..groups).cast_signed();
        let update = engine::sql::query(statement.as_str())
            .persistent(true)
            .bind(group);
        rows += update.execute(&mut *conn).await?.rows_affected();
        let took = ground.clock.monotonic() - begun;
        if took >= window {
            return Ok(rows as f64 / took.as_secs_f64());
        }
    }
}

/// The n-th group of rows, by the table's key.
fn statement(subject: &Subject<'_>, write: Write) -> String {
    let (table, Write { set, rows, .. }) = (subject.kind.table(), write);
    if rows == 1 {
        return format!(
            "UPDATE {table} SET {set} WHERE id = {}",
            subject.kind.key_of("($1 + 1)")
        );
    }
    let key = subject.kind.key_of("n");
    format!(
        "UPDATE {table} SET {set} WHERE id IN (SELECT {key} FROM generate_series($1 * {rows} + 1, ($1 + 1) * {rows}) AS n)"
    )
}
