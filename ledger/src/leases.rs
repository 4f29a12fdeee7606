//! Named leases: one active planner and one sampling verifier a target.

use engine::db;
use std::time::Duration;

use proto::LeaseId;

use crate::error::Error;
use crate::open::Ledger;

/// How long a named lease lasts without renewal.
pub const LEASE: Duration = Duration::from_secs(5);

/// A lease that was renewed less than this ago is looked at, not written: whoever asks at every tick writes once a second.
const FRESH: Duration = Duration::from_secs(1);

impl Ledger {
    /// Takes or renews the lease `name` for `holder`; true while it is ours. The database's clock decides. Where that clock was set
    /// back, a lease seems to last for longer than one can: its holder renews it at once, and from one that does not it is taken.
    ///
    /// # Errors
    /// What the database says.
    pub async fn hold_lease(&self, name: &str, holder: &str, lease: LeaseId) -> Result<bool, Error> {
        let fresh: bool = db::scalar(
            "/* ledger.lease_fresh */
            SELECT EXISTS (
                SELECT FROM sluice.lease
                WHERE name = $1
                    AND lease = $2
                    AND until > clock_timestamp() + $3 * interval '1 second'
                    AND until <= clock_timestamp() + $4 * interval '1 second')",
        )
        .bind(name)
        .bind(lease.0)
        .bind((LEASE - FRESH).as_secs_f64())
        .bind(LEASE.as_secs_f64())
        .fetch_one(&self.pool)
        .await
        .map_err(Error::of("ledger.lease_fresh"))?;
        if fresh {
            return Ok(true);
        }
        let done = db::query(
            "/* ledger.lease_hold */
            INSERT INTO sluice.lease AS l (name, holder, attempt, lease, until)
            VALUES ($1, $2, 1, $3, clock_timestamp() + $4 * interval '1 second')
            ON CONFLICT (name) DO UPDATE
            SET holder = excluded.holder,
                attempt = CASE WHEN l.lease = excluded.lease THEN l.attempt ELSE l.attempt + 1 END,
                lease = excluded.lease,
                until = excluded.until
            WHERE l.lease = excluded.lease
                OR l.until < clock_timestamp()
                OR l.until > clock_timestamp() + $5 * interval '1 second'",
        )
        .bind(name)
        .bind(holder)
        .bind(lease.0)
        .bind(LEASE.as_secs_f64())
        .bind((LEASE * 2).as_secs_f64())
        .execute(&self.pool)
        .await
        .map_err(Error::of("ledger.lease_hold"))?;
        Ok(done.rows_affected() == 1)
    }

    /// Gives a named lease up, so that the next one need not wait for it to lapse.
    ///
    /// # Errors
    /// What the database says.
    pub async fn drop_lease(&self, name: &str, lease: LeaseId) -> Result<(), Error> {
        db::query("/* ledger.lease_drop */ UPDATE sluice.lease SET until = clock_timestamp() WHERE name = $1 AND lease = $2")
            .bind(name)
            .bind(lease.0)
            .execute(&self.pool)
            .await
            .map_err(Error::of("ledger.lease_drop"))?;
        Ok(())
    }

    /// Who holds a named lease now; None if nobody does.
    ///
    /// # Errors
    /// What the database says.
    pub async fn lease_holder(&self, name: &str) -> Result<Option<String>, Error> {
        db::scalar("/* ledger.lease_holder */ SELECT holder FROM sluice.lease WHERE name = $1 AND until > clock_timestamp()")
            .bind(name)
            .fetch_optional(&self.pool)
            .await
            .map_err(Error::of("ledger.lease_holder"))
    }

    /// Says that a process is alive; one that has just said so, with a batch, does not say it again.
    ///
    /// # Errors
    /// What the database says.
    pub async fn beat(&self, worker: &str, role: &str, detail: &serde_json::Value) -> Result<(), Error> {
        db::query(
            "/* ledger.heartbeat */
            INSERT INTO sluice.heartbeat AS told (worker, role, detail, at)
            VALUES ($1, $2, $3, clock_timestamp())
            ON CONFLICT (worker) DO UPDATE SET detail = excluded.detail, at = excluded.at
            WHERE told.at < clock_timestamp() - interval '1 second'",
        )
        .bind(worker)
        .bind(role)
        .bind(detail)
        .execute(&self.pool)
        .await
        .map_err(Error::of("ledger.heartbeat"))?;
        Ok(())
    }
}
