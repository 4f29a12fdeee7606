//! A test's own SQLite file, in a throw-away folder that goes with it.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use engine::db::{self, Column, Connection};
use engine::sqlite::{session, tokens};
use ledger::Ledger;
use ledger::target::Target;
use secrecy::SecretString;
use shared::settings::TargetSettings;
use sqlx::ConnectOptions as _;
use sqlx::sqlite::SqliteJournalMode;

use crate::place::Place;

/// See the module.
#[derive(Debug)]
pub struct File {
    folder: tempfile::TempDir,
}

impl File {
    /// An empty database in which readers and the writer do not wait for each other.
    ///
    /// # Errors
    /// It cannot be made.
    pub async fn new() -> anyhow::Result<Self> {
        Self::in_mode(SqliteJournalMode::Wal).await
    }

    /// The same with another journal.
    ///
    /// # Errors
    /// It cannot be made.
    pub async fn in_mode(mode: SqliteJournalMode) -> anyhow::Result<Self> {
        let file = Self {
            folder: tempfile::tempdir()?,
        };
        let made = session::options(&file.path())
            .create_if_missing(true)
            .journal_mode(mode)
            .connect()
            .await?;
        Connection::from(made).close().await?;
        Ok(file)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("test.db")
    }

    /// The folder it is in.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// As Sluice and the application name it.
    #[must_use]
    pub fn url(&self) -> String {
        format!("sqlite:{}", self.path().display())
    }

    /// A connection, as the application makes one.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub async fn connection(&self) -> sqlx::Result<Connection> {
        db::connect_alone(&self.url(), "test").await
    }

    /// Runs statements.
    ///
    /// # Errors
    /// What SQLite says.
    pub async fn execute(&self, statements: &str) -> anyhow::Result<u64> {
        let mut conn = self.connection().await?;
        let done = conn.execute_script(statements).await;
        conn.close().await?;
        done.with_context(|| format!("SQLite refuses: {statements}"))
    }

    /// The one value that a query answers.
    ///
    /// # Errors
    /// What SQLite says.
    pub async fn value<T: Column>(&self, query: &str) -> anyhow::Result<T> {
        let mut conn = self.connection().await?;
        let value = db::scalar(query.to_owned()).fetch_one(&mut conn).await;
        conn.close().await?;
        value.with_context(|| format!("SQLite refuses: {query}"))
    }

    /// Every object that is not ours, as the file spells it. Names lose their quotes: SQLite itself quotes what it renames.
    ///
    /// # Errors
    /// What SQLite says.
    pub async fn schema_dump(&self) -> anyhow::Result<String> {
        const OBJECTS: &str = "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sluice%' \
            AND tbl_name NOT LIKE 'sluice%' AND name NOT LIKE 'sqlite%' ORDER BY type, name";
        let mut conn = self.connection().await?;
        let texts: Vec<String> = db::scalar(OBJECTS).fetch_all(&mut conn).await?;
        conn.close().await?;
        Ok(texts.iter().map(|text| plain(text) + "\n").collect())
    }

    /// The settings of a target whose every role is this file.
    #[must_use]
    pub fn settings(&self) -> TargetSettings {
        TargetSettings::new(SecretString::from(self.url()))
    }

    /// The file as a target, with a ledger.
    ///
    /// # Errors
    /// What a service would say.
    pub async fn target(&self) -> Result<Target, ledger::target::Error> {
        Place::from(self).target(&self.settings()).await
    }

    /// A ledger on its own, created.
    ///
    /// # Errors
    /// What a service would say.
    pub async fn ledger(&self) -> Result<Ledger, ledger::target::Error> {
        Ok(self.target().await?.ledger)
    }
}

/// The words of a statement with one space between, and names without quotes.
fn plain(text: &str) -> String {
    let words = tokens::tokens(text).unwrap_or_default();
    let words: Vec<String> = words
        .iter()
        .map(|token| token.name().unwrap_or_else(|| token.text.to_owned()))
        .collect();
    words.join(" ")
}
