//! Carrying one fault out, and healing it.

use std::time::Duration;

use super::crew::{Crew, Member};
use super::plan::{Fault, Kind};
use crate::keeper::Signal;
use crate::postgres::Server;
use crate::process::Sluice;
use crate::proxy::{Cut, Order, Proxy};
use crate::rabbitmq::Broker;
use tokio::sync::Mutex;

/// A service whose ways are broken drains for its budget, and is killed if it takes longer.
const DRAIN: Duration = Duration::from_secs(18);

/// What faults happen to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stage<'a> {
    pub(super) crew: &'a Crew,
    pub(super) broker: &'a Broker,
    pub(super) server: &'a Server,
    /// One restart of a server at a time.
    pub(super) servers: &'a Mutex<()>,
}

impl Stage<'_> {
    /// From its beginning to its end.
    pub(super) async fn carry_out(self, fault: Fault) -> anyhow::Result<()> {
        let members = &self.crew.members;
        let member = &members[fault.whom % members.len()];
        match fault.kind {
            Kind::Kill | Kind::Freeze | Kind::Terminate | Kind::Crash => process(member, fault).await,
            Kind::BrokerCut
            | Kind::BrokerDelay
            | Kind::BrokerSilence
            | Kind::BrokerHalfOpen
            | Kind::BrokerSwallow => {
                way(&member.to_broker, fault).await;
                Ok(())
            }
            Kind::DatabaseCut | Kind::DatabaseDelay | Kind::DatabaseSilence | Kind::DatabaseCommit => {
                way(&member.to_database, fault).await;
                Ok(())
            }
            Kind::BrokerRestart | Kind::BrokerFreeze | Kind::DatabaseRestart => self.server(fault).await,
        }
    }

    async fn server(self, fault: Fault) -> anyhow::Result<()> {
        let _alone = self.servers.lock().await;
        match fault.kind {
            Kind::BrokerRestart => {
                self.broker.kill().await?;
                tokio::time::sleep(fault.lasts).await;
                self.broker.restart().await
            }
            Kind::BrokerFreeze => {
                self.broker.freeze()?;
                tokio::time::sleep(fault.lasts).await;
                self.broker.thaw()
            }
            _ => self.server.crash_and_restart().await,
        }
    }
}

async fn process(member: &Member, fault: Fault) -> anyhow::Result<()> {
    let process = member.process.lock().await;
    match fault.kind {
        Kind::Freeze => {
            process.pause()?;
            tokio::time::sleep(fault.lasts).await;
            return process.resume();
        }
        Kind::Terminate => {
            process.signal(Signal::TERM)?;
            if process.ended(DRAIN).await.is_err() {
                process.kill().await?;
            }
        }
        _ => process.kill().await?,
    }
    if fault.kind == Kind::Crash {
        let points = points(member.role);
        let point = format!(
            "{}:{}",
            points[fault.whom / 10 % points.len()],
            1 + fault.whom % 3
        );
        let settings = member.settings.clone().with("SLUICE_CRASH_AT", &point);
        let doomed = Sluice::start(&[member.role], &settings).await?;
        // Not every place is come by in time.
        if doomed.ended(fault.lasts).await.is_err() {
            doomed.kill().await?;
        }
    } else {
        tokio::time::sleep(fault.lasts).await;
    }
    process.start_again().await
}

fn points(role: &str) -> &'static [&'static str] {
    match role {
        "planner" => &["publish.before", "publish.before_mark", "publish.after_mark"],
        "verifier" => &["check.begun"],
        _ => &[
            "batch.before_commit",
            "batch.after_commit",
            "chunk.before_event",
            "chunk.before_ack",
        ],
    }
}

async fn way(way: &Proxy, fault: Fault) {
    match fault.kind {
        Kind::BrokerCut | Kind::DatabaseCut => way.cut(),
        Kind::BrokerDelay | Kind::DatabaseDelay => {
            way.delay(Duration::from_millis(20 + fault.whom as u64 % 300));
        }
        Kind::BrokerSilence | Kind::DatabaseSilence => match fault.toward() {
            Some(toward) => way.stall_toward(toward),
            None => way.stall(),
        },
        Kind::BrokerHalfOpen => way.abandon(),
        Kind::BrokerSwallow => way.order(swallow(fault.whom)),
        _ => way.order(Order::CutAtCommit {
            mark: "sluice:batch",
            cut: if fault.whom.is_multiple_of(2) {
                Cut::AfterCommit
            } else {
                Cut::BeforeCommit
            },
        }),
    }
    tokio::time::sleep(fault.lasts).await;
    way.restore();
    way.flow();
    way.delay(Duration::ZERO);
    match fault.kind {
        // What was held comes late; what was swallowed is missed when its connection goes.
        Kind::BrokerSwallow => {
            way.release();
            if fault.whom.is_multiple_of(3) {
                way.blink();
            }
        }
        // The client would wait for its heartbeats alone otherwise, which is a fault of its own.
        Kind::BrokerHalfOpen if fault.whom.is_multiple_of(2) => way.blink(),
        _ => {}
    }
}

fn swallow(whom: usize) -> Order {
    const QUEUES: [&str; 3] = ["sluice.main.chunk", "sluice.main.stage", "sluice.main.check"];
    let key = QUEUES[whom / 4 % QUEUES.len()].to_owned();
    match whom % 4 {
        0 => Order::SwallowAck { key },
        1 => Order::SwallowConfirm { key },
        _ => Order::HoldDelivery { key },
    }
}
