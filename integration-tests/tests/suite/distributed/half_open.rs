//! A socket that is open and says nothing: the peer is gone and no reset came (fault 14).

use std::time::Duration;

use testbed::desk::Desk;
use testbed::fleet::{self, Fleet};
use testbed::postgres::Server;
use testbed::process::{Settings, Sluice};
use testbed::proxy::Proxy;
use testbed::rabbitmq::Broker;
use testbed::wait;

use super::{Outcome, PATIENCE, SLOW, assert_settled, small, submit, traffic};

/// A lease is lost after 15 s at most; what hangs on the socket must let go with it.
#[tokio::test]
async fn a_worker_whose_database_goes_silent_gives_up_and_another_takes_the_chunk_over() -> Outcome {
    let (broker, server) = (Broker::shared().await?, Server::shared().await?);
    let vhost = broker.vhost().await?;
    let (database, settings) = small(server, &vhost).await?;
    let way = Proxy::start(server.port()).await?;
    let (desk, mut fleet) = (Desk::new(&settings)?, Fleet::start(&settings, 0).await?);
    let through = Settings::default()
        .reaching("MAIN", &database, way.port())
        .over(&vhost);
    let cut_off = Sluice::start(&["backfiller"], &through).await?;
    fleet::ready(&cut_off).await?;
    let writes = traffic(&database).await?;
    let job = submit(&desk, &database, SLOW).await?;
    job.under_way(1000, PATIENCE).await?;
    way.stall();
    fleet.hire().await?;
    wait::until("its chunks are taken over", PATIENCE, async || {
        job.value::<bool>(
            "SELECT count(*) > 0 FROM sluice.task
             WHERE job = $1 AND kind = 'chunk' AND attempt > 1 AND state IN ('leased', 'done')",
        )
        .await
    })
    .await?;
    cut_off
        .logged("the lease on a chunk was lost", Duration::from_secs(60))
        .await?;
    way.flow();
    assert_settled(&job, writes, fleet).await?;
    assert_eq!(cut_off.terminate().await?, "exit status: 0", "{}", cut_off.log());
    Ok(())
}
