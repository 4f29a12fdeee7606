//! The built `sluice` binary as separate processes: what a user runs.

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::Output;
use std::time::Duration;

use anyhow::Context;
use tokio::process::Command;

use crate::account::folder;
use crate::database::{Database, Role};
use crate::keeper::{Kept, Order, Signal, built};
use crate::rabbitmq::Vhost;
use crate::wait::{self, Look};

/// A command of the command line ends within this time, or hangs.
const PATIENCE: Duration = Duration::from_secs(300);

/// What a process that is dropped leaves on standard error.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Farewell {
    /// The last lines of its log, which a failed test shows.
    #[default]
    ShowsLog,
    /// Nothing: whoever started it keeps the logs that matter.
    Silent,
}

/// Settings for processes: the text of a `sluice.toml` and environment variables.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Content of `sluice.toml` in the working folder; none if empty.
    pub file: String,
    /// `SLUICE__...` and others.
    pub env: Vec<(String, String)>,
    /// See [`Farewell`].
    pub farewell: Farewell,
}

impl Settings {
    /// Reaches `database` as the target `main`, each role directly by its own URL.
    #[must_use]
    pub fn of(database: &Database<'_>) -> Self {
        Self::default().reaching("MAIN", database, database.server().port())
    }

    /// Reaches `database` as a target through a port: its own, or that of a proxy. The name is in capitals, as in a variable's name.
    #[must_use]
    pub fn reaching(self, target: &str, database: &Database<'_>, port: u16) -> Self {
        let roles = [
            ("URL", Role::Data),
            ("ADMIN_URL", Role::Owner),
            ("MONITOR_URL", Role::Monitor),
            ("LEDGER_URL", Role::Ledger),
        ];
        roles.into_iter().fold(self, |settings, (key, role)| {
            let name = format!("SLUICE__TARGETS__{target}__{key}");
            settings.with(&name, &database.url_through(role, port))
        })
    }

    /// Talks over RabbitMQ.
    #[must_use]
    pub fn over(self, vhost: &Vhost) -> Self {
        self.with("SLUICE__BUS__KIND", "rabbitmq")
            .with("SLUICE__BUS__URL", &vhost.url)
            .with("SLUICE__BUS__MANAGEMENT", &vhost.management_url)
    }

    /// With this environment variable; a later value wins.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Whether a text holds a password of one of the URLs.
    #[must_use]
    pub fn is_betrayed_by(&self, text: &str) -> bool {
        let password = |url: &str| {
            Some(
                url.split_once("://")?
                    .1
                    .split_once('@')?
                    .0
                    .split_once(':')?
                    .1
                    .to_owned(),
            )
        };
        self.env
            .iter()
            .filter_map(|(_, value)| password(value))
            .any(|secret| text.contains(&secret))
    }
}

/// One running process of the `sluice` binary; it is stopped when dropped.
///
/// What it logged last is printed then (unless its settings say otherwise), which shows when the test has failed.
#[derive(Debug)]
pub struct Sluice {
    kept: Kept,
    name: String,
    farewell: Farewell,
}

impl Sluice {
    /// Starts `sluice ARGS...` (such as `planner`) with settings; returns once it has a process id.
    ///
    /// # Errors
    /// The binary is not built.
    pub async fn start(args: &[&str], settings: &Settings) -> anyhow::Result<Self> {
        Self::start_program("sluice", args, settings).await
    }

    /// Starts another binary of the workspace, such as a service's own.
    ///
    /// # Errors
    /// It is not built.
    pub async fn start_program(program: &str, args: &[&str], settings: &Settings) -> anyhow::Result<Self> {
        let folder = folder("process", None)?;
        if !settings.file.is_empty() {
            fs::write(folder.path().join("sluice.toml"), &settings.file)?;
        }
        let name = format!("{program} {}", args.join(" "));
        let order = Order {
            name: name.clone(),
            program: built(program)?,
            args: args.iter().map(OsString::from).collect(),
            env: settings
                .env
                .iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
            folder,
            account: None,
            stop: Signal::TERM,
        };
        Ok(Self {
            kept: Kept::start(order).await?,
            name,
            farewell: settings.farewell,
        })
    }

    /// Its process id, while it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.kept.pid()
    }

    /// SIGKILL; returns once it is gone.
    ///
    /// # Errors
    /// It does not end.
    pub async fn kill(&self) -> anyhow::Result<()> {
        self.kept.end(Signal::KILL).await.map(drop)
    }

    /// SIGTERM, the order to finish what it has in hand; returns its exit status once it is gone.
    ///
    /// # Errors
    /// It does not end.
    pub async fn terminate(&self) -> anyhow::Result<String> {
        self.kept.end(Signal::TERM).await
    }

    /// Any signal.
    ///
    /// # Errors
    /// Its keeper is gone.
    pub fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        self.kept.signal(signal)
    }

    /// SIGSTOP: a zombie that holds what it holds.
    ///
    /// # Errors
    /// Its keeper is gone.
    pub fn pause(&self) -> anyhow::Result<()> {
        self.kept.signal(Signal::STOP)
    }

    /// SIGCONT after [`Self::pause`].
    ///
    /// # Errors
    /// Its keeper is gone.
    pub fn resume(&self) -> anyhow::Result<()> {
        self.kept.signal(Signal::CONT)
    }

    /// Waits until it has ended by itself; gives its exit status.
    ///
    /// # Errors
    /// It does not end in time.
    pub async fn ended(&self, patience: Duration) -> anyhow::Result<String> {
        self.kept.ended(patience).await
    }

    /// Starts it again after it ended, with the same settings.
    ///
    /// # Errors
    /// It still runs.
    pub async fn start_again(&self) -> anyhow::Result<()> {
        self.kept.start_again().await.map(drop)
    }

    /// Waits until it wrote a line that contains `text`; gives that line.
    ///
    /// # Errors
    /// It does not in time, or ends before.
    pub async fn logged(&self, text: &str, patience: Duration) -> anyhow::Result<String> {
        let what = format!("{} logs {text:?}", self.name);
        let line = wait::until(&what, patience, async || {
            let found = self
                .log()
                .lines()
                .find(|line| line.contains(text))
                .map(str::to_owned);
            match (found, self.pid()) {
                (None, None) => Ok(Look::There(None)),
                (None, Some(_)) => Ok::<_, anyhow::Error>(Look::NotYet("no such line".to_owned())),
                (found, _) => Ok(Look::There(found)),
            }
        });
        line.await?.with_context(|| {
            format!(
                "{} ended without logging {text:?}\n{}",
                self.name,
                self.kept.log_tail()
            )
        })
    }

    /// The port on which a service answers `/healthz`, `/readyz` and `/metrics`, as it logged it last: one that was started again
    /// has another.
    ///
    /// # Errors
    /// It does not log one in time.
    pub async fn port(&self) -> anyhow::Result<u16> {
        const BEFORE: &str = "listening on 127.0.0.1:";
        let first = self.logged(BEFORE, Duration::from_secs(30)).await?;
        let log = self.log();
        let line = log.lines().rfind(|line| line.contains(BEFORE)).unwrap_or(&first);
        let after = line.split(BEFORE).nth(1).unwrap_or_default();
        let digits: String = after.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().with_context(|| format!("no port in {line:?}"))
    }

    /// Everything it wrote.
    #[must_use]
    pub fn log(&self) -> String {
        self.kept.log()
    }
}

impl Drop for Sluice {
    fn drop(&mut self) {
        if self.farewell == Farewell::Silent {
            return;
        }
        eprintln!(
            "{} ({:?})\n{}",
            self.name,
            self.kept.state(),
            self.kept.log_tail()
        );
    }
}

/// Runs `sluice ARGS...` to its end in `folder` and gives its status and outputs, whatever they are.
///
/// # Errors
/// The binary is not built, or it does not end.
pub async fn run_cli(args: &[&str], settings: &Settings, folder: &Path) -> anyhow::Result<Output> {
    if !settings.file.is_empty() {
        fs::write(folder.join("sluice.toml"), &settings.file)?;
    }
    let mut command = Command::new(built("sluice")?);
    command
        .args(args)
        .current_dir(folder)
        .kill_on_drop(true)
        .stdin(std::process::Stdio::null());
    command.envs(settings.env.iter().map(|(name, value)| (name, value)));
    let done = tokio::time::timeout(PATIENCE, command.output()).await;
    done.with_context(|| format!("sluice {} has not ended after {PATIENCE:?}", args.join(" ")))?
        .context("cannot run sluice")
}
