//! From the ledger to the broker: the row comes first, then the message, then the mark. Whatever breaks between two of them
//! repeats a message and forgets none.

use std::time::Duration;

use testbed::desk::Desk;
use testbed::fleet::{self, Fleet};
use testbed::process::Sluice;
use testbed::proxy::{Order, Protocol, Proxy};
use testbed::rabbitmq::Broker;
use testbed::tracks::Filling;

use super::{CHUNKS, Outcome, PATIENCE, SLOW, Scene, database, until_so_many};

/// Fault 5. One planner dies where it is told to; another one, started after that, ends the job.
async fn check(point: &str) -> Outcome {
    let vhost = Broker::shared().await?.vhost().await?;
    let database = database().await?;
    let scene = Scene::new(&database, &vhost).await?;
    let fleet = Fleet::start(&scene.settings, 2).await?;
    fleet.planner.terminate().await?;
    let doomed = scene.settings.clone().with("SLUICE_CRASH_AT", point);
    let doomed = Sluice::start(&["planner"], &doomed).await?;
    fleet::ready(&doomed).await?;
    let job = scene.submit(SLOW).await?;
    let status = doomed.ended(Duration::from_secs(90)).await?;
    assert!(status.starts_with("signal: 6"), "it ended with {status}");
    fleet.planner.start_again().await?;
    scene.assert_settled(&job, fleet).await
}

#[tokio::test]
async fn a_planner_that_dies_before_it_publishes_a_task_forgets_none() -> Outcome {
    check("publish.before:5").await
}

#[tokio::test]
async fn a_planner_that_dies_between_publish_and_mark_repeats_a_message_and_no_work() -> Outcome {
    check("publish.before_mark:5").await
}

#[tokio::test]
async fn a_planner_that_dies_after_it_marked_a_task_publishes_the_rest() -> Outcome {
    check("publish.after_mark:5").await
}

/// Fault 6. The broker has the message and its publisher does not know: it comes twice, with the same id, and is worked once.
#[tokio::test]
async fn a_lost_confirm_brings_the_message_twice_and_the_work_once() -> Outcome {
    let broker = Broker::shared().await?;
    let vhost = broker.vhost().await?;
    let database = database().await?;
    let mut scene = Scene::new(&database, &vhost).await?;
    let way = Proxy::start_listening(broker.port(), Protocol::Amqp).await?;
    let fleet = Fleet::start(&scene.settings, 2).await?;
    fleet.planner.terminate().await?;
    let through = vhost.url_through(way.port());
    let through = scene.settings.clone().with("SLUICE__BUS__URL", &through);
    let planner = Sluice::start(&["planner"], &through).await?;
    fleet::ready(&planner).await?;
    let key = CHUNKS.to_owned();
    way.order(Order::SwallowConfirm { key });
    let job = scene.under_way().await?;
    way.until_carried_out(1, PATIENCE).await?;
    planner.logged("a task was not published", PATIENCE).await?;
    scene.assert_settled(&job, fleet).await?;
    assert_eq!(planner.terminate().await?, "exit status: 0", "{}", planner.log());
    Ok(())
}

/// Fault 7. A queue with room for one message refuses the others: they wait in the ledger and go out as the worker goes on.
#[tokio::test]
async fn a_full_queue_leaves_its_tasks_in_the_ledger_and_drains_later() -> Outcome {
    const WAITING: &str = "SELECT count(*) FROM sluice.task WHERE job = $1 AND kind = 'chunk' AND state = 'ready' AND published_at IS NULL";
    const WIDE: &str = "[backfill]\nmax_parallel = 6\nmax_rows_per_second = 4000\n";
    let broker = Broker::shared().await?;
    let vhost = broker.vhost().await?;
    broker.limit_queue(&vhost, CHUNKS, 1).await?;
    let database = database().await?;
    let mut scene = Scene::with(&database, &vhost, (45_000, Filling::Sparse)).await?;
    // One message in hand, one in the queue.
    scene.settings = scene.settings.with("SLUICE__BACKFILLER__SLOTS", "1");
    scene.desk = Desk::new(&scene.settings)?;
    let fleet = Fleet::start(&scene.settings, 1).await?;
    let job = scene.submit(WIDE).await?;
    fleet.planner.logged("a task was not published", PATIENCE).await?;
    until_so_many(&job, "tasks wait in the ledger", WAITING, 1).await?;
    scene.assert_settled(&job, fleet).await
}
