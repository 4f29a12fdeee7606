//! The status for people: sections that have nothing to say are left out.

mod cutover;
mod rows;

use std::fmt::Write as _;
use std::time::Duration;

use ledger::StageStatus;
use serde_json::Value;
use shared::units::{format_count, format_duration, format_rate};

use super::model::{EventLine, PaceLine, Status};
use crate::eta::Eta;
use crate::out::moment as time;

/// The state in which rows are filled, as the object spells it.
const FILLING: &str = "backfilling";

/// Writes it.
#[must_use]
pub fn text(status: &Status) -> String {
    let mut page = Page::default();
    head(&mut page, status);
    stages(&mut page, status);
    cutover::write(&mut page, status);
    gates(&mut page, status);
    given_back(&mut page, status);
    progress(&mut page, status);
    pressure(&mut page, status);
    workers(&mut page, status);
    rows::write(&mut page, status);
    events(&mut page, &status.events);
    page.0
}

#[derive(Default)]
struct Page(String);

impl Page {
    fn line(&mut self, text: &str) {
        self.0.push_str(text);
        self.0.push('\n');
    }

    fn title(&mut self, text: &str) {
        self.line("");
        self.line(text);
    }
}

fn head(page: &mut Page, status: &Status) {
    let job = &status.job;
    page.line(&format!("{}  {}  on {}", job.name, job.state, job.target));
    if let Some(why) = &status.waits {
        page.line(&format!("  {why}"));
    }
    page.line(&format!(
        "  job {}, plan {}",
        job.id,
        job.plan.get(..12).unwrap_or(&job.plan)
    ));
    page.line(&format!(
        "  submitted by {} at {}, last change {}",
        job.submitted_by,
        time(job.created_at),
        time(job.updated_at)
    ));
    for command in &status.commands {
        page.line(&format!(
            "  {} by {} waits for a planner since {}",
            command.command,
            command.actor,
            time(command.at)
        ));
    }
}

fn stages(page: &mut Page, status: &Status) {
    page.title("stages");
    for stage in &status.stages {
        let mut line = format!("  {:<9} {:<8}", stage.name, stage.status);
        match (stage.started_at, stage.ended_at) {
            // The time between is mostly that in which the job stood where it was.
            (Some(from), Some(to)) if stage.status == StageStatus::Undone => {
                let _ = write!(line, " began {}, taken back by {}", time(from), time(to));
            }
            (Some(from), Some(to)) => {
                let took = Duration::try_from(to.duration_since(from)).unwrap_or_default();
                let _ = write!(line, " {}, took {}", time(from), format_duration(took));
            }
            (Some(from), None) => {
                let _ = write!(line, " since {}", time(from));
            }
            (None, _) => {}
        }
        page.line(line.trim_end());
    }
}

fn gates(page: &mut Page, status: &Status) {
    if status.gates.is_empty() {
        return;
    }
    page.title("gates");
    for gate in &status.gates {
        let state = gate
            .approved_by
            .as_ref()
            .map_or("closed".to_owned(), |who| format!("opened by {who}"));
        page.line(&format!("  {}: {state}; {}", gate.name, gate.reasons.join("; ")));
    }
}

fn given_back(page: &mut Page, status: &Status) {
    if status.given_back.is_empty() {
        return;
    }
    page.title("given back, to be tried again");
    for line in &status.given_back {
        let what = line.step.as_deref().unwrap_or("rows");
        let tries = if line.attempts == 1 { "attempt" } else { "attempts" };
        page.line(&format!("  {what}: {} {tries}; {}", line.attempts, line.why));
    }
}

fn progress(page: &mut Page, status: &Status) {
    let progress = &status.progress;
    if progress.chunks.total == 0 && progress.rows_checked == 0 {
        return;
    }
    page.title("progress");
    let percent = (progress.blocks_done.min(progress.blocks_total) * 100)
        .checked_div(progress.blocks_total)
        .unwrap_or(100);
    let mut line = format!(
        "  {percent}% of the sweep; {} rows seen, {} changed",
        format_count(progress.rows_seen),
        format_count(progress.rows_changed),
    );
    if let Some(rate) = progress.rows_per_second {
        let _ = write!(line, ", {}", format_rate(rate));
    }
    if let Some([low, high]) = progress.eta_seconds {
        let eta = Eta {
            low: Duration::from_secs(low),
            high: Duration::from_secs(high),
        };
        let _ = write!(line, ", {eta} left");
    }
    page.line(&line);
    if progress.drifts > 0 {
        page.line(&format!(
            "  the table changed under the sweep, which then began anew: {} so far; after 5 it cannot converge, and the job is held",
            progress.drifts
        ));
    }
    let chunks = &progress.chunks;
    let gave_way = match chunks.gave_way {
        0 => String::new(),
        n => format!(", {} of them gave way to a session that waited", format_count(n)),
    };
    page.line(&format!(
        "  chunks ({}): {} made, {} done, {} in hand, {} failed, {} retries{gave_way}",
        progress.cut_by,
        format_count(chunks.total),
        format_count(chunks.done),
        chunks.in_hand,
        chunks.failed,
        format_count(chunks.retried)
    ));
    page.line(&format!(
        "  checked: {} rows, {} wrong, {} in quarantine",
        format_count(progress.rows_checked),
        format_count(progress.rows_mismatched),
        format_count(progress.rows_quarantined)
    ));
}

fn pressure(page: &mut Page, status: &Status) {
    // Only rows that are being filled have a pace.
    if let Some(pace) = status.pace.as_ref().filter(|_| status.job.state == FILLING) {
        page.title("pace");
        page.line(&format!("  {}", pace_words(pace, status)));
    }
    if status.signals.is_empty() {
        return;
    }
    page.title("signals");
    for signal in &status.signals {
        let value = match (&signal.problem, signal.value) {
            (Some(problem), _) => problem.clone(),
            (None, Some(value)) => format!("{value:.1} {}", signal.unit),
            (None, None) => "no reading".to_owned(),
        };
        page.line(&format!(
            "  {} of {}: {value}, {:.1} s ago",
            signal.name, signal.source, signal.age_seconds
        ));
    }
}

/// What may be written, and whether anything is.
fn pace_words(pace: &PaceLine, status: &Status) -> String {
    let rows = pace
        .rows_per_second_each
        .map_or("rows/s not limited".to_owned(), |r| {
            format!("{} rows/s each", format_count(r))
        });
    let state = if pace.go && status.waits.is_none() {
        "writing is allowed"
    } else {
        "nothing is written now; the limits"
    };
    format!(
        "{state}: at most {} chunks in flight, {rows}{}; stopped by signals for {} so far",
        pace.max_parallel,
        eased(pace),
        format_duration(Duration::try_from_secs_f64(pace.throttled_seconds).unwrap_or_default())
    )
}

/// How much slower than it could, and why.
fn eased(pace: &PaceLine) -> String {
    let Some(why) = pace.eased_by.as_ref().filter(|_| pace.go) else {
        return String::new();
    };
    format!(", at {:.0} % of its speed because {why}", pace.factor * 100.0)
}

fn workers(page: &mut Page, status: &Status) {
    page.title("processes");
    page.line(&format!(
        "  planner: {}",
        status.planner.as_deref().unwrap_or("none is active")
    ));
    for worker in &status.workers {
        page.line(&format!(
            "  {}: {}, heard {:.0} s ago",
            worker.role, worker.name, worker.age_seconds
        ));
    }
    if status.workers_gone > 0 {
        page.line(&format!(
            "  {} more within the last day, not heard for a minute",
            status.workers_gone
        ));
    }
}

fn events(page: &mut Page, events: &[EventLine]) {
    if events.is_empty() {
        return;
    }
    page.title("last events");
    for event in events {
        page.line(&format!(
            "  {}  {}  {}  {}",
            time(event.at),
            event.actor,
            event.kind,
            particulars(&event.detail)
        ));
    }
}

/// `from=classified to=expanding`; what is null is left out.
fn particulars(detail: &Value) -> String {
    let Value::Object(entries) = detail else {
        return detail.to_string();
    };
    let shown = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            value.to_string()
        }
    };
    let pairs: Vec<String> = entries
        .iter()
        .filter(|(_, value)| !value.is_null())
        .map(|(key, value)| format!("{key}={}", shown(value)))
        .collect();
    pairs.join(" ")
}

#[cfg(test)]
mod tests;
