//! Says every two seconds that this process is alive. For people; nothing is decided by it.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use shared::clock::within;

use super::site::Site;

const EVERY: Duration = Duration::from_secs(2);
/// One that takes longer waits on a socket whose other end is gone.
const LIMIT: Duration = Duration::from_secs(5);

/// Beats for as long as it is polled; `detail` is what people are shown of the process beside its name.
pub async fn run(sites: Vec<Arc<Site>>, role: &'static str, detail: impl Fn() -> Value) {
    let Some(clock) = sites.first().map(|site| site.clock.clone()) else {
        return;
    };
    loop {
        for site in &sites {
            let detail = detail();
            let beating = site.target.ledger.beat(site.worker.as_str(), role, &detail);
            match within(&*clock, LIMIT, beating).await {
                Some(Ok(())) => {}
                Some(Err(error)) => {
                    tracing::debug!(target_name = %site.target.name, %error, "the heartbeat could not be written");
                }
                None => tracing::debug!(target_name = %site.target.name, "the heartbeat was not answered"),
            }
        }
        clock.sleep(EVERY).await;
    }
}
