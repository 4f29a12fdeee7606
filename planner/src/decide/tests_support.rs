//! A small plan for the tests of the pure core.

use std::time::Duration;

use engine::catalog::{EngineKind, TableName};
use ledger::job::JobState;
use ledger::plan::{
    Budget, Contract, Fill, Flip, Gate, Phase, Plan, PlannedTable, Risk, RiskLevel, Sides, Step, StepMode,
};

use super::Machine;

pub(crate) fn plan() -> Plan {
    let table = TableName {
        schema: "public".to_owned(),
        name: "track".to_owned(),
    };
    let step = |id: u32, phase: Phase| Step {
        id,
        phase,
        title: format!("step {id}"),
        table: Some(table.clone()),
        mode: StepMode::Short,
        statements: vec!["SELECT 1".to_owned()],
        done: Some("SELECT true".to_owned()),
        cleanup: Vec::new(),
        undoes: None,
        not_ours: None,
        refuse_if: Vec::new(),
        only_if: Vec::new(),
        holds_until: None,
        authority: None,
        risk: Risk {
            lock: None,
            rewrites: false,
            scans: false,
            level: RiskLevel::Low,
            reason: "a test".to_owned(),
        },
    };
    Plan {
        format: ledger::plan::FORMAT,
        name: "test".to_owned(),
        engine: EngineKind::Postgresql,
        tag: "0123456789".to_owned(),
        spec: serde_json::json!({}),
        search_path: vec!["public".to_owned()],
        tables: vec![PlannedTable {
            name: table.clone(),
            key: vec!["id".to_owned()],
            relies_on: Vec::new(),
            triggers: Vec::new(),
        }],
        steps: vec![
            step(0, Phase::Expand),
            step(1, Phase::Expand),
            step(2, Phase::Finish),
            step(3, Phase::Rollback),
            step(4, Phase::Discard),
        ],
        fills: vec![Fill {
            id: 0,
            table: table.clone(),
            alias: "\"track\"".to_owned(),
            set: String::new(),
            wrong: "false".to_owned(),
            unrelated: "false".to_owned(),
            key: "'{}'".to_owned(),
            row: None,
            columns: Vec::new(),
        }],
        notices: Vec::new(),
        gates: Vec::new(),
        budget: Budget {
            max_parallel: 4,
            max_rows_per_second: None,
            max_wal_bytes_per_second: None,
            max_replica_lag: Duration::from_secs(5),
            throttle: ledger::plan::Throttle::default(),
            target_batch: Duration::from_millis(200),
        },
        flip: None,
        contract: None,
        watch: Duration::from_secs(60),
        last_state: JobState::Verified,
    }
}

/// The same plan, to the end: flip, contract, watch. Steps 5 to 8 lead, hide, drop and unhide.
pub(crate) fn whole_plan() -> Plan {
    let mut plan = plan();
    let like = plan.steps[0].clone();
    for (id, phase) in [
        (5, Phase::Lead),
        (6, Phase::Hide),
        (7, Phase::Drop),
        (8, Phase::Unhide),
    ] {
        plan.steps.push(Step {
            id,
            phase,
            ..like.clone()
        });
    }
    plan.flip = Some(Flip {
        flag: "track".to_owned(),
        steps: vec![10, 100],
        soak: Duration::from_secs(10),
        cache: Duration::from_secs(30),
        sides: Sides::ReadsAndWrites,
        counted: Vec::new(),
    });
    plan.contract = Some(Contract {
        soak: Duration::from_secs(100),
        drops: vec!["track.milliseconds".to_owned()],
    });
    plan.gates.push(Gate {
        name: "contract".to_owned(),
        before: Phase::Hide,
        reasons: vec!["there is no way back".to_owned()],
    });
    plan.last_state = JobState::Done;
    plan
}

pub(crate) fn machine() -> Machine {
    Machine::new(&plan())
}
