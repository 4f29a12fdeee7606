//! Says every two seconds that this process is alive. For people; nothing is decided by it.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::site::Site;

const EVERY: Duration = Duration::from_secs(2);

/// Beats for as long as it is polled; `detail` is what people are shown of the process beside its name.
pub async fn run(sites: Vec<Arc<Site>>, role: &'static str, detail: impl Fn() -> Value) {
    let Some(clock) = sites.first().map(|site| site.clock.clone()) else {
        return;
    };
    loop {
        for site in &sites {
            if let Err(error) = site
                .target
                .ledger
                .beat(site.worker.as_str(), role, &detail())
                .await
            {
                tracing::debug!(target_name = %site.target.name, %error, "the heartbeat could not be written");
            }
        }
        clock.sleep(EVERY).await;
    }
}
