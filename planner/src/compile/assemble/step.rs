//! One step of a plan: its number, how it runs, what it risks.

use std::collections::BTreeMap;

use classifier::{Generated, Sqlite};
use engine::catalog::TableName;
use ledger::plan::{Phase, Risk, RiskLevel, Step, StepMode};

use crate::compile::draft::RawStep;

/// Steps with their numbers.
#[derive(Default)]
pub(super) struct Steps {
    pub(super) all: Vec<Step>,
    /// Which step makes what `discard` takes away.
    made_by: BTreeMap<Made, u32>,
}

/// Something that a step makes and another takes away.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Made {
    /// By its place among what `expand` adds.
    Added(usize),
    /// By its name, which is ours.
    Index(String),
    /// Hidden columns, by the function that mirrors them.
    Hidden(String),
}

/// What a step is about, before it has a number.
pub(super) struct NewStep<'a> {
    pub(super) phase: Phase,
    pub(super) table: Option<&'a TableName>,
    pub(super) what: Generated,
    pub(super) title: String,
    pub(super) statements: Vec<String>,
    pub(super) done: Option<String>,
}

impl Steps {
    /// A step of what we generate; how it runs follows from what it locks.
    pub(super) fn push(&mut self, step: NewStep<'_>) -> &mut Step {
        let risk = risk(step.what);
        let mode = if step.what == Generated::Sqlite(Sqlite::Rebuild) {
            StepMode::Rebuild
        } else if risk.level == RiskLevel::Medium {
            StepMode::Watched
        } else {
            StepMode::Short
        };
        let id = u32::try_from(self.all.len()).expect("a plan has fewer than four billion steps");
        self.all.push(Step {
            id,
            phase: step.phase,
            title: step.title,
            table: step.table.cloned(),
            mode,
            statements: step.statements,
            done: step.done,
            cleanup: Vec::new(),
            undoes: None,
            not_ours: None,
            refuse_if: Vec::new(),
            only_if: Vec::new(),
            holds_until: None,
            authority: None,
            risk,
        });
        self.all.last_mut().expect("a step was just added")
    }

    /// Notes that the last step makes something.
    pub(super) fn makes(&mut self, what: Made) {
        let last = self.all.last().expect("a step was added before");
        self.made_by.insert(what, last.id);
    }

    /// Notes that the last step takes it away again.
    pub(super) fn takes_away(&mut self, what: &Made) {
        let made_by = self.made_by.get(what).copied();
        self.all.last_mut().expect("a step was added before").undoes = made_by;
    }
}

fn risk(what: Generated) -> Risk {
    let label = classifier::label(what);
    Risk {
        lock: label.lock.map(|lock| lock.as_str().to_owned()),
        rewrites: label.rewrites,
        scans: label.scans,
        level: match label.level {
            classifier::Level::None => RiskLevel::None,
            classifier::Level::Low => RiskLevel::Low,
            classifier::Level::Medium => RiskLevel::Medium,
            classifier::Level::High => RiskLevel::High,
            classifier::Level::Unknown => RiskLevel::Unknown,
        },
        reason: label.reason.to_owned(),
    }
}

/// Raw SQL, forward or back; nothing where there is no way back.
pub(super) fn raw_step(steps: &mut Steps, raw: &RawStep, phase: Phase, made: &Made) {
    let back = phase == Phase::Discard;
    let statements = if back {
        raw.undo.clone()
    } else {
        Some(raw.run.clone())
    };
    let Some(statements) = statements else { return };
    let question = raw.done.as_ref().map(|done| {
        if back {
            format!("SELECT NOT COALESCE(({done}), false)")
        } else {
            format!("SELECT COALESCE(({done}), false)")
        }
    });
    let step = steps.push(NewStep {
        phase,
        table: raw.table.as_ref(),
        what: Generated::Raw,
        title: if back {
            format!("undo: {}", raw.title)
        } else {
            raw.title.clone()
        },
        statements,
        done: question,
    });
    step.mode = raw.mode;
    if back {
        steps.takes_away(made);
    } else {
        steps.makes(made.clone());
    }
}
