//! What can go wrong between us and the ledger.

use proto::{ChunkId, JobId, LedgerId};

use crate::job::UnknownName;

/// An error of the ledger. [`Error::is_transient`] says whether trying again can help.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A statement failed.
    #[error("ledger statement {statement} failed")]
    Statement {
        /// The statement's tag.
        statement: &'static str,
        /// What the database said.
        #[source]
        source: sqlx::Error,
    },
    /// Somebody else changed the job between our read and our write.
    #[error("job {job} was changed by somebody else; read it again")]
    Conflict {
        /// The job.
        job: JobId,
    },
    /// The lease on a chunk was lost: another attempt owns it now. The transaction must be rolled back.
    #[error("the lease on chunk {chunk} is no longer ours")]
    LeaseLost {
        /// The chunk.
        chunk: ChunkId,
    },
    /// The planner's lease on the target was lost: another planner decides now. The transaction must be rolled back.
    #[error("another planner is active on this target")]
    NotActive,
    /// There is no such job.
    #[error("there is no job {wanted} in this ledger; `sluice status` lists the jobs")]
    NoSuchJob {
        /// What was asked for.
        wanted: String,
    },
    /// The beginning of an id that several jobs have.
    #[error(
        "{wanted} is the beginning of several jobs' ids: {}; give more digits, or the name",
        candidates.join(", ")
    )]
    AmbiguousJob {
        /// What was asked for.
        wanted: String,
        /// Each with its name and state.
        candidates: Vec<String>,
    },
    /// Another unfinished job works on the same table.
    #[error(
        "table {table} already has an unfinished job, {other}; finish it, or take it back with `sluice rollback {other}`, then submit again"
    )]
    TableBusy {
        /// The table.
        table: String,
        /// The job that has it.
        other: JobId,
    },
    /// Another job moves, or has moved, readers and writers with a flag of that name.
    #[error(
        "flag {flag} belongs to job {other}, and the application may still follow it; name another one with `[flip] flag`"
    )]
    FlagBusy {
        /// The flag.
        flag: String,
        /// The job that has it.
        other: JobId,
    },
    /// The row of a flag was deleted.
    #[error("the row of flag {0} is gone from sluice.flag; put it back: the application follows it")]
    FlagGone(String),
    /// Another unfinished job took a table of this ended one.
    #[error(
        "a table of job {job} belongs to another unfinished job by now, {other}; finish that one or take it back, then ask again"
    )]
    TableTaken {
        /// The job that wanted it back.
        job: JobId,
        /// The job that has it: its name, id and state.
        other: String,
    },
    /// A stage would start before the one before it has ended (invariant 4).
    #[error("stage {stage} of job {job} may not start: an earlier stage has not met its exit condition")]
    StageOrder {
        /// The job.
        job: JobId,
        /// The stage.
        stage: &'static str,
    },
    /// The ledger says that only newer builds may write it.
    #[error(
        "the ledger may be written by a sluice that knows format {found} or a later one, this build knows {known}; upgrade sluice"
    )]
    TooNew {
        /// The oldest format that may write it.
        found: i32,
        /// Ours.
        known: i32,
    },
    /// The ledger lacks what this build writes, and whoever asks may not add it.
    #[error(
        "the ledger has format {found} and this build writes format {needed}; a planner of this version (or `sluice run`) upgrades it when it \
         starts, and older processes go on beside it"
    )]
    Behind {
        /// The ledger's format.
        found: i32,
        /// Ours.
        needed: i32,
    },
    /// The ledger was made on another server or database: this is a restored copy or a clone.
    #[error(
        "this ledger was made elsewhere ({why}): a copy is read-only until it is adopted. `sluice adopt` makes this database its home, \
         `sluice detach` takes Sluice out of the copy"
    )]
    Clone {
        /// What differs.
        why: String,
    },
    /// The ledger of a file says that it lies elsewhere: this is a copy, or the file was moved.
    #[error(
        "the ledger in this file was made at {was}, and the file is {is}: a copy is read-only until it is adopted. If the file was moved, and \
         nothing works at the old place any more, `sluice adopt` tells the ledger; `sluice detach` takes Sluice out of a copy"
    )]
    Moved {
        /// Where it was made.
        was: String,
        /// Where it is.
        is: String,
    },
    /// The server was promoted, or restored to an earlier moment, since the ledger was used last. A planner reconciles it.
    #[error(
        "the server is on timeline {is}, the ledger was used last on {was}: a fail-over (or a restored backup), after which a planner has to \
         void the leases of before; is one running?"
    )]
    Promoted {
        /// The timeline then.
        was: i32,
        /// And now.
        is: i32,
    },
    /// A connection leads elsewhere than the ledger's: a URL is wrong, or something was led to another server meanwhile.
    #[error("a connection of this target leads elsewhere than its ledger's: {0}")]
    Elsewhere(String),
    /// The connection leads to a standby.
    #[error(
        "a standby answers (it is in recovery), and nothing can be written there; the target's URLs must lead to the primary"
    )]
    Standby,
    /// The connection leads to a server that takes no writes.
    #[error(
        "the server takes no writes now: a new transaction is read-only there (SQLSTATE 25006; see `default_transaction_read_only`)"
    )]
    ReadOnly,
    /// The ledger is another one than the one that was opened: it was adopted, or the database was replaced.
    #[error(
        "the ledger is another one now ({is}, it was {was}): it was adopted, or the database was replaced"
    )]
    Replaced {
        /// The one that was opened.
        was: LedgerId,
        /// The one that is there.
        is: LedgerId,
    },
    /// A publication FOR ALL TABLES would publish the ledger too.
    #[error(
        "publication {} is FOR ALL TABLES: it would publish sluice's own tables, and a subscriber that lacks them stops; \
         create them there first and name the publication in the target's `acknowledge_publications`",
        publications.join(", ")
    )]
    PublishesEverything {
        /// Their names.
        publications: Vec<String>,
    },
    /// A ledger is needed and there is none.
    #[error("there is no ledger in this database; a job creates it (`sluice run` or a planner)")]
    Absent,
    /// Somebody else is creating or upgrading the ledger for too long.
    #[error(
        "another process has been upgrading the ledger for {0} s; look for a statement tagged `ledger.migrate`"
    )]
    MigrationBusy(u64),
    /// A transaction of somebody holds the tables for too long that an upgrade, or taking the ledger away, needs alone.
    #[error(
        "for {0} s transactions have used the tables that this needs alone for a moment, so nothing was changed (and nothing queued behind it). \
         Look in pg_stat_activity for an old transaction, then try again"
    )]
    MigrationBlocked(u64),
    /// The ledger holds something that this build does not understand.
    #[error("the ledger holds something that this build cannot read")]
    Unknown(#[from] UnknownName),
    /// A stored document cannot be read.
    #[error("the stored {what} cannot be read by this build")]
    Document {
        /// Which document.
        what: &'static str,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// The role may not see what identifies the database.
    #[error("reading the database's identity failed: {0}")]
    Identity(String),
    /// The engine failed.
    #[error(transparent)]
    Engine(#[from] engine::postgres::error::Error),
}

impl Error {
    /// Wraps a statement's error; use as `.map_err(Error::of("ledger.tag"))`.
    pub fn of(statement: &'static str) -> impl FnOnce(sqlx::Error) -> Self {
        move |source| Self::Statement { statement, source }
    }

    /// The database answers, and the ledger there is not one to work with now: it is somewhere else, or was not reconciled, upgraded or made
    /// yet. A service waits for whoever sees to that, and says so; a command refuses.
    #[must_use]
    pub fn is_elsewhere(&self) -> bool {
        matches!(
            self,
            Self::Absent
                | Self::Behind { .. }
                | Self::Clone { .. }
                | Self::Elsewhere(_)
                | Self::Moved { .. }
                | Self::Promoted { .. }
                | Self::ReadOnly
                | Self::Replaced { .. }
                | Self::Standby
                | Self::TooNew { .. }
        )
    }

    /// Trying again later can help.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Statement { source, .. } => !matches!(
                engine::error::classify(source),
                engine::postgres::error::Class::Permanent
                    | engine::postgres::error::Class::Permission
                    | engine::postgres::error::Class::Data
            ),
            Self::Engine(error) => error.class().is_retryable(),
            Self::Conflict { .. }
            | Self::LeaseLost { .. }
            | Self::NotActive
            | Self::MigrationBusy(_)
            | Self::MigrationBlocked(_)
            | Self::Promoted { .. }
            | Self::Standby
            | Self::ReadOnly => true,
            Self::NoSuchJob { .. }
            | Self::AmbiguousJob { .. }
            | Self::TableBusy { .. }
            | Self::FlagBusy { .. }
            | Self::FlagGone(_)
            | Self::TableTaken { .. }
            | Self::StageOrder { .. }
            | Self::TooNew { .. }
            | Self::Behind { .. }
            | Self::Replaced { .. }
            | Self::Elsewhere(_)
            | Self::Clone { .. }
            | Self::Moved { .. }
            | Self::PublishesEverything { .. }
            | Self::Absent
            | Self::Unknown(_)
            | Self::Document { .. }
            | Self::Identity(_) => false,
        }
    }
}
