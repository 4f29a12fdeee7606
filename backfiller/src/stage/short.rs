//! A short step: all its statements in one transaction with a short lock timeout, tried again with jitter.
//!
//! An ALTER TABLE that waits for its lock makes every later query on the table wait behind it. So it waits for
//! half a second at most (two, after many attempts), gives way, and comes back after a jittered pause: the application
//! sees a hiccup, never a queue.
//!
//! Each attempt first looks whether the job still goes this way, then asks, in its own transaction, whether the step has
//! already happened. That also answers what became of a COMMIT whose connection was lost.
//!
//! On SQLite there are no lock timeouts: the connection waits for the one write lock for as long as its busy timeout says, and
//! then comes back like any other.

use std::time::Duration;

use engine::catalog::EngineKind;
use engine::db::{Connection, Raw};
use engine::error::{Class, classify, classify_commit};
use engine::postgres::session::{BatchSettings, set_local, tag};
use ledger::plan::{Phase, StepMode};
use ledger::role::crash;
use ledger::tasks::FailureClass;

use super::ask::GoOn;
use super::session::{NoSession, StepSession};
use super::{Job, NotDone, failed, rebuild};
use crate::rest::{jittered, rest};

/// Longest statement. What holds an exclusive lock for longer does not belong into a short step.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(5);
/// Statement timeouts after which the step fails: it will not get shorter.
const SLOW_LIMIT: u32 = 3;
const IDLE_TIMEOUT: Duration = Duration::from_secs(5);
/// After this the step is given back, so that the reason shows; it is then tried again.
const LONGEST: Duration = Duration::from_secs(300);

enum Attempt {
    Done,
    AlreadyDone,
}

enum Fault {
    Database(Class, sqlx::Error),
    End(NotDone),
}

pub(super) async fn run(job: &Job<'_>) -> Result<(), NotDone> {
    let began = job.site.clock.monotonic();
    let mut session = None;
    let mut slow = 0;
    // The catalog has answered this claim that it has not happened, and no COMMIT since is of unknown outcome.
    let mut asked = false;
    for attempt in 1.. {
        if let Some(end) = job.should_end() {
            return Err(end);
        }
        job.still_wanted().await?;
        let (class, error) = match try_once(job, &mut session, attempt, &mut asked).await {
            Ok(Attempt::AlreadyDone) => return Ok(()),
            Ok(Attempt::Done) => return confirm(job, &mut session).await,
            Err(Fault::End(end)) => return Err(known(job.phase, asked, end)),
            Err(Fault::Database(class, error)) => (class, error),
        };
        slow += u32::from(class == Class::StatementTimeout);
        if slow >= SLOW_LIMIT {
            return Err(known(job.phase, asked, too_slow(job)));
        }
        if !class.is_retryable() {
            return Err(known(job.phase, asked, job.failure(class, &error)));
        }
        job.note_retry(attempt, &error).await;
        if job.site.clock.monotonic() - began > LONGEST {
            let why = format!(
                "{}: no success in {} attempts over five minutes, last: {error}",
                job.step.title, attempt
            );
            return Err(NotDone::Returned(why));
        }
        if !matches!(
            class,
            Class::LockTimeout | Class::Deadlock | Class::StatementTimeout
        ) {
            session = None;
        }
        rest(job.site, job.in_hand, jittered(pause(attempt))).await;
    }
    Ok(())
}

/// A drop that has failed re-opens the way back, so it fails only if it is known that it has not happened; else it is given back.
fn known(phase: Phase, asked: bool, end: NotDone) -> NotDone {
    match end {
        NotDone::Failed(failure) if phase == Phase::Drop && !asked => NotDone::Returned(format!(
            "nobody knows yet whether it has happened: {}",
            failure.message
        )),
        end => end,
    }
}

async fn try_once(
    job: &Job<'_>,
    session: &mut Option<StepSession>,
    attempt: u32,
    asked: &mut bool,
) -> Result<Attempt, Fault> {
    let conn = &mut connected(job, session).await?.conn;
    let plain = |error| Fault::Database(classify(&error), error);
    let orphans = if job.step.mode == StepMode::Rebuild {
        rebuild::prepare(conn).await.map_err(plain)?
    } else {
        0
    };
    conn.begin().await.map_err(plain)?;
    let attempted = inside(job, conn, attempt, orphans, asked).await;
    let Ok(Attempt::Done) = attempted else {
        // What a refused attempt leaves open ends with its session.
        if conn.execute_script("ROLLBACK").await.is_err() {
            *session = None;
        }
        return attempted;
    };
    crash::point("step.before_commit");
    let committed = conn.execute_script("COMMIT").await;
    if let Err(error) = committed {
        let class = classify_commit(&error);
        *asked &= class != Class::UnknownOutcome;
        *session = None;
        return Err(Fault::Database(class, error));
    }
    crash::point("step.after_commit");
    Ok(Attempt::Done)
}

/// Everything of an attempt between BEGIN and COMMIT.
async fn inside(
    job: &Job<'_>,
    conn: &mut Connection,
    attempt: u32,
    orphans: usize,
    asked: &mut bool,
) -> Result<Attempt, Fault> {
    let plain = |error| Fault::Database(classify(&error), error);
    if let Raw::Postgres(conn) = conn.raw() {
        let settings = BatchSettings {
            statement_timeout: STATEMENT_TIMEOUT,
            lock_timeout: lock_timeout(attempt),
            idle_timeout: IDLE_TIMEOUT,
            search_path: job.plan.search_path.clone(),
        };
        set_local(conn, &settings).await.map_err(engine_fault)?;
    }
    // A file has no backend that a takeover could end: whoever slept before it got the write lock finds here that it is somebody else's.
    if conn.engine() == EngineKind::Sqlite && !job.is_held(conn).await.map_err(plain)? {
        return Err(Fault::End(NotDone::Lost));
    }
    let is_done = job.is_done(conn).await.map_err(plain)?;
    *asked = true;
    if is_done {
        return match job.not_ours(conn).await.map_err(plain)? {
            Some(end) => Err(Fault::End(end)),
            None => Ok(Attempt::AlreadyDone),
        };
    }
    if let Some(end) = job.refused(conn).await.map_err(plain)? {
        return Err(Fault::End(end));
    }
    if job.mark(conn).await.map_err(plain)? == GoOn::No {
        return Ok(Attempt::AlreadyDone);
    }
    for (at, statement) in (0..).zip(&job.step.statements) {
        if !job.is_wanted(at, conn).await.map_err(plain)? {
            continue;
        }
        let text = tag(statement, "backfiller.step", job.in_hand.claim.job);
        conn.execute_script(text).await.map_err(plain)?;
    }
    if job.step.mode == StepMode::Rebuild {
        let now = rebuild::orphans(conn).await.map_err(plain)?;
        if now > orphans {
            return Err(Fault::End(rebuild::broken(job, now - orphans)));
        }
    }
    if let Some(authority) = job.step.authority {
        let recorded = ledger::flags::record_authority(conn, job.in_hand.claim.job, authority).await;
        recorded.map_err(|error| plain(super::ask::plain(error)))?;
    }
    Ok(Attempt::Done)
}

async fn connected<'s>(
    job: &Job<'_>,
    session: &'s mut Option<StepSession>,
) -> Result<&'s mut StepSession, Fault> {
    if session.is_none() {
        *session = Some(job.open_session().await.map_err(|none| match none {
            NoSession::Database(error) => Fault::Database(classify(&error), error),
            NoSession::End(end) => Fault::End(end),
        })?);
    }
    Ok(session.as_mut().expect("it was just opened"))
}

/// The catalog, not our memory, says that the step is done.
async fn confirm(job: &Job<'_>, session: &mut Option<StepSession>) -> Result<(), NotDone> {
    let Some(session) = session else { return Ok(()) };
    match ask_alone(job, &mut session.conn).await {
        Ok(true) => Ok(()),
        // Drift, and no other class: whoever reads it must know that the transaction was not undone.
        Ok(false) => Err(failed(
            FailureClass::Drift,
            format!(
                "{}: its statements were committed, but its question still answers no; \
                 somebody undid it at once, or the question does not fit the statements",
                job.step.title
            ),
        )),
        // Committed, and the question could not be asked: the next attempt asks it first.
        Err(error) => Err(NotDone::Returned(format!(
            "{}: committed, not confirmed: {error}",
            job.step.title
        ))),
    }
}

/// The question in a transaction of its own, under the plan's search path.
pub(super) async fn ask_alone(job: &Job<'_>, conn: &mut Connection) -> Result<bool, sqlx::Error> {
    conn.begin().await?;
    let asked = ask(job, conn).await;
    conn.execute_script("ROLLBACK").await?;
    asked
}

async fn ask(job: &Job<'_>, conn: &mut Connection) -> Result<bool, sqlx::Error> {
    if let Raw::Postgres(conn) = conn.raw() {
        let settings = BatchSettings {
            statement_timeout: STATEMENT_TIMEOUT,
            lock_timeout: STATEMENT_TIMEOUT,
            idle_timeout: IDLE_TIMEOUT,
            search_path: job.plan.search_path.clone(),
        };
        match set_local(conn, &settings).await {
            Ok(()) => {}
            Err(engine::postgres::Error::Query { source, .. }) => return Err(source),
            Err(other) => return Err(sqlx::Error::Configuration(Box::new(other))),
        }
    }
    job.is_done(conn).await
}

fn engine_fault(error: engine::postgres::Error) -> Fault {
    let class = error.class();
    match error {
        engine::postgres::Error::Query { source, .. } => Fault::Database(class, source),
        engine::postgres::Error::Shape { .. }
        | engine::postgres::Error::Blind { .. }
        | engine::postgres::Error::Ident(_) => Fault::End(failed(FailureClass::Permanent, error.to_string())),
    }
}

fn too_slow(job: &Job<'_>) -> NotDone {
    failed(
        FailureClass::Permanent,
        format!(
            "{}: a statement took longer than {} s, {SLOW_LIMIT} times; it would hold its locks for that long, so it was \
             undone; split it, or let it run outside a transaction (`transaction = false`)",
            job.step.title,
            STATEMENT_TIMEOUT.as_secs()
        ),
    )
}

/// 500 ms at first, longer for a table that is never free that long, 2 s at most.
fn lock_timeout(attempt: u32) -> Duration {
    Duration::from_millis(500 + 100 * u64::from(attempt.saturating_sub(1).min(15)))
}

/// 0.2 s, doubling, 5 s at most.
fn pause(attempt: u32) -> Duration {
    Duration::from_millis(200)
        .saturating_mul(1 << attempt.saturating_sub(1).min(10))
        .min(Duration::from_secs(5))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drop_fails_only_once_it_is_known_that_it_has_not_happened() {
        let end = |phase, asked| {
            let refused = failed(FailureClass::Permission, "drop: the server refuses".to_owned());
            known(phase, asked, refused)
        };
        assert!(
            matches!(end(Phase::Drop, false), NotDone::Returned(why) if why.ends_with("the server refuses"))
        );
        assert!(matches!(end(Phase::Drop, true), NotDone::Failed(_)));
        assert!(matches!(end(Phase::Expand, false), NotDone::Failed(_)));
        assert!(matches!(known(Phase::Drop, false, NotDone::Lost), NotDone::Lost));
    }

    #[test]
    fn lock_waits_stay_short_and_pauses_grow() {
        let millis = |f: fn(u32) -> Duration| [1, 2, 5, 16, 1000].map(|n| f(n).as_millis());
        assert_eq!(millis(lock_timeout), [500, 600, 900, 2000, 2000]);
        assert_eq!(millis(pause), [200, 400, 3200, 5000, 5000]);
    }
}
