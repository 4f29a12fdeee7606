//! The ways to fill a column.

mod broker;
mod embedded;
mod keyset;
mod peer;
mod update;

use std::time::Duration;

use anyhow::Context as _;

use super::clerk::Filled;
use super::ground::Ground;
use super::order::{Kind, Order, Part, Peer};
use super::results::Cost;
use super::subject::{Pace, Subject};
use crate::fleet::Fleet;

/// No fill takes longer; what does is a failure, and not a figure.
pub(super) const PATIENCE: Duration = Duration::from_secs(2 * 3600);

/// One way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Method {
    /// None: the application alone, for so long.
    Alone(Duration),
    /// One UPDATE.
    Update,
    /// Many UPDATEs by key.
    Keyset,
    /// `sluice run`.
    Embedded(Pace),
    /// The services.
    Broker,
    /// Somebody else's.
    Peer(Peer),
}

/// How it ended.
#[derive(Debug, Default)]
pub(super) struct Done {
    /// What ours knows from the ledger; others are their command.
    pub(super) filled: Option<Filled>,
    pub(super) costs: Vec<Cost>,
    /// Services that still run, to be dismissed once nothing is measured any more.
    pub(super) services: Option<Fleet>,
}

impl Method {
    /// All that were asked for, in the order of a round.
    pub(super) fn all(order: &Order, kind: Kind) -> Vec<Self> {
        let full = |parallel| Self::Embedded(Pace::Full { parallel });
        let ways = [
            (Part::Alone, Self::Alone(order.windows().0)),
            (Part::Update, Self::Update),
            (Part::Keyset, Self::Keyset),
            (Part::One, full(1)),
            (Part::Two, full(2)),
            (Part::Four, full(4)),
            (Part::Rabbitmq, Self::Broker),
            (Part::Throttled, Self::Embedded(Pace::Default)),
        ];
        let wanted = ways
            .into_iter()
            .filter(|(part, _)| order.wants(*part, kind))
            .map(|(_, way)| way);
        wanted
            .chain(order.peers().iter().cloned().map(Self::Peer))
            .collect()
    }

    /// What it is called in every table.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Alone(_) => ALONE.to_owned(),
            Self::Update => UPDATE.to_owned(),
            Self::Keyset => "keyset loop, 10,000".to_owned(),
            Self::Embedded(Pace::Full { parallel: 1 }) => "sluice, 1 worker".to_owned(),
            Self::Embedded(Pace::Full { parallel }) => format!("sluice, {parallel} workers"),
            Self::Embedded(Pace::Default) => "sluice, default pace".to_owned(),
            Self::Broker => format!("sluice over RabbitMQ, {} backfillers", broker::BACKFILLERS),
            Self::Peer(peer) => peer.name.clone(),
        }
    }

    /// Whether it fills anything.
    pub(super) fn fills(&self) -> bool {
        !matches!(self, Self::Alone(_))
    }

    /// Runs it to its end.
    pub(super) async fn carry_out(&self, ground: &Ground, subject: &Subject<'_>) -> anyhow::Result<Done> {
        match self {
            Self::Alone(time) => {
                ground.clock.sleep(*time).await;
                Ok(Done::default())
            }
            Self::Update => update::carry_out(subject).await,
            Self::Keyset => keyset::carry_out(subject).await,
            Self::Embedded(pace) => embedded::carry_out(ground, subject, *pace).await,
            Self::Broker => {
                let broker = ground.broker.as_ref().context("no broker was started")?;
                broker::carry_out(ground, broker, subject).await
            }
            Self::Peer(peer) => peer::carry_out(subject, peer).await,
        }
    }
}

/// What every latency is a ratio to.
pub(super) const ALONE: &str = "application alone";
/// What every rate is a ratio to.
pub(super) const UPDATE: &str = "plain UPDATE";

pub(super) use embedded::arguments;

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[test]
    fn a_round_has_every_method_once_and_peers_last() {
        let order = Order::try_parse_from(["bench", "--peer", "tool=true"]).unwrap();
        let names: Vec<String> = Method::all(&order, Kind::Seq).iter().map(Method::name).collect();
        let expected = [
            "application alone",
            "plain UPDATE",
            "keyset loop, 10,000",
            "sluice, 1 worker",
            "sluice, 2 workers",
            "sluice, 4 workers",
            "sluice over RabbitMQ, 2 backfillers",
            "sluice, default pace",
            "tool",
        ];
        assert_eq!(names, expected);
    }
}
