//! A target with its connections: one pool per database role, and the ledger.
//!
//! Roles fall back as the settings say, so that one URL is enough on a laptop and four keep
//! privileges apart in production.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use engine::catalog::EngineKind;
use engine::db::{self, ConnectError, Pool};
use engine::postgres::session::{Route, SessionOptions};
use proto::TargetName;
use shared::clock::{Clock, within};
use shared::service::Part;
use shared::settings::{DatabaseRole, TargetBudget, TargetSettings};

use crate::error::Error as LedgerError;
use crate::open::{Ledger, Setup};

/// A target, connected.
#[derive(Clone, Debug)]
pub struct Target {
    /// Name in the configuration.
    pub name: TargetName,
    /// The truth.
    pub ledger: Ledger,
    /// Reads and writes rows; may go through a transaction-pooling PgBouncer.
    pub data: Pool,
    /// DDL and triggers; direct.
    pub owner: Pool,
    /// Signals; direct.
    pub monitor: Pool,
    /// What all jobs together may load it with.
    pub budget: TargetBudget,
}

/// How a process presents itself and how many connections it wants.
#[derive(Clone, Debug)]
pub struct Presence {
    /// `application_name`, such as `sluice backfiller-1`.
    pub application_name: String,
    /// Connections in the data pool: slots and a spare.
    pub data_connections: u32,
}

/// Whether a missing ledger is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// Create and upgrade (planners, embedded runs).
    Create,
    /// Fail with [`LedgerError::Absent`] (workers, the command line).
    Fail,
}

/// Why a target could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A connection could not be made.
    #[error("target {target}: the {role} connection failed")]
    Connect {
        /// The target.
        target: TargetName,
        /// Which role's URL.
        role: &'static str,
        /// Why.
        #[source]
        source: ConnectError,
    },
    /// The ledger could not be opened.
    #[error("target {target}: the ledger cannot be opened")]
    Ledger {
        /// The target.
        target: TargetName,
        /// Why.
        #[source]
        source: LedgerError,
    },
}

impl Error {
    /// Trying again later can help.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Connect { source, .. } => source.class().is_retryable(),
            Self::Ledger { source, .. } => source.is_transient(),
        }
    }
}

impl Target {
    /// Connects every role and opens the ledger.
    ///
    /// # Errors
    /// [`Error`], naming the target and the role.
    pub async fn connect(
        name: TargetName,
        settings: &TargetSettings,
        presence: &Presence,
        missing: Missing,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self, Error> {
        let open = |role: DatabaseRole, label: &'static str, max_connections: u32, route: Route| {
            let options = SessionOptions {
                application_name: presence.application_name.clone(),
                max_connections,
                route,
            };
            let url = settings.url_for(role).clone();
            let target = name.clone();
            async move {
                db::connect(&url, &options)
                    .await
                    .map_err(|source| Error::Connect {
                        target,
                        role: label,
                        source,
                    })
            }
        };
        let ledger_pool = open(DatabaseRole::Ledger, "ledger", 6, Route::Direct).await?;
        let data = open(
            DatabaseRole::Data,
            "data",
            presence.data_connections,
            Route::Pooled,
        )
        .await?;
        let owner = open(DatabaseRole::Owner, "owner", 3, Route::Direct).await?;
        let monitor = open(DatabaseRole::Monitor, "monitor", 2, Route::Direct).await?;
        let failed = |source| Error::Ledger {
            target: name.clone(),
            source,
        };
        let ledger = match missing {
            Missing::Fail => Ledger::open(ledger_pool, name.clone()).await,
            Missing::Create => {
                let setup = Setup {
                    owner: Some(user_of(&owner).await.map_err(failed)?),
                    data: Some(user_of(&data).await.map_err(failed)?),
                    monitor: Some(user_of(&monitor).await.map_err(failed)?),
                    acknowledged_publications: settings.acknowledge_publications.clone(),
                };
                Ledger::create_or_open(ledger_pool, name.clone(), &setup, clock).await
            }
        }
        .map_err(failed)?;
        Ok(Self {
            name,
            ledger,
            data,
            owner,
            monitor,
            budget: settings.budget,
        })
    }

    /// Connects as a worker does, which comes up in any order with the database and the planner: while nobody
    /// answers or no planner has made a ledger yet, it waits, and tells `waiting` why.
    ///
    /// # Errors
    /// [`Error`] for what waiting cannot mend: a wrong password, a copied ledger, a ledger too new.
    pub async fn connect_when_there(
        name: TargetName,
        settings: &TargetSettings,
        presence: &Presence,
        clock: &Arc<dyn Clock>,
        waiting: impl Fn(String) + Send,
    ) -> Result<Self, Error> {
        loop {
            let error = match Self::connect(name.clone(), settings, presence, Missing::Fail, clock).await {
                Ok(target) => return Ok(target),
                Err(error) => error,
            };
            if !error.may_pass() {
                return Err(error);
            }
            let cause = std::error::Error::source(&error)
                .map(ToString::to_string)
                .unwrap_or_default();
            waiting(format!("{error}: {cause}"));
            clock.sleep(LOOK_AGAIN).await;
        }
    }
}

/// How often [`Target::connect_when_there`] and [`Target::watch_health`] look.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// A database that answers later than this cannot be worked with.
const ANSWERS_WITHIN: Duration = Duration::from_secs(5);

impl Target {
    /// Keeps a part of a service's readiness at what the database says, for as long as it is polled. Both routes are
    /// asked: a pooler that is gone stops the work as much as a database that is.
    pub async fn watch_health(&self, part: &Part, clock: &dyn Clock) -> Infallible {
        loop {
            match self.health(clock).await {
                Ok(()) => part.ready(),
                Err(why) => part.not_ready(why),
            }
            clock.sleep(LOOK_AGAIN).await;
        }
    }

    async fn health(&self, clock: &dyn Clock) -> Result<(), String> {
        for (route, pool) in [("ledger", self.ledger.pool()), ("data", &self.data)] {
            let asked = async { pool.acquire().await?.execute_script(PING).await };
            match within(clock, ANSWERS_WITHIN, asked).await {
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(format!("the {route} connection fails: {error}")),
                None => {
                    return Err(format!(
                        "no answer over the {route} connection within {} s",
                        ANSWERS_WITHIN.as_secs()
                    ));
                }
            }
        }
        Ok(())
    }
}

/// Over the simple protocol, so that it needs no session behind a pooler.
const PING: &str = "/* sluice:ledger.ping */ SELECT 1";

impl Error {
    /// Whether waiting can mend it, for somebody who does not make ledgers.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        self.is_transient()
            || matches!(
                self,
                Self::Ledger {
                    source: LedgerError::Absent,
                    ..
                }
            )
    }
}

/// In a transaction, because the route may be pooled.
async fn user_of(pool: &Pool) -> Result<String, LedgerError> {
    if pool.engine() == EngineKind::Sqlite {
        return Ok(String::new());
    }
    let mut tx = pool
        .begin()
        .await
        .map_err(LedgerError::of("ledger.current_user"))?;
    db::scalar("/* ledger.current_user */ SELECT current_user::text")
        .persistent(false)
        .fetch_one(&mut tx)
        .await
        .map_err(LedgerError::of("ledger.current_user"))
}
