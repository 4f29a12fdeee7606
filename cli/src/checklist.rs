//! The final checklist of a careful migration: six items, each holds with its evidence, or does not.
//!
//! Honest by construction: an item that this build cannot bring about says so in its evidence and does not hold.
//! What would break it: an item that holds because nothing was looked at. `fill` has the items up to the verified table,
//! `cutover` those after it.

mod cutover;
mod fill;

use std::time::Duration;

use jiff::Timestamp;
use ledger::checks::Verdict;
use ledger::events::Entry;
use ledger::status::{Counts, StageRow};
use ledger::{JobState, Plan, Stage, StageStatus};
use proto::JobId;
use serde::Serialize;

/// One item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Item {
    /// What a careful migration does.
    pub item: &'static str,
    /// It was done here.
    pub holds: bool,
    /// How that is known, or what is missing.
    pub evidence: String,
}

/// What the ledger says, as far as the checklist asks.
#[derive(Clone, Copy, Debug)]
pub struct Findings<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// Where the job is.
    pub state: JobState,
    /// Its changes of state, its flags' steps and its commands, oldest first; see [`KINDS`].
    pub trail: &'a [Entry],
    /// The way back of this spec, as it was used before this job.
    pub rehearsal: Option<&'a Rehearsal>,
    /// Its stages.
    pub stages: &'a [StageRow],
    /// Its counts.
    pub counts: &'a Counts,
    /// The verdict on each fill in the last round; None: not issued.
    pub verdicts: &'a [Option<Verdict>],
    /// Gates with who opened them.
    pub approvals: &'a [(String, String)],
    /// How long a signal stopped it.
    pub throttled: Duration,
}

/// An earlier job of the same spec on the same tables that was rolled back: a real test of the way back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rehearsal {
    /// That job.
    pub job: JobId,
    /// The last stage that it had begun.
    pub stage: Stage,
    /// When it was back.
    pub at: Timestamp,
}

/// Kinds of the audit trail that the checklist reads.
pub const KINDS: &[&str] = &["job.state", "flag.set", "command.applied"];

/// The six items, in the order of a job's life.
#[must_use]
pub fn checklist(found: &Findings<'_>) -> Vec<Item> {
    vec![
        fill::classified(found),
        fill::additive(found),
        fill::filled(found),
        cutover::flipped(found),
        cutover::contracted(found),
        cutover::watched(found),
    ]
}

impl Findings<'_> {
    fn is_done(&self, stage: Stage) -> bool {
        self.stages
            .iter()
            .any(|s| s.name == stage && s.status == StageStatus::Done)
    }

    /// Who opened a gate.
    fn approver(&self, gate: &str) -> Option<&str> {
        let mut approvals = self.approvals.iter();
        approvals
            .find(|(name, _)| name == gate)
            .map(|(_, actor)| actor.as_str())
    }

    fn status(&self, stage: Stage) -> &'static str {
        self.stages
            .iter()
            .find(|s| s.name == stage)
            .map_or("not recorded", |s| s.status.as_str())
    }
}

#[cfg(test)]
mod tests;
