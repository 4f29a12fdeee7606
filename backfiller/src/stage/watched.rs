//! A watched step: one statement outside a transaction, without time limits (CREATE INDEX CONCURRENTLY, VALIDATE).
//!
//! A lock timeout would be wrong here: any older transaction would end the build and leave an invalid index each time.
//! Such a statement blocks neither reads nor writes, so it may wait; a second connection says every few seconds how far it
//! is and for whom it waits. One such statement runs at a time a table, by an advisory lock that is
//! *polled*: a session that waits in `pg_advisory_lock` holds a snapshot, for which CREATE INDEX CONCURRENTLY waits in turn.
//!
//! When the job turns around, a statement of the way forward is ended: the way back could not begin before it.
//!
//! When the service is asked to stop, the statement goes on for as long as the shutdown's budget lasts; then
//! the connection is dropped, the server notices, and the next attempt clears what is left.

use std::time::Duration;

use engine::db::{self, Connection, Raw};
use engine::error::{Class, classify};
use engine::postgres::session::{self, tag};
use ledger::tasks::FailureClass;
use shared::service::chain;

use super::ask::GoOn;
use super::phase::belongs;
use super::session::{NoSession, StepSession};
use super::short::ask_alone;
use super::{Job, NotDone, failed};
use crate::rest::{jittered, rest};
use ledger::role::crash;

/// Attempts before the step is given back.
const ATTEMPTS: u32 = 5;
const REPORT_EVERY: Duration = Duration::from_secs(5);
const LOCK_POLL: Duration = Duration::from_millis(500);
/// Time that ending our own backend may take.
const END_LIMIT: Duration = Duration::from_secs(10);
/// First half of the advisory lock's key: "slui".
const LOCK_SPACE: i32 = 0x736c_7569;

enum Fault {
    Database(sqlx::Error),
    End(NotDone),
}

pub(super) async fn run(job: &Job<'_>) -> Result<(), NotDone> {
    for attempt in 1..=ATTEMPTS {
        if let Some(end) = job.should_end() {
            return Err(end);
        }
        job.still_wanted().await?;
        let error = match try_once(job, attempt).await {
            Ok(()) => return Ok(()),
            Err(Fault::End(end)) => return Err(end),
            Err(Fault::Database(error)) => error,
        };
        if !job.in_hand.lease.is_ours() {
            return Err(NotDone::Lost);
        }
        let class = classify(&error);
        if class == Class::StatementTimeout || !class.is_retryable() {
            // A canceled statement is somebody's decision; repeating it would be an argument with them.
            return Err(job.failure(class, &error));
        }
        job.note_retry(attempt, &error).await;
        rest(job.site, job.in_hand, jittered(Duration::from_secs(1 << attempt))).await;
    }
    Err(NotDone::Returned(format!(
        "{}: {ATTEMPTS} attempts failed",
        job.step.title
    )))
}

async fn try_once(job: &Job<'_>, attempt: u32) -> Result<(), Fault> {
    let mut session = job.open_session().await.map_err(|none| match none {
        NoSession::Database(error) => Fault::Database(error),
        NoSession::End(end) => Fault::End(end),
    })?;
    let settings = job
        .unbounded_settings()
        .map_err(|error| Fault::End(failed(FailureClass::Permanent, error.to_string())))?;
    session
        .conn
        .execute_script(settings)
        .await
        .map_err(Fault::Database)?;
    lock_table(job, &mut session.conn).await?;
    if ask_alone(job, &mut session.conn).await.map_err(Fault::Database)? {
        let not_ours = job.not_ours(&mut session.conn).await.map_err(Fault::Database)?;
        return not_ours.map_or(Ok(()), |end| Err(Fault::End(end)));
    }
    // Before it begins: what a crash leaves of it must count as ours. Its question, not the marker, tells whether it is done.
    if job.mark(&mut session.conn).await.map_err(Fault::Database)? == GoOn::No {
        return Ok(());
    }
    if attempt > 1 || job.in_hand.claim.fence.attempt > 1 {
        for statement in &job.step.cleanup {
            run_watched(job, &mut session, statement).await?;
        }
    }
    for statement in &job.step.statements {
        run_watched(job, &mut session, statement).await?;
    }
    crash::point("step.before_commit");
    crash::point("step.after_commit");
    if ask_alone(job, &mut session.conn).await.map_err(Fault::Database)? {
        return Ok(());
    }
    let message = format!(
        "{}: its statement succeeded, but its question still answers no",
        job.step.title
    );
    Err(Fault::End(failed(FailureClass::Permanent, message)))
}

/// One watched statement at a time a table; the lock goes with the session.
async fn lock_table(job: &Job<'_>, conn: &mut Connection) -> Result<(), Fault> {
    const SQL: &str = "/* sluice:backfiller.watch_lock */ SELECT pg_try_advisory_lock($1, hashtext($2))";
    let Some(table) = &job.step.table else {
        return Ok(());
    };
    let name = format!("{}.{}", table.schema, table.name);
    let mut told = false;
    loop {
        let ours: bool = db::scalar(SQL)
            .bind(LOCK_SPACE)
            .bind(&name)
            .fetch_one(&mut *conn)
            .await
            .map_err(Fault::Database)?;
        if ours {
            return Ok(());
        }
        if !told {
            tracing::info!(job = %job.in_hand.claim.job, table = %name, "another index build or validation runs on this table; waiting for it");
            told = true;
        }
        if let Some(end) = job.should_end() {
            return Err(Fault::End(end));
        }
        if let Some(end) = turned_around(job).await {
            return Err(Fault::End(end));
        }
        rest(job.site, job.in_hand, LOCK_POLL).await;
    }
}

/// Runs one statement to its end, saying how far it is, and ends it when the lease is lost.
async fn run_watched(job: &Job<'_>, session: &mut StepSession, statement: &str) -> Result<(), Fault> {
    let text = tag(statement, "backfiller.step", job.in_hand.claim.job);
    let running = session.conn.execute_script(text);
    tokio::pin!(running);
    loop {
        tokio::select! {
            biased;
            ended = &mut running => return ended.map(|_| ()).map_err(Fault::Database),
            () = job.in_hand.lease.lost().cancelled() => {
                end_own_backend(job, session.backend.as_ref(), "the lease was lost").await;
                return Err(Fault::End(NotDone::Lost));
            }
            () = job.site.clock.sleep(REPORT_EVERY) => {
                report(job, session.backend.as_ref()).await;
                if let Some(end) = turned_around(job).await {
                    end_own_backend(job, session.backend.as_ref(), "the job turned around").await;
                    return Err(Fault::End(end));
                }
            }
        }
    }
}

/// Some: the job does not want this step any more. A ledger that cannot be read says nothing of the kind, and a step of the way back
/// is never ended by this.
async fn turned_around(job: &Job<'_>) -> Option<NotDone> {
    if !job.phase.is_forward() {
        return None;
    }
    let state = job
        .site
        .target
        .ledger
        .job(job.in_hand.claim.job)
        .await
        .ok()?
        .state;
    (!belongs(job.phase, state))
        .then(|| NotDone::Returned(format!("{}: ended, because the job is {state}", job.step.title)))
}

async fn end_own_backend(job: &Job<'_>, backend: Option<&session::Backend>, why: &str) {
    let Some(backend) = backend else { return };
    let ended = match job.site.target.owner.acquire().await {
        Ok(mut conn) => match conn.raw() {
            Raw::Postgres(conn) => session::terminate_backend(conn, backend, END_LIMIT)
                .await
                .map_err(|e| chain(&e)),
            Raw::Sqlite(_) => return,
        },
        Err(error) => Err(error.to_string()),
    };
    match ended {
        Ok(ended) => tracing::warn!(pid = backend.pid, ?ended, "{why}; the statement was ended"),
        Err(error) => {
            tracing::warn!(pid = backend.pid, %error, "{why}; ending the statement failed, its successor will do it");
        }
    }
}

/// Phase, share done, what it waits for, and who blocks it.
async fn report(job: &Job<'_>, backend: Option<&session::Backend>) {
    const SQL: &str = "/* sluice:backfiller.watch */
        SELECT concat_ws('; ',
            p.phase,
            CASE WHEN p.blocks_total > 0 THEN format('%s of %s blocks', p.blocks_done, p.blocks_total) END,
            CASE WHEN p.lockers_total > 0 THEN format('waited for %s of %s transactions', p.lockers_done, p.lockers_total) END,
            CASE WHEN a.wait_event IS NOT NULL THEN format('waits for %s:%s', a.wait_event_type, a.wait_event) END,
            CASE WHEN cardinality(pg_blocking_pids(a.pid)) > 0
                THEN format('blocked by process %s', array_to_string(pg_blocking_pids(a.pid), ', ')) END)
        FROM pg_stat_activity a
        LEFT JOIN pg_stat_progress_create_index p ON p.pid = a.pid
        WHERE a.pid = $1";
    let Some(pid) = backend.map(|backend| backend.pid) else {
        return;
    };
    let seen: Result<Option<Option<String>>, sqlx::Error> = db::scalar(SQL)
        .bind(pid)
        .fetch_optional(&job.site.target.owner)
        .await;
    match seen {
        Ok(Some(Some(how_far))) => {
            tracing::info!(job = %job.in_hand.claim.job, step = job.step.id, pid, "{}: {how_far}", job.step.title);
        }
        Ok(Some(None) | None) => {}
        Err(error) => tracing::debug!(%error, "a running statement could not be watched"),
    }
}
