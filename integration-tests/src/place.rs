//! Where a test's jobs run: a database on a server, with its documented roles, or a file.

use std::sync::Arc;

use anyhow::Context as _;
use engine::db::{self, Column, Connection};
use ledger::target::{Error, Missing, Presence, Target};
use shared::clock::{Clock, SystemClock};
use shared::settings::TargetSettings;

use crate::database::{Database, Role};
use crate::file::File;
use crate::target;

/// See the module.
#[derive(Clone, Copy, Debug)]
pub enum Place<'a> {
    /// On PostgreSQL.
    Server(&'a Database<'a>),
    /// On SQLite.
    File(&'a File),
}

impl<'a> From<&'a Database<'_>> for Place<'a> {
    fn from(database: &'a Database<'_>) -> Self {
        Self::Server(database)
    }
}

impl<'a> From<&'a File> for Place<'a> {
    fn from(file: &'a File) -> Self {
        Self::File(file)
    }
}

impl Place<'_> {
    /// The settings of a target that is this place.
    #[must_use]
    pub fn settings(self) -> TargetSettings {
        match self {
            Self::Server(database) => target::settings(database),
            Self::File(file) => file.settings(),
        }
    }

    /// Connects every role and creates the ledger.
    ///
    /// # Errors
    /// What a service would say.
    pub async fn target(self, settings: &TargetSettings) -> Result<Target, Error> {
        let name = match self {
            Self::Server(database) => format!("sluice test {}", database.name()),
            Self::File(_) => "sluice test".to_owned(),
        };
        let clock: Arc<dyn Clock> = SystemClock::shared();
        let presence = Presence {
            application_name: name,
            data_connections: 6,
        };
        Target::connect("test".into(), settings, &presence, Missing::Create, &clock).await
    }

    /// A connection of the role that compiles specs.
    ///
    /// # Errors
    /// It is refused.
    pub async fn data(self) -> sqlx::Result<Connection> {
        match self {
            Self::Server(database) => database.connection(Role::Data).await,
            Self::File(file) => file.connection().await,
        }
    }

    /// By which URL the application reaches it.
    #[must_use]
    pub fn application_url(self) -> String {
        match self {
            Self::Server(database) => database.url(Role::App),
            Self::File(file) => file.url(),
        }
    }

    /// By which URL the application reads its flags.
    #[must_use]
    pub fn flags_url(self) -> String {
        match self {
            Self::Server(database) => database.url(Role::Ledger),
            Self::File(file) => file.url(),
        }
    }

    /// A connection that may read everything.
    ///
    /// # Errors
    /// It is refused.
    pub async fn reader(self) -> sqlx::Result<Connection> {
        match self {
            Self::Server(database) => database.reader().await,
            Self::File(file) => file.connection().await,
        }
    }

    /// The one value that a query answers, for somebody who may read everything. Tables of the ledger are spelled as PostgreSQL
    /// spells them.
    ///
    /// # Errors
    /// What the database says.
    pub async fn value<T: Column>(self, query: &str) -> anyhow::Result<T> {
        let mut conn = self.reader().await?;
        let value = db::scalar(query.to_owned()).fetch_one(&mut conn).await;
        conn.close().await?;
        value.with_context(|| format!("the database refuses: {query}"))
    }

    /// Runs statements as the owner of the tables.
    ///
    /// # Errors
    /// What the database says.
    pub async fn execute(self, statements: &str) -> anyhow::Result<()> {
        match self {
            Self::Server(database) => database.execute_as(Role::Owner, statements).await.map(drop),
            Self::File(file) => file.execute(statements).await.map(drop),
        }
    }

    /// Runs statements as the application.
    ///
    /// # Errors
    /// What the database says.
    pub async fn apply(self, statements: &str) -> anyhow::Result<()> {
        match self {
            Self::Server(database) => database.execute_as(Role::App, statements).await.map(drop),
            Self::File(file) => file.execute(statements).await.map(drop),
        }
    }

    /// The schema without what is ours: equal dumps, equal schemas.
    ///
    /// # Errors
    /// It cannot be read.
    pub async fn schema_dump(self) -> anyhow::Result<String> {
        match self {
            Self::Server(database) => database.schema_dump().await,
            Self::File(file) => file.schema_dump().await,
        }
    }

    /// Asks how many writes of the new side the mirrors have counted.
    #[must_use]
    pub fn writes_of_new(self) -> &'static str {
        match self {
            Self::Server(_) => {
                "SELECT coalesce(sum(last_value), 0)::bigint FROM pg_sequences WHERE schemaname = 'sluice' AND sequencename LIKE 'sluice\\_%'"
            }
            Self::File(_) => "SELECT coalesce(sum(writes), 0) FROM sluice_counter",
        }
    }
}
