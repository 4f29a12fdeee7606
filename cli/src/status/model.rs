//! The status object. Its field names are an interface: add, never rename.

use engine::catalog::EngineKind;
use jiff::Timestamp;
use ledger::flags::Flag;
use ledger::plan::Phase;
use ledger::status::StageRow;
use serde::Serialize;
use serde_json::Value;

use crate::way_back::WayBack;

/// One job with everything around it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Status {
    /// The job.
    pub job: JobHead,
    /// The kind of database that it changes.
    pub engine: EngineKind,
    /// Why nothing happens, or what is waited for; null while work is done.
    pub waits: Option<String>,
    /// The planner that drives it; null: nobody does.
    pub planner: Option<String>,
    /// The six stages.
    pub stages: Vec<StageRow>,
    /// Which side is the truth: `old` or `new`.
    pub authority: String,
    /// The flags that the application follows.
    pub flags: Vec<Flag>,
    /// Whether it can still be taken back; null once it was.
    pub way_back: Option<WayBack>,
    /// Where it waits for a person.
    pub gates: Vec<GateLine>,
    /// Work that was given back and waits, with the reason.
    pub given_back: Vec<GivenBackLine>,
    /// How far it is.
    pub progress: Progress,
    /// What it may do now; null before the planner has said anything.
    pub pace: Option<PaceLine>,
    /// The pressure readings.
    pub signals: Vec<SignalLine>,
    /// Processes heard within the last minute.
    pub workers: Vec<WorkerLine>,
    /// How many more were heard within the last day: ended, or dead.
    pub workers_gone: usize,
    /// Commands that no planner has answered yet.
    pub commands: Vec<CommandLine>,
    /// Rows that the triggers set aside.
    pub quarantined: Vec<QuarantineLine>,
    /// Rows found wrong.
    pub mismatches: Vec<MismatchLine>,
    /// Ranges that could not be filled.
    pub failed_chunks: Vec<FailedLine>,
    /// The last entries of the audit trail, oldest first.
    pub events: Vec<EventLine>,
}

/// The job itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct JobHead {
    /// Identity.
    pub id: String,
    /// The spec's name.
    pub name: String,
    /// The target.
    pub target: String,
    /// Where it is in its life.
    pub state: String,
    /// Hash of its plan.
    pub plan: String,
    /// Who submitted it.
    pub submitted_by: String,
    /// When it came in.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}

/// A gate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GateLine {
    /// Its name.
    pub name: String,
    /// The phase it guards.
    pub before: Phase,
    /// Why it is there.
    pub reasons: Vec<String>,
    /// Who opened it; null: closed.
    pub approved_by: Option<String>,
}

/// Work that somebody has had and given back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GivenBackLine {
    /// The step's title; null for a chunk or a check.
    pub step: Option<String>,
    /// How often it was tried.
    pub attempts: u32,
    /// Why it was given back.
    pub why: String,
}

/// How far the backfill is.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Progress {
    /// What the chunks are ranges of; empty where nothing is filled.
    pub cut_by: &'static str,
    /// Blocks of the current sweeps.
    pub blocks_total: u64,
    /// Of them, behind the cursors.
    pub blocks_done: u64,
    /// Rows that batches looked at.
    pub rows_seen: u64,
    /// Rows that batches changed.
    pub rows_changed: u64,
    /// Rows the last whole-table check read.
    pub rows_checked: u64,
    /// Rows found wrong.
    pub rows_mismatched: u64,
    /// Rows in quarantine.
    pub rows_quarantined: u64,
    /// Rows seen a second, over the stage.
    pub rows_per_second: Option<f64>,
    /// Seconds left, best and worst guess.
    pub eta_seconds: Option<[u64; 2]>,
    /// Chunks made, done, in hand, failed, and retries.
    pub chunks: ChunkCounts,
    /// Seconds since any batch made progress; null before the first chunk.
    pub idle_seconds: Option<f64>,
    /// How often a table changed under its sweep, which then began anew.
    pub drifts: u32,
}

/// Counts of chunks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ChunkCounts {
    /// Made.
    pub total: u64,
    /// Done.
    pub done: u64,
    /// In somebody's hands.
    pub in_hand: u64,
    /// Failed.
    pub failed: u64,
    /// Batches repeated and chunks taken over.
    pub retried: u64,
    /// Batches that gave way to a session that waited for them.
    pub gave_way: u64,
}

/// What a job may do.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PaceLine {
    /// It may write.
    pub go: bool,
    /// Why not.
    pub reason: Option<String>,
    /// Chunks in flight.
    pub max_parallel: u32,
    /// Each chunk's share, rows a second.
    pub rows_per_second_each: Option<u64>,
    /// How long signals stopped it so far.
    pub throttled_seconds: f64,
    /// It is a signal that stops it now.
    pub stopped_by_signal: bool,
    /// Since when one stops it, by the database's clock.
    pub stopped_since: Option<Timestamp>,
    /// Which one.
    pub signal: Option<String>,
    /// Part of its speed at which it works: less than 1 while a signal eases it.
    pub factor: f64,
    /// Which signal eased it.
    pub eased_by: Option<String>,
}

/// A pressure reading.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SignalLine {
    /// Which.
    pub name: String,
    /// From where.
    pub source: String,
    /// The reading.
    pub value: Option<f64>,
    /// Its unit.
    pub unit: String,
    /// Why there is none.
    pub problem: Option<String>,
    /// Work stops without it.
    pub required: bool,
    /// How old it is.
    pub age_seconds: f64,
}

/// A process.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WorkerLine {
    /// Its name.
    pub name: String,
    /// Its role.
    pub role: String,
    /// When it was heard last.
    pub age_seconds: f64,
}

/// A command without an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CommandLine {
    /// Which.
    pub command: String,
    /// By whom.
    pub actor: String,
    /// When.
    pub at: Timestamp,
}

/// A row that a trigger set aside.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct QuarantineLine {
    /// The table.
    pub table: String,
    /// Its key.
    pub key: Value,
    /// The new column.
    pub column: String,
    /// `error`, `conflict`, `lost` or `closed`.
    pub kind: String,
    /// SQLSTATE.
    pub sqlstate: String,
    /// What happened, without values.
    pub message: String,
    /// When.
    pub at: Timestamp,
}

/// A row found wrong.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MismatchLine {
    /// The table.
    pub table: String,
    /// Its key.
    pub key: Value,
    /// Per column: found and expected.
    pub detail: Value,
}

/// A range that could not be filled.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FailedLine {
    /// The table.
    pub table: String,
    /// First block not done: the one that could not be filled.
    pub first_block: u64,
    /// Block after the last one.
    pub end_block: u64,
    /// Keys of the first and the last row in that block; null if the table cannot be read.
    pub keys: Option<[Value; 2]>,
    /// SQLSTATE.
    pub sqlstate: Option<String>,
    /// What happened, without values.
    pub message: String,
}

/// An entry of the audit trail.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EventLine {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: String,
    /// What.
    pub kind: String,
    /// The particulars.
    pub detail: Value,
}
