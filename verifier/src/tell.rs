//! Telling the planner that something is in the ledger now.

use ledger::role::site::Site;
use proto::Envelope;
use shared::bus::Queue;

/// Wakes the planner. Lost, it sees it at its next tick.
pub(crate) async fn planner(site: &Site, event: &Envelope) {
    let queue = Queue::EventsPlanner(site.target.name.clone());
    if let Err(error) = site.bus.publish(&queue, event).await {
        tracing::debug!(target_name = %site.target.name, %error, "the planner could not be woken; it looks by itself");
    }
}
