//! A plan and a job for tests.

use std::time::Duration;

use engine::catalog::{EngineKind, TableName};
use engine::postgres::triggers::Authority;
use jiff::Timestamp;
use ledger::jobs::Job;
use ledger::plan::{
    Budget, Contract, Fill, FilledColumn, Flip, Gate, Phase, PlannedTable, Risk, RiskLevel, Sides, Step,
    StepMode,
};
use ledger::{JobState, Plan};
use planner::decide::Machine;
use proto::{JobId, PlanHash, TargetName};
use serde_json::json;

const HOUR: Duration = Duration::from_secs(3600);

pub(crate) fn table() -> TableName {
    TableName {
        schema: "public".to_owned(),
        name: "track".to_owned(),
    }
}

fn step(id: u32, phase: Phase, title: &str) -> Step {
    Step {
        id,
        phase,
        title: title.to_owned(),
        table: Some(table()),
        mode: StepMode::Short,
        statements: vec!["SELECT 1".to_owned()],
        done: None,
        cleanup: Vec::new(),
        undoes: None,
        not_ours: None,
        holds_until: None,
        refuse_if: Vec::new(),
        only_if: Vec::new(),
        authority: None,
        risk: Risk {
            lock: Some("AccessExclusiveLock".to_owned()),
            rewrites: false,
            scans: false,
            level: RiskLevel::Low,
            reason: "catalog only".to_owned(),
        },
    }
}

pub(crate) fn plan() -> Plan {
    Plan {
        format: ledger::plan::FORMAT,
        name: "track-seconds".to_owned(),
        engine: EngineKind::Postgresql,
        tag: "0123456789".to_owned(),
        spec: json!({ "name": "track-seconds" }),
        search_path: vec!["public".to_owned()],
        tables: vec![PlannedTable {
            name: table(),
            key: vec!["track_id".to_owned()],
            relies_on: Vec::new(),
            triggers: Vec::new(),
        }],
        steps: vec![
            step(0, Phase::Expand, "add column track.seconds"),
            step(1, Phase::Expand, "install the mirror on track"),
            step(2, Phase::Lead, "the new side of track becomes the authority"),
            step(3, Phase::Hide, "soft drop: hide track.milliseconds"),
            step(4, Phase::Drop, "drop track.milliseconds"),
            step(5, Phase::Unhide, "bring back track.milliseconds"),
            step(6, Phase::Rollback, "remove the mirror from track"),
            step(7, Phase::Discard, "drop column track.seconds"),
        ],
        fills: vec![Fill {
            id: 0,
            table: table(),
            alias: "\"track\"".to_owned(),
            row: None,
            set: String::new(),
            wrong: String::new(),
            unrelated: String::new(),
            key: String::new(),
            columns: vec![FilledColumn {
                column: "seconds".to_owned(),
                type_name: "integer".to_owned(),
                up: "milliseconds / 1000".to_owned(),
            }],
        }],
        notices: Vec::new(),
        gates: vec![Gate {
            name: "contract".to_owned(),
            before: Phase::Hide,
            reasons: vec!["it ends in the drop of public.track.milliseconds".to_owned()],
        }],
        budget: Budget {
            max_parallel: 2,
            max_rows_per_second: None,
            max_wal_bytes_per_second: None,
            max_replica_lag: Duration::from_secs(5),
            throttle: ledger::plan::Throttle::default(),
            target_batch: Duration::from_millis(250),
        },
        flip: Some(Flip {
            flag: "track.seconds".to_owned(),
            steps: vec![5, 100],
            soak: HOUR,
            cache: Duration::from_secs(30),
            sides: Sides::ReadsAndWrites,
            counted: Vec::new(),
        }),
        contract: Some(Contract {
            soak: HOUR,
            drops: vec!["public.track.milliseconds".to_owned()],
        }),
        watch: HOUR,
        last_state: JobState::Done,
    }
}

/// A plan whose mirror has to stay: it has nothing to drop.
pub(crate) fn plan_that_stays() -> Plan {
    let mut plan = Plan {
        contract: None,
        gates: Vec::new(),
        last_state: JobState::Flipped,
        ..plan()
    };
    plan.steps
        .retain(|s| !matches!(s.phase, Phase::Hide | Phase::Drop | Phase::Unhide));
    plan
}

/// A gate that a plan with raw SQL has.
pub(crate) fn expand_gate() -> Gate {
    Gate {
        name: "expand".to_owned(),
        before: Phase::Expand,
        reasons: vec!["raw SQL".to_owned()],
    }
}

/// What the planner remembers of a job.
pub(crate) fn machine(state: JobState) -> Machine {
    Machine {
        state,
        ..Machine::new(&plan())
    }
}

pub(crate) fn time(second: i64) -> Timestamp {
    Timestamp::from_second(1_767_225_600 + second).expect("a time in 2026")
}

pub(crate) fn job(state: JobState) -> Job {
    Job {
        id: JobId("01890a5d-ac96-774b-bcce-b302099a8057".parse().expect("a UUID")),
        name: "track-seconds".to_owned(),
        target: TargetName::from("main"),
        plan_hash: PlanHash("ab".repeat(32)),
        tag: "0123456789".to_owned(),
        state,
        authority: Authority::Old,
        reason: None,
        machine: serde_json::to_value(machine(state)).expect("a machine serialises to JSON"),
        version: 7,
        submitted_by: "ada".to_owned(),
        created_at: time(0),
        updated_at: time(60),
        ended_at: None,
    }
}
