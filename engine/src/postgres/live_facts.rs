//! What a live database says about the tables that a script names: how large and busy they are, what hangs on them, who would wait.
//!
//! A few short questions in transactions that can only read, each within a limit. No right is needed but to connect; to see how long others' transactions are
//! open takes `pg_monitor`, and what could not be seen is said ([`LiveFacts::unseen`]), never taken for nothing.
//!
//! Which tables: those whose name is a *word* of the script, wherever it stands, with what is locked together with them (partitions, the
//! other side of foreign keys). Too many does no harm, and no parser has to agree with the server about what a name is.
//!
//! Asking for a size takes a reader's lock on the table; who has it to himself would keep us waiting. So it is asked table by table with a short
//! limit, and estimated of the last VACUUM's counts where that passes.

mod types;
mod writes;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use sqlx::Postgres;
use sqlx::postgres::{PgArguments, PgConnection};
use sqlx::query::QueryScalar;

use super::Error;
use super::error::{Class, classify};
use super::session::BEGIN_READ_ONLY;
use crate::sql;
pub use types::{Column, Constraint, LiveFacts, Table, Unseen};

const SERVER: &str = include_str!("live_facts/server.sql");
const TABLES: &str = include_str!("live_facts/tables.sql");
const NAMES: &str = include_str!("live_facts/names.sql");
const TIMEZONE: &str = include_str!("live_facts/timezone.sql");
const SIZE: &str = include_str!("live_facts/size.sql");
const ESTIMATED_SIZE: &str = include_str!("live_facts/estimated_size.sql");

/// Which tables, functions and domains are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Names<'a> {
    /// All: on a database of many tables this takes seconds.
    All,
    /// Those that are called like one of these, as the catalog spells names.
    Words(&'a [String]),
}

/// Asks. `window` is how long writes are counted; zero: only what was counted before.
///
/// # Errors
/// What the server said, or an answer this build does not understand. A limit that passes is an error as well, and transient.
pub async fn read(conn: &mut PgConnection, names: Names<'_>, window: Duration) -> Result<LiveFacts, Error> {
    let words = match names {
        Names::All => None,
        Names::Words(words) => Some(words),
    };
    let server: Server = asked(&mut *conn, "ask the server", sql::scalar(SERVER)).await?;
    let mut unseen = unseen(&server);
    let heads = tables(&mut *conn, words, &mut unseen).await?;
    let question = sql::scalar(NAMES).bind(words);
    let named: Named = asked(&mut *conn, "read the functions of the script", question).await?;
    let timezone = timezone(&mut *conn).await?;
    let leaves: Vec<i64> = heads
        .values()
        .flat_map(|head| head.leaves.iter().copied())
        .collect();
    let first = writes::sample(&mut *conn, &leaves).await?;
    let sizes = sizes(&mut *conn, &leaves).await?;
    let then = writes::after(&mut *conn, &leaves, window).await?;
    if timezone.is_none() {
        unseen.push(Unseen::TimeZone);
    }
    let tables = heads
        .into_iter()
        .map(|(name, head)| (name, head.with(&sizes, (&first, then.as_ref()))))
        .collect();
    Ok(LiveFacts {
        version: server.version,
        timezone,
        search_path: server.search_path,
        oldest_transaction: server.oldest_transaction,
        replicas: server.replicas,
        tables,
        functions: named.functions,
        constrained_domains: named.constrained_domains,
        unseen,
    })
}

/// `TimeZone` of a new session of this role, unless its client says otherwise; None: it cannot be told. This session's own is no answer, since the driver sets
/// it. What was set for the role or the database is there for all to read; the server's configuration only for who may see it.
///
/// # Errors
/// What the server said.
pub async fn timezone(conn: &mut PgConnection) -> Result<Option<String>, Error> {
    const MAY: &str =
        "SELECT pg_catalog.has_function_privilege('pg_catalog.pg_show_all_file_settings()', 'EXECUTE')";
    const CONFIGURED: &str = "/* sluice:engine.live_configured_timezone */ SELECT f.setting \
        FROM pg_catalog.pg_show_all_file_settings() AS f WHERE lower(f.name) = 'timezone' AND f.applied";
    let doing = || Error::query("read the time zone of new sessions");
    let set: Option<String> = sql::scalar(TIMEZONE)
        .fetch_optional(&mut *conn)
        .await
        .map_err(doing())?;
    if set.is_some() {
        return Ok(set);
    }
    if !sql::scalar(MAY).fetch_one(&mut *conn).await.map_err(doing())? {
        return Ok(None);
    }
    let configured: Option<String> = sql::scalar(CONFIGURED)
        .fetch_optional(conn)
        .await
        .map_err(doing())?;
    // The server's own default.
    Ok(Some(configured.unwrap_or_else(|| "GMT".to_owned())))
}

/// What `server.sql` answers.
#[derive(Deserialize)]
struct Server {
    version: u32,
    search_path: Vec<String>,
    sees_sessions: bool,
    hidden_sessions: bool,
    oldest_transaction: Option<f64>,
    replicas: u32,
}

/// What `names.sql` answers.
#[derive(Deserialize)]
struct Named {
    functions: BTreeMap<String, char>,
    constrained_domains: Vec<String>,
}

/// What `tables.sql` answers.
#[derive(Deserialize)]
struct Head {
    oid: i64,
    leaves: Vec<i64>,
    rows: Option<u64>,
    partitioned: bool,
    partitions: Vec<String>,
    default_partition: Option<String>,
    columns: BTreeMap<String, Column>,
    constraints: BTreeMap<String, Constraint>,
    indexes: BTreeMap<String, bool>,
    publications: Vec<String>,
    dependents: Vec<String>,
    referenced_by: Vec<String>,
}

/// Bytes of rows and of indexes, by relation.
type Sizes = BTreeMap<i64, (u64, u64)>;

impl Head {
    fn with(self, sizes: &Sizes, samples: (&writes::Sample, Option<&writes::Sample>)) -> Table {
        let size = |oid: &i64| sizes.get(oid).copied().unwrap_or_default();
        let all = self.leaves.iter().map(size);
        let (bytes, index_bytes) = all.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
        tracing::trace!(oid = self.oid, bytes, "table measured");
        Table {
            bytes,
            index_bytes,
            rows: self.rows,
            writes_per_second: writes::rate(&self.leaves, samples),
            partitioned: self.partitioned,
            partitions: self.partitions,
            default_partition: self.default_partition,
            columns: self.columns,
            constraints: self.constraints,
            indexes: self.indexes,
            publications: self.publications,
            dependents: self.dependents,
            referenced_by: self.referenced_by,
        }
    }
}

fn unseen(server: &Server) -> Vec<Unseen> {
    let mut unseen = Vec::new();
    if !server.sees_sessions {
        unseen.push(Unseen::Sessions);
    } else if server.hidden_sessions {
        unseen.push(Unseen::HiddenSession);
    }
    unseen
}

/// Begins a transaction that only reads, within a limit; whoever began it ends it.
async fn begin(conn: &mut PgConnection, limits: &str) -> Result<(), Error> {
    let text = format!("{BEGIN_READ_ONLY}; {limits}");
    sql::execute_script(conn, text)
        .await
        .map_err(Error::query("begin to read"))?;
    Ok(())
}

/// Ends it; also one that failed.
async fn end(conn: &mut PgConnection) -> Result<(), Error> {
    sql::execute_script(conn, "ROLLBACK")
        .await
        .map_err(Error::query("end reading"))?;
    Ok(())
}

/// JIT: a catalog that was never analyzed makes the planner take these questions for huge, and compiling them would take seconds.
const LIMITS: &str =
    "SET LOCAL statement_timeout = '10s'; SET LOCAL lock_timeout = '500ms'; SET LOCAL jit = off";

/// The tables. Who has one to himself keeps us from its constraints' definitions, and from nothing else.
async fn tables(
    conn: &mut PgConnection,
    words: Option<&[String]>,
    unseen: &mut Vec<Unseen>,
) -> Result<BTreeMap<String, Head>, Error> {
    let doing = "read the tables of the script";
    let question = |definitions: bool| sql::scalar(TABLES).bind(words).bind(definitions);
    match asked(&mut *conn, doing, question(true)).await {
        Err(Error::Query { source, .. }) if classify(&source) == Class::LockTimeout => {
            unseen.push(Unseen::Definitions);
            asked(conn, doing, question(false)).await
        }
        other => other,
    }
}

/// The JSON that a question answers, in a transaction of its own.
async fn asked<T: DeserializeOwned>(
    conn: &mut PgConnection,
    doing: &str,
    question: QueryScalar<'_, Postgres, String, PgArguments>,
) -> Result<T, Error> {
    begin(&mut *conn, LIMITS).await?;
    let answer = question.fetch_one(&mut *conn).await;
    end(conn).await?;
    let json = answer.map_err(Error::query(doing))?;
    serde_json::from_str(&json).map_err(|source| Error::Shape {
        doing: doing.to_owned(),
        source,
    })
}

async fn sizes(conn: &mut PgConnection, leaves: &[i64]) -> Result<Sizes, Error> {
    let mut sizes = Sizes::new();
    for leaf in leaves {
        if sizes.contains_key(leaf) {
            continue;
        }
        begin(
            &mut *conn,
            "SET LOCAL statement_timeout = '2s'; SET LOCAL lock_timeout = '100ms'",
        )
        .await?;
        let exact = size(&mut *conn, SIZE, *leaf).await;
        end(&mut *conn).await?;
        let found = match exact {
            Err(error) if matches!(classify(&error), Class::LockTimeout | Class::StatementTimeout) => {
                size(&mut *conn, ESTIMATED_SIZE, *leaf).await
            }
            other => other,
        };
        let (rows, indexes) = found.map_err(Error::query("read the size of a table"))?;
        sizes.insert(*leaf, (rows.unsigned_abs(), indexes.unsigned_abs()));
    }
    Ok(sizes)
}

/// Of a table that was dropped meanwhile: nothing.
async fn size(conn: &mut PgConnection, text: &'static str, leaf: i64) -> Result<(i64, i64), sqlx::Error> {
    let found: Option<(Option<i64>, Option<i64>)> =
        sql::query_as(text).bind(leaf).fetch_optional(conn).await?;
    let (rows, indexes) = found.unwrap_or_default();
    Ok((rows.unwrap_or_default(), indexes.unwrap_or_default()))
}
