//! The plan at a glance: one line a step with its risk and lock, what is filled, and what waits for a person.

use engine::catalog::EngineKind;
use ledger::plan::{Phase, Plan, RiskLevel, Step};

use super::page::Page;

pub(super) fn write(page: &mut Page, plan: &Plan) {
    page.title("summary");
    let mut lines = Vec::new();
    for phase in Phase::ALL {
        if *phase == Phase::Finish {
            let fills = plan.fills.iter();
            let lock = match plan.engine {
                EngineKind::Postgresql => "row locks, a batch at a time",
                EngineKind::Sqlite => "write lock, by batch",
            };
            lines.extend(fills.map(|fill| {
                let what = format!("fill {}.{} in short batches", fill.table.schema, fill.table.name);
                Line::new("", "", lock, what)
            }));
        }
        lines.extend(plan.steps_of(*phase).map(Line::of));
    }
    let widest = |column: fn(&Line) -> &str| lines.iter().map(|l| column(l).len()).max().unwrap_or(0);
    let (ids, risks, locks) = (widest(|l| &l.id), widest(|l| &l.risk), widest(|l| &l.lock));
    for line in &lines {
        page.line(&format!(
            "  {:>ids$}  {:risks$}  {:locks$}  {}",
            line.id, line.risk, line.lock, line.what
        ));
    }
    page.paragraph(2, &approvals(plan));
}

/// One line, in columns.
struct Line {
    id: String,
    risk: String,
    lock: String,
    what: String,
}

impl Line {
    fn new(id: &str, risk: &str, lock: &str, what: String) -> Self {
        Self {
            id: id.to_owned(),
            risk: risk.to_owned(),
            lock: lock.to_owned(),
            what,
        }
    }

    fn of(step: &Step) -> Self {
        let mut lock = step
            .risk
            .lock
            .clone()
            .unwrap_or_else(|| "no lock known".to_owned());
        for (holds, words) in [
            (step.risk.rewrites, ", rewrites"),
            // What is rewritten is read.
            (step.risk.scans && !step.risk.rewrites, ", reads every row"),
        ] {
            if holds {
                lock.push_str(words);
            }
        }
        let what = match step.phase {
            Phase::Expand | Phase::Finish | Phase::Lead | Phase::Hide => step.title.clone(),
            Phase::Drop => format!("{} (no way back after it)", step.title),
            Phase::Unhide | Phase::Rollback | Phase::Discard => format!("way back: {}", step.title),
        };
        Self::new(&format!("{}.", step.id), level(step.risk.level), &lock, what)
    }
}

fn level(level: RiskLevel) -> &'static str {
    match level {
        RiskLevel::None => "none",
        RiskLevel::Low => "low",
        RiskLevel::Medium => "medium",
        RiskLevel::High => "HIGH",
        RiskLevel::Unknown => "UNKNOWN",
    }
}

fn approvals(plan: &Plan) -> String {
    if plan.gates.is_empty() {
        return "nothing waits for an approval".to_owned();
    }
    let gates: Vec<String> = plan
        .gates
        .iter()
        .map(|gate| {
            let first = plan.steps_of(gate.before).next();
            let what = first.map_or_else(
                || gate.before.as_str().to_owned(),
                |step| format!("step {}", step.id),
            );
            format!("gate `{}` before {what}", gate.name)
        })
        .collect();
    format!("waits for an approval at {}", gates.join(" and "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ledger::plan::{Gate, Risk};

    #[test]
    fn a_step_is_one_line_with_its_risk_and_lock() {
        let mut step = crate::decide::tests_support::plan().steps[0].clone();
        step.title = "check rows".to_owned();
        step.risk = Risk {
            lock: Some("ShareUpdateExclusiveLock".to_owned()),
            rewrites: false,
            scans: true,
            level: RiskLevel::Medium,
            reason: String::new(),
        };
        let line = Line::of(&step);
        assert_eq!(
            (line.risk.as_str(), line.lock.as_str()),
            ("medium", "ShareUpdateExclusiveLock, reads every row")
        );
        step.phase = Phase::Drop;
        assert!(Line::of(&step).what.contains("no way back"));
    }

    #[test]
    fn what_waits_for_a_person_is_said_with_the_step_it_stands_before() {
        let mut plan = crate::decide::tests_support::plan();
        plan.gates.clear();
        assert_eq!(approvals(&plan), "nothing waits for an approval");
        plan.gates.push(Gate {
            name: "expand".to_owned(),
            before: Phase::Expand,
            reasons: Vec::new(),
        });
        assert_eq!(
            approvals(&plan),
            "waits for an approval at gate `expand` before step 0"
        );
    }
}
