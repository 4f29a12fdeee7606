//! Nobody knows whether a batch was committed: the way to the database breaks at its COMMIT, on either side.

use testbed::database::Role;
use testbed::fleet::{self, Fleet};
use testbed::process::Sluice;
use testbed::proxy::{Cut, Order, Protocol, Proxy};
use testbed::rabbitmq::Broker;

use super::{Outcome, PATIENCE, Scene, database};

/// How often, in one job.
const TIMES: usize = 6;

/// Fault 4. The cursor says what became of the batch: it is neither lost nor counted twice.
#[tokio::test]
async fn a_commit_whose_reply_is_lost_is_neither_repeated_nor_forgotten() -> Outcome {
    let vhost = Broker::shared().await?.vhost().await?;
    let database = database().await?;
    let mut scene = Scene::new(&database, &vhost).await?;
    let way = Proxy::start_listening(database.server().port(), Protocol::Postgres).await?;
    let mut fleet = Fleet::start(&scene.settings, 0).await?;
    let data = database.url_through(Role::Data, way.port());
    let through = scene.settings.clone().with("SLUICE__TARGETS__MAIN__URL", &data);
    let worker = Sluice::start(&["backfiller"], &through).await?;
    fleet::ready(&worker).await?;
    fleet.add(worker);
    let job = scene.under_way().await?;
    for time in 0..TIMES {
        let cut = if scene.rng.bool() {
            Cut::AfterCommit
        } else {
            Cut::BeforeCommit
        };
        way.order(Order::CutAtCommit {
            mark: "sluice:batch",
            cut,
        });
        way.until_carried_out(time + 1, PATIENCE).await?;
    }
    scene.assert_settled(&job, fleet).await
}
