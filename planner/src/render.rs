//! A plan as a person reads it: a summary, then what happens, in order, what it locks, and the way back.
//!
//! Pure text, at most 100 columns except where SQL has longer words, so that it reads the same in a
//! terminal, a pull request and a mail.

mod page;
mod summary;

use engine::catalog::EngineKind;
use ledger::plan::{MIRROR_STAYS, Phase, Plan, Risk, RiskLevel, Sides, Step, StepMode};

use shared::units::format_bytes;

use crate::spec::keys::written;
use page::Page;

/// How much of a plan is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Length {
    /// Without the bodies of functions.
    #[default]
    Short,
    /// Every statement, word by word.
    Full,
}

/// The whole plan. Ends with a line break.
#[must_use]
pub fn text(plan: &Plan, length: Length) -> String {
    let mut page = Page {
        length,
        ..Page::default()
    };
    head(&mut page, plan);
    summary::write(&mut page, plan);
    for (title, phase) in [
        ("expand: added before anything is filled", Phase::Expand),
        ("finish: once every row is filled", Phase::Finish),
    ] {
        if phase == Phase::Finish {
            backfill(&mut page, plan);
        }
        steps(&mut page, plan, phase, title);
    }
    cut_over(&mut page, plan);
    steps(
        &mut page,
        plan,
        Phase::Unhide,
        "way back: from the soft drop, before everything else",
    );
    steps(
        &mut page,
        plan,
        Phase::Rollback,
        "way back: `sluice rollback` (keeps what was added)",
    );
    steps(
        &mut page,
        plan,
        Phase::Discard,
        "way back: `sluice rollback --discard`, after that",
    );
    notices(&mut page, plan);
    gates(&mut page, plan);
    budget(&mut page, plan);
    page.title(&format!("plan {}", plan.hash().0));
    page.paragraph(
        2,
        "The hash of all of the above: an approval counts for exactly this plan, and only this plan is ever carried out.",
    );
    page.text
}

/// Flip, contract and watch, or why not.
fn cut_over(page: &mut Page, plan: &Plan) {
    let Some(flip) = &plan.flip else {
        page.title("then");
        page.paragraph(
            2,
            &format!(
                "Nothing moves and nothing is dropped; the job is watched for {} and is `{}`.",
                written(plan.watch),
                plan.last_state
            ),
        );
        return;
    };
    let shares: Vec<String> = flip.steps.iter().map(|step| format!("{step} %")).collect();
    let (shares, soak) = (shares.join(", "), written(flip.soak));
    page.title("flip: the application follows the flags");
    page.paragraph(
        2,
        &format!("Flag `{}`: {shares}, each for at least {soak}.", flip.read_flag()),
    );
    if flip.sides == Sides::Reads {
        page.paragraph(2, "Writes do not move: some new column has no `down`.");
    } else {
        steps_alone(page, plan, Phase::Lead);
        page.paragraph(
            2,
            &format!(
                "Flag `{}`: {shares}, each for at least {soak}.",
                flip.write_flag()
            ),
        );
    }
    let Some(contract) = &plan.contract else {
        page.title("then");
        let rests = format!(
            "The job rests `flipped` and keeps mirroring until it is rolled back: nothing can be dropped, because {MIRROR_STAYS}."
        );
        page.paragraph(2, &rests);
        return;
    };
    steps(
        page,
        plan,
        Phase::Hide,
        "contract: the soft drop, which can be taken back",
    );
    page.paragraph(
        2,
        &format!(
            "Then a soak of {}, and the drop, after which there is no way back:",
            written(contract.soak)
        ),
    );
    steps_alone(page, plan, Phase::Drop);
    page.paragraph(
        2,
        &format!(
            "The job is watched for {} and is `{}`.",
            written(plan.watch),
            plan.last_state
        ),
    );
}

fn head(page: &mut Page, plan: &Plan) {
    page.paragraph(
        0,
        &format!(
            "{}: plan for {} table(s), objects `sluice_{}_*`",
            plan.name,
            plan.tables.len(),
            plan.tag
        ),
    );
    for table in &plan.tables {
        let key = if table.key.is_empty() {
            "no primary key".to_owned()
        } else {
            format!("key {}", table.key.join(", "))
        };
        page.paragraph(
            2,
            &format!("table {}.{} ({key})", table.name.schema, table.name.name),
        );
        let relied = |added: bool| -> Vec<String> {
            let columns = table.relies_on.iter().filter(|c| c.added == added);
            columns.map(|c| format!("{} {}", c.name, c.type_name)).collect()
        };
        for (what, columns) in [("relies on", relied(false)), ("adds", relied(true))] {
            if !columns.is_empty() {
                page.paragraph(4, &format!("{what} {}", columns.join(", ")));
            }
        }
    }
}

fn steps(page: &mut Page, plan: &Plan, phase: Phase, title: &str) {
    if plan.steps_of(phase).next().is_none() {
        return;
    }
    page.title(title);
    steps_alone(page, plan, phase);
}

fn steps_alone(page: &mut Page, plan: &Plan, phase: Phase) {
    for step in plan.steps_of(phase) {
        one_step(page, step);
    }
}

fn one_step(page: &mut Page, step: &Step) {
    let mode = match step.mode {
        StepMode::Short => "short transaction",
        StepMode::Watched => "no transaction, watched",
        StepMode::Rebuild => "one transaction with foreign_keys off and checked before it commits",
    };
    page.paragraph(2, &format!("{}. {}", step.id, step.title));
    page.paragraph(5, &format!("{}, {mode}: {}", risk(&step.risk), step.risk.reason));
    for statement in &step.statements {
        page.statement(statement);
    }
    for cleanup in &step.cleanup {
        page.paragraph(5, "before another attempt:");
        page.sql(7, cleanup);
    }
    for refused in &step.refuse_if {
        page.paragraph(5, &format!("asked first, and if so refused: {}", refused.message));
    }
    let check = if step.done.is_some() {
        "checked in the catalog"
    } else {
        "marked in the ledger by the same transaction"
    };
    page.paragraph(5, &format!("already done? {check}"));
}

fn risk(risk: &Risk) -> String {
    let level = match risk.level {
        RiskLevel::None => "risk none",
        RiskLevel::Low => "risk low",
        RiskLevel::Medium => "risk medium",
        RiskLevel::High => "risk HIGH",
        RiskLevel::Unknown => "risk UNKNOWN",
    };
    let mut parts = vec![level];
    parts.extend(risk.lock.as_deref());
    parts.extend(risk.rewrites.then_some("rewrites the table"));
    parts.extend(risk.scans.then_some("reads every row"));
    parts.join(", ")
}

fn backfill(page: &mut Page, plan: &Plan) {
    if plan.fills.is_empty() {
        return;
    }
    page.title("backfill: short batches under the mirror, repeated until a full pass finds nothing");
    for fill in &plan.fills {
        page.paragraph(
            2,
            &format!(
                "fill {}.{} by {}",
                fill.table.schema,
                fill.table.name,
                fill.cut_by()
            ),
        );
        page.sql(7, &format!("SET {}", fill.set));
        page.sql(7, &format!("WHERE {}", fill.wrong));
    }
}

fn notices(page: &mut Page, plan: &Plan) {
    if plan.notices.is_empty() {
        return;
    }
    page.title("notices");
    for notice in &plan.notices {
        let approval = if notice.needs_approval {
            " (needs an approval)"
        } else {
            ""
        };
        page.paragraph(2, &format!("{}{approval}", notice.code));
        page.paragraph(5, &notice.message);
    }
}

fn gates(page: &mut Page, plan: &Plan) {
    page.title("gates");
    if plan.gates.is_empty() {
        page.paragraph(2, "none: nothing in this plan waits for an approval");
    }
    for gate in &plan.gates {
        page.paragraph(
            2,
            &format!(
                "`{}` waits for a named approval before {}, because:",
                gate.name,
                gate.before.as_str()
            ),
        );
        for reason in &gate.reasons {
            page.paragraph(5, reason);
        }
    }
}

fn hours(windows: &[String]) -> String {
    if windows.is_empty() {
        String::new()
    } else {
        format!(", nor outside of {}", windows.join(" and "))
    }
}

fn budget(page: &mut Page, plan: &Plan) {
    let budget = &plan.budget;
    let rows = budget.max_rows_per_second.map_or_else(
        || "rows a second not limited".to_owned(),
        |rows| format!("at most {rows} rows a second"),
    );
    let wal = budget.max_wal_bytes_per_second.map_or_else(String::new, |bytes| {
        format!(", at most {} of write-ahead log a second", format_bytes(bytes))
    });
    let batches = format!(
        "at most {} chunk(s) in flight, {rows}{wal}, batches of about {}",
        budget.max_parallel,
        written(budget.target_batch)
    );
    let beside = match plan.engine {
        EngineKind::Postgresql => format!(
            "nothing is written while a replica is more than {} behind{}",
            written(budget.max_replica_lag),
            hours(&budget.throttle.windows)
        ),
        EngineKind::Sqlite => {
            let hours = hours(&budget.throttle.windows);
            format!("the file has one writer, so the application waits for a batch that runs{hours}")
        }
    };
    page.title("budget");
    page.paragraph(2, &format!("{batches}; {beside}"));
}
