//! Runs one command on behalf of a test process, and ends it when that process is gone.
//!
//! A test process can end in ways that run no destructor: a panic in a static, `exit`, SIGKILL. The
//! one thing that always happens then is that its pipes close. So the keeper, not the test, is the
//! parent of a server: when its standard input reaches the end, it stops the server by its process
//! id and removes the server's folder. It lives in a process group of its own, so that an interrupt
//! at the terminal reaches the test only. What breaks it: SIGKILL of the keeper itself.
//!
//! Input: `start`, `signal NUMBER`. Output: `started PID`, `exited STATUS`, `failed REASON`.
//! Signals pass through here because only the parent knows that the id is not yet reused.

use std::fs::{self, File};
use std::io::{self, BufRead, Write};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process_group};

/// How often a child is asked whether it ended.
const TICK: Duration = Duration::from_millis(20);
/// How many ticks a child gets between the polite signal and SIGKILL.
const GRACE_TICKS: u32 = 400;

struct Order {
    folder: PathBuf,
    user: Option<(u32, u32)>,
    stop: Signal,
    command: Vec<String>,
}

fn main() -> ExitCode {
    match Order::parse(std::env::args().skip(1)) {
        Ok(order) => {
            keep(&order);
            remove(&order.folder);
            ExitCode::SUCCESS
        }
        Err(error) => {
            say(&format!("failed {error:#}"));
            ExitCode::from(2)
        }
    }
}

impl Order {
    /// `--folder F [--user UID:GID] [--stop NUMBER] -- COMMAND...`
    fn parse(mut args: impl Iterator<Item = String>) -> anyhow::Result<Self> {
        let (mut folder, mut user, mut stop) = (None, None, Signal::TERM);
        while let Some(flag) = args.next() {
            if flag == "--" {
                break;
            }
            let value = args.next().with_context(|| format!("{flag} needs a value"))?;
            match flag.as_str() {
                "--folder" => folder = Some(PathBuf::from(value)),
                "--user" => {
                    let (uid, gid) = value.split_once(':').context("--user needs UID:GID")?;
                    user = Some((uid.parse()?, gid.parse()?));
                }
                "--stop" => stop = signal(&value)?,
                _ => bail!("unknown flag {flag}"),
            }
        }
        let folder = folder.context("--folder is missing")?;
        let command: Vec<String> = args.collect();
        if command.is_empty() {
            bail!("a command is missing after --");
        }
        Ok(Self {
            folder,
            user,
            stop,
            command,
        })
    }

    fn start(&self) -> anyhow::Result<Child> {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.folder.join("log"))?;
        let mut command = Command::new(&self.command[0]);
        command
            .args(&self.command[1..])
            .current_dir(&self.folder)
            .stdin(Stdio::null());
        command.stdout(log.try_clone()?).stderr(log).process_group(0);
        if let Some((uid, gid)) = self.user {
            command.uid(uid).gid(gid);
        }
        command
            .spawn()
            .with_context(|| format!("cannot run {}", self.command[0]))
    }
}

/// Obeys until the input ends, then stops what runs.
fn keep(order: &Order) {
    let input = lines();
    let mut child: Option<Child> = None;
    loop {
        match input.recv_timeout(TICK) {
            Ok(line) => obey(order, &mut child, &line),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        if let Some(Ok(Some(status))) = child.as_mut().map(Child::try_wait) {
            child = None;
            say(&format!("exited {status}"));
        }
    }
    if let Some(child) = child {
        stop(child, order.stop);
    }
}

fn obey(order: &Order, child: &mut Option<Child>, line: &str) {
    let done = match (line.split_once(' '), line) {
        (None, "start") if child.is_none() => order.start().map(|started| {
            say(&format!("started {}", started.id()));
            *child = Some(started);
        }),
        (Some(("signal", number)), _) => signal(number).map(|signal| {
            if let Some(child) = child {
                send(child, signal);
            }
        }),
        _ => Err(anyhow::anyhow!("cannot {line} now")),
    };
    if let Err(error) = done {
        say(&format!("failed {error:#}"));
    }
}

/// Polite first, then not. A frozen child is woken, or it could not hear the signal.
fn stop(mut child: Child, polite: Signal) {
    send(&child, polite);
    send(&child, Signal::CONT);
    for _ in 0..GRACE_TICKS {
        if !matches!(child.try_wait(), Ok(None)) {
            return;
        }
        std::thread::sleep(TICK);
    }
    send(&child, Signal::KILL);
    let _ = child.wait();
}

/// To the child's own process group: a shell and the server that it started count as one.
fn send(child: &Child, signal: Signal) {
    let _ = kill_process_group(Pid::from_child(child), signal);
}

fn signal(number: &str) -> anyhow::Result<Signal> {
    let number: i32 = number
        .parse()
        .with_context(|| format!("{number} is not a signal number"))?;
    Signal::from_named_raw(number).with_context(|| format!("{number} is not a signal"))
}

/// The lines of standard input; the channel closes with it.
fn lines() -> Receiver<String> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for line in io::stdin().lock().lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

/// The reader may be gone already; that is when the keeper matters most, so it must not panic.
fn say(line: &str) {
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// Orphaned helpers of a killed server may still be writing: try until the folder is gone.
fn remove(folder: &std::path::Path) {
    for _ in 0..GRACE_TICKS {
        if fs::remove_dir_all(folder).is_ok() || !folder.exists() {
            return;
        }
        std::thread::sleep(TICK);
    }
}
