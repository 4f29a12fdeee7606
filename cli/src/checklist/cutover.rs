//! The items after the verified table: how reads and writes moved, how old went, what was watched.

use std::time::Duration;

use jiff::Timestamp;
use ledger::events::Entry;
use ledger::plan::{MIRROR_STAYS, Phase, Sides};
use ledger::{JobState, Plan, Stage};
use shared::units::format_duration;

use super::{Findings, Item};
use crate::out::moment;

pub(super) fn flipped(found: &Findings<'_>) -> Item {
    let (holds, evidence) = match &found.plan.flip {
        None => (
            false,
            "nothing is mirrored, so there was nothing to cut over, and there is no evidence".to_owned(),
        ),
        Some(flip) => {
            let mut evidence = format!("stage flip is {}", found.status(Stage::Flip));
            let mut flags = vec![flip.read_flag()];
            match flip.sides {
                Sides::ReadsAndWrites => flags.push(flip.write_flag()),
                Sides::Reads => {
                    evidence.push_str("; writes stay with the old side, which the new one is derived from");
                }
            }
            for flag in &flags {
                evidence.push_str(&format!("; {flag}: {}", steps_of(found.trail, flag)));
            }
            (found.is_done(Stage::Flip), evidence)
        }
    };
    Item {
        item: "cut-over sequenced by flags",
        holds,
        evidence,
    }
}

/// `5 % at TIME, 100 % at TIME`.
fn steps_of(trail: &[Entry], flag: &str) -> String {
    let steps: Vec<String> = trail
        .iter()
        .filter(|e| e.kind == "flag.set" && e.detail["flag"] == flag)
        .map(|e| format!("{} % at {}", e.detail["percentage"], moment(e.at)))
        .collect();
    if steps.is_empty() {
        "never turned".to_owned()
    } else {
        steps.join(", ")
    }
}

pub(super) fn contracted(found: &Findings<'_>) -> Item {
    Item {
        item: "contract only after references are gone",
        // No proof of no use is gathered, so nobody can know that the references are gone.
        holds: false,
        evidence: contract_evidence(found),
    }
}

fn contract_evidence(found: &Findings<'_>) -> String {
    let Some(contract) = &found.plan.contract else {
        return why_nothing_is_dropped(found.plan);
    };
    let drops = contract.drops.join(", ");
    let gate = found.plan.gate_before(Phase::Hide).map(|gate| gate.name.as_str());
    let approval = match gate.map(|gate| (gate, found.approver(gate))) {
        None => "the plan has no gate before the contract".to_owned(),
        Some((gate, None)) => return format!("gate {gate} was not opened, so {drops} is still there"),
        Some((gate, Some(who))) => {
            let when =
                approved_at(found.trail, gate, who).map_or(String::new(), |at| format!(" at {}", moment(at)));
            format!("gate {gate} approved by {who}{when}")
        }
    };
    format!(
        "{approval} without proof of no use, which this build does not gather; {drops} {}",
        soak(found, contract.soak)
    )
}

/// When somebody opened a gate. A command that named none opened the one that its answer names.
fn approved_at(trail: &[Entry], gate: &str, who: &str) -> Option<Timestamp> {
    let quoted = format!("`{gate}`");
    let approves = |e: &&Entry| {
        let command = &e.detail["command"];
        let answered = || {
            e.detail["answer"]
                .as_str()
                .is_some_and(|answer| answer.contains(&quoted))
        };
        e.kind == "command.applied"
            && e.actor == who
            && command["kind"] == "approve"
            && (command["gate"] == gate || (command["gate"].is_null() && answered()))
    };
    trail.iter().find(approves).map(|e| e.at)
}

/// How long old was hidden before it went.
fn soak(found: &Findings<'_>, planned: Duration) -> String {
    let mut changes = found.trail.iter().filter(|e| e.kind == "job.state");
    let Some(hidden) = changes.find(|e| to(e, JobState::SoftDropped)) else {
        return "is not hidden yet".to_owned();
    };
    let from = moment(hidden.at);
    let Some(end) = changes.find(|e| to(e, JobState::Contracted) || to(e, JobState::RolledBack)) else {
        return format!("hidden since {from}, for at least {}", format_duration(planned));
    };
    let took = Duration::try_from(end.at.duration_since(hidden.at)).unwrap_or_default();
    let kept = if took < planned { "shorter than" } else { "kept" };
    let what = if to(end, JobState::Contracted) {
        format!(
            "then dropped; its soak of {} was {kept}",
            format_duration(planned)
        )
    } else {
        "then brought back".to_owned()
    };
    format!("hidden from {from} to {}, {what}", moment(end.at))
}

fn to(entry: &Entry, state: JobState) -> bool {
    entry.detail["to"] == state.as_str()
}

/// Why a plan has no contract.
pub(super) fn why_nothing_is_dropped(plan: &Plan) -> String {
    if plan.flip.is_none() {
        "nothing is dropped, because nothing is mirrored".to_owned()
    } else {
        format!("nothing is dropped, because {MIRROR_STAYS}")
    }
}

pub(super) fn watched(found: &Findings<'_>) -> Item {
    Item {
        item: "monitoring and rollback tested",
        holds: found.is_done(Stage::Verify) && found.rehearsal.is_some(),
        evidence: format!("{}; {}", watch(found), rehearsal(found)),
    }
}

fn watch(found: &Findings<'_>) -> String {
    let planned = format_duration(found.plan.watch);
    let row = found.stages.iter().find(|s| s.name == Stage::Verify);
    let times = row.and_then(|s| Some((s.started_at?, s.ended_at?)));
    match times {
        Some((from, to)) if found.is_done(Stage::Verify) => {
            format!(
                "watched from {} to {}, {planned} as planned, for its columns to stay; errors of the application are not looked at",
                moment(from),
                moment(to)
            )
        }
        _ if found.is_done(Stage::Verify) => format!("watched for {planned}"),
        _ if found.plan.last_state < JobState::Watching => format!(
            "not watched to an end: the plan comes to rest at {}, and its triggers stay",
            found.plan.last_state
        ),
        _ => format!(
            "not watched yet: stage verify is {}, planned for {planned}",
            found.status(Stage::Verify)
        ),
    }
}

fn rehearsal(found: &Findings<'_>) -> String {
    match found.rehearsal {
        Some(earlier) => format!(
            "the way back was tested: job {} of the same spec was rolled back at {}, after stage {} had begun",
            earlier.job,
            moment(earlier.at),
            earlier.stage
        ),
        None if found.state == JobState::RolledBack => {
            "this job was rolled back, which tests the way back for the next job of this spec".to_owned()
        }
        None => "the way back was not tested: no job of the same spec was rolled back on this ledger before"
            .to_owned(),
    }
}
