//! The servers that are measured: a primary as production has it, one replica on the same machine, and a broker if one is asked for.

use std::sync::Arc;
use std::time::Duration;

use shared::clock::{Clock, SystemClock};

use crate::postgres::{Durability, Replica, Server};
use crate::rabbitmq::Broker;

use super::order::{Kind, Order, Part};

/// The replica replays a whole table within this time.
pub(super) const REPLAYS: Duration = Duration::from_secs(1800);

/// All of them.
#[derive(Debug)]
pub(super) struct Ground {
    pub(super) server: Server,
    pub(super) replica: Replica,
    pub(super) broker: Option<Broker>,
    pub(super) clock: Arc<dyn Clock>,
}

impl Ground {
    pub(super) async fn start(order: &Order) -> anyhow::Result<Self> {
        let server = Server::start_with(Durability::Production, &settings(order)).await?;
        let replica = server.replica("bench_replica").await?;
        let wants_broker = order
            .tables()
            .into_iter()
            .any(|kind| order.wants(Part::Rabbitmq, kind));
        let broker = match wants_broker {
            true => Some(Broker::start().await?),
            false => None,
        };
        Ok(Self {
            server,
            replica,
            broker,
            clock: SystemClock::shared(),
        })
    }
}

/// Memory like that of a server made for its data; all else as the server comes.
fn settings(order: &Order) -> String {
    let preload = if order.statements {
        "shared_preload_libraries = 'pg_stat_statements'\n"
    } else {
        ""
    };
    format!(
        "shared_buffers = '{}MB'\n{preload}",
        shared_buffers(order.rows(Kind::Seq))
    )
}

/// 2 GB for ten million rows, and in proportion below, so that a small table is not measured in a cache that is nothing but cache.
fn shared_buffers(rows: u64) -> u64 {
    (rows * 2048 / 10_000_000).clamp(128, 2048)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_follows_the_table_within_bounds() {
        for (rows, expected) in [
            (1000, 128),
            (200_000, 128),
            (5_000_000, 1024),
            (10_000_000, 2048),
            (90_000_000, 2048),
        ] {
            assert_eq!(shared_buffers(rows), expected, "{rows}");
        }
    }
}
