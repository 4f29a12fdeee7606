//! One private primary.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions, Connection};
use tempfile::TempDir;
use tokio::process::Command;
use tokio::sync::OnceCell;

use super::{Replica, SUPERUSER, output, program};
use crate::account::{Account, file, folder};
use crate::certificates::Certificate;
use crate::keeper::{Kept, Order, Signal};
use crate::{ports, wait};

/// A server that is up answers within this time, also on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// Starts with another port when the chosen one was taken meanwhile.
const TRIES: u32 = 3;

/// Whether commits are flushed to the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// Not: right for everything but a crash of the machine, which no test makes. A commit still reaches
    /// the operating system, so a killed server loses nothing.
    ThrowAway,
    /// As in production: for what measures.
    Production,
}

/// A private PostgreSQL primary in a throw-away folder, on a free port of 127.0.0.1.
#[derive(Debug)]
pub struct Server {
    kept: Kept,
    port: u16,
    password: String,
    account: Option<Account>,
}

impl Server {
    /// The one primary that the tests of this process share, started when first asked for.
    ///
    /// A test that changes something server-wide (replicas, settings, restarts) starts its own.
    ///
    /// # Errors
    /// PostgreSQL is not installed or does not start; says what it logged.
    pub async fn shared() -> anyhow::Result<&'static Self> {
        static SHARED: OnceCell<Server> = OnceCell::const_new();
        SHARED
            .get_or_try_init(|| Self::start(Durability::ThrowAway))
            .await
    }

    /// A primary of the caller's own; it stops when dropped.
    ///
    /// # Errors
    /// As [`Self::shared`].
    pub async fn start(durability: Durability) -> anyhow::Result<Self> {
        Self::start_with(durability, "").await
    }

    /// The same with further lines of `postgresql.conf`, which its replicas inherit.
    ///
    /// # Errors
    /// As [`Self::shared`].
    pub async fn start_with(durability: Durability, more: &str) -> anyhow::Result<Self> {
        let account = Account::for_server(SUPERUSER)?;
        let mut last = None;
        for _ in 0..TRIES {
            match Self::start_on(ports::free()?, (durability, more), account).await {
                Ok(server) => return Ok(server),
                Err(error) => last = Some(error),
            }
        }
        Err(last.context("no attempt to start PostgreSQL")?)
    }

    async fn start_on(
        port: u16,
        (durability, more): (Durability, &str),
        account: Option<Account>,
    ) -> anyhow::Result<Self> {
        let folder = folder("postgres", account)?;
        let password = format!("{:016x}", fastrand::u64(..));
        initialize(folder.path(), &password, durability, account).await?;
        let path = data(folder.path()).join("postgresql.auto.conf");
        file(&path, &format!("{}{more}", settings(durability)), account)?;
        let kept = Kept::start(order(folder, port, "postgres", account)?).await?;
        Self::once_it_answers(kept, port, password, account).await
    }

    pub(super) async fn once_it_answers(
        kept: Kept,
        port: u16,
        password: String,
        account: Option<Account>,
    ) -> anyhow::Result<Self> {
        let server = Self {
            kept,
            port,
            password,
            account,
        };
        server.answers().await?;
        Ok(server)
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

    /// Password of the superuser; roles made by [`crate::database::Database`] use it too.
    #[must_use]
    pub fn password(&self) -> &str {
        &self.password
    }

    /// Whom its programs run as.
    #[must_use]
    pub fn account(&self) -> Option<Account> {
        self.account
    }

    /// A connection as superuser: to set things up, and to look. Never what a test runs Sluice with.
    ///
    /// # Errors
    /// It refuses.
    pub async fn superuser(&self, database: &str) -> sqlx::Result<PgConnection> {
        connect(self.port, database, &self.password).await
    }

    /// A new streaming replica, which reports itself under `application_name`, caught up with now.
    ///
    /// # Errors
    /// It cannot be copied or does not start.
    pub async fn replica(&self, application_name: &str) -> anyhow::Result<Replica> {
        Replica::start(self, application_name).await
    }

    /// From now on it speaks TLS with this certificate, and takes nobody who does not.
    ///
    /// # Errors
    /// It refuses, or does not do so in time.
    pub async fn only_over_tls(&self, issued: &Certificate) -> anyhow::Result<()> {
        let mut conn = self.superuser("postgres").await?;
        let folder: String = engine::sql::scalar("SHOW data_directory")
            .fetch_one(&mut conn)
            .await?;
        let folder = Path::new(&folder);
        file(&folder.join("server.crt"), &issued.certificate, self.account)?;
        file(&folder.join("server.key"), &issued.key, self.account)?;
        let access = "hostssl all all 127.0.0.1/32 scram-sha-256\nhostssl replication all 127.0.0.1/32 scram-sha-256\n";
        file(&folder.join("pg_hba.conf"), access, self.account)?;
        engine::sql::execute_script(&mut conn, "ALTER SYSTEM SET ssl = on".to_owned()).await?;
        engine::sql::execute_script(&mut conn, "SELECT pg_reload_conf()".to_owned()).await?;
        wait::until("the server speaks TLS", PATIENCE, async || {
            let mut conn = self.superuser("postgres").await?;
            let encrypted = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
            engine::sql::scalar::<bool>(encrypted).fetch_one(&mut conn).await
        })
        .await
    }

    /// Stops at once, without a checkpoint, as a crash would, and starts again on the same port.
    ///
    /// # Errors
    /// It does not come back.
    pub async fn crash_and_restart(&self) -> anyhow::Result<()> {
        self.kept.end(Signal::QUIT).await?;
        self.kept.start_again().await?;
        self.answers().await
    }

    /// Stops at once, without a checkpoint and without a goodbye to its replicas, and does not come back.
    ///
    /// # Errors
    /// It does not end.
    pub async fn kill(&self) -> anyhow::Result<()> {
        self.kept.end(Signal::QUIT).await.map(drop)
    }

    /// A replica that has become a primary.
    pub(super) fn promoted(kept: Kept, port: u16, password: String, account: Option<Account>) -> Self {
        Self {
            kept,
            port,
            password,
            account,
        }
    }

    /// Everything it logged.
    #[must_use]
    pub fn log(&self) -> String {
        self.kept.log()
    }

    /// Its process.
    pub(super) fn kept(&self) -> &Kept {
        &self.kept
    }

    async fn answers(&self) -> anyhow::Result<()> {
        answers(&self.kept, self.port, &self.password).await
    }
}

pub(super) async fn connect(port: u16, database: &str, password: &str) -> sqlx::Result<PgConnection> {
    let options = PgConnectOptions::new_without_pgpass();
    let options = options
        .host("127.0.0.1")
        .port(port)
        .username(SUPERUSER)
        .password(password)
        .database(database);
    PgConnection::connect_with(&options.application_name("testbed").disable_statement_logging()).await
}

/// Waits until the server answers a query; gives up at once when its process has ended.
pub(super) async fn answers(kept: &Kept, port: u16, password: &str) -> anyhow::Result<()> {
    let ended = || async {
        if kept.pid().is_none() {
            return Ok(Some(false));
        }
        let mut conn = connect(port, "postgres", password).await?;
        conn.ping().await?;
        Ok::<_, sqlx::Error>(Some(true))
    };
    match wait::until("the server answers", PATIENCE, ended).await {
        Ok(true) => Ok(()),
        Ok(false) => bail!("PostgreSQL ended: {:?}\n{}", kept.state(), kept.log_tail()),
        Err(error) => bail!("{error:#}\n{}", kept.log_tail()),
    }
}

/// `postgres` on the data folder inside `folder`.
pub(super) fn order(
    folder: TempDir,
    port: u16,
    name: &str,
    account: Option<Account>,
) -> anyhow::Result<Order> {
    Ok(Order {
        name: name.to_owned(),
        program: program("postgres")?,
        args: vec![
            "-D".into(),
            data(folder.path()).into(),
            "-p".into(),
            port.to_string().into(),
        ],
        env: vec![],
        folder,
        account,
        // Immediate shutdown: the folder goes away with it.
        stop: Signal::QUIT,
    })
}

pub(super) fn data(folder: &Path) -> PathBuf {
    folder.join("data")
}

pub(super) async fn initialize(
    folder: &Path,
    password: &str,
    durability: Durability,
    account: Option<Account>,
) -> anyhow::Result<()> {
    let secret = folder.join("password");
    file(&secret, password, account)?;
    let mut command = Command::new(program("initdb")?);
    command
        .current_dir(folder)
        .arg("-D")
        .arg(data(folder))
        .args(["-U", SUPERUSER, "-N", "-E", "UTF8"]);
    command
        .args(["--locale=C.UTF-8", "-A", "scram-sha-256", "--pwfile"])
        .arg(secret);
    output(command, account).await?;
    let path = data(folder).join("postgresql.auto.conf");
    file(&path, &settings(durability), account)
}

/// What differs from the server's own defaults, and why.
fn settings(durability: Durability) -> String {
    let flush = match durability {
        Durability::ThrowAway => "fsync = off\nfull_page_writes = off\n",
        Durability::Production => "",
    };
    format!(
        "listen_addresses = '127.0.0.1'\n\
         unix_socket_directories = ''\n\
         shared_preload_libraries = ''\n\
         # Tests run side by side, each with the pools of several roles.\n\
         max_connections = 300\n\
         wal_level = logical\n\
         max_wal_senders = 10\n\
         max_replication_slots = 10\n\
         max_prepared_transactions = 0\n\
         hot_standby = on\n\
         # A paused replica must find its WAL when it goes on; there is no slot to hold it.\n\
         wal_keep_size = '512MB'\n\
         # Unlike what Sluice pins, so that a session that forgets to pin them is seen.\n\
         timezone = 'Europe/Paris'\n\
         datestyle = 'SQL, DMY'\n\
         intervalstyle = 'sql_standard'\n\
         bytea_output = 'escape'\n\
         log_line_prefix = '%m [%p] %u@%d %a '\n\
         log_lock_waits = on\n\
         {flush}"
    )
}
