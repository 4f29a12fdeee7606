//! Sessions: how Sluice connects, what every batch sets before it touches a row, and how a lost
//! backend is proven gone.
//!
//! Two routes exist. A *direct* connection keeps session state. A *pooled* one may go through PgBouncer in
//! transaction mode, where the next transaction may meet another server: no prepared statement outlives
//! its transaction, no startup option is sent, every setting is `SET LOCAL` ([`set_local`]).
//!
//! What breaks it: work that leaves text output (dates, floats) to the session's taste. A value computed from a
//! date's text would then differ between the trigger, the fill and the check, and a sweep would never end.
//! So one list, [`PINNED`], fixes those settings for all three.

mod backend;
mod give_way;
mod home;
mod kept;
mod user;

pub use backend::{Backend, Terminated, backend, terminate_backend};
pub use give_way::give_way;
pub use home::Home;

use std::time::Duration;

use proto::JobId;
use secrecy::{ExposeSecret, SecretString};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions};
use sqlx::{ConnectOptions, Connection};

use super::error::{Class, Error, classify, sqlstate};
use super::ident::{self, IdentError};
use crate::sql;

/// Settings that change what an expression yields or how its text looks; the same in every batch, every
/// check and every trigger function.
///
/// The `lc_*` settings are left alone: only functions that are not immutable read them, and those are refused.
pub const PINNED: [(&str, &str); 6] = [
    ("TimeZone", "UTC"),
    ("DateStyle", "ISO, MDY"),
    ("IntervalStyle", "postgres"),
    ("extra_float_digits", "1"),
    ("bytea_output", "hex"),
    ("standard_conforming_strings", "on"),
];

/// Begins every transaction that checks a table after locking it. A default of the database or the role (`repeatable read`)
/// would give all its statements the snapshot of the first one: a fingerprint read after the lock would be one from before it.
pub const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED";
/// [`BEGIN`] for what only reads.
pub const BEGIN_READ_ONLY: &str = "BEGIN ISOLATION LEVEL READ COMMITTED, READ ONLY";

/// How long establishing a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// What lies between Sluice and the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// Nothing: session state lasts.
    Direct,
    /// Maybe a transaction-pooling PgBouncer: nothing may outlive a transaction.
    Pooled,
}

/// How to connect.
#[derive(Clone, Debug)]
pub struct SessionOptions {
    /// Shown in `pg_stat_activity`, such as `sluice backfiller-1`.
    pub application_name: String,
    /// Most connections at a time.
    pub max_connections: u32,
    /// What lies between.
    pub route: Route,
    /// Where every connection must lead.
    pub home: Home,
}

/// Why there is no connection. Never holds the password.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The URL cannot be read.
    #[error(
        "the database URL cannot be read; it should look like postgres://user:password@host:5432/database"
    )]
    Url(#[source] sqlx::Error),
    /// Nobody answered, or the server said no.
    #[error("could not connect to PostgreSQL at {at}; {}", advice(source))]
    Refused {
        /// `host:port, database "d", user "u"`.
        at: String,
        /// What the driver or the server said.
        source: sqlx::Error,
    },
    /// Nobody answered in time.
    #[error("no answer from PostgreSQL at {at} within {seconds} s; check host, port and firewall")]
    Silent {
        /// `host:port, database "d", user "u"`.
        at: String,
        /// How long was waited.
        seconds: u64,
    },
}

impl ConnectError {
    /// What it means for a retry.
    #[must_use]
    pub fn class(&self) -> Class {
        match self {
            Self::Url(_) => Class::Permanent,
            Self::Refused { source, .. } => classify(source),
            Self::Silent { .. } => Class::Transient,
        }
    }
}

/// What to look at, by what went wrong.
fn advice(source: &sqlx::Error) -> &'static str {
    if let Some(advice) = distrusted(&source.to_string()) {
        return advice;
    }
    if matches!(source, sqlx::Error::Io(_)) {
        return "nobody answers there: check host and port, that the server runs, and that it is reachable from here";
    }
    match sqlstate(source).as_deref() {
        Some("28P01") => "check user and password (PGPASSWORD, or in the URL)",
        Some("28000") => "check the user, whether it may log in, and the server's pg_hba.conf",
        Some("3D000") => "check the name of the database, which comes after the last slash of the URL",
        Some("42501") => "this user may not enter the database: GRANT CONNECT ON DATABASE ... TO ...",
        Some("53300") => "the server has no connection left: wait, or raise max_connections",
        Some("57P03") => "the server is starting or stopping: try again in a moment",
        Some(_) => "the server said no",
        None => "check that a PostgreSQL server answers there, with or without TLS as the URL says (sslmode)",
    }
}

/// Whether the server could not prove that it is the one that the URL names, by how rustls puts it.
fn distrusted(said: &str) -> Option<&'static str> {
    let about = [
        (
            "UnknownIssuer",
            "nobody who is trusted here has signed its certificate: name the authority's with sslrootcert=FILE in the URL",
        ),
        (
            "not valid for name",
            "its certificate is for another host: connect by a name that it is for, or give the server one for this name",
        ),
        (
            "BadSignature",
            "another authority of the same name has signed its certificate: is sslrootcert an old one?",
        ),
        ("invalid peer certificate", "its certificate cannot be used"),
    ];
    about
        .into_iter()
        .find(|(word, _)| said.contains(word))
        .map(|(_, advice)| advice)
}

/// One connection, outside any pool.
///
/// # Errors
/// [`ConnectError`], which names host, port, database and user, never the password.
pub async fn connect(url: &SecretString, options: &SessionOptions) -> Result<PgConnection, ConnectError> {
    establish(&parse(url, options)?).await
}

/// A pool. One connection is made at once, so that a wrong URL is told now and in its own words: the pool itself would
/// hide a refused connection behind its acquire timeout.
///
/// # Errors
/// [`ConnectError`], which names host, port, database and user, never the password.
pub async fn connect_pool(url: &SecretString, options: &SessionOptions) -> Result<PgPool, ConnectError> {
    let parsed = parse(url, options)?;
    let probe = establish(&parsed).await?;
    if let Err(error) = probe.close().await {
        tracing::debug!(%error, "closing the first connection failed; the pool opens its own");
    }
    let pool = PgPoolOptions::new()
        .max_connections(options.max_connections)
        .acquire_timeout(CONNECT_TIMEOUT)
        .test_before_acquire(false)
        .before_acquire(|conn, kept_for| Box::pin(kept::still_there(conn, kept_for)))
        .after_release(|conn, _| Box::pin(kept::is_well(conn)));
    let (home, route) = (options.home.clone(), options.route);
    let pool = pool.after_connect(move |conn, _| {
        let home = home.clone();
        Box::pin(async move {
            if route == Route::Direct {
                kept::begin_session(conn).await?;
            }
            home.check(conn).await
        })
    });
    Ok(pool.connect_lazy_with(parsed))
}

/// A pool for a replica, whose connections can only read. Who is behind them is for whoever reads to ask, each time.
///
/// # Errors
/// [`ConnectError`], which names host, port, database and user, never the password.
pub async fn connect_replica_pool(
    url: &SecretString,
    options: &SessionOptions,
) -> Result<PgPool, ConnectError> {
    let parsed = parse(url, options)?;
    establish(&parsed).await?.close().await.ok();
    let pool = PgPoolOptions::new()
        .max_connections(options.max_connections)
        .acquire_timeout(CONNECT_TIMEOUT)
        .after_release(|conn, _| Box::pin(kept::answers(conn)));
    Ok(pool.connect_lazy_with(parsed))
}

/// What a URL says, as a session of ours uses it.
pub(crate) fn parse(url: &SecretString, options: &SessionOptions) -> Result<PgConnectOptions, ConnectError> {
    let parsed: PgConnectOptions = user::with_user(url.expose_secret())
        .parse()
        .map_err(ConnectError::Url)?;
    let parsed = parsed
        .application_name(&options.application_name)
        // PgBouncer refuses this startup parameter unless told otherwise; `set_local` sets it.
        .extra_float_digits(None)
        .disable_statement_logging();
    Ok(match options.route {
        Route::Direct => parsed,
        Route::Pooled => parsed.statement_cache_capacity(0),
    })
}

/// One connection, or why there is none.
pub(crate) async fn establish(options: &PgConnectOptions) -> Result<PgConnection, ConnectError> {
    let at = whereabouts(options);
    match tokio::time::timeout(CONNECT_TIMEOUT, PgConnection::connect_with(options)).await {
        Ok(Ok(conn)) => Ok(conn),
        Ok(Err(source)) => Err(ConnectError::Refused { at, source }),
        Err(_) => Err(ConnectError::Silent {
            at,
            seconds: CONNECT_TIMEOUT.as_secs(),
        }),
    }
}

fn whereabouts(options: &PgConnectOptions) -> String {
    let user = options.get_username();
    let database = options.get_database().unwrap_or(user);
    let host = options.get_socket().map_or_else(
        || options.get_host().to_owned(),
        |path| path.display().to_string(),
    );
    format!(
        "{host}:{}, database {database:?}, user {user:?}",
        options.get_port()
    )
}

/// What a batch fixes for its own transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchSettings {
    /// Longest statement.
    pub statement_timeout: Duration,
    /// Longest wait for a lock; below `deadlock_timeout`, so that the application is never the victim.
    pub lock_timeout: Duration,
    /// Longest silence inside the transaction: a stopped worker loses its locks after it.
    pub idle_timeout: Duration,
    /// The plan's schemas; `pg_temp` is put last.
    pub search_path: Vec<String>,
}

/// The statement behind [`set_local`]: one `SELECT` of `set_config(..., true)`.
///
/// # Errors
/// [`IdentError`] for a schema that cannot be quoted.
pub fn set_local_sql(settings: &BatchSettings) -> Result<String, IdentError> {
    let milliseconds = |d: Duration| format!("{}ms", d.as_millis());
    let mut pairs = vec![
        ("statement_timeout", milliseconds(settings.statement_timeout)),
        ("lock_timeout", milliseconds(settings.lock_timeout)),
        (
            "idle_in_transaction_session_timeout",
            milliseconds(settings.idle_timeout),
        ),
        ("search_path", ident::search_path(&settings.search_path)?),
        // An error instead of silently hidden rows.
        ("row_security", "off".to_owned()),
    ];
    pairs.extend(PINNED.map(|(name, value)| (name, value.to_owned())));
    let calls: Vec<_> = pairs
        .iter()
        .map(|(name, value)| format!("set_config('{name}', {}, true)", ident::literal(value)))
        .collect();
    Ok(format!(
        "/* sluice:session.set_local */ SELECT {}",
        calls.join(", ")
    ))
}

/// Applies [`BatchSettings`] and [`PINNED`] to the open transaction, in one round trip. Outside a transaction it
/// has no effect.
///
/// # Errors
/// A schema that cannot be quoted, or what the server said.
pub async fn set_local(conn: &mut PgConnection, settings: &BatchSettings) -> Result<(), Error> {
    let text = set_local_sql(settings)?;
    sql::execute_script(conn, text)
        .await
        .map_err(Error::query("set the transaction's settings"))?;
    Ok(())
}

/// `text` with a leading comment that names its place and job in `pg_stat_activity`.
///
/// `name` is a `noun.verb` such as `backfiller.batch`.
#[must_use]
pub fn tag(text: &str, name: &'static str, job: JobId) -> String {
    format!("/* sluice:{name} job={job} */ {text}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(schemas: &[&str]) -> BatchSettings {
        BatchSettings {
            statement_timeout: Duration::from_secs(30),
            lock_timeout: Duration::from_millis(500),
            idle_timeout: Duration::from_secs(5),
            search_path: schemas.iter().map(|s| (*s).to_owned()).collect(),
        }
    }

    #[test]
    fn every_setting_of_a_batch_is_local_to_its_transaction() {
        let text = set_local_sql(&settings(&["music", "o'dd"])).unwrap();
        assert_eq!(text.matches("set_config(").count(), 5 + PINNED.len());
        assert_eq!(text.matches(", true)").count(), 5 + PINNED.len());
        assert!(
            text.contains("set_config('lock_timeout', '500ms', true)"),
            "{text}"
        );
        assert!(
            text.contains(r#"set_config('search_path', '"music", "o''dd", "pg_temp"', true)"#),
            "{text}"
        );
        assert!(text.contains("set_config('row_security', 'off', true)"), "{text}");
    }

    #[test]
    fn a_connection_error_names_the_place_and_never_the_password() {
        let url = SecretString::from("postgres://ann:s3cret@db.example:6000/music");
        let options = SessionOptions {
            application_name: "sluice test".into(),
            max_connections: 1,
            route: Route::Pooled,
            home: Home::default(),
        };
        let parsed = parse(&url, &options).unwrap();
        assert_eq!(
            whereabouts(&parsed),
            r#"db.example:6000, database "music", user "ann""#
        );
    }

    #[test]
    fn an_unreadable_url_does_not_show_itself() {
        let url = SecretString::from("postgres://ann:s3cret@db.example:port/music");
        let options = SessionOptions {
            application_name: "t".into(),
            max_connections: 1,
            route: Route::Direct,
            home: Home::default(),
        };
        let error = parse(&url, &options).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("s3cret"));
    }
}
