//! What comes of it: every single run, as the JSON file has it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::machine::Machine;

/// One run of the command.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Results {
    pub(super) begun: Timestamp,
    pub(super) command: String,
    pub(super) machine: Machine,
    pub(super) runs: Vec<Run>,
    pub(super) writes: Vec<Writes>,
    pub(super) checks: Vec<Check>,
    pub(super) planning: Vec<Planning>,
    /// What went wrong, in words.
    pub(super) failures: Vec<String>,
    /// What the time did not suffice for.
    pub(super) left_out: Vec<String>,
}

impl Results {
    /// Of a command that has measured nothing yet.
    #[must_use]
    pub fn begin(command: &str, begun: Timestamp) -> Self {
        Self {
            begun,
            command: command.to_owned(),
            machine: Machine::default(),
            runs: Vec::new(),
            writes: Vec::new(),
            checks: Vec::new(),
            planning: Vec::new(),
            failures: Vec::new(),
            left_out: Vec::new(),
        }
    }

    /// Something went wrong, in words; told at once, and again at the end.
    pub fn fail(&mut self, what: String) {
        eprintln!("FAILED: {what}");
        self.failures.push(what);
    }

    /// What went wrong, in words.
    #[must_use]
    pub fn failures(&self) -> &[String] {
        &self.failures
    }

    /// Whether everything that was begun came to a right end, and something did.
    #[must_use]
    pub fn are_sound(&self) -> bool {
        let some = self.runs.len() + self.writes.len() + self.checks.len() + self.planning.len() > 0;
        some && self.failures.is_empty()
    }
}

/// One run of one method over one table.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Run {
    pub(super) table: String,
    pub(super) rows: u64,
    pub(super) method: String,
    pub(super) round: u32,
    /// The fill alone; of ours from the first batch to the end of the last chunk.
    pub(super) fill_seconds: Option<f64>,
    /// The same until every row was compared.
    pub(super) verified_seconds: Option<f64>,
    /// The command from its start to its end.
    pub(super) command_seconds: f64,
    pub(super) wal_bytes_per_row: Option<f64>,
    pub(super) heap_bytes_before: i64,
    pub(super) heap_growth_percent: f64,
    pub(super) lag: Lag,
    pub(super) application: Application,
    pub(super) costs: Vec<Cost>,
    /// The three load averages when it began.
    pub(super) load: String,
    /// What was wrong with the table at its end. Such a run counts in no figure.
    pub(super) fault: Option<String>,
}

/// What the replica did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Lag {
    pub(super) max_seconds: f64,
    pub(super) over_limit_percent: f64,
    pub(super) samples: usize,
}

/// What the application felt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Application {
    pub(super) statements: usize,
    pub(super) failed: usize,
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
    pub(super) max_ms: f64,
}

/// What a process, or a server with all its processes, has cost.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Cost {
    pub(super) role: String,
    pub(super) cpu_seconds: f64,
    /// Of our own processes only.
    pub(super) peak_mib: Option<f64>,
}

/// Writes of the application in one window with triggers and one without.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Writes {
    pub(super) table: String,
    pub(super) what: String,
    pub(super) round: u32,
    /// Rows a second.
    pub(super) with_triggers: f64,
    pub(super) without: f64,
}

/// A whole table compared, by us and by one parallel scan.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Check {
    pub(super) table: String,
    pub(super) rows: u64,
    pub(super) round: u32,
    /// Rows a second.
    pub(super) ours: f64,
    pub(super) scan: f64,
}

/// The planner's core over a simulated table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Planning {
    pub(super) rows: u64,
    pub(super) chunks: u64,
    /// Calls of the core.
    pub(super) looks: u64,
    pub(super) seconds: f64,
    /// By how much this process had more memory resident at the end.
    pub(super) grown_mib: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_measured_or_one_failure_is_not_sound() {
        let mut results = Results::begin("bench", Timestamp::UNIX_EPOCH);
        assert!(!results.are_sound());
        results.checks.push(Check::default());
        assert!(results.are_sound());
        results.failures.push("1 row is wrong".to_owned());
        assert!(!results.are_sound());
    }

    #[test]
    fn what_is_written_is_what_is_read() {
        let mut results = Results::begin("bench --short", Timestamp::UNIX_EPOCH);
        results.runs.push(Run {
            fill_seconds: Some(1.5),
            costs: vec![Cost::default()],
            ..Run::default()
        });
        let text = serde_json::to_string(&results).unwrap();
        assert_eq!(serde_json::from_str::<Results>(&text).unwrap(), results);
    }
}
