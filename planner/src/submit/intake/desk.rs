//! One submission: asked of its target, accepted or refused on its merits, and answered.

use std::sync::Arc;

use engine::postgres::privileges;
use ledger::Target;
use proto::message::{JobReply, JobSubmit};
use proto::{Envelope, JobId, Message, MessageId, VERSION};
use shared::bus::{Bus, Queue};
use shared::clock::Clock;

use super::super::setback::Setback;
use super::super::{could_not_ask, missing_privileges, prepare, tables_of, take, under_way};
use crate::compile::Acknowledged;
use crate::spec::{Code, Fault, Spec};
use crate::targets::{Found, Opened, Targets};

/// Where submissions are looked at.
#[derive(Debug)]
pub(super) struct Desk {
    pub(super) targets: Targets,
    pub(super) bus: Arc<dyn Bus>,
    pub(super) clock: Arc<dyn Clock>,
}

impl Desk {
    /// Accepted, or refused on its merits.
    pub(super) async fn accept(&self, id: MessageId, submit: &JobSubmit) -> Result<JobReply, Setback> {
        let submission = Some(id);
        let refused = |errors: Vec<String>| Ok(JobReply::Refused { errors, submission });
        let opened = match self.targets.find(&submit.target) {
            Found::Open(opened) => opened,
            Found::Away(why) => return Err(Setback::Passing(why)),
            Found::Unknown(known) => {
                let known: Vec<&str> = known.iter().map(|name| name.as_str()).collect();
                return refused(vec![format!(
                    "target {:?} is not configured here; known: {}",
                    submit.target,
                    known.join(", ")
                )]);
            }
        };
        let (target, acknowledged): &Opened = &opened;
        let job = JobId::of_submission(id);
        if exists(target, job).await? {
            return Ok(JobReply::Accepted { job, submission });
        }
        match self.judge(target, acknowledged, (id, submit)).await? {
            // The same submission may be in other hands too, and has been taken in there while it was looked at here.
            JobReply::Refused { .. } if exists(target, job).await? => {
                Ok(JobReply::Accepted { job, submission })
            }
            reply => Ok(reply),
        }
    }

    async fn judge(
        &self,
        target: &Target,
        acknowledged: &Acknowledged,
        (id, submit): (MessageId, &JobSubmit),
    ) -> Result<JobReply, Setback> {
        let job = JobId::of_submission(id);
        let submission = Some(id);
        let refused = |errors: Vec<String>| Ok(JobReply::Refused { errors, submission });
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
                Ok(JobReply::Accepted { job, submission })
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

    pub(super) async fn answer(
        &self,
        asked: &Envelope,
        (reply_to, correlation_id): (&str, &str),
        reply: JobReply,
    ) -> Result<(), shared::bus::Error> {
        let job = match &reply {
            JobReply::Accepted { job, .. } => Some(*job),
            JobReply::Refused { .. } => None,
        };
        let mut envelope = self.envelope(asked.target.as_str(), job, Message::JobReply(reply));
        envelope.trace.clone_from(&asked.trace);
        self.bus
            .answer(&Queue::Reply(reply_to.to_owned()), &envelope, correlation_id)
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

async fn exists(target: &Target, job: JobId) -> Result<bool, Setback> {
    match target.ledger.job(job).await {
        Ok(_) => Ok(true),
        Err(ledger::Error::NoSuchJob { .. }) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Whether asking the database later may help.
fn may_answer_later(faults: &[Fault]) -> bool {
    faults.iter().any(|fault| fault.code == Code::Database)
}

pub(super) fn refusal(submission: MessageId, why: String) -> JobReply {
    JobReply::Refused {
        errors: vec![why],
        submission: Some(submission),
    }
}

fn lacks(missing: &privileges::MissingPrivilege) -> String {
    format!(
        "role {} lacks {}; paste: {}",
        missing.user, missing.what, missing.grant_sql
    )
}
