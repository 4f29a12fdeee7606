//! The sequence: servers, tables, rounds in which every method has its turn, then what is measured apart.

mod statements;
mod time;

use self::time::Time;
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
    let time = Time::new(order.limit());
    let ground = Ground::start(order).await?;
    results.machine = Machine::read(&ground).await?;
    let subjects = subjects(order, &ground).await?;
    let mut session = Session {
        order,
        ground: &ground,
        time,
        results,
    };
    for round in 1..=order.rounds() {
        for (subject, methods) in &subjects {
            for method in methods {
                session.turn(subject, method, round).await?;
            }
        }
    }
    session.planning();
    match subjects.iter().find(|(subject, _)| subject.kind == Kind::Seq) {
        Some((subject, _)) => session.apart(subject).await,
        None => Ok(()),
    }
}

/// Every table with the methods that are run over it; of a kind the largest first.
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

/// What is under way.
struct Session<'a> {
    order: &'a Order,
    ground: &'a Ground,
    time: Time,
    results: &'a mut Results,
}

impl Session<'_> {
    /// One method, if there is time.
    async fn turn(&mut self, subject: &Subject<'_>, method: &Method, round: u32) -> anyhow::Result<()> {
        let (rows, table) = (subject.rows, subject.kind.table());
        let what = format!("{} over {rows} rows of {table}", method.name());
        if !self.time.suffices() {
            self.results.left_out.push(format!("round {round}: {what}"));
            return Ok(());
        }
        self.time.begins();
        match one(self.ground, subject, method, round).await {
            Ok(run) => {
                eprintln!("{}", line(&run));
                if let Some(fault) = &run.fault {
                    self.results.fail(format!("{what}: {fault}"));
                }
                self.results.runs.push(run);
            }
            Err(error) => self.results.fail(format!("{what}: {error:#}")),
        }
        if self.order.statements {
            statements::show(self.ground).await?;
        }
        self.time.ends();
        Ok(())
    }

    fn planning(&mut self) {
        let rounds = 1..=self.order.rounds();
        for _ in rounds.filter(|_| self.order.wants(Part::Planning, Kind::Seq)) {
            match planning::plan(&*self.ground.clock) {
                Ok(planning) => self.results.planning.push(planning),
                Err(error) => self.results.fail(format!("planning: {error:#}")),
            }
        }
    }

    /// Verification and triggers, both over one table that a job has filled.
    async fn apart(&mut self, subject: &Subject<'_>) -> anyhow::Result<()> {
        let wants = |part| self.order.wants(part, Kind::Seq);
        let (checks, triggers) = (wants(Part::Check), wants(Part::Triggers));
        if !checks && !triggers {
            return Ok(());
        }
        if !self.time.suffices() {
            self.results
                .left_out
                .push("verification and the cost of triggers".to_owned());
            return Ok(());
        }
        subject.restore().await?;
        if let Err(error) = TWO.carry_out(self.ground, subject).await {
            self.results
                .fail(format!("the table to verify was not filled: {error:#}"));
            return Ok(());
        }
        if checks {
            self.checks(subject).await;
        }
        if triggers {
            self.triggers(subject).await?;
        }
        Ok(())
    }

    async fn checks(&mut self, subject: &Subject<'_>) {
        for round in 1..=self.order.rounds() {
            match check(self.ground, subject, round).await {
                Ok(check) => {
                    eprintln!(
                        "round {round}, check: {:.0} rows/s, the scan {:.0}",
                        check.ours, check.scan
                    );
                    self.results.checks.push(check);
                }
                Err(error) => self.results.fail(format!("verification: {error:#}")),
            }
        }
    }

    async fn triggers(&mut self, subject: &Subject<'_>) -> anyhow::Result<()> {
        for round in 1..=self.order.rounds() {
            if !self.time.suffices() {
                self.results
                    .left_out
                    .push(format!("round {round}: the cost of triggers"));
                continue;
            }
            match writes(self.ground, subject, self.order.windows().1, round).await {
                Ok(writes) => self.results.writes.extend(writes),
                Err(error) => self
                    .results
                    .fail(format!("writes with and without triggers: {error:#}")),
            }
        }
        // While they were off nothing was mirrored, so rows may differ; none may be gone.
        if let Some(fault) = subject.missing().await? {
            self.results
                .fail(format!("writes with and without triggers: {fault}"));
        }
        Ok(())
    }
}
