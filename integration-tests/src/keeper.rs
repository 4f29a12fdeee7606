//! Child processes that cannot outlive the test process.
//!
//! Each runs under the `keeper` binary (see `src/bin/keeper.rs` for how it works): dropping a
//! [`Kept`], or the end of this process in any way at all, stops the child and removes its folder.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, bail};
pub use rustix::process::Signal;
use tempfile::TempDir;
use tokio::sync::watch;

use crate::account::Account;

/// How long a child may take to be spawned or to be gone after a signal that ends it.
const PATIENCE: Duration = Duration::from_secs(20);

/// What to run, where, and as whom.
#[derive(Debug)]
pub struct Order {
    /// For messages: "postgres".
    pub name: String,
    /// The program, with its whole path.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// Added to the environment.
    pub env: Vec<(OsString, OsString)>,
    /// Its working folder; `log` in it collects both outputs; removed with everything in it at the end.
    pub folder: TempDir,
    /// Whom it runs as; None: as we do.
    pub account: Option<Account>,
    /// What stops it politely at the end; SIGKILL follows after some seconds.
    pub stop: Signal,
}

/// Where the child is in its life, as its keeper told last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Not started, or asked to start.
    Waiting,
    /// It runs under this process id.
    Running(u32),
    /// It ended, with this status.
    Exited(String),
    /// The keeper could not do what it was asked.
    Failed(String),
}

/// A child process and its keeper.
#[derive(Debug)]
pub struct Kept {
    name: String,
    folder: PathBuf,
    input: Mutex<Option<ChildStdin>>,
    keeper: Mutex<Child>,
    state: watch::Receiver<State>,
}

impl Kept {
    /// Starts a keeper and, through it, the child; returns once the child has a process id.
    ///
    /// # Errors
    /// The keeper's binary is not built, or the program cannot be run.
    pub async fn start(order: Order) -> anyhow::Result<Self> {
        let mut keeper = keeper_command(&order)?.spawn().context("cannot run the keeper")?;
        let output = keeper.stdout.take().context("the keeper has no output")?;
        let input = keeper.stdin.take();
        let (sender, state) = watch::channel(State::Waiting);
        std::thread::spawn(move || follow(output, &sender));
        // From here on the keeper removes the folder.
        let (name, folder) = (order.name, order.folder.keep());
        let kept = Self {
            name,
            folder,
            input: Mutex::new(input),
            keeper: Mutex::new(keeper),
            state,
        };
        kept.start_again().await?;
        Ok(kept)
    }

    /// Starts the child again after it ended; its folder is as it left it. Its process id, 0 if it has ended already.
    ///
    /// # Errors
    /// It still runs, or the program cannot be run.
    pub async fn start_again(&self) -> anyhow::Result<u32> {
        if let State::Running(pid) = self.state() {
            bail!("{} still runs, as process {pid}", self.name);
        }
        let mut state = self.state.clone();
        state.mark_unchanged();
        self.say("start")?;
        tokio::time::timeout(PATIENCE, state.changed())
            .await
            .context("the keeper does not answer")??;
        match self.state() {
            State::Running(pid) => Ok(pid),
            // It ran, and ended before we looked; whoever waits for something of it sees that.
            State::Exited(_) => Ok(0),
            other @ (State::Waiting | State::Failed(_)) => {
                bail!("{} did not start: {other:?}\n{}", self.name, self.log_tail())
            }
        }
    }

    /// What the keeper told last.
    #[must_use]
    pub fn state(&self) -> State {
        self.state.borrow().clone()
    }

    /// The process id, while it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        match self.state() {
            State::Running(pid) => Some(pid),
            State::Waiting | State::Exited(_) | State::Failed(_) => None,
        }
    }

    /// Sends a signal to the child and the processes of its group; nothing happens if it has ended.
    ///
    /// # Errors
    /// The keeper is gone.
    pub fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        self.say(&format!("signal {}", signal.as_raw()))
    }

    /// Sends a signal that ends the child, and waits until it has ended; gives its exit status.
    ///
    /// # Errors
    /// It does not end in time.
    pub async fn end(&self, signal: Signal) -> anyhow::Result<String> {
        self.signal(signal)?;
        self.ended(PATIENCE).await
    }

    /// Waits until the child has ended by itself; gives its exit status.
    ///
    /// # Errors
    /// It does not end in time.
    pub async fn ended(&self, patience: Duration) -> anyhow::Result<String> {
        let mut state = self.state.clone();
        let gone = state.wait_for(|state| matches!(state, State::Exited(_) | State::Failed(_)));
        let gone = tokio::time::timeout(patience, gone)
            .await
            .map(|state| state.map(|state| state.clone()));
        match gone {
            Ok(Ok(State::Exited(status))) => Ok(status),
            Ok(Ok(other)) => bail!("{} did not end: {other:?}", self.name),
            Ok(Err(_)) => bail!("the keeper of {} is gone", self.name),
            Err(_) => bail!(
                "{} has not ended after {patience:?}\n{}",
                self.name,
                self.log_tail()
            ),
        }
    }

    /// The child's folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Everything that the child wrote to its outputs.
    #[must_use]
    pub fn log(&self) -> String {
        let bytes = std::fs::read(self.folder.join("log")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The last lines of [`Self::log`], under a heading, for error messages.
    #[must_use]
    pub fn log_tail(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        let tail = lines[lines.len().saturating_sub(40)..].join("\n");
        format!("--- last lines of {} ---\n{tail}\n---", self.name)
    }

    fn say(&self, line: &str) -> anyhow::Result<()> {
        let mut input = self.input.lock().unwrap_or_else(PoisonError::into_inner);
        let pipe = input
            .as_mut()
            .with_context(|| format!("{} was stopped", self.name))?;
        writeln!(pipe, "{line}").with_context(|| format!("the keeper of {} is gone", self.name))
    }
}

impl Drop for Kept {
    /// Closing the pipe is the order to stop; waiting for the keeper leaves nothing behind.
    fn drop(&mut self) {
        self.input.lock().unwrap_or_else(PoisonError::into_inner).take();
        let _ = self.keeper.lock().unwrap_or_else(PoisonError::into_inner).wait();
    }
}

/// Passes on what the keeper says until it is gone.
fn follow(output: ChildStdout, state: &watch::Sender<State>) {
    for line in BufReader::new(output).lines().map_while(Result::ok) {
        let (word, rest) = line.split_once(' ').unwrap_or((&line, ""));
        let next = match (word, rest.parse()) {
            ("started", Ok(pid)) => State::Running(pid),
            ("exited", _) => State::Exited(rest.to_owned()),
            _ => State::Failed(rest.to_owned()),
        };
        state.send_replace(next);
    }
}

/// The keeper has a process group of its own: an interrupt at the terminal must not reach it.
fn keeper_command(order: &Order) -> anyhow::Result<std::process::Command> {
    let mut command = std::process::Command::new(built("keeper")?);
    command.arg("--folder").arg(order.folder.path());
    command.arg("--stop").arg(order.stop.as_raw().to_string());
    if let Some(Account { uid, gid }) = order.account {
        command.arg("--user").arg(format!("{uid}:{gid}"));
    }
    command.arg("--").arg(&order.program).args(&order.args);
    command.envs(order.env.iter().map(|(name, value)| (name, value)));
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .process_group(0);
    Ok(command)
}

/// A binary of this workspace, built beside the running test.
///
/// # Errors
/// It is not built.
pub fn built(name: &str) -> anyhow::Result<PathBuf> {
    let test = std::env::current_exe().context("cannot tell where the test binary is")?;
    let beside = test.ancestors().skip(1).take(2).map(|folder| folder.join(name));
    beside.into_iter().find(|path| path.is_file()).with_context(|| {
        format!(
            "the binary {name} is not built beside {}: run the tests with `cargo xtask test`, \
             or `cargo build --workspace` before `cargo test`",
            test.display()
        )
    })
}
