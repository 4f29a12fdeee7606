//! The operator's desk: the command line in a folder of its own, with the settings of one installation.
//!
//! Whatever a command says is searched for the passwords that its settings hold: they must never be printed. Nor may anything that
//! only a terminal understands: what it says goes to a pipe.

use std::path::PathBuf;

use anyhow::{Context, ensure};
use tempfile::TempDir;

use crate::keeper::built;
use crate::process::{Settings, run_cli};

/// A folder and settings to run commands with.
#[derive(Debug)]
pub struct Desk {
    folder: TempDir,
    settings: Settings,
}

/// How a command ended and what it said.
#[derive(Debug, Clone)]
pub struct Said {
    command: String,
    /// Exit code; None after a signal.
    pub code: Option<i32>,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Desk {
    /// An empty folder.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn new(settings: &Settings) -> anyhow::Result<Self> {
        Ok(Self {
            folder: tempfile::tempdir()?,
            settings: settings.clone(),
        })
    }

    /// Writes a file and gives its path, for a command's arguments.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(&self, name: &str, text: &str) -> anyhow::Result<String> {
        let path = self.path(name);
        std::fs::write(&path, text)?;
        Ok(path.to_string_lossy().into_owned())
    }

    /// Reads a file that a command wrote.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn read(&self, name: &str) -> anyhow::Result<String> {
        std::fs::read_to_string(self.path(name)).with_context(|| format!("{name} was not written"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs `sluice ARGS...` to its end.
    ///
    /// # Errors
    /// It does not end, or it printed a password, or colors.
    pub async fn run(&self, args: &[&str]) -> anyhow::Result<Said> {
        let output = run_cli(args, &self.settings, self.folder.path()).await?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let said = Said {
            command: format!("sluice {}", args.join(" ")),
            code: output.status.code(),
            out: text(&output.stdout),
            err: text(&output.stderr),
        };
        for printed in [&said.out, &said.err] {
            ensure!(
                !self.settings.is_betrayed_by(printed),
                "{said:?} shows a password"
            );
            ensure!(!printed.contains('\u{1b}'), "{said:?} paints a pipe");
        }
        Ok(said)
    }

    /// Runs `sluice ARGS...` on a pseudo-terminal that knows colors; gives what it shows. An argument may hold no quote.
    ///
    /// # Errors
    /// There is no `script` of util-linux, or the command does not end with exit code 0.
    pub async fn on_a_terminal(&self, args: &[&str], env: &[(&str, &str)]) -> anyhow::Result<String> {
        let sluice = built("sluice")?;
        let quoted: Vec<String> = args.iter().map(|arg| format!("'{arg}'")).collect();
        let mut command = tokio::process::Command::new("script");
        command
            .args(["--quiet", "--return", "--command"])
            .arg(format!("'{}' {}", sluice.display(), quoted.join(" ")))
            .arg("/dev/null")
            .current_dir(self.folder.path())
            .stdin(std::process::Stdio::null())
            .env_remove("NO_COLOR")
            // Where tests run for CI, colors are painted whatever TERM says.
            .env_remove("CI")
            .env("TERM", "xterm-256color")
            .envs(self.settings.env.iter().map(|(name, value)| (name, value)))
            .envs(env.iter().copied());
        let output = command.output().await.context("cannot run script")?;
        let shown = String::from_utf8_lossy(&output.stdout).into_owned();
        ensure!(output.status.success(), "{}: {shown}", output.status);
        Ok(shown)
    }

    /// Runs `sluice ARGS...`, which must end with exit code 0; gives its standard output.
    ///
    /// # Errors
    /// It does not.
    pub async fn ok(&self, args: &[&str]) -> anyhow::Result<String> {
        Ok(self.run(args).await?.exits(0)?.out)
    }

    /// Runs `sluice ARGS...`, which must end with exit code 0 and one JSON value.
    ///
    /// # Errors
    /// It does not.
    pub async fn json(&self, args: &[&str]) -> anyhow::Result<serde_json::Value> {
        let out = self.ok(args).await?;
        serde_json::from_str(&out).with_context(|| format!("sluice {} printed {out}", args.join(" ")))
    }
}

impl Said {
    /// Insists on an exit code.
    ///
    /// # Errors
    /// It was another one; shows everything that was said.
    pub fn exits(self, code: i32) -> anyhow::Result<Self> {
        ensure!(
            self.code == Some(code),
            "{} ended with {:?} instead of {code}\n--- out ---\n{}\n--- err ---\n{}",
            self.command,
            self.code,
            self.out,
            self.err
        );
        Ok(self)
    }

    /// Insists on each of these texts in what was said, on either output.
    ///
    /// # Errors
    /// Names the missing text and shows what was said.
    pub fn says(self, texts: &[&str]) -> anyhow::Result<Self> {
        for text in texts {
            ensure!(
                self.out.contains(text) || self.err.contains(text),
                "{} does not say {text:?}\n--- out ---\n{}\n--- err ---\n{}",
                self.command,
                self.out,
                self.err
            );
        }
        Ok(self)
    }
}
