//! Several targets, one of them away: it delays its own submissions and nothing else.

use std::time::Duration;

use planner::spec::Spec;
use proto::message::{JobReply, JobSubmit};
use proto::{Envelope, Message, MessageId, TargetName, VERSION};
use secrecy::SecretString;
use shared::bus::rabbitmq::RabbitBus;
use shared::bus::{Bus, Queue, Settlement, Subscription};
use shared::clock::SystemClock;
use shared::settings::BusTls;
use testbed::database::Database;
use testbed::fleet;
use testbed::postgres::Server;
use testbed::process::{Settings, Sluice};
use testbed::proxy::Proxy;
use testbed::rabbitmq::{Broker, Vhost};
use testbed::tracks::{self, Filling};
use testbed::watch::Watched;

use super::{Outcome, PATIENCE};

/// An answer that waits for no other target comes well within this, on a busy machine too.
const AT_ONCE: Duration = Duration::from_secs(15);

/// Who submits to the planners and hears their answers.
struct Submitter {
    bus: RabbitBus,
    answers: Subscription,
    reply_to: Queue,
}

impl Submitter {
    async fn new(vhost: &Vhost) -> anyhow::Result<Self> {
        let url = SecretString::from(vhost.url.clone());
        let bus = RabbitBus::open(&url, &BusTls::default(), "submitter", SystemClock::shared())?;
        let reply_to = Queue::new_reply();
        let answers = bus.subscribe(&reply_to, 100).await?;
        Ok(Self {
            bus,
            answers,
            reply_to,
        })
    }

    async fn submit(&self, target: &str, name: &str) -> Outcome {
        let spec = Spec::from_toml(&tracks::spec(name, ""), "spec.toml").expect("the spec is right");
        let submission = Envelope {
            id: MessageId::new(),
            version: VERSION,
            target: TargetName::from(target),
            ledger: None,
            job: None,
            sent_at: jiff::Timestamp::UNIX_EPOCH,
            attempt: 1,
            trace: None,
            message: Message::JobSubmit(JobSubmit {
                target: target.to_owned(),
                spec: spec.canonical(),
                submitted_by: Some("tester".to_owned()),
            }),
        };
        self.bus
            .request(&Queue::Submit, &submission, &self.reply_to.name())
            .await?;
        Ok(())
    }

    /// The next answer, with the target it is about.
    async fn answer(&mut self, patience: Duration) -> anyhow::Result<(String, JobReply)> {
        let delivery = tokio::time::timeout(patience, self.answers.next()).await?;
        let delivery = delivery.ok_or_else(|| anyhow::anyhow!("the bus was closed"))?;
        let envelope = delivery.content.clone()?;
        delivery.settle(Settlement::Done).await?;
        match envelope.message {
            Message::JobReply(reply) => Ok((envelope.target.to_string(), reply)),
            other => anyhow::bail!("not an answer: {other:?}"),
        }
    }
}

/// Two databases; the second is reached through a proxy.
struct Two {
    main: Database<'static>,
    away: Database<'static>,
    way: Proxy,
    vhost: Vhost,
    settings: Settings,
}

async fn two() -> anyhow::Result<Two> {
    let (broker, server) = (Broker::shared().await?, Server::shared().await?);
    let (main, away) = (Database::new(server).await?, Database::new(server).await?);
    for database in [&main, &away] {
        tracks::load(database, 200, Filling::Sparse).await?;
    }
    let way = Proxy::start(server.port()).await?;
    let vhost = broker.vhost().await?;
    let settings = Settings::of(&main)
        .reaching("AWAY", &away, way.port())
        .over(&vhost);
    Ok(Two {
        main,
        away,
        way,
        vhost,
        settings,
    })
}

#[tokio::test]
async fn a_target_that_is_away_at_the_start_delays_only_its_own_submissions() -> Outcome {
    let two = two().await?;
    two.way.cut();
    let services = [
        Sluice::start(&["planner"], &two.settings).await?,
        Sluice::start(&["backfiller"], &two.settings).await?,
        Sluice::start(&["verifier"], &two.settings).await?,
    ];
    let mut submitter = Submitter::new(&two.vhost).await?;
    submitter.submit("away", "waits").await?;
    submitter.submit("main", "runs").await?;
    let (target, reply) = submitter.answer(PATIENCE).await?;
    assert!(
        target == "main" && matches!(reply, JobReply::Accepted { .. }),
        "{target}: {reply:?}"
    );
    Watched::only(&two.main)
        .await?
        .until("verified", PATIENCE)
        .await?;
    two.way.restore();
    let (target, reply) = submitter.answer(PATIENCE).await?;
    assert!(
        target == "away" && matches!(reply, JobReply::Accepted { .. }),
        "{target}: {reply:?}"
    );
    Watched::only(&two.away)
        .await?
        .until("verified", PATIENCE)
        .await?;
    for service in &services {
        assert_eq!(service.terminate().await?, "exit status: 0", "{}", service.log());
    }
    Ok(())
}

/// A half-open way is the worst kind: each question costs its whole time limit.
#[tokio::test]
async fn a_target_that_stops_answering_costs_the_others_nothing_and_loses_no_submission() -> Outcome {
    const LOST: usize = 12;
    let two = two().await?;
    let planner = Sluice::start(&["planner"], &two.settings).await?;
    fleet::ready(&planner).await?;
    two.way.stall();
    let mut submitter = Submitter::new(&two.vhost).await?;
    for n in 0..LOST {
        submitter.submit("away", &format!("waits-{n}")).await?;
    }
    for n in 0..3 {
        submitter.submit("main", &format!("runs-{n}")).await?;
        let (target, _) = submitter.answer(AT_ONCE).await?;
        assert_eq!(target, "main");
    }
    two.way.flow();
    let mut accepted = 0;
    for _ in 0..LOST {
        let (target, reply) = submitter.answer(PATIENCE).await?;
        assert_eq!(target, "away");
        match reply {
            JobReply::Accepted { .. } => accepted += 1,
            JobReply::Refused { errors, .. } => {
                // In either of two words, by how far the one that was taken in had come.
                let named = |e: &String| e.contains("job waits-") || e.contains("has an unfinished job");
                assert!(errors.iter().all(named), "{errors:?}");
            }
        }
    }
    assert_eq!(accepted, 1, "they all want the same table");
    assert_eq!(planner.terminate().await?, "exit status: 0", "{}", planner.log());
    Ok(())
}
