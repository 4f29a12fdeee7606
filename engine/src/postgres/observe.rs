//! What the statements of a script really lock, rewrite and scan: run in a throw-away copy of the schema.
//!
//! A model of locks is an opinion; this asks the server. A *scratch* database gets the live schema without its rows (`scratch`,
//! `dump`), the statements run there one by one on one session, as written (`session`), and a second session looks at the first one's
//! locks while its transaction is still open (`state`). What cannot be in a transaction is stopped at gates, so that its locks
//! can be seen while it waits (`gate`). The scratch database is dropped at the end, whatever happened.
//!
//! What is seen and what is not:
//!
//! - Locks do not depend on rows, nor do rewrites; a scan is counted also where the table is empty. A foreign key's action on rows that
//!   are not there, a trigger's body, a violated constraint: these do not show.
//! - The plan of a query depends on the table's size. Sequential scans are therefore made the last resort for statements on rows and
//!   index scans for all others (`statement`): a scan is told where no index could help.
//! - What a statement does outside its database would be done for real, since the server may be the live one: such
//!   statements are not run and say so (`statement::Kind::Outside`), bodies included. A function of the schema that the script calls is run: one that
//!   reaches other databases or files reaches them, as does a body that puts its statements together of pieces.
//! - User mappings are taken out of the copy: a foreign table of the copy leads nowhere.

mod dump;
mod gate;
mod scratch;
mod session;
mod state;
mod statement;

use std::future::Future;

use secrecy::SecretString;

use super::session::ConnectError;
pub use dump::{DumpError, Program};

/// A statement of a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Statement<'a> {
    /// As written.
    pub text: &'a str,
    /// The rows after a `COPY ... FROM STDIN`.
    pub copy_data: Option<&'a str>,
}

impl<'a> From<&'a str> for Statement<'a> {
    fn from(text: &'a str) -> Self {
        Self {
            text,
            copy_data: None,
        }
    }
}

/// What is to be observed, and where.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The live database. Its role must be able to read every table's definition (`pg_dump` locks them in the mode of a SELECT, and waits no longer than 2 s for
    /// one), and to create a database where the copy is made on the same server.
    pub live: &'a SecretString,
    /// Another server for the copy; None: the live one.
    pub scratch: Option<&'a SecretString>,
    /// Schemas that are left out of the copy.
    pub exclude_schemas: &'a [String],
    /// The script.
    pub statements: &'a [Statement<'a>],
}

/// What was seen of a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observation {
    /// One for each statement, in order.
    pub statements: Vec<Observed>,
    /// What of the live schema is not in the copy, with the server's reason.
    pub missing: Vec<String>,
    /// Scratch databases of others, or of runs that were killed: safe to drop when no run is under way.
    pub left_over: Vec<String>,
    /// `TimeZone` of the session; decides whether timestamp to timestamptz rewrites.
    pub timezone: String,
}

/// What was seen of one statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observed {
    /// How it ended.
    pub outcome: Outcome,
    /// It ran inside a transaction block, or was refused there; None: it failed before that could be told, or was not run.
    pub transactional: Option<bool>,
    /// Locks that it took on relations that existed before the script, each mode once. Where the script has a transaction open: those that were
    /// not held before.
    pub locks: Vec<Lock>,
    /// Locks that earlier statements of the same transaction took, and that are held meanwhile.
    pub held: Vec<Lock>,
    /// Relations, `schema.table`, that got a new storage file.
    pub rewritten: Vec<String>,
    /// Relations, `schema.table`, that were read from one end to the other.
    pub scanned: Vec<String>,
}

/// How a statement ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was done.
    Done,
    /// The server refused it.
    Failed {
        /// Its code; empty: the connection was lost.
        sqlstate: String,
        /// What it said.
        message: String,
    },
    /// It was not run, because of this.
    NotRun(String),
}

/// A lock on a relation.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lock {
    /// `schema.relation`, by its name before the statement.
    pub relation: String,
    /// What it is.
    pub kind: RelationKind,
    /// As `pg_locks.mode` spells it.
    pub mode: String,
}

/// What a relation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RelationKind {
    /// A table, partitioned or not, or a foreign one.
    Table,
    /// A materialized view.
    MaterializedView,
    /// A view.
    View,
    /// An index, partitioned or not.
    Index,
    /// A sequence.
    Sequence,
    /// Of another kind (a composite type).
    Other,
}

/// Why nothing was observed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// One of the databases cannot be reached.
    #[error("the {which} database cannot be reached")]
    Connect {
        /// `live` or `scratch`.
        which: &'static str,
        /// Why.
        source: ConnectError,
    },
    /// The copy cannot be made on a server of another version.
    #[error(
        "the live server is PostgreSQL {live}, the scratch server {scratch}: locks differ between versions, so both must be the same"
    )]
    OtherVersion {
        /// Major version.
        live: u32,
        /// Major version.
        scratch: u32,
    },
    /// The role may not make one.
    #[error(
        "role {role:?} may not create the scratch database; ALTER ROLE {role} CREATEDB as a superuser, or name another server for it"
    )]
    MayNotCreate {
        /// Who was asked to.
        role: String,
    },
    /// The schema cannot be copied.
    #[error("the schema cannot be copied")]
    Dump(#[from] DumpError),
    /// Somebody asked to stop.
    #[error("stopped; the scratch database is dropped")]
    Stopped,
    /// The copy is still there.
    #[error("the scratch database {name:?} could not be dropped: DROP DATABASE {name:?} as its owner")]
    LeftOver {
        /// Its name.
        name: String,
        /// What the server said.
        source: sqlx::Error,
    },
    /// A statement of ours failed.
    #[error(transparent)]
    Query(#[from] super::Error),
}

/// Makes the copy, runs the script in it, drops it. `stop` ends the run early: the copy is dropped then as well.
///
/// # Errors
/// [`Error`]: never for a statement of the script that fails, which is an [`Outcome`].
pub async fn observe(request: Request<'_>, stop: impl Future<Output = ()>) -> Result<Observation, Error> {
    let scratch = scratch::Scratch::create(&request).await?;
    let seen = tokio::select! {
        seen = fill_and_run(&scratch, &request) => seen,
        () = stop => Err(Error::Stopped),
    };
    let left_over = scratch.left_over().to_vec();
    // An error of the run is the first to tell; a copy that is still there would otherwise be told by the next run.
    match (seen, scratch.discard().await) {
        (Ok(mut seen), Ok(())) => {
            seen.left_over = left_over;
            Ok(seen)
        }
        (Ok(_), Err(error)) | (Err(error), Ok(())) => Err(error),
        (Err(error), Err(still_there)) => {
            tracing::warn!(
                error = &still_there as &dyn std::error::Error,
                "a scratch database is left over"
            );
            Err(error)
        }
    }
}

async fn fill_and_run(scratch: &scratch::Scratch, request: &Request<'_>) -> Result<Observation, Error> {
    let missing = scratch.fill(request.exclude_schemas).await?;
    let (statements, timezone) =
        session::run(scratch.options(), scratch.settings(), request.statements).await?;
    Ok(Observation {
        statements,
        missing,
        left_over: Vec::new(),
        timezone,
    })
}

/// Runs the script in a database that the caller made and will throw away: everything that the statements do stays there.
///
/// # Errors
/// As [`observe`].
pub async fn observe_within(
    url: &SecretString,
    statements: &[Statement<'_>],
) -> Result<Vec<Observed>, Error> {
    let options = scratch::parsed(url, "scratch")?;
    let (statements, _) = session::run(&options, &[], statements).await?;
    Ok(statements)
}
