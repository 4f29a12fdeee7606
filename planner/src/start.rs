//! Runs the planner: a shell for every target, and the intake of submitted jobs.

use std::sync::Arc;
use std::time::Duration;

use ledger::{JobState, Target};
use shared::bus::Bus;
use shared::clock::Clock;
use shared::service::Shutdown;

use crate::gauges;
use crate::shell::{Error, TargetPlanner};
use crate::submit::Intake;
use crate::targets::Targets;

/// What a planner works with.
#[derive(Clone, Debug)]
pub struct Context {
    /// Its targets, with what their settings acknowledge; one that is opened later is begun then.
    pub targets: Targets,
    /// Messages.
    pub bus: Arc<dyn Bus>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// How it ends.
    pub shutdown: Shutdown,
    /// How it is called: in leases and heartbeats.
    pub name: String,
    /// Time between two looks at the ledger when no event comes.
    pub tick: Duration,
    /// The state beyond which no job is driven; None: to the end of its plan.
    pub until: Option<JobState>,
}

/// Runs until it is asked to stop.
///
/// # Errors
/// If the bus refuses a subscription for good, or a loop panicked.
pub async fn start(context: Context) -> Result<(), Error> {
    let mut running = tokio::task::JoinSet::new();
    running.spawn(Intake::new(&context).run(context.shutdown.clone()));
    let mut arrivals = context.targets.arrivals();
    let mut panicked = None;
    // The intake ends when it is asked to, so there is always something to wait for until then.
    while !running.is_empty() {
        let ended = tokio::select! {
            biased;
            Some(ended) = running.join_next() => ended,
            arrival = arrivals.next(), if !context.shutdown.stopping.is_cancelled() => {
                let gauges = gauges::keep(
                    arrival.target.clone(),
                    context.bus.clone(),
                    context.clock.clone(),
                );
                let planning = planner_of(&context, arrival.target).run(context.shutdown.clone());
                // Dropped with all that it knows: the target is not what it was made for any more.
                running.spawn(async move {
                    let planned = async {
                        tokio::select! {
                            biased;
                            ended = planning => ended,
                            never = gauges => match never {},
                        }
                    };
                    arrival.over.run_until_cancelled(planned).await.unwrap_or(Ok(()))
                });
                continue;
            }
        };
        match ended {
            Ok(done) => done?,
            Err(panic) => {
                // A planner that lost a loop must not look alive: the process ends, its lease lapses, another takes over.
                tracing::error!(%panic, "a planner loop panicked; stopping");
                context.shutdown.stopping.cancel();
                panicked = Some(panic);
            }
        }
    }
    panicked.map_or(Ok(()), |panic| Err(Error::Panicked(panic)))
}

fn planner_of(context: &Context, target: Target) -> TargetPlanner {
    TargetPlanner::new(
        target,
        context.bus.clone(),
        context.clock.clone(),
        context.tick,
        context.name.clone(),
    )
    .until(context.until)
}
