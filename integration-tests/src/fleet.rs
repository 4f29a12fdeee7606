//! An installation: one planner, some backfillers, one verifier, each a process of its own.

use std::time::Duration;

use anyhow::ensure;

use crate::http;
use crate::process::{Settings, Sluice};
use crate::wait::{self, Look};

/// A service connects and subscribes within this time, also on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// The running services.
#[derive(Debug)]
pub struct Fleet {
    /// The brain.
    pub planner: Sluice,
    /// The hands.
    pub backfillers: Vec<Sluice>,
    /// The eyes.
    pub verifier: Sluice,
    settings: Settings,
}

impl Fleet {
    /// Starts them all at once, with so many backfillers; returns when each says that it is ready.
    ///
    /// # Errors
    /// One of them is not.
    pub async fn start(settings: &Settings, backfillers: usize) -> anyhow::Result<Self> {
        let fleet = Self {
            planner: Sluice::start(&["planner"], settings).await?,
            backfillers: {
                let mut hands = Vec::new();
                for _ in 0..backfillers {
                    hands.push(Sluice::start(&["backfiller"], settings).await?);
                }
                hands
            },
            verifier: Sluice::start(&["verifier"], settings).await?,
            settings: settings.clone(),
        };
        for service in fleet.all() {
            ready(service).await?;
        }
        Ok(fleet)
    }

    /// One more backfiller.
    ///
    /// # Errors
    /// It does not get ready.
    pub async fn hire(&mut self) -> anyhow::Result<()> {
        let one = Sluice::start(&["backfiller"], &self.settings).await?;
        ready(&one).await?;
        self.backfillers.push(one);
        Ok(())
    }

    /// One more that was started with settings of its own; it is dismissed with the others.
    pub fn add(&mut self, backfiller: Sluice) {
        self.backfillers.push(backfiller);
    }

    /// Every process.
    pub fn all(&self) -> impl Iterator<Item = &Sluice> {
        [&self.planner]
            .into_iter()
            .chain(&self.backfillers)
            .chain([&self.verifier])
    }

    /// SIGTERM to each that still runs: it must end with status 0, and none may have panicked or logged a password.
    ///
    /// # Errors
    /// Names the process and shows its log.
    pub async fn dismiss(self) -> anyhow::Result<()> {
        for service in self.all() {
            if service.pid().is_some() {
                let status = service.terminate().await?;
                ensure!(
                    status == "exit status: 0",
                    "{service:?} ended with {status}\n{}",
                    service.log()
                );
            }
            let log = service.log();
            ensure!(!log.contains("panicked"), "{service:?} panicked\n{log}");
            ensure!(
                !self.settings.is_betrayed_by(&log),
                "{service:?} logs a password\n{log}"
            );
        }
        Ok(())
    }
}

/// Waits until `/readyz` of a service answers 200.
///
/// # Errors
/// It never does; says what it answered last.
pub async fn ready(service: &Sluice) -> anyhow::Result<()> {
    wait::until("the service is ready", PATIENCE, async || {
        let answer = http::get(service.port().await?, "/readyz").await?;
        Ok::<_, anyhow::Error>(match answer.status {
            200 => Look::There(()),
            _ => Look::NotYet(answer.body),
        })
    })
    .await
}
