//! How a plan moves reads and writes, and how old goes away.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How reads, then writes, move to the new side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flip {
    /// Gives the flags `FLAG.read` and `FLAG.write`.
    pub flag: String,
    /// Percentages, rising, the last one 100.
    pub steps: Vec<u8>,
    /// How long each step is watched.
    pub soak: Duration,
    /// How long an application instance may go on with a flag's old value.
    pub cache: Duration,
    /// What moves.
    pub sides: Sides,
    /// Queries that each answer one bigint: how many writes of the new side a table has seen.
    pub counted: Vec<String>,
}

/// Why a plan has a flip and no contract, for people.
pub const MIRROR_STAYS: &str = "some change has no `down` or names nothing that it `replaces`";

/// What a flip moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sides {
    /// The new side is derived somewhere: nobody may write it.
    Reads,
    /// Reads first, then writes.
    ReadsAndWrites,
}

impl Flip {
    /// Name of the flag that readers follow.
    #[must_use]
    pub fn read_flag(&self) -> String {
        format!("{}.read", self.flag)
    }

    /// Name of the flag that writers follow.
    #[must_use]
    pub fn write_flag(&self) -> String {
        format!("{}.write", self.flag)
    }
}

/// How old goes away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contract {
    /// How long old stays hidden, and can come back, before it is dropped.
    pub soak: Duration,
    /// What is dropped, for people: `public.track.milliseconds`.
    pub drops: Vec<String>,
}
