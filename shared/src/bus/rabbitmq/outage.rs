//! How often an operator is told of a broker that is away: at once, then every half minute, for all connections of the
//! process together. Each retry of each connection in the log would hide everything else in it.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

const EVERY: Duration = Duration::from_secs(30);

/// When it was last told.
#[derive(Debug, Default)]
pub(super) struct Outage {
    told: Mutex<Option<Duration>>,
}

impl Outage {
    /// Whether to tell it now; `now` is monotonic. True counts as told.
    pub(super) fn is_news(&self, now: Duration) -> bool {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let news = told.is_none_or(|told| now.saturating_sub(told) >= EVERY);
        if news {
            *told = Some(now);
        }
        news
    }

    /// A connection is there again: the next loss is told at once.
    pub(super) fn over(&self) {
        *self.told.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// The reason with the broker's place in it, once.
pub(super) fn placed(why: &str, broker: &str) -> String {
    if why.contains(broker) {
        why.to_owned()
    } else {
        format!("{broker}: {why}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_is_told_at_once_and_then_every_half_minute() {
        let outage = Outage::default();
        let told: Vec<u64> = (0..=70)
            .filter(|second| outage.is_news(Duration::from_secs(*second)))
            .collect();
        assert_eq!(told, [0, 30, 60]);
        outage.over();
        assert!(outage.is_news(Duration::from_secs(71)), "it is another one");
    }

    #[test]
    fn the_broker_is_named_once() {
        let broker = "amqp://ann:***@mq/v";
        assert_eq!(
            placed("its events ended", broker),
            "amqp://ann:***@mq/v: its events ended"
        );
        let why = "the broker failed while connecting to amqp://ann:***@mq/v: refused";
        assert_eq!(placed(why, broker), why);
    }
}
