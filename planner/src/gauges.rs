//! What `/metrics` says about the queues and the budget of a target. Every planner tells it, active or not: it is the broker's and the
//! ledger's answer, not its own.
//!
//! | metric | labels | meaning |
//! |---|---|---|
//! | `sluice_queue_ready` | queue | messages that wait |
//! | `sluice_queue_unacknowledged` | queue | messages in somebody's hands; NaN unless `bus.management` tells |
//! | `sluice_queue_consumers` | queue | who listens |
//! | `sluice_queue_oldest_task_seconds` | queue | age of the oldest task that is to be done and went through this queue; 0: there is none |
//! | `sluice_chunks_in_flight` | target | chunks that were let in and are not done |
//! | `sluice_budget_chunks` | target | how many the target allows; not there without a limit |

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use ledger::Target;
use shared::bus::{Bus, Queue};
use shared::clock::{Clock, within};
use shared::service::chain;

/// Between two looks.
const EVERY: Duration = Duration::from_secs(5);
/// A look that takes longer is given up; the numbers stay what they were.
const LIMIT: Duration = Duration::from_secs(20);

/// Keeps the gauges of one target for as long as it is polled.
pub(crate) async fn keep(target: Target, bus: Arc<dyn Bus>, clock: Arc<dyn Clock>) -> Infallible {
    loop {
        match within(&*clock, LIMIT, look(&target, &*bus)).await {
            Some(Ok(())) => {}
            Some(Err(error)) => {
                tracing::debug!(target_name = %target.name, error = %chain(&*error), "the queues could not be measured");
            }
            None => {
                tracing::debug!(target_name = %target.name, "the queues could not be measured in time");
            }
        }
        clock.sleep(EVERY).await;
    }
}

async fn look(target: &Target, bus: &dyn Bus) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let in_flight = target.ledger.in_flight().await?;
    let name = target.name.to_string();
    metrics::gauge!("sluice_chunks_in_flight", "target" => name.clone()).set(in_flight as f64);
    if let Some(limit) = target.budget.max_parallel {
        metrics::gauge!("sluice_budget_chunks", "target" => name).set(f64::from(limit));
    }
    let oldest = target.ledger.oldest_outstanding().await?;
    let queues = [Queue::Submit, Queue::Parking];
    for queue in queues.into_iter().chain(Queue::of_target(&target.name)) {
        measure(bus, &queue, &oldest).await?;
    }
    Ok(())
}

async fn measure(
    bus: &dyn Bus,
    queue: &Queue,
    oldest: &BTreeMap<String, Duration>,
) -> Result<(), shared::bus::Error> {
    let depth = bus.depth(queue).await?;
    let label = depth.queue;
    metrics::gauge!("sluice_queue_ready", "queue" => label.clone()).set(depth.ready as f64);
    metrics::gauge!("sluice_queue_consumers", "queue" => label.clone()).set(depth.consumers as f64);
    // What is not known is no number.
    metrics::gauge!("sluice_queue_unacknowledged", "queue" => label.clone())
        .set(depth.unacked.map_or(f64::NAN, |n| n as f64));
    if let Some(kind) = queue.task_kind() {
        let age = oldest.get(kind).map_or(0.0, Duration::as_secs_f64);
        metrics::gauge!("sluice_queue_oldest_task_seconds", "queue" => label).set(age);
    }
    Ok(())
}
