//! Quantities with their unit: read from settings and specs, shown to people.
//!
//! A bare number in a file is refused where a duration is meant, because nobody remembers whether
//! it was seconds. What is shown is short enough for a status line; machines read `--json`.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A pace of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RowsPerSecond(pub u64);

impl fmt::Display for RowsPerSecond {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} rows/s", format_count(self.0))
    }
}

/// An amount of storage or traffic, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ByteSize(pub u64);

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&format_bytes(self.0))
    }
}

/// A text that is not a duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{found:?} is not a duration ({why}); write a number with its unit, such as 500ms, 2s, 10m, 36h or 7d"
)]
pub struct NotADuration {
    /// What was found.
    pub found: String,
    why: String,
}

/// Reads `500ms`, `2s`, `10m`, `1h 30m`, `7d`.
///
/// # Errors
/// [`NotADuration`], with an example of what is one.
pub fn parse_duration(text: &str) -> Result<Duration, NotADuration> {
    let fault = |why: String| NotADuration {
        found: text.to_owned(),
        why,
    };
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) && text != "0" {
        return Err(fault("the unit is missing".to_owned()));
    }
    humantime::parse_duration(text.trim()).map_err(|e| fault(e.to_string()))
}

/// At most two units: `850ms`, `2.4s`, `3m 12s`, `1h 5m`, `7d 2h`.
#[must_use]
pub fn format_duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let two = |big: u64, big_unit: &str, small: u64, small_unit: &str| match small {
        0 => format!("{big}{big_unit}"),
        _ => format!("{big}{big_unit} {small}{small_unit}"),
    };
    match seconds {
        0 if duration.is_zero() => "0s".to_owned(),
        0 if duration < Duration::from_millis(1) => format!("{}µs", duration.as_micros()),
        0 => format!("{}ms", duration.as_millis()),
        1..60 => match duration.subsec_millis() / 100 {
            0 => format!("{seconds}s"),
            tenths => format!("{seconds}.{tenths}s"),
        },
        60..3_600 => two(seconds / 60, "m", seconds % 60, "s"),
        3_600..86_400 => two(seconds / 3_600, "h", seconds % 3_600 / 60, "m"),
        _ => two(seconds / 86_400, "d", seconds % 86_400 / 3_600, "h"),
    }
}

/// With thousands separators: `1,234,567`.
#[must_use]
pub fn format_count(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A measured pace: `12,346 rows/s`, `3.2 rows/s`. What is not a number shows as `-`.
#[must_use]
pub fn format_rate(rows_per_second: f64) -> String {
    if !rows_per_second.is_finite() || rows_per_second < 0.0 {
        return "-".to_owned();
    }
    if rows_per_second < 10.0 && rows_per_second > 0.0 {
        return format!("{rows_per_second:.1} rows/s");
    }
    // A float beyond u64 saturates, which no row rate reaches.
    format!("{} rows/s", format_count(rows_per_second.round() as u64))
}

/// In binary units: `512 B`, `1.4 GiB`.
#[must_use]
pub fn format_bytes(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64 / 1024.0;
    let mut unit = 0;
    // 1023.95 and not 1024: what rounds to "1024.0" shows as 1.0 of the next unit.
    while value >= 1023.95 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_with_their_unit() {
        for (text, millis) in [
            ("500ms", 500),
            ("2s", 2_000),
            ("10m", 600_000),
            ("7d", 604_800_000),
            ("1h 30m", 5_400_000),
            ("0s", 0),
        ] {
            assert_eq!(parse_duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_is_refused_with_an_example() {
        for text in ["", "10", "5 parsecs", "-3s", "s", "99999999999999999999s", "1.s"] {
            let fault = parse_duration(text).unwrap_err().to_string();
            assert!(
                fault.contains(&format!("{text:?}")) && fault.contains("10m"),
                "{fault}"
            );
        }
        assert!(
            parse_duration("10")
                .unwrap_err()
                .to_string()
                .contains("the unit is missing")
        );
    }

    #[test]
    fn quantities_are_shown_short() {
        let durations = [
            (0, "0s"),
            (850, "850ms"),
            (2_400, "2.4s"),
            (59_999, "59.9s"),
            (192_000, "3m 12s"),
            (3_900_000, "1h 5m"),
            (612_000_000, "7d 2h"),
        ];
        for (millis, shown) in durations {
            assert_eq!(format_duration(Duration::from_millis(millis)), shown);
        }
        for (count, shown) in [
            (0, "0"),
            (999, "999"),
            (1_000, "1,000"),
            (1_234_567, "1,234,567"),
            (u64::MAX, "18,446,744,073,709,551,615"),
        ] {
            assert_eq!(format_count(count), shown);
        }
        for (bytes, shown) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1_048_575, "1.0 MiB"),
            (1_503_238_553, "1.4 GiB"),
            (u64::MAX, "16.0 EiB"),
        ] {
            assert_eq!(format_bytes(bytes), shown);
        }
        for (rate, shown) in [
            (0.0, "0 rows/s"),
            (3.21, "3.2 rows/s"),
            (12_345.6, "12,346 rows/s"),
            (f64::NAN, "-"),
        ] {
            assert_eq!(format_rate(rate), shown);
        }
        assert_eq!(RowsPerSecond(20_000).to_string(), "20,000 rows/s");
    }
}
