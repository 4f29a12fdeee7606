//! Submissions by message: each is answered once, accepted or refused, and settled.
//!
//! A submission whose database cannot be asked comes again, and is parked after a while. One that was taken in and comes again
//! finds its job: the job's id follows from the message's.

use std::sync::Arc;
use std::time::Duration;

use engine::postgres::privileges;
use ledger::Target;
use proto::message::{JobReply, JobSubmit};
use proto::{Envelope, JobId, Message, MessageId, Unreadable, VERSION};
use shared::bus::{Bus, Queue, Settlement};
use shared::clock::Clock;
use shared::service::Shutdown;

use super::setback::Setback;
use super::{could_not_ask, missing_privileges, prepare, tables_of, take, under_way};
use crate::compile::Acknowledged;
use crate::shell::Error;
use crate::spec::{Code, Fault, Spec};
use crate::start::Context;

/// A submission that could not be handled comes again after this.
const AGAIN: Duration = Duration::from_secs(5);
/// After so many times it is parked: whoever looks there finds the reason, and the queue goes on.
const RETRIES: u32 = 10;

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
        let tables = tables_of(&mut conn, &spec).await;
        if let Some(met) = under_way(&target.ledger, &tables, &spec).await? {
            return refused(vec![met.words()]);
        }
        let prepared = prepare(&mut conn, &spec, acknowledged).await;
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
            Err(error @ (ledger::Error::TableBusy { .. } | ledger::Error::FlagBusy { .. })) => {
                refused(vec![error.to_string()])
            }
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

/// Whether asking the database later may help.
fn may_answer_later(faults: &[Fault]) -> bool {
    faults.iter().any(|fault| fault.code == Code::Database)
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
