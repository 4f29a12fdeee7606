//! After a fail-over: what was promised on the old primary is void.
//!
//! A standby that was promoted is on a timeline of its own, and may lack the last commits of the old primary. What it lacks it lacks
//! whole: rows, cursors and everything else in the ledger are in one database, so they are of one moment. Nothing in it contradicts itself.
//! But others know of what is gone: a worker that was granted a lease, a broker that was acknowledged a message, an
//! application that has read a flag. And the new server has a clock of its own, by which a lease of the old one may last for hours.
//!
//! So, in one transaction under the lock of the ledger's row: leases are void (tasks are ready again, the fences of their chunks are taken
//! away, the active planner and the sampling verifier have to ask anew), what was published counts as not published, moments that lie ahead
//! of the new clock are brought back to it, replicas that were required because they were there are so no longer (one of them is the
//! primary now; those that the settings name stay required), and the new timeline is written down, with an entry in the audit trail.
//!
//! Why no lease of the new timeline is voided by accident, and none of the old survives:
//!
//! 1. Two planners that see the change at once: the row's lock puts one behind the other, and the second finds the new timeline.
//! 2. A worker that claims at the same moment: it cannot. It works with a target only while the ledger's row and the server
//!    agree about the timeline (`Target::connect`), and from then on its pools refuse every fresh connection that leads to another
//!    timeline ([`engine::postgres::session::Home`]). A claim on the new timeline therefore comes after this transaction. It begins with a
//!    target opened anew, in a process that has dropped every lease that it held.
//! 3. A batch under way behind a pooler, which was switched over between two of its transactions: its worker still believes in its lease. It
//!    holds its cursor's row, so this transaction waits for it, and what it commits is a batch well done, rows and cursor together; its next
//!    one finds no fence that is its own. The throttle stops it within seconds anyhow.
//! 4. A decision under way: its transaction began on the old primary and ends there, or not at all.
//!
//! A backend that an old lease left at work was the old server's, so there is nothing to end; `lease` stays in the task's row all the same,
//! and whoever claims looks for it.

use engine::db::{self, Connection, Pool};
use serde_json::json;

use crate::error::Error;
use crate::events;
use crate::pace::REPLICA_LAG;
use crate::standing::{self, Standing};

/// What was void afterwards.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Voided {
    /// Tasks that somebody held.
    pub(crate) tasks: u64,
    /// Active planners and samplers.
    pub(crate) named: u64,
    /// Messages that are published again.
    pub(crate) published: u64,
}

/// Puts a ledger in order whose server was promoted, if that is so and nobody has done it yet.
///
/// # Errors
/// What the database says; then nothing was done.
pub(crate) async fn reconcile(pool: &Pool, by: &str) -> Result<(), Error> {
    let failed = || Error::of("ledger.reconcile");
    let mut tx = pool.begin().await.map_err(failed())?;
    db::query("/* ledger.reconcile */ SELECT id FROM sluice.ledger FOR UPDATE")
        .fetch_optional(&mut tx)
        .await
        .map_err(failed())?;
    let entry = standing::entry(&mut tx).await?.ok_or(Error::Absent)?;
    let (here, _) = standing::here(&mut tx).await?;
    let Standing::Promoted { was, is } = standing::judge(pool.engine(), &entry, &here)? else {
        return Ok(());
    };
    let voided = void(&mut tx).await?;
    db::query("/* ledger.timeline */ UPDATE sluice.ledger SET timeline = $1")
        .bind(is)
        .execute(&mut tx)
        .await
        .map_err(failed())?;
    let detail = json!({
        "was": was,
        "is": is,
        "leases_voided": voided.tasks,
        "roles_voided": voided.named,
        "issued_again": voided.published,
    });
    events::append(&mut tx, None, by, FAILED_OVER, &detail).await?;
    tx.commit().await.map_err(failed())?;
    tracing::warn!(
        was,
        is,
        leases = voided.tasks,
        "the server is on another timeline: a fail-over, or a restored backup. Every lease is void, and outstanding work is issued again"
    );
    Ok(())
}

/// The kind of the entry in the audit trail.
pub const FAILED_OVER: &str = "ledger.failed-over";

/// Voids everything that somebody was promised. The ledger's row must be locked.
pub(crate) async fn void(conn: &mut Connection) -> Result<Voided, Error> {
    // First the fences: a batch under way is waited for, and commits.
    run(
        conn,
        "/* ledger.void_fences */
        UPDATE sluice.chunk_cursor
        SET lease = NULL
        WHERE chunk IN (SELECT chunk FROM sluice.task WHERE state = 'leased')",
    )
    .await?;
    let tasks = run(
        conn,
        "/* ledger.void_leases */
        UPDATE sluice.task
        SET state = 'ready',
            lease_until = NULL,
            published_at = NULL,
            due_at = now(),
            note = 'its lease is void: the ledger is on another server'
        WHERE state = 'leased'",
    )
    .await?;
    let published = run(
        conn,
        "/* ledger.void_published */
        UPDATE sluice.task
        SET published_at = NULL,
            due_at = now()
        WHERE state = 'ready'
            AND (published_at IS NOT NULL OR due_at > now())",
    )
    .await?;
    let named = run(
        conn,
        "/* ledger.void_named */ UPDATE sluice.lease SET until = now() - interval '1 second' WHERE until > now() - interval '1 second'",
    )
    .await?;
    let required = "/* ledger.void_required */ UPDATE sluice.signal SET required = false WHERE name = $1";
    db::query(required)
        .bind(REPLICA_LAG)
        .execute(&mut *conn)
        .await
        .map_err(Error::of("ledger.void_required"))?;
    for ahead in AHEAD {
        run(conn, ahead).await?;
    }
    Ok(Voided {
        tasks,
        named,
        published,
    })
}

/// Moments by which something is judged fresh, and which the old clock may have put ahead of the new one.
const AHEAD: [&str; 4] = [
    "/* ledger.void_beats */ UPDATE sluice.throttle SET beat_at = now() WHERE beat_at > now()",
    "/* ledger.void_signals */ UPDATE sluice.signal SET sampled_at = now() WHERE sampled_at > now()",
    "/* ledger.void_heartbeats */ UPDATE sluice.heartbeat SET at = now() WHERE at > now()",
    "/* ledger.void_shares */ UPDATE sluice.share SET lowered_at = now() WHERE lowered_at > now()",
];

async fn run(conn: &mut Connection, text: &'static str) -> Result<u64, Error> {
    let done = db::query(text)
        .execute(conn)
        .await
        .map_err(Error::of("ledger.void"))?;
    Ok(done.rows_affected())
}
