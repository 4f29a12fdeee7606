//! A target with its connections: one pool per database role, and the ledger.
//!
//! Roles fall back as the settings say, so that one URL is enough on a laptop and four keep
//! privileges apart in production.

use std::sync::Arc;
use std::time::Duration;

use engine::catalog::EngineKind;
use engine::db::{self, ConnectError, Pool, Raw};
use engine::postgres::session::{Home, Route, SessionOptions};
use proto::TargetName;
use shared::clock::{Clock, within};
use shared::service::{Part, chain};
use shared::settings::{DatabaseRole, RereadReplica, TargetBudget, TargetSettings, TargetThrottle};

use crate::error::Error as LedgerError;
use crate::open::{Ledger, Setup};
use crate::standing;

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
    /// Signals that its settings name.
    pub throttle: Arc<TargetThrottle>,
    /// The replica on which chunks are re-read; None: the primary. Nothing is connected there yet.
    pub reread_replica: Option<RereadReplica>,
    /// Where all of them lead.
    pub home: Home,
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
    /// Connects every role and opens the ledger. From then on every connection leads to the database, and the timeline, that answered here.
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
        let home = Home::default();
        let opening = Self::open(name.clone(), settings, presence, missing, (clock, &home));
        // The pool would go on to ask for a connection that leads home until its patience is over.
        tokio::select! {
            biased;
            why = home.left() => Err(Error::Ledger {
                target: name,
                source: LedgerError::Elsewhere(why),
            }),
            opened = opening => opened,
        }
    }

    async fn open(
        name: TargetName,
        settings: &TargetSettings,
        presence: &Presence,
        missing: Missing,
        (clock, home): (&Arc<dyn Clock>, &Home),
    ) -> Result<Self, Error> {
        let open = |role: DatabaseRole, label: &'static str, max_connections: u32, route: Route| {
            let options = SessionOptions {
                application_name: presence.application_name.clone(),
                max_connections,
                route,
                home: home.clone(),
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
        let failed = |source| Error::Ledger {
            target: name.clone(),
            source,
        };
        let ledger_pool = open(DatabaseRole::Ledger, "ledger", 6, Route::Direct).await?;
        settle(home, &ledger_pool).await.map_err(failed)?;
        let data = open(
            DatabaseRole::Data,
            "data",
            presence.data_connections,
            Route::Pooled,
        )
        .await?;
        let owner = open(DatabaseRole::Owner, "owner", 3, Route::Direct).await?;
        let monitor = open(DatabaseRole::Monitor, "monitor", 3, Route::Direct).await?;
        let ledger = match missing {
            Missing::Fail => Ledger::open(ledger_pool, name.clone()).await,
            Missing::Create => {
                let setup = Setup {
                    owner: Some(user_of(&owner).await.map_err(failed)?),
                    data: Some(user_of(&data).await.map_err(failed)?),
                    monitor: Some(user_of(&monitor).await.map_err(failed)?),
                    acknowledged_publications: settings.acknowledge_publications.clone(),
                    by: presence.application_name.clone(),
                };
                Ledger::create_or_open(ledger_pool, name.clone(), &setup, clock).await
            }
        }
        .map_err(failed)?;
        ledger.standing().to_work().map_err(failed)?;
        Ok(Self {
            name,
            ledger,
            data,
            owner,
            monitor,
            budget: settings.budget,
            throttle: Arc::new(settings.throttle.clone()),
            reread_replica: settings.reread_replica(),
            home: home.clone(),
        })
    }

    /// Closes every connection: what still waits for one is refused at once. One that does not answer is not waited for.
    pub async fn close(&self, clock: &dyn Clock) {
        let closing = async {
            tokio::join!(
                self.ledger.pool().close(),
                self.data.close(),
                self.owner.close(),
                self.monitor.close()
            )
        };
        // What is left closes when its last holder drops it.
        let _ = within(clock, ANSWERS_WITHIN, closing).await;
    }

    /// Connects as a service does, which comes up in any order with the database and the planner: while nobody answers, or the
    /// ledger is not there or not one to work with (a copy that nobody has adopted, say), it waits, and tells `waiting` why, once a reason.
    ///
    /// # Errors
    /// [`Error`] for what waiting cannot mend, such as a wrong password.
    pub async fn connect_when_there(
        name: TargetName,
        settings: &TargetSettings,
        presence: &Presence,
        missing: Missing,
        clock: &Arc<dyn Clock>,
        waiting: impl Fn(String) + Send,
    ) -> Result<Self, Error> {
        let mut told = None;
        loop {
            let error = match Self::connect(name.clone(), settings, presence, missing, clock).await {
                Ok(target) => return Ok(target),
                Err(error) => error,
            };
            if !error.may_pass() {
                return Err(error);
            }
            // It may take days until somebody adopts a copy.
            let why = chain(&error);
            if told.as_ref() != Some(&why) {
                waiting(why.clone());
                told = Some(why);
            }
            clock.sleep(LOOK_AGAIN).await;
        }
    }
}

/// How often [`Target::connect_when_there`] and [`Target::watch_health`] look.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// A database that answers later than this cannot be worked with.
const ANSWERS_WITHIN: Duration = Duration::from_secs(5);

/// What a look at a target found.
enum Health {
    Well,
    /// It may be well again.
    Unwell(String),
    /// It is another database, or another ledger, than the one that was opened.
    Left(String),
}

impl Target {
    /// Keeps a part of a service's readiness at what the database says, for as long as the target is what was opened. Both routes are
    /// asked: a pooler that is gone stops the work as much as a database that is.
    ///
    /// Answers once it is not, with why: the database is another one, or was promoted, or the ledger is gone, adopted, or too new. Whatever was
    /// begun with this target must then be dropped, its connections too ([`close`](Self::close)), and the target be opened anew.
    pub async fn watch_health(&self, part: &Part, clock: &dyn Clock) -> String {
        let looks = async {
            loop {
                match self.health(clock).await {
                    Health::Well => part.ready(),
                    Health::Unwell(why) => part.not_ready(why),
                    Health::Left(why) => return why,
                }
                clock.sleep(LOOK_AGAIN).await;
            }
        };
        let why = tokio::select! {
            biased;
            why = self.home.left() => why,
            why = looks => why,
        };
        tracing::warn!(target_name = %self.name, "this target is dropped and opened anew: {why}");
        part.not_ready(why.clone());
        why
    }

    async fn health(&self, clock: &dyn Clock) -> Health {
        let silent = |route| {
            let seconds = ANSWERS_WITHIN.as_secs();
            Health::Unwell(format!(
                "no answer over the {route} connection within {seconds} s"
            ))
        };
        match within(clock, ANSWERS_WITHIN, self.ledger.look()).await {
            Some(Ok(())) => {}
            Some(Err(error)) if error.is_elsewhere() => return Health::Left(chain(&error)),
            Some(Err(error)) => {
                return Health::Unwell(format!("the ledger connection fails: {}", chain(&error)));
            }
            None => return silent("ledger"),
        }
        let asked = async {
            let mut conn = self.data.acquire().await?;
            if let Raw::Postgres(conn) = conn.raw() {
                // Behind a pooler the server of a connection may have changed.
                self.home.check(conn).await?;
            }
            conn.execute_script(PING).await
        };
        match within(clock, ANSWERS_WITHIN, asked).await {
            Some(Ok(_)) => Health::Well,
            Some(Err(error)) => Health::Unwell(format!("the data connection fails: {error}")),
            None => silent("data"),
        }
    }
}

/// Over the simple protocol, so that it needs no session behind a pooler.
const PING: &str = "/* sluice:ledger.ping */ SELECT 1";

impl Error {
    /// Whether waiting can mend it, or a person who sees to the ledger meanwhile.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        self.is_transient() || matches!(self, Self::Ledger { source, .. } if source.is_elsewhere())
    }
}

/// Whatever the first connection leads to is what every later one must lead to.
async fn settle(home: &Home, pool: &Pool) -> Result<(), LedgerError> {
    let mut conn = pool.acquire().await.map_err(LedgerError::of("ledger.connect"))?;
    if let (_, Some(identity)) = standing::here(&mut conn).await? {
        home.settle(&identity);
    }
    Ok(())
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
