//! The broker as a command meets it: connected within a bounded time, or a sentence that says why not.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use shared::bus::{self, Bus};
use shared::clock::{Clock, within};
use shared::settings::{BusSettings, Settings};
use shared::units::format_duration;

use crate::error::Error;

/// A bus that is connected; close it when done. `name` is what the broker shows, `undone` what was not done without it ("submitted").
///
/// # Errors
/// None answers in time.
pub async fn connect(
    settings: &Settings,
    name: &str,
    undone: &str,
    clock: &Arc<dyn Clock>,
    timeout: Duration,
) -> Result<Arc<dyn Bus>, Error> {
    let bus = bus::open(&settings.bus, name, clock.clone())?;
    match ready(&bus, undone, clock, timeout).await {
        Ok(()) => Ok(bus),
        Err(why) => {
            bus.close().await;
            Err(why)
        }
    }
}

/// Refuses if the settings name no broker; `what` says what it is needed for.
///
/// # Errors
/// [`Error::Usage`], with what to configure.
pub fn required(settings: &Settings, what: &str) -> Result<(), Error> {
    match settings.bus {
        BusSettings::RabbitMq { .. } => Ok(()),
        BusSettings::Local => Err(Error::Usage(format!(
            "{what}, and no broker is configured: set bus.kind = \"rabbitmq\" and bus.url (or SLUICE__BUS__KIND and SLUICE__BUS__URL)"
        ))),
    }
}

/// Waits until it is connected.
///
/// # Errors
/// [`Error::Refused`], with every reason there is.
pub async fn ready(
    bus: &Arc<dyn Bus>,
    undone: &str,
    clock: &Arc<dyn Clock>,
    timeout: Duration,
) -> Result<(), Error> {
    let readiness = bus.readiness();
    if within(&**clock, timeout, readiness.until_ready()).await.is_some() {
        return Ok(());
    }
    Err(none(undone, timeout, readiness.reasons().into_values().collect()))
}

fn none(undone: &str, timeout: Duration, why: BTreeSet<String>) -> Error {
    let why: Vec<String> = why.into_iter().collect();
    Error::Refused(format!(
        "nothing was {undone}, because there was no connection to the broker within {}: {}",
        format_duration(timeout),
        why.join("; ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_broker_the_way_out_is_named() {
        let fault = required(&Settings::default(), "queues are a broker's")
            .unwrap_err()
            .to_string();
        assert!(
            fault.contains("bus.url") && fault.starts_with("queues are"),
            "{fault}"
        );
    }

    #[test]
    fn a_broker_that_is_away_is_said_once_with_the_time_that_was_waited() {
        let why = ["refused", "refused"].map(str::to_owned).into_iter().collect();
        let said = none("submitted", Duration::from_secs(3), why).to_string();
        assert_eq!(
            said,
            "nothing was submitted, because there was no connection to the broker within 3s: refused"
        );
    }
}
