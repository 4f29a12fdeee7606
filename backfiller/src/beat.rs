//! Says every two seconds that this process is alive. For people; nothing is decided by it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::site::Site;

const EVERY: Duration = Duration::from_secs(2);

/// Beats for as long as it is polled.
pub(crate) async fn run(sites: Vec<Arc<Site>>, slots: u16) {
    let Some(clock) = sites.first().map(|site| site.clock.clone()) else {
        return;
    };
    loop {
        for site in &sites {
            let detail = serde_json::json!({ "slots": slots, "busy": site.busy.load(Ordering::Acquire) });
            if let Err(error) = site
                .target
                .ledger
                .beat(site.worker.as_str(), "backfiller", &detail)
                .await
            {
                tracing::debug!(target_name = %site.target.name, %error, "the heartbeat could not be written");
            }
        }
        clock.sleep(EVERY).await;
    }
}
