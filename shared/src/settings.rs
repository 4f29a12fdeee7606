//! What an operator configures: `sluice.toml`, then the environment (`SLUICE__BUS__URL`), then flags.
//!
//! Unknown keys are refused, because a misspelled `max_replica_lgo` that is silently ignored is a
//! limit that is not there. All faults are reported at once, so that a file is right after one
//! round. URLs carry passwords: they are [`SecretString`]s and leave this module only whole (to
//! connect) or [redacted](redact_url) (to be shown); no error here quotes a line of the file.

mod fault;
mod read;
mod redact;
mod table;
mod throttle;
mod verify_on;

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use config::{Environment, File, FileFormat, Source};
use proto::TargetName;
use secrecy::{ExposeSecret, SecretString};

pub use fault::{Error, Fault};
pub use redact::redact_url;
pub use throttle::{QuerySettings, TargetThrottle};
pub use verify_on::RereadReplica;

/// The file that is read when none is named, if it is there.
pub const DEFAULT_FILE: &str = "sluice.toml";

/// Everything that is configured.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// The databases Sluice may change, by name.
    pub targets: BTreeMap<TargetName, TargetSettings>,
    /// How the roles talk.
    pub bus: BusSettings,
    /// Logs.
    pub telemetry: TelemetrySettings,
    /// Health endpoint and shutdown.
    pub service: ServiceSettings,
    /// The hands.
    pub backfiller: BackfillerSettings,
    /// The eyes.
    pub verifier: VerifierSettings,
    /// The brain.
    pub planner: PlannerSettings,
}

/// One target. Each role has its own URL, or shares that of a mightier one: see [`TargetSettings::url_for`].
#[derive(Clone)]
pub struct TargetSettings {
    /// The data role: batches. May go through a transaction-pooling PgBouncer.
    pub url: SecretString,
    /// The owner role: DDL and triggers, on a direct connection.
    pub admin_url: Option<SecretString>,
    /// The monitor role: signals.
    pub monitor_url: Option<SecretString>,
    /// The ledger role: owns the schema `sluice`.
    pub ledger_url: Option<SecretString>,
    /// Replicas that must be seen replaying, by their `application_name`.
    pub replicas: Vec<String>,
    /// Publications that may see our ledger and our columns, by name.
    pub acknowledge_publications: Vec<String>,
    /// What all jobs together may load it with.
    pub budget: TargetBudget,
    /// Signals that a spec must not name by itself.
    pub throttle: TargetThrottle,
    /// The replica of [`TargetThrottle::replicas`] on which chunks are re-read; see [`TargetSettings::reread_replica`].
    pub verify_on: Option<String>,
}

/// The load that all jobs of a target together may make, however many workers there are. A job's own budget lies within it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TargetBudget {
    /// Chunks in flight; None: each job's own limit alone.
    pub max_parallel: Option<u32>,
    /// Rows written a second; None: not limited.
    pub max_rows_per_second: Option<u64>,
    /// Bytes of write-ahead log a second; None: not limited.
    pub max_wal_bytes_per_second: Option<u64>,
    /// Dead rows, in percent of a table's rows, from which a table that is being filled is vacuumed; 0: never; None: the default.
    pub vacuum_at_dead_percent: Option<u32>,
}

/// As whom a connection to a target works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DatabaseRole {
    /// Batches.
    Data,
    /// DDL and triggers.
    Owner,
    /// Signals.
    Monitor,
    /// Sluice's own tables.
    Ledger,
}

impl TargetSettings {
    /// A target with one URL for everything.
    #[must_use]
    pub fn new(url: SecretString) -> Self {
        Self {
            url,
            admin_url: None,
            monitor_url: None,
            ledger_url: None,
            replicas: Vec::new(),
            acknowledge_publications: Vec::new(),
            budget: TargetBudget::default(),
            throttle: TargetThrottle::default(),
            verify_on: None,
        }
    }

    /// The URL for a role; owner falls back to data, ledger and monitor fall back to owner.
    #[must_use]
    pub fn url_for(&self, role: DatabaseRole) -> &SecretString {
        let owner = self.admin_url.as_ref().unwrap_or(&self.url);
        match role {
            DatabaseRole::Data => &self.url,
            DatabaseRole::Owner => owner,
            DatabaseRole::Monitor => self.monitor_url.as_ref().unwrap_or(owner),
            DatabaseRole::Ledger => self.ledger_url.as_ref().unwrap_or(owner),
        }
    }

    /// The key of a URL that must not be there: a file knows no roles, and rows and ledger change in one transaction only where all
    /// roles have the same file.
    #[must_use]
    pub fn beside_a_file(&self) -> Option<&'static str> {
        let is_file = |url: &SecretString| is_file(url.expose_secret());
        let others = [
            ("admin_url", &self.admin_url),
            ("monitor_url", &self.monitor_url),
            ("ledger_url", &self.ledger_url),
        ];
        others
            .into_iter()
            .filter_map(|(key, url)| Some((key, url.as_ref()?)))
            .find(|(_, url)| is_file(&self.url) || is_file(url))
            .map(|(key, _)| key)
    }
}

/// Whether a URL names a file and not a server.
fn is_file(url: &str) -> bool {
    url.starts_with("sqlite:")
}

impl fmt::Debug for TargetSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |url: &Option<SecretString>| url.as_ref().map(|u| redact_url(u.expose_secret()));
        f.debug_struct("TargetSettings")
            .field("url", &redact_url(self.url.expose_secret()))
            .field("admin_url", &shown(&self.admin_url))
            .field("monitor_url", &shown(&self.monitor_url))
            .field("ledger_url", &shown(&self.ledger_url))
            .field("replicas", &self.replicas)
            .field("acknowledge_publications", &self.acknowledge_publications)
            .field("budget", &self.budget)
            .field("throttle", &self.throttle)
            .field("verify_on", &self.verify_on)
            .finish()
    }
}

/// How the roles talk.
#[derive(Clone, Default)]
pub enum BusSettings {
    /// Inside one process.
    #[default]
    Local,
    /// Over RabbitMQ.
    RabbitMq {
        /// `amqp://user:password@host:5672/vhost`
        url: SecretString,
        /// The management API, for depths with unacknowledged counts.
        management: Option<SecretString>,
        /// How both sides prove who they are, under TLS.
        tls: BusTls,
    },
}

/// Certificates of a connection to the broker, all in PEM.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BusTls {
    /// Authorities to believe beside those of the system.
    pub ca_file: Option<PathBuf>,
    /// Our certificate and its key, for a broker that asks for one.
    pub identity: Option<(PathBuf, PathBuf)>,
}

impl fmt::Debug for BusSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local => f.write_str("Local"),
            Self::RabbitMq { url, management, tls } => f
                .debug_struct("RabbitMq")
                .field("url", &redact_url(url.expose_secret()))
                .field(
                    "management",
                    &management.as_ref().map(|m| redact_url(m.expose_secret())),
                )
                .field("tls", tls)
                .finish(),
        }
    }
}

/// How logs look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For a person at a terminal.
    #[default]
    Human,
    /// One JSON object a line.
    Json,
}

/// Logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TelemetrySettings {
    /// How logs look.
    pub format: LogFormat,
    /// What is logged, as `tracing`'s filter: `info,planner=debug`.
    pub filter: String,
}

impl Default for TelemetrySettings {
    fn default() -> Self {
        // The libraries report every retry of theirs; ours say what matters of it. A channel of lapin's that is closed by the broker is an
        // error there, and often what we asked to find out.
        Self {
            format: LogFormat::Human,
            filter: "info,lapin=off,sqlx=warn".to_owned(),
        }
    }
}

/// Health endpoint and shutdown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceSettings {
    /// Where `/healthz`, `/readyz` and `/metrics` listen; port 0 takes a free one and logs it.
    pub listen: SocketAddr,
    /// How long work in hand may finish after the first SIGTERM.
    pub shutdown_budget: Duration,
}

impl Default for ServiceSettings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            shutdown_budget: Duration::from_secs(30),
        }
    }
}

/// The hands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackfillerSettings {
    /// Chunks this process works on at a time.
    pub slots: u16,
    /// How it is called in `status`; the host and process id by default.
    pub name: Option<String>,
}

impl Default for BackfillerSettings {
    fn default() -> Self {
        Self { slots: 2, name: None }
    }
}

/// The eyes. Nothing to configure yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VerifierSettings {}

/// The brain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannerSettings {
    /// How often it looks at the ledger when nothing wakes it.
    pub tick: Duration,
}

impl Default for PlannerSettings {
    fn default() -> Self {
        Self {
            tick: Duration::from_millis(500),
        }
    }
}

/// Where settings come from, in rising precedence.
#[derive(Clone, Default)]
pub struct Sources {
    /// A file that must exist; None: [`DEFAULT_FILE`] in the working directory, if it is there.
    pub file: Option<PathBuf>,
    /// Variables to look at instead of the process's environment.
    pub environment: Option<HashMap<String, String>>,
    /// Keys with their values, from flags: `("bus.url", "amqp://...")`.
    pub overrides: Vec<(String, String)>,
}

impl Settings {
    /// Reads and checks everything.
    ///
    /// # Errors
    /// [`Error::File`] and [`Error::Syntax`] if the file cannot be read at all; else [`Error::Faults`], with all of them.
    pub fn load(sources: &Sources) -> Result<Self, Error> {
        let mut builder = config::Config::builder();
        if let Some(path) = existing_file(sources)? {
            check_syntax(&path)?;
            builder = builder.add_source(File::from(path).format(FileFormat::Toml));
        }
        let mut faults = Vec::new();
        let environment = Environment::with_prefix("SLUICE")
            .prefix_separator("__")
            .separator("__")
            .ignore_empty(true)
            .source(Some(variables(sources, &mut faults)));
        builder = builder.add_source(environment);
        for (key, value) in &sources.overrides {
            builder = builder
                .set_override(key, value.as_str())
                .map_err(|_| Error::Key { key: key.clone() })?;
        }
        // Faults of the merge itself would be ours: each source was checked above.
        let merged = builder
            .build()
            .and_then(|c| c.collect())
            .map_err(|e| Error::Merge(e.to_string()))?;
        read::settings(merged, faults)
    }
}

fn existing_file(sources: &Sources) -> Result<Option<PathBuf>, Error> {
    match &sources.file {
        Some(path) => Ok(Some(path.clone())),
        None => match Path::new(DEFAULT_FILE).try_exists() {
            Ok(true) => Ok(Some(PathBuf::from(DEFAULT_FILE))),
            Ok(false) => Ok(None),
            Err(source) => Err(Error::File {
                path: DEFAULT_FILE.into(),
                source,
            }),
        },
    }
}

/// `config` would quote the faulty line, and with it a password; the parser's bare message does not.
fn check_syntax(path: &Path) -> Result<(), Error> {
    let text = std::fs::read_to_string(path).map_err(|source| Error::File {
        path: path.to_owned(),
        source,
    })?;
    toml::from_str::<toml::Table>(&text).map(drop).map_err(|e| {
        let at = e.span().map_or(0, |span| span.start);
        let line = text.bytes().take(at).filter(|b| *b == b'\n').count() + 1;
        Error::Syntax {
            path: path.to_owned(),
            line,
            message: e.message().to_owned(),
        }
    })
}

/// The variables that are ours. One that is not Unicode is a fault by name; its value is not shown.
fn variables(sources: &Sources, faults: &mut Vec<Fault>) -> HashMap<String, String> {
    if let Some(given) = &sources.environment {
        return given.clone();
    }
    let mut ours = HashMap::new();
    for (name, value) in std::env::vars_os() {
        let Some(name) = name
            .to_str()
            .filter(|n| n.to_ascii_lowercase().starts_with("sluice__"))
        else {
            continue;
        };
        match value.into_string() {
            Ok(value) => drop(ours.insert(name.to_owned(), value)),
            Err(_) => faults.push(Fault {
                key: name.to_owned(),
                found: "bytes that are not UTF-8".to_owned(),
                expected: "a text".to_owned(),
                origin: Some("the environment".to_owned()),
            }),
        }
    }
    ours
}

#[cfg(test)]
mod tests;
