//! A test database as a target: one URL for each documented role, and the smallest plan there is.

use std::time::Duration;

use engine::catalog::{EngineKind, TableName};
use ledger::plan::{Budget, FORMAT, Fill, Plan, PlannedTable};
use ledger::target::{Error, Target};
use ledger::{JobState, Ledger};
use secrecy::SecretString;
use shared::settings::TargetSettings;

use crate::database::{Database, Role};
use crate::place::Place;

/// The settings of a target whose every role has its own URL.
#[must_use]
pub fn settings(database: &Database<'_>) -> TargetSettings {
    let url = |role| Some(SecretString::from(database.url(role)));
    TargetSettings {
        admin_url: url(Role::Owner),
        monitor_url: url(Role::Monitor),
        ledger_url: url(Role::Ledger),
        ..TargetSettings::new(SecretString::from(database.url(Role::Data)))
    }
}

/// Connects every role and creates the ledger.
///
/// # Errors
/// What a service would say.
pub async fn connect(database: &Database<'_>) -> Result<Target, Error> {
    connect_with(database, &settings(database)).await
}

/// Like [`connect`], with settings of the test's own.
///
/// # Errors
/// What a service would say.
pub async fn connect_with(database: &Database<'_>, settings: &TargetSettings) -> Result<Target, Error> {
    Place::from(database).target(settings).await
}

/// A ledger on its own, created.
///
/// # Errors
/// What a service would say.
pub async fn ledger(database: &Database<'_>) -> Result<Ledger, Error> {
    Ok(connect(database).await?.ledger)
}

/// A plan with one fill and no steps: enough for the ledger's rows to have something to point at.
#[must_use]
pub fn smallest_plan(table: &str) -> Plan {
    let table = TableName {
        schema: "public".to_owned(),
        name: table.to_owned(),
    };
    Plan {
        format: FORMAT,
        name: format!("smallest on {}", table.name),
        engine: EngineKind::Postgresql,
        tag: "0123456789".to_owned(),
        spec: serde_json::json!({ "name": table.name }),
        search_path: vec!["public".to_owned()],
        tables: vec![PlannedTable {
            name: table.clone(),
            key: vec!["id".to_owned()],
            relies_on: Vec::new(),
            triggers: Vec::new(),
        }],
        steps: Vec::new(),
        fills: vec![Fill {
            id: 0,
            alias: format!("\"{}\"", table.name),
            table,
            row: None,
            set: "v = v".to_owned(),
            wrong: "false".to_owned(),
            unrelated: "false".to_owned(),
            key: "'{}'::jsonb".to_owned(),
            columns: Vec::new(),
        }],
        notices: Vec::new(),
        gates: Vec::new(),
        budget: Budget {
            max_parallel: 2,
            max_rows_per_second: None,
            max_wal_bytes_per_second: None,
            max_replica_lag: Duration::from_secs(5),
            throttle: ledger::plan::Throttle::default(),
            target_batch: Duration::from_millis(200),
        },
        flip: None,
        contract: None,
        watch: Duration::from_secs(1),
        last_state: JobState::Verified,
    }
}
