//! What a file's name says: when its tool runs it, and in which direction.
//!
//! - Flyway: `V1.2__add_fax.sql` by version, `B` a baseline, `U` the way back, `R__views.sql` after all others;
//! - sqlx, golang-migrate, dbmate, goose, Prisma, Diesel, Rails: a number or a time comes first, in the name of the file or of its folder;
//!   `.down.sql` and `down.sql` are the way back;
//! - everything else: by name, numbers in it by their value.

use std::cmp::Ordering;

use classifier::script::Side;

/// Orders the entries of one folder.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    class: Class,
    /// Numbers of the version, most significant first.
    version: Vec<Number>,
    name: Natural,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Class {
    Versioned,
    Repeatable,
}

/// Where an entry stands among its neighbors.
#[must_use]
pub fn key(name: &str) -> Key {
    let (class, version) = match flyway(name) {
        Some(Flyway::Repeatable) => (Class::Repeatable, Vec::new()),
        Some(Flyway::Version(version)) => (Class::Versioned, version),
        None => (Class::Versioned, leading_number(name)),
    };
    Key {
        class,
        version,
        name: Natural(name.to_owned()),
    }
}

/// Which direction a file holds.
#[must_use]
pub fn side(name: &str) -> Side {
    let lower = name.to_ascii_lowercase();
    let is_undo = name.starts_with('U') && flyway(name).is_some();
    if lower.ends_with(".down.sql") || lower == "down.sql" || is_undo {
        Side::Down
    } else {
        Side::Up
    }
}

enum Flyway {
    Version(Vec<Number>),
    Repeatable,
}

fn flyway(name: &str) -> Option<Flyway> {
    let (prefix, _) = name.split_once("__")?;
    if prefix == "R" {
        return Some(Flyway::Repeatable);
    }
    let version = prefix.strip_prefix(['V', 'U', 'B'])?;
    let numbers: Vec<Number> = version.split(['.', '_']).map(Number::of).collect::<Option<_>>()?;
    Some(Flyway::Version(without_zeros(numbers)))
}

/// Flyway takes `1` and `1.0` for the same.
fn without_zeros(mut numbers: Vec<Number>) -> Vec<Number> {
    while numbers.last().is_some_and(|number| number.0.is_empty()) {
        numbers.pop();
    }
    numbers
}

fn leading_number(name: &str) -> Vec<Number> {
    let digits: String = name.chars().take_while(char::is_ascii_digit).collect();
    Number::of(&digits).into_iter().collect()
}

/// A number of any length: its digits without zeros in front.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Number(String);

impl Number {
    fn of(digits: &str) -> Option<Self> {
        let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| Self(digits.trim_start_matches('0').to_owned()))
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0
            .len()
            .cmp(&other.0.len())
            .then_with(|| self.0.cmp(&other.0))
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// A name in which numbers count by their value.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Natural(String);

impl Natural {
    fn parts(&self) -> Vec<(Option<Number>, &str)> {
        let mut parts = Vec::new();
        let mut rest = self.0.as_str();
        while let Some(first) = rest.chars().next() {
            let is_digit = first.is_ascii_digit();
            let end = rest
                .find(|c: char| c.is_ascii_digit() != is_digit)
                .unwrap_or(rest.len());
            let (part, after) = rest.split_at(end);
            parts.push((Number::of(part), part));
            rest = after;
        }
        parts
    }
}

impl Ord for Natural {
    fn cmp(&self, other: &Self) -> Ordering {
        self.parts()
            .cmp(&other.parts())
            .then_with(|| self.0.cmp(&other.0))
    }
}

impl PartialOrd for Natural {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn sorted(names: &[&str]) {
        let mut found = names.to_vec();
        found.reverse();
        found.sort_by_key(|name| key(name));
        assert_eq!(found, names);
    }

    #[test]
    fn files_come_in_the_order_of_their_tool() {
        sorted(&[
            "V1__a.sql",
            "V1.1__b.sql",
            "V1_2__a.sql",
            "V2__b.sql",
            "V10__a.sql",
            "R__a.sql",
            "R__b.sql",
        ]);
        sorted(&["1_z.sql", "002_y.sql", "10_a.sql", "20240101000000_x.sql"]);
        sorted(&["20230101_a", "20240101_a", "20240101_b"]);
        sorted(&["0001_x.down.sql", "0001_x.up.sql", "0002_a.up.sql"]);
        sorted(&["schema.sql", "step2.sql", "step10.sql"]);
    }

    #[test]
    fn the_way_back_is_known_by_its_name() {
        for (name, expected) in [
            ("1_a.down.sql", Side::Down),
            ("down.sql", Side::Down),
            ("U1.2__a.sql", Side::Down),
            ("1_a.up.sql", Side::Up),
            ("up.sql", Side::Up),
            ("V1__a.sql", Side::Up),
            ("Users__table.sql", Side::Up),
            ("1_shut.sql", Side::Up),
            ("slowdown.sql", Side::Up),
        ] {
            assert_eq!(side(name), expected, "{name}");
        }
    }
}
