//! The tables of keys: what the reader accepts and what the reference page prints, in one place.

use std::time::Duration;

/// One key of a spec.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// As it is spelled.
    pub name: &'static str,
    /// What it takes.
    pub form: Form,
    /// Whether it must be given, and what it is when it is not.
    pub presence: Presence,
    /// What it means, for the reference page.
    pub meaning: &'static str,
}

/// What a key takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Text that is not empty.
    Text,
    /// Text, or a list of texts.
    Texts,
    /// A whole number between the two, both included.
    Whole(u64, u64),
    /// A time such as "2s" or "10m", between the two, both included.
    Time(Duration, Duration),
    /// `true` or `false`.
    Boolean,
    /// A rising list of percentages that ends at 100.
    Percentages,
    /// A table of further keys.
    Section,
    /// A list of tables of further keys.
    Sections,
}

/// Whether a key must be given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// It must.
    Required,
    /// It need not; without it there is none.
    Optional,
    /// It need not; without it this is taken, as it would be written in TOML.
    Default(&'static str),
}

impl Form {
    /// For a fault's "expected ..." and for the reference page.
    #[must_use]
    pub fn expected(self) -> String {
        match self {
            Self::Text => "a text".to_owned(),
            Self::Texts => "a text or a list of texts".to_owned(),
            Self::Whole(least, u64::MAX) => format!("a whole number from {least}"),
            Self::Whole(least, most) => format!("a whole number from {least} to {most}"),
            Self::Time(least, most) => format!(
                "a time from {} to {}, such as \"2s\", \"10m\" or \"7d\"",
                written(least),
                written(most)
            ),
            Self::Boolean => "true or false".to_owned(),
            Self::Percentages => "a rising list of whole percentages from 1 that ends at 100".to_owned(),
            Self::Section => "a table".to_owned(),
            Self::Sections => "one or more tables".to_owned(),
        }
    }
}

/// A time in its one spelling, days at most: humantime would say "2months 29days 2h 52m 48s" for 90 days.
pub(crate) fn written(time: Duration) -> String {
    let seconds = time.as_secs();
    let nanoseconds = u64::from(time.subsec_nanos());
    let parts = [
        (seconds / 86_400, "d"),
        (seconds / 3_600 % 24, "h"),
        (seconds / 60 % 60, "m"),
        (seconds % 60, "s"),
        (nanoseconds / 1_000_000, "ms"),
        (nanoseconds % 1_000_000, "ns"),
    ];
    let given: Vec<String> = parts
        .iter()
        .filter(|(n, _)| *n > 0)
        .map(|(n, unit)| format!("{n}{unit}"))
        .collect();
    if given.is_empty() {
        "0s".to_owned()
    } else {
        given.join(" ")
    }
}

/// One second; times in the tables are multiples of it.
pub(crate) const SECOND: Duration = Duration::from_secs(1);
/// One day.
pub(crate) const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The top of a spec.
pub(crate) const TOP: &[Key] = &[
    Key {
        name: "name",
        form: Form::Text,
        presence: Presence::Required,
        meaning: "What the migration is called: 1 to 63 lower-case letters, digits, `-` or `_`.",
    },
    Key {
        name: "change",
        form: Form::Sections,
        presence: Presence::Required,
        meaning: "What changes; each `[[change]]` has a `kind`. They are carried out in this order.",
    },
    section("backfill", "How fast rows are filled: the job's share of load."),
    section("throttle", "When the backfill pauses."),
    section("flip", "How reads, then writes, move to the new side."),
    section("contract", "How the old side goes away."),
    section("verify", "How long the verifier keeps watching."),
];

const fn section(name: &'static str, meaning: &'static str) -> Key {
    Key {
        name,
        form: Form::Section,
        presence: Presence::Optional,
        meaning,
    }
}
