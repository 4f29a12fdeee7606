//! Waiting for a time: a soak counts on the database's clock, which is a fact like any other.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp, Unit};

use super::{Facts, Others};

/// When a soak that began at `from` is over. A time too far away to be written down never comes.
pub(super) fn until(from: Timestamp, soak: Duration) -> Timestamp {
    SignedDuration::try_from(soak)
        .ok()
        .and_then(|soak| from.checked_add(soak).ok())
        .unwrap_or(Timestamp::MAX)
}

/// A moment for people, to the second, in UTC.
pub(super) fn moment(at: Timestamp) -> String {
    at.round(Unit::Second).unwrap_or(at).to_string()
}

/// Who may still go by a flag's value of before `end`, the moment at which the last cached one lapses; None: nobody.
pub(super) fn stragglers(facts: &Facts, end: Timestamp) -> Option<String> {
    if facts.now < end {
        return Some(format!(
            "application instances may follow the old flags until {}",
            moment(end)
        ));
    }
    match &facts.others {
        Others::Since(began) if *began < end => Some(format!(
            "a transaction that began at {} is still open and may follow the old flags",
            moment(*began)
        )),
        Others::Unseen(why) => Some(format!(
            "nobody can tell whether a transaction from before is open: {why}"
        )),
        Others::None | Others::Since(_) => None,
    }
}
