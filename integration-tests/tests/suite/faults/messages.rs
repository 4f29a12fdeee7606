//! A message comes more often than it was sent, or so late that it is about the past.

use testbed::fleet::{self, Fleet};
use testbed::oracle;
use testbed::process::{Settings, Sluice};
use testbed::proxy::{Order, Protocol, Proxy};
use testbed::rabbitmq::{Broker, Vhost};
use testbed::wait::{self, Look};

use super::{CHUNKS, Outcome, PATIENCE, SLOW, Scene, database, until_so_many};

/// Fault 15. Copies of chunk tasks for two workers at once: one of them claims, the others are forgotten.
#[tokio::test]
async fn copies_of_a_task_that_two_workers_get_at_once_are_worked_once() -> Outcome {
    const COPIES: usize = 20;
    let broker = Broker::shared().await?;
    let vhost = broker.vhost().await?;
    let database = database().await?;
    let scene = Scene::new(&database, &vhost).await?;
    let mut fleet = Fleet::start(&scene.settings, 1).await?;
    let job = scene.submit(SLOW).await?;
    // Nobody takes chunks yet: the worker that did the steps is gone.
    until_so_many(
        &job,
        "a chunk is issued",
        "SELECT count(*) FROM sluice.task WHERE job = $1 AND kind = 'chunk' AND published_at IS NOT NULL",
        1,
    )
    .await?;
    fleet.backfillers[0].kill().await?;
    let messages = wait::until("a chunk lies in its queue", PATIENCE, async || {
        let found = broker.peek(&vhost, CHUNKS).await?;
        Ok::<_, anyhow::Error>((!found.is_empty()).then_some(found))
    })
    .await?;
    for message in &messages {
        for _ in 0..COPIES {
            let payload = message["payload"].as_str().unwrap_or_default();
            broker.publish_raw(&vhost, "sluice.work", CHUNKS, payload).await?;
        }
    }
    let (one, other) = (
        Sluice::start(&["backfiller"], &scene.settings).await?,
        Sluice::start(&["backfiller"], &scene.settings).await?,
    );
    for worker in [one, other] {
        fleet::ready(&worker).await?;
        fleet.add(worker);
    }
    scene.assert_settled(&job, fleet).await
}

/// Nothing of the queue is in anybody's hand, and nothing in it.
async fn all_acknowledged(broker: &Broker, vhost: &Vhost) -> Outcome {
    wait::until("the late message is acknowledged", PATIENCE, async || {
        let seen = broker
            .describe(&format!("queues/{}/{CHUNKS}", vhost.name))
            .await?;
        Ok::<_, anyhow::Error>(if seen["messages"] == 0 {
            Look::There(())
        } else {
            Look::NotYet(seen["messages"].to_string())
        })
    })
    .await
}

/// A worker of the fleet that hears of its first chunk only when the proxy is told to release it.
async fn late(
    vhost: &Vhost,
    broker: &Broker,
    settings: &Settings,
    fleet: &mut Fleet,
) -> anyhow::Result<Proxy> {
    let way = Proxy::start_listening(broker.port(), Protocol::Amqp).await?;
    let through = settings
        .clone()
        .with("SLUICE__BUS__URL", &vhost.url_through(way.port()));
    let worker = Sluice::start(&["backfiller"], &through).await?;
    fleet::ready(&worker).await?;
    fleet.add(worker);
    let key = CHUNKS.to_owned();
    way.order(Order::HoldDelivery { key });
    Ok(way)
}

/// Fault 16. The planner gave the chunk to another worker, the job went on to its end, and only then does the message come.
#[tokio::test]
async fn a_message_that_comes_when_the_job_has_moved_on_changes_nothing() -> Outcome {
    let broker = Broker::shared().await?;
    let vhost = broker.vhost().await?;
    let database = database().await?;
    let scene = Scene::new(&database, &vhost).await?;
    let mut fleet = Fleet::start(&scene.settings, 1).await?;
    let way = late(&vhost, broker, &scene.settings, &mut fleet).await?;
    let job = scene.submit(SLOW).await?;
    way.until_carried_out(1, PATIENCE).await?;
    job.until("verified", PATIENCE).await?;
    let mut conn = database.superuser().await?;
    let before = oracle::rows_logged_for_sluice(&mut conn).await?;
    way.release();
    all_acknowledged(broker, &vhost).await?;
    let after = oracle::rows_logged_for_sluice(&mut conn).await?;
    assert_eq!(after, before, "a message of the past made somebody write");
    scene.assert_settled(&job, fleet).await
}

/// Fault 16, of a job that was called off: the message is of a task that nobody may take.
#[tokio::test]
async fn a_message_that_comes_when_the_job_was_aborted_changes_nothing() -> Outcome {
    let broker = Broker::shared().await?;
    let vhost = broker.vhost().await?;
    let database = database().await?;
    let scene = Scene::new(&database, &vhost).await?;
    let mut fleet = Fleet::start(&scene.settings, 0).await?;
    let one_at_a_time = scene.settings.clone().with("SLUICE__BACKFILLER__SLOTS", "1");
    let way = late(&vhost, broker, &one_at_a_time, &mut fleet).await?;
    let job = scene.submit(SLOW).await?;
    way.until_carried_out(1, PATIENCE).await?;
    let say = |command| [command, "track-seconds", "--target", "main", "--as", "ann"];
    scene.desk.run(&say("abort")).await?.exits(0)?;
    wait::until("the job is aborted", PATIENCE, async || {
        job.state().await.map(|state| state == "aborted")
    })
    .await?;
    way.release();
    all_acknowledged(broker, &vhost).await?;
    let written = oracle::rows_logged_for_sluice(&mut database.superuser().await?).await?;
    assert_eq!(written, 0, "a job that was called off was worked");
    scene.desk.run(&say("resume")).await?.exits(0)?;
    wait::until("the job goes on", PATIENCE, async || {
        job.state().await.map(|state| state != "aborted")
    })
    .await?;
    scene.assert_settled(&job, fleet).await
}
