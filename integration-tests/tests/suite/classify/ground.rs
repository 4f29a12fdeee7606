//! A folder of scripts, and the command on it.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use anyhow::{Context, ensure};
use serde_json::Value;
use tempfile::TempDir;
use testbed::keeper::built;

pub type Outcome = anyhow::Result<()>;

/// A throw-away folder.
pub struct Folder(TempDir);

/// What a run printed.
#[derive(Debug)]
pub struct Said {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Folder {
    pub fn new() -> anyhow::Result<Self> {
        Ok(Self(tempfile::tempdir()?))
    }

    /// With these files in it.
    pub fn of(files: &[(&str, &str)]) -> anyhow::Result<Self> {
        let folder = Self::new()?;
        for (name, text) in files {
            folder.write(name, text.as_bytes())?;
        }
        Ok(folder)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn write(&self, name: &str, bytes: &[u8]) -> Outcome {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().context("no folder")?)?;
        Ok(std::fs::write(path, bytes)?)
    }

    /// `sluice classify ARGS...` in the folder.
    pub fn classify(&self, args: &[&str]) -> anyhow::Result<Said> {
        self.classify_fed(args, b"")
    }

    /// The same, with a standard input.
    pub fn classify_fed(&self, args: &[&str], input: &[u8]) -> anyhow::Result<Said> {
        let mut child = self
            .command(&[&["classify"], args].concat())?
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        // Whoever is not asked to read it may be gone already.
        let _gone = child.stdin.take().context("no standard input")?.write_all(input);
        said(&child.wait_with_output()?)
    }

    pub fn command(&self, args: &[&str]) -> anyhow::Result<Command> {
        let mut command = Command::new(built("sluice")?);
        command.args(args).current_dir(self.0.path());
        Ok(command)
    }

    /// The statements as JSON, from a run that ends well.
    pub fn statements(&self, args: &[&str]) -> anyhow::Result<Vec<Value>> {
        let said = self.classify(&[args, &["--format", "json"]].concat())?;
        ensure!(said.code == Some(0), "{said:?}");
        Ok(said.json()?["statements"]
            .as_array()
            .context("no statements")?
            .clone())
    }

    /// `file:line statement` of each, first lines only.
    pub fn told(&self, args: &[&str]) -> anyhow::Result<Vec<String>> {
        let statements = self.statements(args)?;
        Ok(statements.iter().map(place).collect())
    }
}

/// `file:line statement`, first line only.
pub fn place(statement: &Value) -> String {
    let text = |key: &str| statement[key].as_str().unwrap_or_default().to_owned();
    let first = text("statement").lines().next().unwrap_or_default().to_owned();
    format!("{}:{} {first}", text("file"), statement["line"])
}

pub fn said(output: &Output) -> anyhow::Result<Said> {
    Ok(Said {
        code: output.status.code(),
        out: String::from_utf8(output.stdout.clone())?,
        err: String::from_utf8(output.stderr.clone())?,
    })
}

impl Said {
    pub fn json(&self) -> anyhow::Result<Value> {
        serde_json::from_str(&self.out).with_context(|| format!("{self:?}"))
    }

    /// Insists on an exit code and on texts, on either output.
    #[track_caller]
    pub fn is(&self, code: i32, texts: &[&str]) {
        assert_eq!(self.code, Some(code), "{self:#?}");
        for text in texts {
            assert!(
                self.out.contains(text) || self.err.contains(text),
                "{text:?} is not in {self:#?}"
            );
        }
    }
}

/// The codes of a statement's findings.
pub fn codes(statement: &Value) -> Vec<String> {
    let findings = statement["findings"].as_array().into_iter().flatten();
    findings
        .map(|finding| finding["code"].as_str().unwrap_or_default().to_owned())
        .collect()
}
