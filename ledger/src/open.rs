//! Finding, creating and recognising the ledger of a target.

use std::sync::Arc;

use engine::catalog::EngineKind;
use engine::db::{self, Connection, Pool};
use proto::{LedgerId, TargetName};
use shared::clock::Clock;

use crate::error::Error;
use crate::standing::{self, Entry, Standing};
use crate::{failover, migrations};

/// What creating a ledger needs to know: which roles get which grants, and what the target's settings acknowledge.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Setup {
    /// The role that runs DDL and owns the trigger functions.
    pub owner: Option<String>,
    /// The role that runs batches.
    pub data: Option<String>,
    /// The role that reads signals.
    pub monitor: Option<String>,
    /// Publications FOR ALL TABLES that may publish our tables too, by name.
    pub acknowledged_publications: Vec<String>,
    /// Who does it, for the audit trail.
    pub by: String,
}

/// A ledger, opened with the ledger role.
#[derive(Clone, Debug)]
pub struct Ledger {
    pub(crate) pool: Pool,
    id: LedgerId,
    target: TargetName,
    standing: Standing,
}

impl Ledger {
    /// Creates the ledger if there is none, upgrades it, reconciles it after a fail-over, grants the other roles what they need, and
    /// checks that it belongs to this very server and database: before anything is written, and after it.
    ///
    /// # Errors
    /// [`Error::PublishesEverything`] before anything is created, [`Error::Clone`] for a copy, [`Error::TooNew`] for a
    /// ledger that only newer builds may write, [`Error::Standby`], and what the database says.
    pub async fn create_or_open(
        pool: Pool,
        target: TargetName,
        setup: &Setup,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self, Error> {
        let mut conn = pool.acquire().await.map_err(Error::of("ledger.connect"))?;
        let (here, _) = standing::here(&mut conn).await?;
        // Before anything is written.
        let known = known(&mut conn).await?;
        match &known {
            Some(entry) => match standing::judge(pool.engine(), entry, &here)? {
                Standing::Promoted { .. } => {}
                other @ (Standing::AtHome | Standing::Standby | Standing::ReadOnly) => other.to_work()?,
            },
            None if here.timeline.is_none() => return Err(Error::Standby),
            None => refuse_published(&mut conn, &setup.acknowledged_publications).await?,
        }
        drop(conn);
        migrations::apply(&pool, clock.as_ref()).await?;
        let mut conn = pool.acquire().await.map_err(Error::of("ledger.connect"))?;
        db::query(
            "/* ledger.create */
            INSERT INTO sluice.ledger (singleton, id, target, system_identifier, database_oid, timeline, format, oldest_writer)
            VALUES ($7, $1, $2, $3, $4, $5, $6, $8)
            ON CONFLICT (singleton) DO NOTHING",
        )
        .bind(LedgerId::random().0)
        .bind(target.as_str())
        .bind(&here.system_identifier)
        .bind(here.database_oid)
        .bind(here.timeline)
        .bind(migrations::FORMAT)
        .bind(true)
        .bind(migrations::OLDEST_WRITER)
        .execute(&mut conn)
        .await
        .map_err(Error::of("ledger.create"))?;
        drop(conn);
        failover::reconcile(&pool, &setup.by).await?;
        let ledger = Self::open(pool, target).await?;
        ledger.grant(setup).await?;
        Ok(ledger)
    }

    /// Opens an existing ledger, to read it or to write commands into it; [`Ledger::standing`] says whether it can be worked with.
    ///
    /// # Errors
    /// [`Error::Absent`] if there is none, [`Error::Clone`] for a copy, [`Error::TooNew`] for one that only newer builds may write,
    /// [`Error::Behind`] for one that lacks what this build writes.
    pub async fn open(pool: Pool, target: TargetName) -> Result<Self, Error> {
        let mut conn = pool.acquire().await.map_err(Error::of("ledger.connect"))?;
        let entry = known(&mut conn).await?.ok_or(Error::Absent)?;
        let (here, _) = standing::here(&mut conn).await?;
        let standing = standing::judge(pool.engine(), &entry, &here)?;
        let format = migrations::applied(&mut conn).await?.into_iter().max();
        if let Some(found) = format.filter(|found| *found < migrations::FORMAT) {
            return Err(Error::Behind {
                found,
                needed: migrations::FORMAT,
            });
        }
        drop(conn);
        Ok(Self::bare(pool, entry.id, target, standing))
    }

    /// One that was found somewhere, to be read.
    pub(crate) fn bare(pool: Pool, id: LedgerId, target: TargetName, standing: Standing) -> Self {
        Self {
            pool,
            id,
            target,
            standing,
        }
    }

    /// How it stood when it was opened.
    #[must_use]
    pub fn standing(&self) -> Standing {
        self.standing
    }

    /// Which ledger this is.
    #[must_use]
    pub fn id(&self) -> LedgerId {
        self.id
    }

    /// The target it belongs to, by the name in this process's configuration.
    #[must_use]
    pub fn target(&self) -> &TargetName {
        &self.target
    }

    /// The pool of the ledger role.
    #[must_use]
    pub fn pool(&self) -> &Pool {
        &self.pool
    }

    async fn grant(&self, roles: &Setup) -> Result<(), Error> {
        // A file knows no roles.
        if self.pool.engine() == EngineKind::Sqlite {
            return Ok(());
        }
        let mut statements = Vec::new();
        for (role, grants) in [
            (&roles.owner, OWNER_GRANTS),
            (&roles.data, DATA_GRANTS),
            (&roles.monitor, MONITOR_GRANTS),
        ] {
            let Some(role) = role else { continue };
            let role = engine::postgres::ident::quote(role).map_err(|e| Error::Identity(e.to_string()))?;
            statements.extend(grants.iter().map(|g| format!("{g} TO {role}")));
        }
        if statements.is_empty() {
            return Ok(());
        }
        let mut conn = self.pool.acquire().await.map_err(Error::of("ledger.connect"))?;
        conn.execute_script(format!("/* ledger.grant */ {}", statements.join("; ")))
            .await
            .map(|_| ())
            .map_err(Error::of("ledger.grant"))
    }
}

/// The owner makes trigger functions in our schema, which write to the quarantine, marks steps, and says which side
/// is the authority.
const OWNER_GRANTS: &[&str] = &[
    "GRANT USAGE, CREATE ON SCHEMA sluice",
    "GRANT INSERT ON sluice.quarantine",
    "GRANT SELECT, INSERT ON sluice.step_marker",
    "GRANT SELECT (id), UPDATE (authority) ON sluice.job",
];

/// The data role advances cursors under their fence and reads whether it may go on.
const DATA_GRANTS: &[&str] = &[
    "GRANT USAGE ON SCHEMA sluice",
    "GRANT SELECT, UPDATE ON sluice.chunk_cursor",
    "GRANT SELECT ON sluice.throttle, sluice.share, sluice.job, sluice.task",
];

/// The monitor role reads only: on a replica, what the primary's verifier wrote last.
const MONITOR_GRANTS: &[&str] = &["GRANT USAGE ON SCHEMA sluice", "GRANT SELECT ON sluice.pulse"];

/// The ledger's row, if there is one that this build may write.
pub(crate) async fn known(conn: &mut Connection) -> Result<Option<Entry>, Error> {
    if migrations::applied(conn).await?.is_empty() {
        return Ok(None);
    }
    let entry = standing::entry(conn).await?;
    if let Some(entry) = &entry {
        standing::writable(entry.oldest_writer)?;
    }
    Ok(entry)
}

/// The first ledger row would stop every subscriber of a publication FOR ALL TABLES ("relation does not exist"),
/// and its slot would then fill the primary's disk (PITFALLS 26).
async fn refuse_published(conn: &mut Connection, acknowledged: &[String]) -> Result<(), Error> {
    if conn.engine() == EngineKind::Sqlite {
        return Ok(());
    }
    let publications: Vec<String> = db::scalar(
        "/* ledger.published */
        SELECT pubname::text FROM pg_publication WHERE puballtables AND NOT pubname = ANY ($1) ORDER BY pubname",
    )
    .bind(acknowledged)
    .fetch_all(conn)
    .await
    .map_err(Error::of("ledger.published"))?;
    if publications.is_empty() {
        Ok(())
    } else {
        Err(Error::PublishesEverything { publications })
    }
}
