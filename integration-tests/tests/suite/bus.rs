//! The transport over RabbitMQ: the conformance suite against a real broker, also while the way to it breaks.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use secrecy::SecretString;
use shared::bus::Bus;
use shared::bus::conformance::{self, Breakable, Case, Harness};
use shared::bus::rabbitmq::RabbitBus;
use shared::clock::SystemClock;
use shared::settings::BusTls;
use testbed::proxy::Proxy;
use testbed::rabbitmq::Broker;
use tokio::task::JoinSet;

#[derive(Debug)]
struct OverRabbitMq {
    bus: RabbitBus,
    way: Proxy,
}

impl OverRabbitMq {
    /// A bus in a virtual host of its own.
    async fn new() -> anyhow::Result<Arc<Self>> {
        let broker = Broker::shared().await?;
        let way = Proxy::start(broker.port()).await?;
        let url = SecretString::from(broker.vhost().await?.url_through(way.port()));
        Ok(Arc::new(Self {
            bus: RabbitBus::open(&url, &BusTls::default(), "suite", SystemClock::shared())?,
            way,
        }))
    }
}

#[async_trait]
impl Harness for OverRabbitMq {
    fn bus(&self) -> &dyn Bus {
        &self.bus
    }

    /// Real time passes by itself.
    async fn let_pass(&self, _: Duration) {}
}

#[async_trait]
impl Breakable for OverRabbitMq {
    async fn cut(&self) {
        self.way.cut();
    }

    async fn restore(&self) {
        self.way.restore();
    }

    async fn blink(&self) {
        self.way.blink();
    }
}

/// All cases at once: most of them wait for the broker's retry queues or for a lost connection.
/// Names every case that failed.
async fn check<H: ?Sized + 'static>(
    cases: Vec<Case<H>>,
    harness: impl Fn(Arc<OverRabbitMq>) -> Arc<H>,
) -> anyhow::Result<()> {
    assert!(!cases.is_empty());
    let mut running = JoinSet::new();
    for case in cases {
        let over = OverRabbitMq::new().await?;
        let outcome = tokio::spawn((case.run)(harness(Arc::clone(&over))));
        running.spawn(async move {
            let outcome = outcome.await;
            over.bus.close().await;
            outcome.err().map(|fault| format!("{}: {fault}", case.name))
        });
    }
    let faults: Vec<String> = running.join_all().await.into_iter().flatten().collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    Ok(())
}

#[tokio::test]
async fn rabbitmq_conforms() -> anyhow::Result<()> {
    check(conformance::cases(), |over| over).await
}

#[tokio::test]
async fn rabbitmq_conforms_while_the_way_to_it_breaks() -> anyhow::Result<()> {
    check(conformance::outage_cases(), |over| over).await
}
