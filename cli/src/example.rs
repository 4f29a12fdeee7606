//! A plan and a job for tests.

use std::time::Duration;

use engine::catalog::{EngineKind, TableName};
use jiff::Timestamp;
use ledger::jobs::Job;
use ledger::plan::{Budget, Fill, FilledColumn, Phase, PlannedTable, Risk, RiskLevel, Step, StepMode};
use ledger::{JobState, Plan};
use proto::{JobId, PlanHash, TargetName};
use serde_json::{Value, json};

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
            step(2, Phase::Rollback, "remove the mirror from track"),
            step(3, Phase::Discard, "drop column track.seconds"),
        ],
        fills: vec![Fill {
            id: 0,
            table: table(),
            alias: "\"track\"".to_owned(),
            set: String::new(),
            wrong: String::new(),
            key: String::new(),
            columns: vec![FilledColumn {
                column: "seconds".to_owned(),
                type_name: "integer".to_owned(),
                up: "milliseconds / 1000".to_owned(),
            }],
        }],
        notices: Vec::new(),
        gates: Vec::new(),
        budget: Budget {
            max_parallel: 2,
            max_rows_per_second: None,
            max_replica_lag: Duration::from_secs(5),
            target_batch: Duration::from_millis(250),
        },
        last_state: JobState::Verified,
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
        reason: None,
        machine: Value::Null,
        version: 7,
        submitted_by: "ada".to_owned(),
        created_at: time(0),
        updated_at: time(60),
        ended_at: None,
    }
}
