//! Where a test's jobs run: a database on a server, with its documented roles, or a file.

use std::sync::Arc;

use engine::db::Connection;
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
            data_connections: 4,
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
}
