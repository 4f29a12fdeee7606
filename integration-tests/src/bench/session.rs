//! The sequence: servers, tables, rounds in which every method has its turn, then what is measured apart.

use std::sync::Arc;
use std::time::Duration;

use shared::clock::{Clock, SystemClock};

use super::checking::check;
use super::ground::Ground;
use super::machine::Machine;
use super::method::Method;
use super::one::one;
use super::order::{Kind, Order, Part};
use super::planning;
use super::results::Results;
use super::subject::{Pace, Subject};
use super::text::line;
use super::triggers::writes;

/// Full speed as everything else is compared with it.
const TWO: Method = Method::Embedded(Pace::Full { parallel: 2 });

/// Measures what was asked for into `results`, which hold what there is also when this is dropped half-way.
///
/// # Errors
/// Servers or tables could not be made. What fails after that is among the results.
pub async fn run(order: &Order, results: &mut Results) -> anyhow::Result<()> {
    let mut time = Time::new(order.limit());
    let ground = Ground::start(order).await?;
    results.machine = Machine::read(&ground).await?;
    let subjects = subjects(order, &ground).await?;
    for round in 1..=order.rounds() {
        for (subject, methods) in &subjects {
            for method in methods {
                let what = format!(
                    "{} over {} rows of {}",
                    method.name(),
                    subject.rows,
                    subject.kind.table()
                );
                if !time.suffices() {
                    results.left_out.push(format!("round {round}: {what}"));
                    continue;
                }
                time.begins();
                let ran = one(&ground, subject, method, round).await;
                note(
                    results,
                    &what,
                    ran.map(|(run, fault)| {
                        eprintln!("{}", line(&run));
                        (run, fault)
                    }),
                );
                if order.statements {
                    statements(&ground).await?;
                }
                time.ends();
            }
        }
    }
    for _ in (1..=order.rounds()).filter(|_| order.wants(Part::Planning, Kind::Seq)) {
        match planning::plan(&*ground.clock) {
            Ok(planning) => results.planning.push(planning),
            Err(error) => results.failures.push(format!("planning: {error:#}")),
        }
    }
    let seq = subjects
        .iter()
        .map(|(subject, _)| subject)
        .find(|subject| subject.kind == Kind::Seq);
    match seq {
        Some(subject) => apart(order, &ground, subject, (&mut time, results)).await,
        None => Ok(()),
    }
}

/// Every table with the methods that are run over it; the largest first.
async fn subjects<'g>(order: &Order, ground: &'g Ground) -> anyhow::Result<Vec<(Subject<'g>, Vec<Method>)>> {
    let mut wanted: Vec<(Kind, u64, Vec<Method>)> = Vec::new();
    for kind in order.tables() {
        wanted.push((kind, order.rows(kind), Method::all(order, kind)));
        if kind == Kind::Seq && order.wants(Part::Scaling, kind) {
            let sizes = order.smaller_sizes().into_iter();
            wanted.extend(sizes.map(|rows| (kind, rows, vec![TWO])));
        }
    }
    let filled = order.wants(Part::Check, Kind::Seq) || order.wants(Part::Triggers, Kind::Seq);
    wanted.retain(|(kind, _, methods)| !methods.is_empty() || (filled && *kind == Kind::Seq));
    let mut subjects = Vec::new();
    for (kind, rows, methods) in wanted {
        eprintln!("making {} with {rows} rows", kind.table());
        subjects.push((Subject::make(ground, kind, rows).await?, methods));
    }
    Ok(subjects)
}

/// Verification and triggers, both over one table that a job has filled.
async fn apart(
    order: &Order,
    ground: &Ground,
    subject: &Subject<'_>,
    (time, results): (&mut Time, &mut Results),
) -> anyhow::Result<()> {
    let (checks, triggers) = (
        order.wants(Part::Check, Kind::Seq),
        order.wants(Part::Triggers, Kind::Seq),
    );
    if !checks && !triggers {
        return Ok(());
    }
    if !time.suffices() {
        results
            .left_out
            .push("verification and the cost of triggers".to_owned());
        return Ok(());
    }
    subject.restore().await?;
    if let Err(error) = TWO.carry_out(ground, subject).await {
        results
            .failures
            .push(format!("the table to verify was not filled: {error:#}"));
        return Ok(());
    }
    for round in (1..=order.rounds()).filter(|_| checks) {
        match check(ground, subject, round).await {
            Ok(check) => {
                eprintln!("check: {:.0} rows/s, the scan {:.0}", check.ours, check.scan);
                results.checks.push(check);
            }
            Err(error) => results.failures.push(format!("verification: {error:#}")),
        }
    }
    for round in (1..=order.rounds()).filter(|_| triggers) {
        if !time.suffices() {
            results.left_out.push("the cost of triggers".to_owned());
            break;
        }
        match writes(ground, subject, order.windows().1, round).await {
            Ok(writes) => results.writes.extend(writes),
            Err(error) => results
                .failures
                .push(format!("writes with and without triggers: {error:#}")),
        }
    }
    if triggers {
        let fault = subject_is_mirrored(subject).await?;
        results.failures.extend(fault);
    }
    Ok(())
}

/// While the triggers were off, writes of `email` were not mirrored, so rows may differ: only their number must be what it was.
async fn subject_is_mirrored(subject: &Subject<'_>) -> anyhow::Result<Option<String>> {
    let fault = subject.fault().await?;
    Ok(fault.filter(|fault| fault.contains("at the start")))
}

fn note(results: &mut Results, what: &str, ran: anyhow::Result<(super::results::Run, Option<String>)>) {
    match ran {
        Ok((run, fault)) => {
            results.runs.push(run);
            results
                .failures
                .extend(fault.map(|fault| format!("{what}: {fault}")));
        }
        Err(error) => {
            eprintln!("{what}: FAILED: {error:#}");
            results.failures.push(format!("{what}: {error:#}"));
        }
    }
}

/// What the server spent its time on since the last time this was asked.
async fn statements(ground: &Ground) -> anyhow::Result<()> {
    let mut conn = ground.server.superuser("postgres").await?;
    engine::sql::execute_script(&mut conn, "CREATE EXTENSION IF NOT EXISTS pg_stat_statements").await?;
    let lines: Vec<String> = sqlx::query_scalar(TOP).fetch_all(&mut conn).await?;
    for line in lines {
        eprintln!("    {line}");
    }
    engine::sql::execute_script(&mut conn, "SELECT pg_stat_statements_reset()").await?;
    Ok(())
}

const TOP: &str = "SELECT format('%s ms in %s calls, %s rows: %s', total_exec_time::bigint, calls, rows,
        left(regexp_replace(query, '\\s+', ' ', 'g'), 160))
    FROM pg_stat_statements ORDER BY total_exec_time DESC LIMIT 8";

/// How long there is, and how long a run took at most.
#[derive(Debug)]
struct Time {
    clock: Arc<dyn Clock>,
    limit: Option<Duration>,
    begun: Duration,
    longest: Duration,
}

impl Time {
    fn new(limit: Option<Duration>) -> Self {
        let clock = SystemClock::shared();
        Self {
            begun: clock.monotonic(),
            clock,
            limit,
            longest: Duration::ZERO,
        }
    }

    fn suffices(&self) -> bool {
        self.limit
            .is_none_or(|limit| self.clock.monotonic() + self.longest < limit)
    }

    fn begins(&mut self) {
        self.begun = self.clock.monotonic();
    }

    fn ends(&mut self) {
        self.longest = self.longest.max(self.clock.monotonic() - self.begun);
    }
}
