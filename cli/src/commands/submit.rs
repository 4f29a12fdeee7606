//! `sluice submit SPEC --target NAME`: hands a job to the planners over the broker and waits for their answer.
//!
//! The message's id is the idempotency key: the same id, the same job, the same answer. So a submission that got no answer
//! may be sent again with `--id`, as often as one likes.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use proto::message::{JobReply, JobSubmit};
use proto::{Envelope, JobId, Message, MessageId, TargetName, VERSION};
use shared::bus::{self, Bus, Queue, Settlement, Subscription};
use shared::clock::{Clock, SystemClock, within};
use shared::units::{format_duration, parse_duration};

use crate::actor::ActorArgs;
use crate::error::{Error, Outcome};
use crate::{broker, out, specfile};

/// Arguments of `sluice submit`.
#[derive(clap::Args)]
pub struct SubmitArgs {
    /// The spec file, or - for standard input.
    #[arg(value_name = "SPEC")]
    spec: PathBuf,
    /// The target, as the planners' settings call it.
    #[arg(long, value_name = "NAME")]
    target: String,
    /// The submission's id: sent again with the same one, it is the same job.
    #[arg(long, value_name = "UUID")]
    id: Option<MessageId>,
    /// How long to wait for the broker and then for an answer, together.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = |text: &str| parse_duration(text).map_err(|e| e.to_string()))]
    timeout: Duration,
    /// As one JSON object.
    #[arg(long)]
    json: bool,
    /// The settings file; ./sluice.toml if it is there.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Who submits.
    #[command(flatten)]
    actor: ActorArgs,
}

/// Carries it out.
///
/// # Errors
/// Every fault of the spec, or what the broker says.
pub async fn run(args: &SubmitArgs) -> Result<Outcome, Error> {
    let spec = specfile::read(&args.spec)?;
    let place = crate::place::PlaceArgs {
        config: args.config.clone(),
        ..Default::default()
    };
    let settings = place.settings()?;
    broker::required(
        &settings,
        "submit hands a job to planners over RabbitMQ (without a broker use `sluice run`)",
    )?;
    let target = TargetName::from(args.target.as_str());
    if !target.is_valid() {
        return Err(Error::Usage(format!(
            "{:?} is not a target name: 1 to 40 of a-z, 0-9, _ and -",
            args.target
        )));
    }
    let clock = SystemClock::shared();
    let bus = bus::open(&settings.bus, "sluice submit", clock.clone())?;
    let submission = Envelope {
        id: args.id.unwrap_or_default(),
        version: VERSION,
        target,
        ledger: None,
        job: None,
        sent_at: clock.now(),
        attempt: 1,
        trace: None,
        message: Message::JobSubmit(JobSubmit {
            target: args.target.clone(),
            spec: spec.canonical(),
            submitted_by: Some(args.actor.actor()?),
        }),
    };
    let reply = ask(&bus, &clock, &submission, args.timeout).await;
    bus.close().await;
    reply.map(|reply| show(args, submission.id, reply))
}

/// The answer; None if there was none in time. All of it together, the broker's part too, takes no longer than `timeout`.
async fn ask(
    bus: &Arc<dyn Bus>,
    clock: &Arc<dyn Clock>,
    submission: &Envelope,
    timeout: Duration,
) -> Result<Option<JobReply>, Error> {
    let begun = clock.monotonic();
    broker::ready(bus, "submitted", clock, timeout).await?;
    let left = timeout.saturating_sub(clock.monotonic().saturating_sub(begun));
    let asking = async {
        let queue = Queue::new_reply();
        let mut replies = bus.subscribe(&queue, 1).await?;
        bus.request(&Queue::Submit, submission, &queue.name()).await?;
        Ok(answer(&mut replies).await)
    };
    within(&**clock, left, asking).await.unwrap_or(Ok(None))
}

async fn answer(replies: &mut Subscription) -> Option<JobReply> {
    loop {
        let delivery = replies.next().await?;
        let reply = match &delivery.content {
            Ok(Envelope {
                message: Message::JobReply(reply),
                ..
            }) => Some(reply.clone()),
            Ok(_) | Err(_) => None,
        };
        if let Err(error) = delivery.settle(Settlement::Done).await {
            tracing::debug!(%error, "the answer was not acknowledged; its queue ends with this process");
        }
        if reply.is_some() {
            return reply;
        }
    }
}

fn show(args: &SubmitArgs, id: MessageId, reply: Option<JobReply>) -> Outcome {
    match reply {
        Some(JobReply::Accepted { job, .. }) => {
            if args.json {
                out::json(&serde_json::json!({ "outcome": "accepted", "job": job, "id": id }));
            } else {
                out::answer(&job.to_string());
            }
            Outcome::Done
        }
        Some(JobReply::Refused { errors, .. }) => {
            if args.json {
                out::json(&serde_json::json!({ "outcome": "refused", "errors": errors, "id": id }));
            } else {
                out::note(&format!("refused:\n  {}", errors.join("\n  ")));
            }
            Outcome::Refused
        }
        None => {
            let job = JobId::of_submission(id);
            if args.json {
                out::json(&serde_json::json!({ "outcome": "unanswered", "job": job, "id": id }));
            }
            out::note(&format!(
                "no planner has answered within {}; the submission waits in the queue, and will be job {job} if it is accepted. \
                 Ask again with: sluice submit {} --target {} --id {id}",
                format_duration(args.timeout),
                args.spec.display(),
                args.target
            ));
            Outcome::Waiting
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_answer_comes_back_over_the_reply_queue_and_silence_is_told_apart() {
        let clock = SystemClock::shared();
        let bus: Arc<dyn Bus> = Arc::new(bus::local::LocalBus::new(clock.clone()));
        let submission = Envelope {
            id: MessageId::new(),
            version: VERSION,
            target: TargetName::from("main"),
            ledger: None,
            job: None,
            sent_at: clock.now(),
            attempt: 1,
            trace: None,
            message: Message::JobSubmit(JobSubmit {
                target: "main".to_owned(),
                spec: serde_json::json!({}),
                submitted_by: None,
            }),
        };
        assert_eq!(
            ask(&bus, &clock, &submission, Duration::from_millis(20))
                .await
                .unwrap(),
            None
        );
        let planner = tokio::spawn({
            let (bus, clock) = (bus.clone(), clock.clone());
            async move {
                let mut submissions = bus.subscribe(&Queue::Submit, 1).await.unwrap();
                while let Some(delivery) = submissions.next().await {
                    let asked = delivery.content.clone().unwrap();
                    let reply_to = delivery.reply_to.clone().unwrap();
                    let reply = JobReply::Accepted {
                        job: JobId::of_submission(asked.id),
                        submission: Some(asked.id),
                    };
                    let envelope = Envelope {
                        message: Message::JobReply(reply),
                        sent_at: clock.now(),
                        ..asked
                    };
                    // The first asker has given up: its queue is gone.
                    let _gone = bus.publish(&Queue::Reply(reply_to), &envelope).await;
                    delivery.settle(Settlement::Done).await.unwrap();
                }
            }
        });
        let reply = ask(&bus, &clock, &submission, Duration::from_secs(10))
            .await
            .unwrap();
        assert_eq!(
            reply,
            Some(JobReply::Accepted {
                job: JobId::of_submission(submission.id),
                submission: Some(submission.id),
            })
        );
        planner.abort();
    }
}
