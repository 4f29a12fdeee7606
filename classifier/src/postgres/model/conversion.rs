//! From which type to which a column changes without a row being written: `ATColumnChangeRequiresRewrite` and the support functions of the types'
//! length coercions.

use crate::postgres::action::SqlType;

/// What a change of type costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Conversion {
    /// It is no change.
    Same,
    /// The same bytes mean the same.
    Instant,
    /// Every row is written, and every index built, anew.
    Rewrite,
}

/// Between two types; `utc`: the session's time zone is UTC, so that times with and without zone are the same bytes (12 and later).
pub(super) fn conversion(from: &SqlType, to: &SqlType, utc: bool) -> Conversion {
    let (old, new) = (from.base.as_str(), to.base.as_str());
    if old == new && from.modifiers == to.modifiers && from.dimensions == to.dimensions {
        return Conversion::Same;
    }
    if from.dimensions > 0 || to.dimensions > 0 {
        return Conversion::Rewrite;
    }
    let instant = match (old, new) {
        ("character varying" | "bit varying", _) if old == new => longer(&from.modifiers, &to.modifiers),
        ("numeric", "numeric") => wider(&from.modifiers, &to.modifiers),
        ("character varying", "text")
        | ("text", "character varying")
        | ("xml", "text" | "character varying") => to.modifiers.is_empty(),
        ("timestamp without time zone", "timestamp with time zone")
        | ("timestamp with time zone", "timestamp without time zone") => {
            utc && finer(&from.modifiers, &to.modifiers)
        }
        _ if old == new && has_precision(old) => finer(&from.modifiers, &to.modifiers),
        ("cidr", "inet") => true,
        ("integer", "oid") | ("oid", "integer") => true,
        (id, other_id) if is_oid(id) && is_oid(other_id) => true,
        _ => false,
    };
    if instant {
        Conversion::Instant
    } else {
        Conversion::Rewrite
    }
}

/// No limit, or one that is not below the old one.
fn longer(from: &[i64], to: &[i64]) -> bool {
    match (from.first(), to.first()) {
        (_, None) => true,
        (None, Some(_)) => false,
        (Some(old), Some(new)) => new >= old,
    }
}

/// No limit, or more digits with as many behind the point.
fn wider(from: &[i64], to: &[i64]) -> bool {
    let scale = |of: &[i64]| of.get(1).copied().unwrap_or(0);
    match (from.first(), to.first()) {
        (_, None) => true,
        (None, Some(_)) => false,
        (Some(old), Some(new)) => new >= old && scale(from) == scale(to),
    }
}

/// Six digits of a second are all there are.
fn finer(from: &[i64], to: &[i64]) -> bool {
    let digits = |of: &[i64]| of.first().copied().unwrap_or(6);
    digits(to) >= digits(from)
}

fn has_precision(base: &str) -> bool {
    base.starts_with("timestamp ") || base.starts_with("time ") || base == "interval"
}

fn is_oid(base: &str) -> bool {
    base == "oid" || (base.starts_with("reg") && SqlType::read(base).is_built_in())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(from: &str, to: &str, expected: Conversion) {
        let found = conversion(&SqlType::read(from), &SqlType::read(to), false);
        assert_eq!(found, expected, "{from} to {to}");
    }

    #[test]
    fn what_keeps_its_bytes_is_instant() {
        for (from, to) in [
            ("varchar(50)", "varchar(100)"),
            ("varchar(50)", "varchar"),
            ("varchar(50)", "text"),
            ("text", "varchar"),
            ("numeric(10,2)", "numeric(12,2)"),
            ("numeric(10,2)", "numeric"),
            ("timestamp(3)", "timestamp(6)"),
            ("timestamp(3)", "timestamp"),
            ("timestamp", "timestamp(6)"),
            ("bit varying(4)", "varbit(8)"),
            ("cidr", "inet"),
            ("interval(2)", "interval"),
        ] {
            check(from, to, Conversion::Instant);
        }
    }

    #[test]
    fn what_does_not_is_a_rewrite() {
        for (from, to) in [
            ("int", "bigint"),
            ("bigint", "int"),
            ("int", "numeric"),
            ("varchar(50)", "varchar(20)"),
            ("text", "varchar(20)"),
            ("varchar(20)", "char(20)"),
            ("char(10)", "char(20)"),
            ("char(10)", "text"),
            ("numeric(10,2)", "numeric(10,4)"),
            ("numeric", "numeric(10,2)"),
            ("json", "jsonb"),
            ("timestamp", "timestamptz"),
            ("timestamp", "timestamp(3)"),
            ("mood", "text"),
            ("varchar(50)[]", "varchar(100)[]"),
            ("inet", "cidr"),
        ] {
            check(from, to, Conversion::Rewrite);
        }
    }

    #[test]
    fn a_time_zone_costs_nothing_where_it_is_utc() {
        let (without, with) = (SqlType::read("timestamp"), SqlType::read("timestamptz"));
        assert_eq!(conversion(&without, &with, true), Conversion::Instant);
        assert_eq!(conversion(&with, &without, true), Conversion::Instant);
        assert_eq!(
            conversion(&without, &SqlType::read("timestamptz(3)"), true),
            Conversion::Rewrite
        );
    }
}
