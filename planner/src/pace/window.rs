//! The hours in which rows may be written, such as `22:00-06:00 Europe/Paris`. Pure, given the wall clock.
//!
//! A window is of the clock on the wall in its time zone, every day. It may go over midnight. On the day on which clocks change it is as much longer
//! or shorter as that day is; an hour that occurs twice is inside both times, one that is skipped is no time at all.
//!
//! This is the one decision made by the wall clock: hours are an agreement among people.

use jiff::civil::Time;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Unit, Zoned};

/// One window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hours {
    from: Time,
    to: Time,
    zone: TimeZone,
}

/// Why a text is no window.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WindowError {
    /// Not of the form.
    #[error("{0:?} is no window; expected such as \"22:00-06:00 Europe/Paris\"")]
    Form(String),
    /// It is empty.
    #[error("the window {0:?} begins when it ends; leave it out to write at any hour")]
    Empty(String),
    /// Nobody knows the zone.
    #[error(
        "{0:?} is not a time zone that is known here; expected a name such as \"Europe/Paris\" or \"UTC\""
    )]
    Zone(String),
}

impl Hours {
    /// Reads `HH:MM-HH:MM ZONE`.
    ///
    /// # Errors
    /// [`WindowError`], with the text.
    pub fn parse(text: &str) -> Result<Self, WindowError> {
        let form = || WindowError::Form(text.to_owned());
        let (hours, zone) = text.trim().split_once(' ').ok_or_else(form)?;
        let (from, to) = hours.split_once('-').ok_or_else(form)?;
        let (from, to) = time(from).zip(time(to)).ok_or_else(form)?;
        if from == to {
            return Err(WindowError::Empty(text.to_owned()));
        }
        let zone = zone.trim();
        let zone = TimeZone::get(zone).map_err(|_| WindowError::Zone(zone.to_owned()))?;
        Ok(Self { from, to, zone })
    }

    /// Whether the moment is inside.
    #[must_use]
    pub fn contains(&self, now: Timestamp) -> bool {
        let time = now.to_zoned(self.zone.clone()).time();
        if self.from < self.to {
            (self.from..self.to).contains(&time)
        } else {
            time >= self.from || time < self.to
        }
    }

    /// When it opens next after a moment outside; None if that is beyond the calendar.
    #[must_use]
    pub fn opens(&self, now: Timestamp) -> Option<Zoned> {
        let here = now.to_zoned(self.zone.clone());
        let mut day = here.date();
        // A beginning that the clocks skip is taken a little later on that day.
        for _ in 0..3 {
            let opens = day.to_datetime(self.from).to_zoned(self.zone.clone()).ok()?;
            if opens.timestamp() > now {
                return Some(opens);
            }
            day = day.tomorrow().ok()?;
        }
        None
    }
}

fn time(text: &str) -> Option<Time> {
    let (hour, minute) = text.split_once(':')?;
    let digits = |text: &str| text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit());
    if !digits(hour) || !digits(minute) {
        return None;
    }
    Time::new(hour.parse().ok()?, minute.parse().ok()?, 0, 0).ok()
}

/// Why nothing may be written at this hour; None if it may.
pub(super) fn closed(windows: &[String], now: Timestamp) -> Option<String> {
    let mut next: Option<Zoned> = None;
    for text in windows {
        let hours = match Hours::parse(text) {
            Ok(hours) => hours,
            // The spec's reader has seen it; another machine may lack the zone.
            Err(error) => return Some(format!("the hours cannot be told: {error}")),
        };
        if hours.contains(now) {
            return None;
        }
        let opens = hours.opens(now);
        next = match (next, opens) {
            (Some(one), Some(other)) => Some(if other < one { other } else { one }),
            (one, other) => one.or(other),
        };
    }
    let first = windows.first()?;
    let zone = Hours::parse(first).map_or(TimeZone::UTC, |hours| hours.zone);
    let clock = |at: Zoned| {
        let at = at.round(Unit::Second).unwrap_or(at);
        at.strftime("%H:%M %Z").to_string()
    };
    let next = next.map_or_else(String::new, |at| {
        format!(", work goes on at {}", at.strftime("%Y-%m-%d %H:%M %Z"))
    });
    Some(format!(
        "it is {}, outside of {}{next}",
        clock(now.to_zoned(zone)),
        windows.join(" and ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn check(window: &str, moments: &[(&str, bool)]) {
        let hours = Hours::parse(window).unwrap();
        for (moment, inside) in moments {
            assert_eq!(hours.contains(at(moment)), *inside, "{window} at {moment}");
        }
    }

    #[test]
    fn a_window_may_go_over_midnight_and_ends_before_its_last_minute() {
        check(
            "22:00-06:00 UTC",
            &[
                ("2026-01-10T21:59:59Z", false),
                ("2026-01-10T22:00:00Z", true),
                ("2026-01-10T23:59:59Z", true),
                ("2026-01-11T00:00:00Z", true),
                ("2026-01-11T05:59:59Z", true),
                ("2026-01-11T06:00:00Z", false),
            ],
        );
        check(
            "09:30-17:00 UTC",
            &[
                ("2026-01-10T09:29:59Z", false),
                ("2026-01-10T09:30:00Z", true),
                ("2026-01-10T17:00:00Z", false),
                ("2026-01-10T00:00:00Z", false),
            ],
        );
    }

    /// Paris is an hour ahead of UTC in winter, two in summer; clocks change on 2026-03-29 and 2026-10-25 at 01:00 UTC.
    #[test]
    fn the_hours_are_those_of_the_wall_on_the_days_on_which_clocks_change() {
        check(
            "22:00-06:00 Europe/Paris",
            &[
                ("2026-03-28T20:59:00Z", false),
                ("2026-03-28T21:00:00Z", true),
                ("2026-03-29T03:59:00Z", true),
                ("2026-03-29T04:00:00Z", false),
                ("2026-03-29T20:00:00Z", true),
                ("2026-10-24T20:00:00Z", true),
                ("2026-10-25T04:59:00Z", true),
                ("2026-10-25T05:00:00Z", false),
                ("2026-10-25T20:59:00Z", false),
                ("2026-10-25T21:00:00Z", true),
            ],
        );
        // 02:00 to 03:00 is skipped in spring, and comes twice in autumn.
        check(
            "02:00-03:00 Europe/Paris",
            &[
                ("2026-03-29T00:59:59Z", false),
                ("2026-03-29T01:00:00Z", false),
                ("2026-10-25T00:30:00Z", true),
                ("2026-10-25T01:30:00Z", true),
                ("2026-10-25T02:00:00Z", false),
            ],
        );
    }

    #[test]
    fn what_is_closed_says_when_it_opens() {
        let windows = [
            "22:00-06:00 Europe/Paris".to_owned(),
            "12:00-13:00 Europe/Paris".to_owned(),
        ];
        assert_eq!(closed(&windows, at("2026-07-01T10:30:00Z")), None);
        assert_eq!(
            closed(&windows, at("2026-07-01T11:00:00Z")).unwrap(),
            "it is 13:00 CEST, outside of 22:00-06:00 Europe/Paris and 12:00-13:00 Europe/Paris, work goes on at 2026-07-01 22:00 CEST"
        );
        assert_eq!(closed(&[], at("2026-07-01T11:00:00Z")), None);
        // The night before the clocks go forward, and one whose beginning is skipped.
        let spring = ["02:30-04:00 Europe/Paris".to_owned()];
        let why = closed(&spring, at("2026-03-28T12:00:00Z")).unwrap();
        assert!(why.contains("goes on at 2026-03-29 03:30 CEST"), "{why}");
    }

    #[test]
    fn what_is_no_window_is_refused_with_what_was_found() {
        for (text, part) in [
            ("22:00-06:00", "is no window"),
            ("22-06 UTC", "is no window"),
            ("22:00-24:30 UTC", "is no window"),
            ("6:00-07:00 UTC", "is no window"),
            ("06:00-06:00 UTC", "begins when it ends"),
            ("22:00-06:00 Europe/Pariss", "not a time zone"),
        ] {
            let error = Hours::parse(text).unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
