//! A streaming replica of a private primary.

use std::time::Duration;

use anyhow::Context;
use sqlx::postgres::PgConnection;
use tokio::process::Command;

use super::server::{answers, connect, data, order};
use super::{SUPERUSER, Server, output, program};
use crate::account::{Account, file, folder};
use crate::keeper::{Kept, Signal};
use crate::{ports, wait};

/// A replica streams and catches up within this time.
const PATIENCE: Duration = Duration::from_secs(60);

/// A hot standby that streams from a [`Server`].
#[derive(Debug)]
pub struct Replica {
    kept: Kept,
    name: String,
    port: u16,
    password: String,
    account: Option<Account>,
}

impl Replica {
    pub(super) async fn start(primary: &Server, name: &str) -> anyhow::Result<Self> {
        let account = primary.account();
        let folder = folder("replica", account)?;
        let mut copy = Command::new(program("pg_basebackup")?);
        copy.current_dir(folder.path())
            .env("PGPASSWORD", primary.password())
            .arg("-D")
            .arg(data(folder.path()));
        copy.args([
            "-h",
            "127.0.0.1",
            "-U",
            SUPERUSER,
            "-X",
            "stream",
            "-c",
            "fast",
            "--no-sync",
        ]);
        copy.args(["-p", &primary.port().to_string()]);
        output(copy, account).await.context("cannot copy the primary")?;

        file(&data(folder.path()).join("standby.signal"), "", account)?;
        let settings = data(folder.path()).join("postgresql.auto.conf");
        let inherited = std::fs::read_to_string(&settings)?;
        file(
            &settings,
            &format!("{inherited}{}", source(primary, name)),
            account,
        )?;

        let port = ports::free()?;
        let kept = Kept::start(order(folder, port, name, account)?).await?;
        let replica = Self {
            kept,
            name: name.to_owned(),
            port,
            password: primary.password().to_owned(),
            account,
        };
        answers(&replica.kept, port, &replica.password).await?;
        replica.streams(primary).await?;
        Ok(replica)
    }

    /// What it calls itself in the primary's `pg_stat_replication`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its first process, the parent of all others, while it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.kept.pid()
    }

    /// A connection as superuser; the replica is read-only.
    ///
    /// # Errors
    /// It refuses.
    pub async fn superuser(&self, database: &str) -> sqlx::Result<PgConnection> {
        connect(self.port, database, &self.password).await
    }

    /// Keeps receiving, stops replaying: its lag grows until [`Self::resume`].
    ///
    /// # Errors
    /// It refuses, or does not pause in time.
    pub async fn pause(&self) -> anyhow::Result<()> {
        let mut conn = self.superuser("postgres").await?;
        sqlx::query("SELECT pg_wal_replay_pause()")
            .execute(&mut conn)
            .await?;
        wait::until("replay is paused", PATIENCE, || async {
            let mut conn = self.superuser("postgres").await?;
            let state = sqlx::query_scalar::<_, String>("SELECT pg_get_wal_replay_pause_state()");
            let state = state.fetch_one(&mut conn).await?;
            Ok::<_, sqlx::Error>(if state == "paused" {
                wait::Look::There(())
            } else {
                wait::Look::NotYet(state)
            })
        })
        .await
    }

    /// Replays again.
    ///
    /// # Errors
    /// It refuses.
    pub async fn resume(&self) -> sqlx::Result<()> {
        let mut conn = self.superuser("postgres").await?;
        sqlx::query("SELECT pg_wal_replay_resume()")
            .execute(&mut conn)
            .await?;
        Ok(())
    }

    /// Receives nothing more, whatever the primary writes: what comes from now on it will never have.
    ///
    /// # Errors
    /// It refuses, or goes on.
    pub async fn cut_off(&self) -> anyhow::Result<()> {
        let mut conn = self.superuser("postgres").await?;
        for statement in [
            "ALTER SYSTEM SET primary_conninfo = ''",
            "SELECT pg_reload_conf()",
        ] {
            sqlx::query(statement).execute(&mut conn).await?;
        }
        wait::until("the replica receives nothing", PATIENCE, async || {
            sqlx::query_scalar::<_, bool>("SELECT NOT EXISTS (SELECT FROM pg_stat_wal_receiver)")
                .fetch_one(&mut conn)
                .await
        })
        .await
    }

    /// Becomes a primary, on a timeline of its own, with what it has received.
    ///
    /// # Errors
    /// It refuses, or stays a standby.
    pub async fn promote(self) -> anyhow::Result<Server> {
        let mut conn = self.superuser("postgres").await?;
        let promoted: bool = sqlx::query_scalar("SELECT pg_promote(true, 60)")
            .fetch_one(&mut conn)
            .await?;
        anyhow::ensure!(promoted, "the replica stays a standby\n{}", self.kept.log_tail());
        Ok(Server::promoted(
            self.kept,
            self.port,
            self.password,
            self.account,
        ))
    }

    /// Shuts it down in good order; the primary then no longer lists it.
    ///
    /// # Errors
    /// It does not end.
    pub async fn stop(&self) -> anyhow::Result<()> {
        self.kept.end(Signal::INT).await.map(drop)
    }

    /// Kills it: no goodbye to the primary.
    ///
    /// # Errors
    /// It does not end.
    pub async fn kill(&self) -> anyhow::Result<()> {
        self.kept.end(Signal::KILL).await.map(drop)
    }

    /// Starts it again after [`Self::stop`] or [`Self::kill`], and waits until it has caught up.
    ///
    /// # Errors
    /// It does not come back.
    pub async fn start_again(&self, primary: &Server) -> anyhow::Result<()> {
        self.kept.start_again().await?;
        answers(&self.kept, self.port, &self.password).await?;
        self.streams(primary).await
    }

    /// Waits until it has replayed what the primary has written by now.
    ///
    /// # Errors
    /// It does not catch up in time.
    pub async fn caught_up(&self, primary: &Server) -> anyhow::Result<()> {
        self.caught_up_within(primary, PATIENCE).await
    }

    /// The same, where there may be much to replay.
    ///
    /// # Errors
    /// It does not catch up in time.
    pub async fn caught_up_within(&self, primary: &Server, patience: Duration) -> anyhow::Result<()> {
        let mut conn = primary.superuser("postgres").await?;
        let written = "SELECT pg_current_wal_insert_lsn()::text";
        let written: String = sqlx::query_scalar(written).fetch_one(&mut conn).await?;
        wait::until("the replica has caught up", patience, || async {
            let mut conn = self.superuser("postgres").await?;
            let caught_up = "SELECT pg_last_wal_replay_lsn() >= $1::pg_lsn";
            sqlx::query_scalar::<_, bool>(caught_up)
                .bind(&written)
                .fetch_one(&mut conn)
                .await
        })
        .await
    }

    async fn streams(&self, primary: &Server) -> anyhow::Result<()> {
        let mut conn = primary.superuser("postgres").await?;
        wait::until("the replica streams", PATIENCE, async || {
            let state = "SELECT state FROM pg_stat_replication WHERE application_name = $1";
            let state = sqlx::query_scalar::<_, String>(state)
                .bind(&self.name)
                .fetch_optional(&mut conn)
                .await?;
            Ok::<_, sqlx::Error>(match state {
                Some(state) if state == "streaming" => wait::Look::There(()),
                other => wait::Look::NotYet(format!("{other:?}")),
            })
        })
        .await
        .with_context(|| self.kept.log_tail())?;
        self.caught_up(primary).await
    }
}

/// Where it streams from; without a slot, so that a dead replica never fills the primary's disk.
fn source(primary: &Server, name: &str) -> String {
    format!(
        "primary_conninfo = 'host=127.0.0.1 port={} user={SUPERUSER} password={} application_name={name}'\n\
         wal_receiver_status_interval = '100ms'\n\
         wal_retrieve_retry_interval = '100ms'\n",
        primary.port(),
        primary.password(),
    )
}
