//! Planner, backfillers and verifier as processes of their own, over RabbitMQ.

use anyhow::Context as _;

use super::{Done, PATIENCE};
use crate::bench::clerk::Clerk;
use crate::bench::ground::Ground;
use crate::bench::results::Cost;
use crate::bench::subject::{Pace, Subject, spec};
use crate::bench::usage::{Usage, tree};
use crate::desk::Desk;
use crate::fleet::Fleet;
use crate::process::{Farewell, Settings};
use crate::rabbitmq::Broker;

/// As many as the embedded run it is compared with has workers.
pub(super) const BACKFILLERS: usize = 2;

pub(super) async fn carry_out(
    ground: &Ground,
    broker: &Broker,
    subject: &Subject<'_>,
) -> anyhow::Result<Done> {
    let vhost = broker.vhost().await?;
    let settings = Settings {
        farewell: Farewell::Silent,
        ..Settings::of(&subject.database).over(&vhost)
    };
    let fleet = Fleet::start(&settings, BACKFILLERS).await?;
    let (usage, node) = (
        Usage::watch(processes(&fleet)),
        broker.pid().context("the broker has ended")?,
    );
    let before = tree(node);
    let clerk = Clerk::start(ground, &subject.database).await?;
    let desk = Desk::new(&settings)?;
    let text = spec(
        subject.kind,
        Pace::Full {
            parallel: BACKFILLERS as u16,
        },
    );
    let spec = desk.write("spec.toml", &text)?;
    desk.ok(&["submit", &spec, "--target", "main", "--as", "bench"])
        .await?;
    clerk.verified(PATIENCE).await?;
    let mut costs = usage.stop();
    costs.push(Cost {
        role: "rabbitmq".to_owned(),
        cpu_seconds: tree(node) - before,
        peak_mib: None,
    });
    Ok(Done {
        filled: Some(clerk.filled(&subject.database).await?),
        costs,
        services: Some(fleet),
    })
}

fn processes(fleet: &Fleet) -> Vec<(String, u32)> {
    let backfillers = fleet.backfillers.iter().map(|one| ("backfiller", one));
    let all = [("planner", &fleet.planner), ("verifier", &fleet.verifier)]
        .into_iter()
        .chain(backfillers);
    all.filter_map(|(role, service)| Some((role.to_owned(), service.pid()?)))
        .collect()
}
