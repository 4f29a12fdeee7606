//! Many writers of both paths while the authority moves and the old column is hidden and shown again (pitfalls 1 and 29).
//!
//! Each row has one writer of its values, so what it must hold is known after every commit; others write an unrelated column of it all
//! the time, which is what makes an old body repair. A last group of rows is written by both paths, and only needs to be
//! related in the end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use engine::postgres::error::sqlstate;
use engine::postgres::triggers::{Hidden, Swap};
use sqlx::Connection as _;
use sqlx::postgres::PgConnection;
use testbed::database::{Database, Role};
use testbed::postgres::Server;
use testbed::wait::{self, Look};
use tokio::task::JoinSet;

use super::{Outcome, emails, install, is, mail, mirror_of, rows};

const PATIENCE: Duration = Duration::from_secs(60);
/// Writes of each kind that a phase must see.
const ENOUGH: u64 = 100;
/// Rows of one writer.
const ROWS: i32 = 4;
/// Rows that both paths write.
const SHARED: std::ops::Range<i32> = 1000..1004;

/// What the writers and the one who swaps know of each other.
#[derive(Default)]
struct State {
    /// New leads: the swap was committed before this was set.
    led: AtomicBool,
    /// Writers of the old path end.
    old_ends: AtomicBool,
    /// All end.
    over: AtomicBool,
    new_writes: AtomicU64,
    old_writes: AtomicU64,
    notes: AtomicU64,
}

impl State {
    /// Waits until each kind has written enough since now; a writer that failed ends the wait.
    async fn traffic(&self, writers: &mut JoinSet<Outcome>, kinds: &[&AtomicU64]) -> Outcome {
        let begun: Vec<u64> = kinds.iter().map(|k| k.load(Ordering::SeqCst)).collect();
        let enough = wait::until("every kind of writer has written enough", PATIENCE, async || {
            let done: Vec<u64> = kinds
                .iter()
                .zip(&begun)
                .map(|(k, begun)| k.load(Ordering::SeqCst) - begun)
                .collect();
            Ok::<_, anyhow::Error>(if done.iter().all(|n| *n >= ENOUGH) {
                Look::There(())
            } else {
                Look::NotYet(format!("{done:?}"))
            })
        });
        tokio::select! {
            enough = enough => enough,
            Some(ended) = writers.join_next() => {
                ended??;
                anyhow::bail!("a writer ended before its time")
            }
        }
    }
}

/// The new path: writes `mail` of its own rows and looks whether its last value is still there.
async fn new_path(url: String, number: i32, state: Arc<State>) -> Outcome {
    let mut conn = PgConnection::connect(&url).await?;
    let mut last: Vec<Option<String>> = vec![None; ROWS as usize];
    for n in 0_u32.. {
        if state.over.load(Ordering::SeqCst) {
            break;
        }
        let row = fastrand::usize(..last.len());
        let id = number * ROWS + row as i32;
        let value = format!("New-{number}-{n}@X");
        let led = state.led.load(Ordering::SeqCst);
        let found: Option<String> = sqlx::query_scalar("SELECT mail FROM t WHERE id = $1")
            .bind(id)
            .fetch_one(&mut conn)
            .await?;
        if let Some(last) = &last[row] {
            ensure!(
                found.as_ref() == Some(last),
                "row {id}: {last:?} was written under the new authority, {found:?} is there"
            );
        }
        let text = if n % 3 == 0 {
            "INSERT INTO t (id, mail) VALUES ($2, $1) ON CONFLICT (id) DO UPDATE SET mail = excluded.mail"
        } else {
            "UPDATE t SET mail = $1 WHERE id = $2"
        };
        sqlx::query(text)
            .bind(&value)
            .bind(id)
            .execute(&mut conn)
            .await
            .with_context(|| format!("new path, row {id}"))?;
        if led {
            last[row] = Some(value);
        }
        state.new_writes.fetch_add(1, Ordering::SeqCst);
    }
    conn.close().await?;
    Ok(())
}

/// The old path: writes `email` of its own rows.
async fn old_path(url: String, number: i32, state: Arc<State>) -> Outcome {
    let mut conn = PgConnection::connect(&url).await?;
    for n in 0_u32.. {
        if state.old_ends.load(Ordering::SeqCst) {
            break;
        }
        let id = number * ROWS + fastrand::i32(0..ROWS);
        let value = format!("Old-{number}-{n}@X");
        sqlx::query("UPDATE t SET email = $1 WHERE id = $2")
            .bind(&value)
            .bind(id)
            .execute(&mut conn)
            .await
            .with_context(|| format!("old path, row {id}"))?;
        let found: (Option<String>, Option<String>) =
            sqlx::query_as("SELECT email, mail FROM t WHERE id = $1")
                .bind(id)
                .fetch_one(&mut conn)
                .await?;
        let expected = (Some(value.clone()), Some(value.to_lowercase()));
        ensure!(
            found == expected,
            "row {id}: {found:?} is there instead of {expected:?}"
        );
        state.old_writes.fetch_add(1, Ordering::SeqCst);
    }
    conn.close().await?;
    Ok(())
}

/// Writes a column that is on neither side, in any row: the update that an old body takes for an occasion to repair. Locks the row
/// first and waits a moment every now and then, so that others queue up behind it in the middle of their statements.
async fn notes(url: String, rows: i32, state: Arc<State>) -> Outcome {
    let mut conn = PgConnection::connect(&url).await?;
    for n in 0_u32.. {
        if state.over.load(Ordering::SeqCst) {
            break;
        }
        let id = if n % 4 == 0 {
            fastrand::i32(SHARED)
        } else {
            fastrand::i32(0..rows)
        };
        let mut tx = conn.begin().await?;
        sqlx::query("SELECT FROM t WHERE id = $1 FOR UPDATE")
            .bind(id)
            .execute(&mut *tx)
            .await?;
        sqlx::query("UPDATE t SET note = $1 WHERE id = $2")
            .bind(n.to_string())
            .bind(id)
            .execute(&mut *tx)
            .await
            .with_context(|| format!("note of row {id}"))?;
        tx.commit().await?;
        state.notes.fetch_add(1, Ordering::SeqCst);
    }
    conn.close().await?;
    Ok(())
}

/// Writes the rows that both paths write.
async fn shared(
    url: String,
    text: &'static str,
    ends: fn(&State) -> &AtomicBool,
    state: Arc<State>,
) -> Outcome {
    let mut conn = PgConnection::connect(&url).await?;
    for n in 0_u32.. {
        if ends(&state).load(Ordering::SeqCst) {
            break;
        }
        sqlx::query(text)
            .bind(format!("Shared-{n}-{}@X", fastrand::u32(..)))
            .bind(fastrand::i32(SHARED))
            .execute(&mut conn)
            .await
            .with_context(|| format!("shared rows: {text}"))?;
    }
    conn.close().await?;
    Ok(())
}

/// As the planner does it: waits for the lock a short while only, and again.
async fn swap_under_load(database: &Database<'_>, swap: &Swap) -> Outcome {
    let mut owner = database.connect(Role::Owner).await?;
    let text = format!("SET lock_timeout = '200ms';\n{}", swap.statements.join(";\n"));
    wait::until(
        "the swap gets its lock",
        PATIENCE,
        async || match engine::sql::execute_script(&mut owner, text.clone()).await {
            Ok(_) => Ok(Look::There(())),
            Err(e) if matches!(sqlstate(&e).as_deref(), Some("55P03")) => {
                Ok(Look::NotYet("waited in vain".to_owned()))
            }
            Err(e) => Ok::<_, anyhow::Error>(Look::NotYet(format!("{e}"))),
        },
    )
    .await?;
    ensure!(is(database, &swap.done).await?, "not done: {}", swap.done);
    Ok(())
}

#[tokio::test]
async fn no_new_value_is_lost_and_no_write_fails_while_the_authority_moves_and_the_old_column_hides()
-> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    emails(&database).await?;
    let mut mirror = mirror_of("t", vec![mail()]);
    mirror.hidden = vec![Hidden {
        column: "email".into(),
        name: "sluice_0123456789_h1".into(),
    }];
    let sql = install(&database, &mirror).await?;
    let (news, olds) = (0..3, 3..5);
    let rows_owned = olds.end * ROWS;
    let fill = format!(
        "INSERT INTO t (id, email) SELECT n, 'First-' || n || '@X' FROM generate_series(0, {}) AS n; \
         INSERT INTO t (id, email) SELECT n, 'Shared@X' FROM generate_series({}, {}) AS n",
        rows_owned - 1,
        SHARED.start,
        SHARED.end - 1
    );
    database.execute_as(Role::App, &fill).await?;
    let state = Arc::new(State::default());
    let mut writers = JoinSet::new();
    let url = || database.url(Role::App);
    for number in news.clone() {
        writers.spawn(new_path(url(), number, state.clone()));
    }
    for _ in 0..2 {
        writers.spawn(notes(url(), rows_owned, state.clone()));
    }
    let to_new = "UPDATE t SET mail = $1 WHERE id = $2";
    writers.spawn(shared(url(), to_new, |s| &s.over, state.clone()));
    let before = writers.len();
    for number in olds {
        writers.spawn(old_path(url(), number, state.clone()));
    }
    let to_old = "UPDATE t SET email = $1 WHERE id = $2";
    writers.spawn(shared(url(), to_old, |s| &s.old_ends, state.clone()));

    let all = [&state.new_writes, &state.old_writes, &state.notes];
    let without_old = [&state.new_writes, &state.notes];
    state.traffic(&mut writers, &all).await?;
    swap_under_load(&database, &sql.lead).await?;
    state.led.store(true, Ordering::SeqCst);
    state.traffic(&mut writers, &all).await?;
    // The flags are up and the old path has drained: only then a soft drop.
    state.old_ends.store(true, Ordering::SeqCst);
    while writers.len() > before {
        if let Some(ended) = writers.join_next().await {
            ended??;
        }
    }
    for _ in 0..2 {
        let hide = sql.hide.as_ref().context("a column is hidden")?;
        swap_under_load(&database, hide).await?;
        state.traffic(&mut writers, &without_old).await?;
        let unhide = sql.unhide.as_ref().context("a column is hidden")?;
        swap_under_load(&database, unhide).await?;
        state.traffic(&mut writers, &without_old).await?;
    }
    state.over.store(true, Ordering::SeqCst);
    while let Some(ended) = writers.join_next().await {
        ended??;
    }
    let astray = format!(
        "SELECT count(*) FROM t WHERE mail IS DISTINCT FROM email AND (mail IS DISTINCT FROM lower(email) OR id < {})",
        news.end * ROWS
    );
    assert_eq!(
        database.value::<i64>(Role::App, &astray).await?,
        0,
        "{}",
        rows(&database, "id, email, mail").await?
    );
    let quarantine = "SELECT count(*) FROM sluice.quarantine";
    assert_eq!(database.value::<i64>(Role::Ledger, quarantine).await?, 0);
    let written = state.new_writes.load(Ordering::SeqCst);
    let counted: i64 = database.value(Role::Owner, &sql.counted).await?;
    assert!(
        counted.unsigned_abs() >= written,
        "{counted} counted, {written} written"
    );
    Ok(())
}
