//! The services of one seed, each with two ways of its own: to the broker and to the database.

use std::path::Path;

use anyhow::ensure;
use tokio::sync::Mutex;

use crate::database::Database;
use crate::fleet;
use crate::process::{Farewell, Settings, Sluice};
use crate::proxy::{Protocol, Proxy};
use crate::rabbitmq::{Broker, Vhost};

/// One service. A fault of its process and one of its ways may come together; two of a process may not.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) role: &'static str,
    pub(super) process: Mutex<Sluice>,
    pub(super) to_broker: Proxy,
    pub(super) to_database: Proxy,
    pub(super) settings: Settings,
}

/// All of them.
#[derive(Debug)]
pub(super) struct Crew {
    pub(super) members: Vec<Member>,
}

impl Crew {
    /// Starts them, and waits until each is ready.
    pub(super) async fn start(
        backfillers: usize,
        database: &Database<'_>,
        broker: &Broker,
        vhost: &Vhost,
    ) -> anyhow::Result<Self> {
        let roles = [("planner", 2), ("backfiller", backfillers), ("verifier", 2)];
        let mut members = Vec::new();
        for (role, count) in roles {
            for _ in 0..count {
                members.push(Member::start(role, database, broker, vhost).await?);
            }
        }
        for member in &members {
            fleet::ready(&*member.process.lock().await).await?;
        }
        Ok(Self { members })
    }

    /// Every way is open, everybody is awake, and who is gone comes back.
    pub(super) async fn mend(&self) -> anyhow::Result<()> {
        for member in &self.members {
            for way in [&member.to_broker, &member.to_database] {
                way.restore();
                way.flow();
                way.delay(std::time::Duration::ZERO);
                way.release();
            }
            let process = member.process.lock().await;
            process.resume()?;
            if process.pid().is_none() {
                process.start_again().await?;
            }
        }
        Ok(())
    }

    /// Each ends in order when it is asked to, and none has panicked or logged a password.
    pub(super) async fn dismiss(&self) -> anyhow::Result<()> {
        for member in &self.members {
            let process = member.process.lock().await;
            let (status, role) = (process.terminate().await?, member.role);
            ensure!(
                status == "exit status: 0",
                "a {role} that was asked to stop ended with {status}"
            );
            let log = process.log();
            ensure!(!log.contains("panicked"), "a {role} panicked");
            ensure!(
                !member.settings.is_betrayed_by(&log),
                "a {role} logged a password"
            );
        }
        Ok(())
    }

    /// Writes what each has logged to a folder.
    pub(super) async fn keep_logs(&self, folder: &Path) -> anyhow::Result<()> {
        std::fs::create_dir_all(folder)?;
        for (number, member) in self.members.iter().enumerate() {
            let file = folder.join(format!("{number}-{}.log", member.role));
            std::fs::write(file, member.process.lock().await.log())?;
        }
        Ok(())
    }
}

impl Member {
    async fn start(
        role: &'static str,
        database: &Database<'_>,
        broker: &Broker,
        vhost: &Vhost,
    ) -> anyhow::Result<Self> {
        let to_broker = Proxy::start_listening(broker.port(), Protocol::Amqp).await?;
        let to_database = Proxy::start_listening(database.server().port(), Protocol::Postgres).await?;
        let url = vhost.with_heartbeat(3).url_through(to_broker.port());
        let settings = Settings {
            farewell: Farewell::Silent,
            ..Settings::default()
        };
        let settings = settings
            .reaching("MAIN", database, to_database.port())
            .over(vhost)
            .with("SLUICE__BUS__URL", &url)
            .with("SLUICE__SERVICE__SHUTDOWN_BUDGET", "10s");
        Ok(Self {
            role,
            process: Mutex::new(Sluice::start(&[role], &settings).await?),
            to_broker,
            to_database,
            settings,
        })
    }
}
