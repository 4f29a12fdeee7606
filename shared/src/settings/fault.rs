//! What can be wrong with settings, said so that it can be put right in one round.

use std::fmt;
use std::path::PathBuf;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The key, dotted: `targets.main.url`.
    pub key: String,
    /// What was found; a URL without its password.
    pub found: String,
    /// What was expected.
    pub expected: String,
    /// The file, or `the environment`; None for a flag or a key that is missing.
    pub origin: Option<String>,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: found {}, expected {}",
            self.key, self.found, self.expected
        )?;
        match &self.origin {
            Some(origin) => write!(f, " (from {origin})"),
            None => Ok(()),
        }
    }
}

/// Settings that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read.
    #[error("settings file {} cannot be read", .path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file is not TOML.
    #[error("settings file {} is not TOML: line {line}: {message}", .path.display())]
    Syntax {
        /// Which.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What the parser said, without the line itself: it may hold a password.
        message: String,
    },
    /// A flag named a key that cannot be one.
    #[error("{key:?} is not a settings key; write it dotted, such as bus.url")]
    Key {
        /// As given.
        key: String,
    },
    /// The sources could not be put on top of each other.
    #[error("settings cannot be merged: {0}")]
    Merge(String),
    /// Everything that is wrong.
    #[error("{}", list(.0))]
    Faults(Vec<Fault>),
}

impl Error {
    /// Each fault by itself; empty if the file could not be read at all.
    #[must_use]
    pub fn faults(&self) -> &[Fault] {
        match self {
            Self::Faults(faults) => faults,
            Self::File { .. } | Self::Syntax { .. } | Self::Key { .. } | Self::Merge(_) => &[],
        }
    }
}

fn list(faults: &[Fault]) -> String {
    let mut text = match faults.len() {
        1 => "1 fault in the settings:".to_owned(),
        n => format!("{n} faults in the settings:"),
    };
    for fault in faults {
        text.push_str("\n  ");
        text.push_str(&fault.to_string());
    }
    text
}
