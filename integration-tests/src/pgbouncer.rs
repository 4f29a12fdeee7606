//! PgBouncer in transaction mode before a private server, as many production targets have it.
//!
//! A session behind it keeps nothing: a statement may run on another server connection than the one
//! before. It knows the databases and roles that are made after its start, because it asks the server
//! for their password hashes.

use std::time::Duration;

use anyhow::bail;
use sqlx::Connection;
use sqlx::postgres::{PgConnectOptions, PgConnection};

use crate::account::{Account, file, folder};
use crate::database::{Database, Role};
use crate::keeper::{Kept, Order, Signal};
use crate::postgres::{SUPERUSER, Server, installed};
use crate::{ports, wait};

const PATIENCE: Duration = Duration::from_secs(30);

/// A transaction pooler on a free port of 127.0.0.1.
#[derive(Debug)]
pub struct Pooler {
    kept: Kept,
    port: u16,
}

impl Pooler {
    /// Starts one before `server`; it stops when dropped.
    ///
    /// # Errors
    /// PgBouncer is not installed or does not start; says what it logged.
    pub async fn start(server: &Server) -> anyhow::Result<Self> {
        let account = Account::for_server(SUPERUSER)?;
        let folder = folder("pgbouncer", account)?;
        let port = ports::free()?;
        let settings = folder.path().join("pgbouncer.ini");
        file(&settings, &configuration(server, port), account)?;
        let users = format!("\"{SUPERUSER}\" \"{}\"\n", server.password());
        file(&folder.path().join("users"), &users, account)?;
        let order = Order {
            name: "pgbouncer".to_owned(),
            program: installed("pgbouncer")?,
            args: vec![settings.into()],
            env: vec![],
            folder,
            account,
            stop: Signal::TERM,
        };
        let pooler = Self {
            kept: Kept::start(order).await?,
            port,
        };
        pooler.answers(server).await?;
        Ok(pooler)
    }

    /// Its port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The URL by which a role reaches a database through it.
    #[must_use]
    pub fn url(&self, database: &Database<'_>, role: Role) -> String {
        database.url_through(role, self.port)
    }

    /// Sends a signal: STOP freezes it, CONT lets it go on, KILL cuts all its connections.
    ///
    /// # Errors
    /// Its keeper is gone.
    pub fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        self.kept.signal(signal)
    }

    async fn answers(&self, server: &Server) -> anyhow::Result<()> {
        let options = PgConnectOptions::new_without_pgpass()
            .host("127.0.0.1")
            .port(self.port);
        let options = options
            .username(SUPERUSER)
            .password(server.password())
            .database("postgres");
        let answers = wait::until("PgBouncer answers", PATIENCE, || async {
            PgConnection::connect_with(&options)
                .await?
                .ping()
                .await
                .map(|()| true)
        });
        match answers.await {
            Ok(()) => Ok(()),
            Err(error) => bail!("{error:#}\n{}", self.kept.log_tail()),
        }
    }
}

fn configuration(server: &Server, port: u16) -> String {
    format!(
        "[databases]\n\
         * = host=127.0.0.1 port={}\n\
         [pgbouncer]\n\
         listen_addr = 127.0.0.1\n\
         listen_port = {port}\n\
         unix_socket_dir =\n\
         pool_mode = transaction\n\
         default_pool_size = 5\n\
         max_client_conn = 500\n\
         auth_type = scram-sha-256\n\
         auth_file = users\n\
         auth_user = {SUPERUSER}\n\
         auth_query = SELECT usename, passwd FROM pg_shadow WHERE usename = $1\n\
         # The one parameter that drivers send at the start and PgBouncer does not track.\n\
         ignore_startup_parameters = extra_float_digits\n",
        server.port()
    )
}
