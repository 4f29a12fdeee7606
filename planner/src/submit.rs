//! Taking a job in: from a spec to a row in the ledger, or the reasons why not.
//!
//! Nothing is touched before every fault is known. The command line and the queue go through the
//! same two functions, so they refuse the same things in the same words.

use std::sync::Arc;
use std::time::Duration;

use engine::catalog::TableName;
use engine::postgres::privileges;
use ledger::jobs::{NewJob, Taken};
use ledger::{Plan, Target};
use proto::message::{JobReply, JobSubmit};
use proto::{Envelope, JobId, Message, MessageId, Unreadable, VERSION};
use shared::bus::{Bus, Queue, Settlement};
use shared::clock::Clock;
use shared::service::Shutdown;
use sqlx::{Connection as _, PgConnection};

use crate::compile::{self, Acknowledged};
use crate::decide::Machine;
use crate::shell::{Error, chain};
use crate::spec::{Code, Fault, Spec};
use crate::start::Context;

/// A submission that could not be handled comes again after this.
const AGAIN: Duration = Duration::from_secs(5);
/// After so many times it is parked: whoever looks there finds the reason, and the queue goes on.
const RETRIES: u32 = 10;

/// Compiles a spec against a live database, asked as the data role: every statement decided, every expression
/// checked, nothing touched.
///
/// # Errors
/// Every fault there is.
pub async fn prepare(
    conn: &mut PgConnection,
    spec: &Spec,
    acknowledged: &Acknowledged,
) -> Result<Plan, Vec<Fault>> {
    // One transaction, because the route may be pooled: outside of one, each statement may meet another server
    // between its two round trips. It only reads, and ends here whatever comes of it.
    let mut tx = match conn.begin().await {
        Ok(tx) => tx,
        Err(error) => return Err(vec![spec.fault(0, "table", Code::Database, error.to_string())]),
    };
    let conn: &mut PgConnection = &mut tx;
    if let Ok(identity) = engine::postgres::identity::read(conn).await
        && let Err(why) = identity.suitable()
    {
        return Err(vec![spec.fault(0, "table", Code::Unsuitable, why.to_string())]);
    }
    let mut acknowledged = acknowledged.clone();
    let tables = tables_of(conn, spec).await;
    if let Ok(unfiltered) = compile::unfiltered(conn, &tables).await {
        acknowledged.unfiltered.extend(unfiltered);
    }
    compile::compile_live(conn, spec, &acknowledged).await
}

/// The tables that a spec names, as far as they resolve; one that does not is a fault, which the compiler words.
pub async fn tables_of(conn: &mut PgConnection, spec: &Spec) -> Vec<TableName> {
    let mut tables = Vec::new();
    for declared in &spec.changes {
        if let Some(text) = declared.change.table()
            && let Ok(name) = engine::postgres::catalog::resolve(conn, text).await
            && !tables.contains(&name)
        {
            tables.push(name);
        }
    }
    tables
}

/// What the target's roles lack for work on these tables, each with the GRANT to paste.
///
/// # Errors
/// What the database said.
pub async fn missing_privileges(
    target: &Target,
    tables: &[TableName],
) -> Result<Vec<privileges::MissingPrivilege>, engine::postgres::error::Error> {
    let mut missing = Vec::new();
    let pools = [
        (privileges::Role::Owner, &target.owner),
        (privileges::Role::Data, &target.data),
        (privileges::Role::Monitor, &target.monitor),
        (privileges::Role::Ledger, target.ledger.pool()),
    ];
    for (role, pool) in pools {
        let mut conn = pool
            .acquire()
            .await
            .map_err(engine::postgres::error::Error::query(
                "connect to ask for privileges".to_owned(),
            ))?;
        missing.extend(privileges::missing(&mut conn, role, tables).await?);
    }
    Ok(missing)
}

/// Stores the job of a compiled plan.
///
/// # Errors
/// [`ledger::Error::TableBusy`] if another unfinished job has one of its tables.
pub async fn take(target: &Target, id: JobId, plan: &Plan, by: &str) -> Result<Taken, ledger::Error> {
    let machine = serde_json::to_value(Machine::new(plan)).map_err(|source| ledger::Error::Document {
        what: "machine",
        source,
    })?;
    target
        .ledger
        .take_job(NewJob {
            id,
            plan,
            submitted_by: by,
            machine,
        })
        .await
}

/// Whether a fault is the database's and not the spec's.
#[must_use]
pub fn could_not_ask(faults: &[Fault]) -> bool {
    faults
        .iter()
        .any(|fault| matches!(fault.code, Code::Database | Code::DatabaseRefused))
}

/// Whether asking the database later may help.
fn may_answer_later(faults: &[Fault]) -> bool {
    faults.iter().any(|fault| fault.code == Code::Database)
}

/// Why a submission is neither accepted nor refused on its merits.
#[derive(Debug, PartialEq, Eq)]
enum Setback {
    /// Trying again can help.
    Passing(String),
    /// It will fail again in the same way, so the submitter hears it now.
    Lasting(String),
}

impl From<ledger::Error> for Setback {
    fn from(error: ledger::Error) -> Self {
        // A pool that is closed belongs to a service that stops; another one takes the message.
        let stopping = matches!(
            &error,
            ledger::Error::Statement {
                source: sqlx::Error::PoolClosed,
                ..
            }
        );
        let words = chain(&error);
        if stopping || error.is_transient() {
            Self::Passing(words)
        } else {
            Self::Lasting(words)
        }
    }
}

impl From<engine::postgres::error::Error> for Setback {
    fn from(error: engine::postgres::error::Error) -> Self {
        let words = chain(&error);
        if error.class().is_retryable() {
            Self::Passing(words)
        } else {
            Self::Lasting(words)
        }
    }
}

fn refusal(why: String) -> JobReply {
    JobReply::Refused { errors: vec![why] }
}

fn lacks(missing: &privileges::MissingPrivilege) -> String {
    format!(
        "role {} lacks {}; paste: {}",
        missing.user, missing.what, missing.grant_sql
    )
}

/// Handles `job.submit` messages.
#[derive(Debug)]
pub struct Intake {
    targets: Vec<(Target, Acknowledged)>,
    bus: Arc<dyn Bus>,
    clock: Arc<dyn Clock>,
}

impl Intake {
    pub(crate) fn new(context: &Context) -> Self {
        Self {
            targets: context.targets.clone(),
            bus: context.bus.clone(),
            clock: context.clock.clone(),
        }
    }

    pub(crate) async fn run(self, shutdown: Shutdown) -> Result<(), Error> {
        let mut submissions = self.bus.subscribe(&Queue::Submit, 1).await?;
        loop {
            let delivery = tokio::select! {
                biased;
                () = shutdown.stopping.cancelled() => break,
                delivery = submissions.next() => delivery,
            };
            let Some(delivery) = delivery else { break };
            let settlement = self
                .handle(
                    delivery.content.clone(),
                    delivery.reply_to.clone(),
                    delivery.retries,
                )
                .await;
            if let Err(error) = delivery.settle(settlement).await {
                tracing::debug!(%error, "a submission was not settled; it comes again and finds its job");
            }
        }
        Ok(())
    }

    async fn handle(
        &self,
        content: Result<Envelope, Unreadable>,
        reply_to: Option<String>,
        retries: u32,
    ) -> Settlement {
        let envelope = match content {
            Ok(envelope) => envelope,
            Err(why) => return Settlement::Park(why.to_string()),
        };
        let Message::JobSubmit(submit) = &envelope.message else {
            return Settlement::Park(format!(
                "kind {} does not belong into this queue",
                envelope.message.kind()
            ));
        };
        let (reply, settlement) = match self.accept(envelope.id, submit).await {
            Ok(reply) => (reply, Settlement::Done),
            Err(Setback::Lasting(why)) => (refusal(why), Settlement::Done),
            Err(Setback::Passing(why)) if retries < RETRIES => {
                tracing::warn!(error = %why, retries, "a submission could not be handled; trying again");
                return Settlement::RetryAfter(AGAIN);
            }
            Err(Setback::Passing(why)) => {
                let why = format!("given up after {RETRIES} retries, last: {why}");
                (refusal(why.clone()), Settlement::Park(why))
            }
        };
        if let JobReply::Refused { errors } = &reply {
            tracing::warn!(submission = %envelope.id, target = %submit.target, "a submission was refused: {}", errors.join("; "));
        }
        if let Some(reply_to) = &reply_to
            && let Err(error) = self.answer(&envelope, reply_to, reply).await
        {
            tracing::warn!(%error, "the submitter could not be answered; what became of it is in the ledger or in this log");
        }
        settlement
    }

    /// Accepted, or refused on its merits.
    async fn accept(&self, id: MessageId, submit: &JobSubmit) -> Result<JobReply, Setback> {
        let refused = |errors: Vec<String>| Ok(JobReply::Refused { errors });
        let Some((target, acknowledged)) = self
            .targets
            .iter()
            .find(|(t, _)| t.name.as_str() == submit.target)
        else {
            let known: Vec<&str> = self.targets.iter().map(|(t, _)| t.name.as_str()).collect();
            return refused(vec![format!(
                "target {:?} is not configured here; known: {}",
                submit.target,
                known.join(", ")
            )]);
        };
        let job = JobId::of_submission(id);
        match target.ledger.job(job).await {
            Ok(_) => return Ok(JobReply::Accepted { job }),
            Err(ledger::Error::NoSuchJob { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        let spec = match Spec::from_json(&submit.spec) {
            Ok(spec) => spec,
            Err(faults) => return refused(faults.iter().map(ToString::to_string).collect()),
        };
        let mut conn = target
            .data
            .acquire()
            .await
            .map_err(ledger::Error::of("planner.submit"))?;
        let prepared = prepare(&mut conn, &spec, acknowledged).await;
        let tables = tables_of(&mut conn, &spec).await;
        drop(conn);
        // A role that may not even read the table makes the database's answer a fault; the GRANT says more.
        if prepared
            .as_ref()
            .map_or_else(|faults| could_not_ask(faults), |_| true)
        {
            let missing = missing_privileges(target, &tables).await?;
            if !missing.is_empty() {
                return refused(missing.iter().map(lacks).collect());
            }
        }
        let plan = match prepared {
            Ok(plan) => plan,
            Err(faults) if may_answer_later(&faults) => {
                let words: Vec<String> = faults.iter().map(ToString::to_string).collect();
                return Err(Setback::Passing(words.join("; ")));
            }
            Err(faults) => return refused(faults.iter().map(ToString::to_string).collect()),
        };
        match take(
            target,
            job,
            &plan,
            submit.submitted_by.as_deref().unwrap_or("unknown"),
        )
        .await
        {
            Ok(_) => {
                tracing::info!(%job, name = %plan.name, "job taken in");
                self.wake(target, job).await;
                Ok(JobReply::Accepted { job })
            }
            Err(error @ ledger::Error::TableBusy { .. }) => refused(vec![error.to_string()]),
            Err(error) => Err(error.into()),
        }
    }

    async fn wake(&self, target: &Target, job: JobId) {
        let envelope = self.envelope(
            target.name.as_str(),
            Some(job),
            Message::Wake(proto::message::Wake {
                reason: "a job came in".to_owned(),
            }),
        );
        if let Err(error) = self.bus.publish(&Queue::Control, &envelope).await {
            tracing::debug!(%error, "nobody was woken; the tick comes");
        }
    }

    async fn answer(
        &self,
        asked: &Envelope,
        reply_to: &str,
        reply: JobReply,
    ) -> Result<(), shared::bus::Error> {
        let job = match &reply {
            JobReply::Accepted { job } => Some(*job),
            JobReply::Refused { .. } => None,
        };
        let mut envelope = self.envelope(asked.target.as_str(), job, Message::JobReply(reply));
        envelope.trace.clone_from(&asked.trace);
        self.bus
            .publish(&Queue::Reply(reply_to.to_owned()), &envelope)
            .await
    }

    fn envelope(&self, target: &str, job: Option<JobId>, message: Message) -> Envelope {
        Envelope {
            id: MessageId::new(),
            version: VERSION,
            target: target.into(),
            ledger: None,
            job,
            sent_at: self.clock.now(),
            attempt: 1,
            trace: None,
            message,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_pass_is_tried_again() {
        let statement = |source| ledger::Error::Statement {
            statement: "planner.submit",
            source,
        };
        let passing = [
            statement(sqlx::Error::PoolTimedOut),
            statement(sqlx::Error::PoolClosed),
        ];
        for error in passing {
            assert!(matches!(Setback::from(error), Setback::Passing(_)));
        }
        let lasting = [statement(sqlx::Error::RowNotFound), ledger::Error::Absent];
        for error in lasting {
            assert!(matches!(Setback::from(error), Setback::Lasting(_)));
        }
    }
}
