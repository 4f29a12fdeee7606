//! A deployment stops every process in turn, in order, while the job runs.

use testbed::fleet::{self, Fleet};
use testbed::rabbitmq::Broker;

use super::{Outcome, Scene, database};

/// Fault 34. Each ends by itself within its grace, what it had in hand is given back at its cursor, and no message goes round and
/// round.
#[tokio::test]
async fn stopping_every_process_in_turn_again_and_again_loses_nothing() -> Outcome {
    const ROUNDS: usize = 3;
    const MOST: &str = "SELECT max(greatest(attempt, publications))::bigint FROM sluice.task WHERE job = $1 AND kind = 'chunk'";
    let vhost = Broker::shared().await?.vhost().await?;
    let database = database().await?;
    let mut scene = Scene::new(&database, &vhost).await?;
    let fleet = Fleet::start(&scene.settings, 2).await?;
    let job = scene.under_way().await?;
    for _ in 0..ROUNDS {
        for service in fleet.all() {
            let status = service.terminate().await?;
            assert_eq!(status, "exit status: 0", "{}", service.log());
            service.start_again().await?;
            fleet::ready(service).await?;
        }
    }
    let most: i64 = job.value(MOST).await?;
    // Each stop of a worker costs a chunk one attempt, each of a planner one message, and a little beside that.
    let bound = i64::try_from(4 * ROUNDS)?;
    assert!(most <= bound, "a chunk went out {most} times in {ROUNDS} rounds");
    scene.assert_settled(&job, fleet).await
}
