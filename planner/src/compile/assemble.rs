//! Puts the steps of a plan in order.
//!
//! Forward: columns and raw SQL in the order of the spec, then one mirror a table, then carried
//! constraints that are not valid; once every row is filled, what needs all of them; then new becomes the authority, and old is
//! hidden and dropped. Back: hidden columns come back first; carried constraints
//! and unique indexes go with the mirror, in one transaction and before it, because without the mirror
//! they would judge the application's writes by a column that nobody keeps right (a stale foreign key would
//! even cascade deletes). What is left costs nothing and goes with `--discard`.

mod back;
mod cutover;
mod fill;
mod forward;
mod sqlite;
mod step;

use engine::catalog::EngineKind;
use engine::mirror::{self, Hidden, Mirror, MirrorSql};
use engine::postgres::ident::IdentError;
use engine::postgres::triggers;
use ledger::job::JobState;
use ledger::plan::{Budget, Contract, FORMAT, Flip, Gate, Phase, Plan, PlannedTable, ReliedColumn, Throttle};

use std::time::Duration;

use super::draft::{Draft, TableDraft};
use crate::spec::{Code, Fault};
use step::Steps;

/// What a batch aims at: short enough that a waiting application does not notice.
const TARGET_BATCH: Duration = Duration::from_millis(250);

/// On SQLite every writer waits for a batch, whatever row it writes.
const TARGET_BATCH_OF_ONE_WRITER: Duration = Duration::from_millis(50);

/// The plan, unless there are faults.
pub(super) fn plan(mut draft: Draft<'_>) -> Result<Plan, Vec<Fault>> {
    if draft.faults.is_empty() {
        match assembled(&draft) {
            Ok(plan) => return Ok(plan),
            Err(error) => draft.fault(0, "table", Code::Value, error.to_string()),
        }
    }
    draft.faults.sort_by_key(|fault| fault.line);
    draft.faults.dedup();
    Err(draft.faults)
}

/// What a name or a mirror that cannot be written as SQL says.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Ident(#[from] IdentError),
    #[error(transparent)]
    Mirror(#[from] mirror::Error),
}

fn assembled(draft: &Draft<'_>) -> Result<Plan, Error> {
    let mirrors: Vec<Option<MirrorSql>> = draft
        .tables
        .iter()
        .map(|table| {
            if table.pairs.is_empty() {
                Ok(None)
            } else {
                mirror_sql(draft, table).map(Some)
            }
        })
        .collect::<Result<_, _>>()?;
    let steps = match draft.engine() {
        EngineKind::Postgresql => steps(draft, &mirrors)?,
        EngineKind::Sqlite => sqlite::steps(draft, &mirrors)?,
    };
    let flip = cutover::flip(draft, &mirrors);
    let contract = cutover::contract(draft, &mirrors);
    let fills = draft.tables.iter().filter(|t| !t.pairs.is_empty()).enumerate();
    Ok(Plan {
        format: FORMAT,
        name: draft.spec.name.clone(),
        engine: draft.catalog.engine,
        tag: draft.tag.clone(),
        spec: draft.spec.canonical(),
        search_path: draft.catalog.search_path.clone(),
        tables: draft
            .tables
            .iter()
            .map(|table| planned(draft.engine(), table))
            .collect(),
        steps: steps.all,
        fills: fills
            .map(|(id, table)| fill::fill(draft.engine(), id, table))
            .collect::<Result<_, _>>()?,
        notices: draft.notices.clone(),
        gates: gates(draft, &mirrors),
        budget: budget(draft),
        last_state: last_state(flip.as_ref(), contract.as_ref()),
        flip,
        contract,
        watch: draft.spec.verify.watch,
    })
}

/// Every step, in the order of execution within its phase.
fn steps(draft: &Draft<'_>, mirrors: &[Option<MirrorSql>]) -> Result<Steps, IdentError> {
    let mut steps = Steps::default();
    forward::expand(draft, mirrors, &mut steps)?;
    for table in &draft.tables {
        forward::finish(table, &mut steps)?;
    }
    cutover::steps(draft, mirrors, &mut steps)?;
    for (table, mirror) in draft.tables.iter().zip(mirrors) {
        if let Some(mirror) = mirror {
            back::rollback(table, mirror, &mut steps)?;
        }
    }
    back::discard(draft, &mut steps)?;
    Ok(steps)
}

fn mirror_sql(draft: &Draft<'_>, table: &TableDraft<'_>) -> Result<MirrorSql, Error> {
    let mirror = Mirror {
        table: table.table.name.clone(),
        function: table.function.clone(),
        trigger: table.trigger.clone(),
        counter: table.counter.clone(),
        key: table.table.primary_key().to_vec(),
        search_path: draft.catalog.search_path.clone(),
        pairs: table.ordered_pairs(),
        hidden: hidden(table),
    };
    Ok(match draft.engine() {
        EngineKind::Postgresql => triggers::compile(&mirror)?,
        EngineKind::Sqlite => crate::compile::sqlite::mirror(table, &mirror)?,
    })
}

fn hidden(table: &TableDraft<'_>) -> Vec<Hidden> {
    if !table.is_contractible() {
        return Vec::new();
    }
    let replaced = table.replaced.iter();
    replaced
        .map(|r| Hidden {
            column: r.column.clone(),
            name: r.hidden.clone(),
        })
        .collect()
}

/// A mirror that nothing can take the place of has to stay, and with it the job.
fn last_state(flip: Option<&Flip>, contract: Option<&Contract>) -> JobState {
    match (flip, contract) {
        (Some(_), None) => JobState::Flipped,
        (None | Some(_), _) => JobState::Done,
    }
}

fn planned(engine: EngineKind, table: &TableDraft<'_>) -> PlannedTable {
    let triggers = match engine {
        EngineKind::Postgresql => vec![table.trigger.clone()],
        EngineKind::Sqlite => crate::compile::sqlite::triggers_of(&table.trigger),
    };

    PlannedTable {
        name: table.table.name.clone(),
        key: table.table.primary_key().to_vec(),
        relies_on: relies_on(table),
        triggers: if table.trigger.is_empty() {
            Vec::new()
        } else {
            triggers
        },
    }
}

/// What the contract takes away is not relied on once it is hidden.
fn relies_on(table: &TableDraft<'_>) -> Vec<ReliedColumn> {
    let goes = |name: &str| table.is_contractible() && table.replaced.iter().any(|r| r.column == name);
    let relied = table.relies_on.iter().cloned();
    relied
        .map(|column| ReliedColumn {
            replaced: goes(&column.name),
            ..column
        })
        .collect()
}

fn budget(draft: &Draft<'_>) -> Budget {
    let (max_parallel, target_batch) = match draft.engine() {
        EngineKind::Postgresql => (draft.spec.backfill.max_parallel, TARGET_BATCH),
        EngineKind::Sqlite => (1, TARGET_BATCH_OF_ONE_WRITER),
    };
    Budget {
        max_parallel,
        max_rows_per_second: draft.spec.backfill.max_rows_per_second,
        max_wal_bytes_per_second: draft.spec.backfill.max_wal_bytes_per_second,
        max_replica_lag: draft.spec.throttle.max_replica_lag,
        throttle: throttle(draft),
        target_batch,
    }
}

/// A file has no server to read signals of, only hours.
fn throttle(draft: &Draft<'_>) -> Throttle {
    let limits = &draft.spec.throttle.limits;
    match draft.engine() {
        EngineKind::Postgresql => limits.clone(),
        EngineKind::Sqlite => Throttle {
            windows: limits.windows.clone(),
            ..Throttle::default()
        },
    }
}

fn gates(draft: &Draft<'_>, mirrors: &[Option<MirrorSql>]) -> Vec<Gate> {
    let named = draft
        .notices
        .iter()
        .filter(|n| n.needs_approval)
        .map(|n| format!("{}: {}", n.code, n.message));
    let reasons: Vec<String> = draft.reasons.iter().cloned().chain(named).collect();
    let all = [
        ("expand", Phase::Expand, reasons),
        ("flip", Phase::Lead, cutover::writes_that_fail(draft, mirrors)),
        ("contract", Phase::Hide, cutover::reasons(draft, mirrors)),
    ];
    let gates = all.into_iter().filter(|(_, _, reasons)| !reasons.is_empty());
    gates
        .map(|(name, before, reasons)| Gate {
            name: name.to_owned(),
            before,
            reasons,
        })
        .collect()
}
