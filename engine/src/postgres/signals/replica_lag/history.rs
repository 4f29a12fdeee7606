//! When the primary was seen at which position: a bounded memory that may overstate an age, never understate it.

use std::collections::VecDeque;
use std::time::Duration;

/// Marks closer than this are merged.
const RESOLUTION: Duration = Duration::from_millis(100);
/// Marks older than this are dropped, but for the youngest of them.
const HORIZON: Duration = Duration::from_secs(600);

/// Positions of the primary by the time we saw them, both increasing.
#[derive(Clone, Debug, Default)]
pub struct History {
    marks: VecDeque<Mark>,
    /// The very first position.
    first: Option<u64>,
}

#[derive(Clone, Copy, Debug)]
struct Mark {
    /// Nothing up to `position` was seen earlier than this.
    at: Duration,
    position: u64,
}

impl History {
    /// The primary was at `position` at `now`.
    pub fn remember(&mut self, now: Duration, position: u64) {
        self.first.get_or_insert(position);
        match self.marks.back_mut() {
            // Nothing was written since: it was reached when it was first seen.
            Some(last) if position <= last.position => {}
            // Merged into the earlier time: a replica between the two appears older than it is, never younger.
            Some(last) if now < last.at + RESOLUTION => last.position = position,
            _ => self.marks.push_back(Mark { at: now, position }),
        }
        // One mark beyond the horizon stays: on an idle primary it is the only witness of a replica that hangs.
        while self.marks.get(1).is_some_and(|second| second.at + HORIZON < now) {
            self.marks.pop_front();
        }
    }

    /// Age of the oldest remembered position that a replica at `replayed` lacks; zero if it lacks none; None if nothing is remembered.
    #[must_use]
    pub fn lag(&self, now: Duration, replayed: u64) -> Option<Duration> {
        self.marks.back()?;
        // Positions increase, so the first one beyond `replayed` is found by bisection.
        let lacking = self.marks.partition_point(|mark| mark.position <= replayed);
        Some(
            self.marks
                .get(lacking)
                .map_or(Duration::ZERO, |mark| now.saturating_sub(mark.at)),
        )
    }

    /// A replica at `replayed` has at least the first position we know of, so its lag is not a lower bound only.
    #[must_use]
    pub fn covers(&self, replayed: u64) -> bool {
        self.first.is_some_and(|first| replayed >= first)
    }
}
