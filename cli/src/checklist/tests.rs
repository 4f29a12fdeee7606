//! Which items hold for which findings, and what their evidence says.

use ledger::checks::Outcome;
use ledger::plan::{RiskLevel, Sides};
use serde_json::{Value, json};

use super::*;
use crate::example;

const FILLED: [Stage; 3] = [Stage::Classify, Stage::Expand, Stage::Backfill];

fn stages(done: &[Stage]) -> Vec<StageRow> {
    Stage::ALL
        .iter()
        .map(|name| StageRow {
            name: *name,
            status: if done.contains(name) {
                StageStatus::Done
            } else {
                StageStatus::Pending
            },
            started_at: Some(example::time(10)),
            ended_at: done.contains(name).then(|| example::time(3_610)),
        })
        .collect()
}

/// What is looked at, with nothing done.
struct Found {
    plan: Plan,
    state: JobState,
    stages: Vec<StageRow>,
    verdict: Option<Outcome>,
    approvals: Vec<(String, String)>,
    trail: Vec<Entry>,
    rehearsal: Option<Rehearsal>,
}

impl Found {
    fn new(state: JobState, done: &[Stage]) -> Self {
        Self {
            plan: example::plan(),
            state,
            stages: stages(done),
            verdict: Some(Outcome::Proceed),
            approvals: Vec::new(),
            trail: Vec::new(),
            rehearsal: None,
        }
    }

    fn items(&self) -> Vec<Item> {
        let verdict = self.verdict.map(|outcome| Verdict {
            outcome,
            rows_checked: 9,
            rows_mismatched: 0,
            why: "looked".to_owned(),
        });
        let verdicts: Vec<Option<Verdict>> = self.plan.fills.iter().map(|_| verdict.clone()).collect();
        checklist(&Findings {
            plan: &self.plan,
            state: self.state,
            trail: &self.trail,
            rehearsal: self.rehearsal.as_ref(),
            stages: &self.stages,
            counts: &Counts::default(),
            verdicts: &verdicts,
            approvals: &self.approvals,
            throttled: Duration::ZERO,
        })
    }

    fn holding(&self) -> Vec<bool> {
        self.items().iter().map(|item| item.holds).collect()
    }
}

fn entry(second: i64, kind: &str, detail: Value) -> Entry {
    Entry {
        at: example::time(second),
        actor: "grace".to_owned(),
        kind: kind.to_owned(),
        detail,
    }
}

fn entered(second: i64, state: JobState) -> Entry {
    entry(
        second,
        "job.state",
        json!({ "from": "held", "to": state.as_str(), "reason": null }),
    )
}

#[test]
fn an_item_holds_only_when_its_stage_ended_and_its_verdict_says_so() {
    let none = Found {
        verdict: None,
        ..Found::new(JobState::Submitted, &[])
    };
    assert_eq!(none.holding(), [false; 6]);
    let filling = Found {
        verdict: None,
        ..Found::new(JobState::Backfilling, &FILLED[..2])
    };
    assert_eq!(filling.holding(), [true, true, false, false, false, false]);
    let verified = Found::new(JobState::Verified, &FILLED);
    assert_eq!(verified.holding(), [true, true, true, false, false, false]);
    let held = Found {
        verdict: Some(Outcome::Hold),
        ..Found::new(JobState::Held, &FILLED)
    };
    assert_eq!(held.holding(), [true, true, false, false, false, false]);
    let done = Found::new(JobState::Done, Stage::ALL);
    assert_eq!(done.holding(), [true, true, true, true, false, false]);
}

#[test]
fn nothing_holds_because_nothing_was_looked_at() {
    let mut found = Found::new(JobState::Done, Stage::ALL);
    found.plan.fills.clear();
    found.plan.flip = None;
    found.plan.contract = None;
    found.plan.steps[0].risk.level = RiskLevel::Unknown;
    let items = found.items();
    assert!(items.iter().all(|item| !item.holds), "{items:?}");
    for (item, said) in items.iter().zip([
        "1 of them unknown; nothing is dropped, because nothing is mirrored",
        "raw SQL",
        "nothing was verified",
        "nothing to cut over",
        "nothing is mirrored",
        "was not tested",
    ]) {
        assert!(item.evidence.contains(said), "{item:?}");
    }
}

#[test]
fn the_path_names_what_goes_or_why_nothing_does() {
    let mut found = Found::new(JobState::Verified, &FILLED);
    let said = found.items()[0].evidence.clone();
    assert!(
        said.contains("5 steps forward and 3 back")
            && said.ends_with("the contract drops public.track.milliseconds"),
        "{said}"
    );
    found.plan = example::plan_that_stays();
    assert!(
        found.items()[0]
            .evidence
            .ends_with("names nothing that it `replaces`")
    );
}

#[test]
fn a_cut_over_shows_each_step_of_each_flag() {
    let mut found = Found::new(JobState::Flipped, &FILLED);
    let turned = |second, flag: &str, percentage: u8| {
        entry(
            second,
            "flag.set",
            json!({ "flag": flag, "percentage": percentage }),
        )
    };
    found.trail = vec![
        turned(1, "track.seconds.read", 5),
        turned(2, "track.seconds.read", 100),
        turned(3, "another.read", 7),
    ];
    let said = found.items()[3].evidence.clone();
    assert_eq!(
        said,
        "stage flip is pending; track.seconds.read: 5 % at 2026-01-01 00:00:01Z, 100 % at 2026-01-01 00:00:02Z; \
         track.seconds.write: never turned"
    );
    if let Some(flip) = &mut found.plan.flip {
        flip.sides = Sides::Reads;
    }
    let said = found.items()[3].evidence.clone();
    assert!(
        said.contains("writes stay with the old side") && !said.contains("track.seconds.write"),
        "{said}"
    );
}

#[test]
fn a_contract_without_proof_never_holds_and_says_who_approved_it() {
    let mut found = Found::new(JobState::Done, Stage::ALL);
    let said = |found: &Found| found.items()[4].evidence.clone();
    assert_eq!(
        said(&found),
        "gate contract was not opened, so public.track.milliseconds is still there"
    );
    found.approvals = vec![("contract".to_owned(), "grace".to_owned())];
    found.trail = vec![
        entry(
            5,
            "command.applied",
            json!({ "command": { "kind": "approve", "gate": null }, "answer": "gate `expand` is open, approved by grace" }),
        ),
        entry(
            60,
            "command.applied",
            json!({ "command": { "kind": "approve", "gate": null }, "answer": "gate `contract` is open, approved by grace" }),
        ),
    ];
    let approved = "gate contract approved by grace at 2026-01-01 00:01:00Z without proof of no use, which this build does not gather; \
                    public.track.milliseconds";
    assert_eq!(said(&found), format!("{approved} is not hidden yet"));
    found.trail.push(entered(100, JobState::SoftDropped));
    assert_eq!(
        said(&found),
        format!("{approved} hidden since 2026-01-01 00:01:40Z, for at least 1h")
    );
    found.trail.extend([
        entered(200, JobState::Paused),
        entered(300, JobState::SoftDropped),
        entered(3_700, JobState::Contracted),
    ]);
    assert_eq!(
        said(&found),
        format!(
            "{approved} hidden from 2026-01-01 00:01:40Z to 2026-01-01 01:01:40Z, then dropped; its soak of 1h was kept"
        )
    );
    assert!(!found.items()[4].holds);
}

#[test]
fn monitoring_and_rollback_hold_only_together() {
    let rehearsal = Rehearsal {
        job: example::job(JobState::RolledBack).id,
        stage: Stage::Flip,
        at: example::time(0),
    };
    let mut found = Found::new(JobState::Done, Stage::ALL);
    assert!(!found.items()[5].holds);
    found.rehearsal = Some(rehearsal.clone());
    let item = found.items()[5].clone();
    assert!(item.holds, "{item:?}");
    assert_eq!(
        item.evidence,
        "watched from 2026-01-01 00:00:10Z to 2026-01-01 01:00:10Z, 1h as planned, for its columns to stay; errors of the application are not looked at; the way back was tested: job \
         01890a5d-ac96-774b-bcce-b302099a8057 of the same spec was rolled back at 2026-01-01 00:00:00Z, after stage flip had begun"
    );
    let watching = Found {
        rehearsal: Some(rehearsal),
        ..Found::new(JobState::Watching, &Stage::ALL[..5])
    };
    let item = watching.items()[5].clone();
    assert!(
        !item.holds
            && item
                .evidence
                .starts_with("not watched yet: stage verify is pending"),
        "{item:?}"
    );
}

#[test]
fn a_plan_that_keeps_its_triggers_is_never_watched_to_an_end() {
    let found = Found {
        plan: example::plan_that_stays(),
        ..Found::new(JobState::Flipped, &FILLED)
    };
    let said = found.items()[5].evidence.clone();
    assert!(said.contains("comes to rest at flipped"), "{said}");
}
