//! Shares of a budget: what each lease on a chunk may use of what the job and the target allow.
//!
//! A row is written by the active planner alone, under its lease, and read by one worker, in its own batch; workers share no row. A share
//! belongs to one lease: whoever takes the chunk over has none until the planner says so.
//!
//! The race that matters: a share is lowered to make room for another one, and its worker has not read that yet. Until it must
//! have ([`SETTLED_AFTER`]) the row says what it was before, and the planner counts that.

use std::time::Duration;

use engine::db::{self, Row};
use proto::{JobId, LeaseId, TaskId};

use crate::error::Error;
use crate::open::Ledger;

/// A worker reads its share at least every second while it waits, and in every batch; after this a lowered share is in force. The longest
/// it may take is a batch that has just read it and waits for a lock.
pub const SETTLED_AFTER: Duration = Duration::from_secs(4);

/// Rates that one lease may use. [`f64::INFINITY`]: not limited.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Share {
    /// Rows written a second; ten rows that are only read count as one.
    pub rows_per_second: f64,
    /// Bytes of write-ahead log a second, measured over the whole server while a batch writes.
    pub wal_bytes_per_second: f64,
}

impl Share {
    /// Nothing is limited.
    pub const UNLIMITED: Self = Self {
        rows_per_second: f64::INFINITY,
        wal_bytes_per_second: f64::INFINITY,
    };
    /// Nothing may be written.
    pub const NONE: Self = Self {
        rows_per_second: 0.0,
        wal_bytes_per_second: 0.0,
    };
}

/// A lease on a chunk that has not lapsed, with its share.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Holder {
    /// The chunk's task.
    pub task: TaskId,
    /// Its lease.
    pub lease: LeaseId,
    /// Its job.
    pub job: JobId,
    /// As it was granted last; [`Share::NONE`] before that.
    pub granted: Share,
    /// The most that its worker may be using now: `granted`, or what it was before it was lowered.
    pub in_force: Share,
}

/// Who holds chunks, and whether shares are left of leases that are gone.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Holders {
    /// In the order in which their tasks were made.
    pub holders: Vec<Holder>,
    /// There are shares whose lease is gone.
    pub left_over: bool,
}

impl Ledger {
    /// Every lease on a chunk of this target.
    ///
    /// # Errors
    /// What the database says.
    pub async fn share_holders(&self) -> Result<Holders, Error> {
        let rows = db::query(
            "/* ledger.share_holders */
            SELECT t.id, t.lease, t.job, s.rows_per_second, s.wal_bytes_per_second, s.rows_before, s.wal_bytes_before,
                extract(epoch FROM clock_timestamp() - s.lowered_at)::double precision AS lowered
            FROM sluice.task t
            LEFT JOIN sluice.share s ON s.task = t.id AND s.lease = t.lease
            WHERE t.kind = 'chunk'
                AND t.state = 'leased'
                AND t.lease_until > clock_timestamp()
            ORDER BY t.created_at, t.id",
        )
        .fetch_all(&self.pool)
        .await
        .map_err(Error::of("ledger.share_holders"))?;
        let holders = rows
            .iter()
            .map(read_holder)
            .collect::<Result<Vec<_>, _>>()
            .map_err(Error::of("ledger.share_holders"))?;
        let shares: i64 = db::scalar("/* ledger.share_count */ SELECT count(*) FROM sluice.share")
            .fetch_one(&self.pool)
            .await
            .map_err(Error::of("ledger.share_count"))?;
        let held = |row: &Row| {
            row.try_get::<Option<f64>, _>("rows_per_second")
                .map(|s| s.is_some())
        };
        let held = rows.iter().map(held).collect::<Result<Vec<_>, _>>();
        let held = held.map_err(Error::of("ledger.share_holders"))?;
        Ok(Holders {
            left_over: shares.unsigned_abs() as usize > held.into_iter().filter(|h| *h).count(),
            holders,
        })
    }

    /// Writes the share of a lease, if `planner` is still the active one. A lower one than before begins to settle.
    ///
    /// # Errors
    /// What the database says.
    pub async fn grant_share(&self, holder: &Holder, share: Share, planner: LeaseId) -> Result<(), Error> {
        let lowered = share.rows_per_second < holder.granted.rows_per_second
            || share.wal_bytes_per_second < holder.granted.wal_bytes_per_second;
        db::query(
            "/* ledger.share_grant */
            INSERT INTO sluice.share AS s (task, lease, rows_per_second, wal_bytes_per_second, rows_before, wal_bytes_before, lowered_at)
            SELECT $1, $2, $3, $4, $5, $6, CASE WHEN $7 THEN clock_timestamp() END
            WHERE EXISTS (
                SELECT FROM sluice.lease WHERE name = 'planner' AND lease = $8 AND until > clock_timestamp())
            ON CONFLICT (task) DO UPDATE
            SET lease = excluded.lease,
                rows_per_second = excluded.rows_per_second,
                wal_bytes_per_second = excluded.wal_bytes_per_second,
                rows_before = CASE WHEN $7 OR s.lease <> excluded.lease THEN excluded.rows_before ELSE s.rows_before END,
                wal_bytes_before = CASE WHEN $7 OR s.lease <> excluded.lease THEN excluded.wal_bytes_before ELSE s.wal_bytes_before END,
                lowered_at = CASE WHEN $7 OR s.lease <> excluded.lease THEN excluded.lowered_at ELSE s.lowered_at END,
                granted_at = clock_timestamp()",
        )
        .bind(holder.task.0)
        .bind(holder.lease.0)
        .bind(share.rows_per_second)
        .bind(share.wal_bytes_per_second)
        .bind(holder.in_force.rows_per_second)
        .bind(holder.in_force.wal_bytes_per_second)
        .bind(lowered)
        .bind(planner.0)
        .execute(&self.pool)
        .await
        .map_err(Error::of("ledger.share_grant"))?;
        Ok(())
    }

    /// Forgets the shares of leases that are gone.
    ///
    /// # Errors
    /// What the database says.
    pub async fn forget_shares(&self) -> Result<(), Error> {
        db::query(
            "/* ledger.share_forget */
            DELETE FROM sluice.share AS s
            WHERE NOT EXISTS (
                SELECT FROM sluice.task t
                WHERE t.id = s.task AND t.lease = s.lease AND t.state = 'leased' AND t.lease_until > clock_timestamp())",
        )
        .execute(&self.pool)
        .await
        .map_err(Error::of("ledger.share_forget"))?;
        Ok(())
    }
}

fn read_holder(row: &Row) -> Result<Holder, sqlx::Error> {
    let rate = |column: &str| {
        row.try_get::<Option<f64>, _>(column)
            .map(Option::unwrap_or_default)
    };
    let lowered: Option<f64> = row.try_get("lowered")?;
    let settled = lowered.is_none_or(|age| age > SETTLED_AFTER.as_secs_f64());
    let granted = Share {
        rows_per_second: rate("rows_per_second")?,
        wal_bytes_per_second: rate("wal_bytes_per_second")?,
    };
    let in_force = if settled {
        granted
    } else {
        Share {
            rows_per_second: granted.rows_per_second.max(rate("rows_before")?),
            wal_bytes_per_second: granted.wal_bytes_per_second.max(rate("wal_bytes_before")?),
        }
    };
    Ok(Holder {
        task: TaskId(row.try_get("id")?),
        lease: LeaseId(row.try_get("lease")?),
        job: JobId(row.try_get("job")?),
        granted,
        in_force,
    })
}
