//! When will it be done? A range, because a single number is always wrong.
//!
//! Two rates are measured: over the last `WINDOW` and over everything that was seen. The truth has so far lain between
//! them, with some air; a pace that changes (a throttle, a colder part of the table) widens the range by itself.

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use shared::units::format_duration;

/// What counts as recent.
const WINDOW: Duration = Duration::from_secs(30);
/// Below this nothing can be said.
const LEAST: Duration = Duration::from_secs(2);
/// Looks that are kept; at two a second, three minutes.
const KEPT: usize = 360;

/// How far something was at some time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// Monotonic time.
    pub at: Duration,
    /// Units done.
    pub done: u64,
}

/// Looks, oldest first.
#[derive(Clone, Debug, Default)]
pub struct Track {
    looks: VecDeque<Look>,
}

/// The time that is left, from the best to the worst guess.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Eta {
    /// If it goes well.
    pub low: Duration,
    /// If it does not.
    pub high: Duration,
}

impl Track {
    /// Adds a look. Work that went back (a new sweep) begins anew.
    pub fn push(&mut self, look: Look) {
        if self.looks.back().is_some_and(|last| last.done > look.done) {
            self.looks.clear();
        }
        if self.looks.len() >= KEPT {
            // The first one stays: it is the anchor of the overall rate.
            self.looks.remove(1);
        }
        self.looks.push_back(look);
    }

    /// Units a second over the last `WINDOW`; None before anything can be said.
    #[must_use]
    pub fn recent_rate(&self) -> Option<f64> {
        let last = self.looks.back()?;
        let from = self
            .looks
            .iter()
            .find(|l| last.at.saturating_sub(l.at) <= WINDOW)?;
        rate(*from, *last)
    }

    /// The time until `total` is done.
    #[must_use]
    pub fn eta(&self, total: u64) -> Option<Eta> {
        let (first, last) = (self.looks.front()?, self.looks.back()?);
        let rates = [rate(*first, *last)?, self.recent_rate()?];
        range(rates, total.saturating_sub(last.done))
    }
}

/// The range from an average alone, for one look at a job that has run for a while.
#[must_use]
pub fn from_average(done: u64, total: u64, elapsed: Duration) -> Option<Eta> {
    let average = rate(
        Look {
            at: Duration::ZERO,
            done: 0,
        },
        Look { at: elapsed, done },
    )?;
    range([average, average], total.saturating_sub(done))
}

fn rate(from: Look, to: Look) -> Option<f64> {
    let time = to.at.saturating_sub(from.at);
    (time >= LEAST).then(|| to.done.saturating_sub(from.done) as f64 / time.as_secs_f64())
}

fn range(rates: [f64; 2], left: u64) -> Option<Eta> {
    let (slow, fast) = (rates[0].min(rates[1]) * 0.8, rates[0].max(rates[1]) * 1.1);
    let time = |rate: f64| Duration::try_from_secs_f64(left as f64 / rate).ok();
    (slow > 0.0).then_some(Eta {
        low: time(fast)?,
        high: time(slow)?,
    })
}

impl fmt::Display for Eta {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (low, high) = (
            format_duration(coarse(self.low)),
            format_duration(coarse(self.high)),
        );
        if low == high {
            write!(f, "about {low}")
        } else {
            write!(f, "{low} to {high}")
        }
    }
}

/// No more digits than the guess is worth.
fn coarse(time: Duration) -> Duration {
    let seconds = time.as_secs_f64().ceil() as u64;
    let step = match seconds {
        0..20 => 1,
        20..120 => 5,
        120..3_600 => 60,
        _ => 600,
    };
    Duration::from_secs(seconds.div_ceil(step) * step)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn track(looks: &[(u64, u64)]) -> Track {
        let mut track = Track::default();
        for (at, done) in looks {
            track.push(Look {
                at: Duration::from_secs(*at),
                done: *done,
            });
        }
        track
    }

    #[test]
    fn a_steady_pace_gives_a_narrow_range_around_the_truth() {
        let eta = track(&[(0, 0), (10, 100), (20, 200)]).eta(1_000).unwrap();
        assert!(
            eta.low < Duration::from_secs(80) && eta.high > Duration::from_secs(80),
            "{eta:?}"
        );
        assert_eq!(eta.to_string(), "1m 15s to 1m 40s");
    }

    #[test]
    fn a_pace_that_changed_widens_the_range() {
        let looks: Vec<(u64, u64)> = (0..=60)
            .map(|s| (s, s * 100))
            .chain((61..=120).map(|s| (s, 6_000 + (s - 60) * 10)))
            .collect();
        let eta = track(&looks).eta(12_600).unwrap();
        assert!(
            eta.low < Duration::from_secs(120) && eta.high > Duration::from_secs(600),
            "{eta:?}"
        );
    }

    #[test]
    fn nothing_is_said_before_there_is_something_to_say() {
        assert_eq!(track(&[]).eta(10), None);
        assert_eq!(track(&[(0, 0), (1, 5)]).eta(10), None);
        assert_eq!(track(&[(0, 5), (60, 5)]).eta(10), None);
        assert_eq!(from_average(0, 10, Duration::from_secs(60)), None);
    }

    #[test]
    fn work_that_starts_over_is_measured_anew() {
        let track = track(&[(0, 0), (10, 1_000), (11, 0), (21, 100)]);
        assert_eq!(track.recent_rate(), Some(10.0));
    }

    #[test]
    fn an_average_alone_gives_a_range_too() {
        let eta = from_average(500, 1_000, Duration::from_secs(100)).unwrap();
        assert_eq!(eta.to_string(), "1m 35s to 3m");
    }
}
