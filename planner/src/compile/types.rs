//! A column's type as an author writes it, and as the catalog spells it.
//!
//! Only a type may stand there: `integer DEFAULT 0` would slip a default into ADD COLUMN, and a volatile
//! one rewrites the table. With a database the server spells the type; without one the
//! built-in names are known here.

use super::lexer::{Kind, Token, significant};

/// Why a text is not a type that a column can be given.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotAType {
    /// A pseudo-type that stands for a default.
    #[error(
        "`{0}` is an integer with a default from a sequence; add a plain integer column, and give it a default at contract"
    )]
    Serial(String),
    /// More than a type, or none.
    #[error(
        "expected only a type, such as `integer`, `numeric(10,2)` or `text[]`, but found {0:?} as well; defaults and constraints come later"
    )]
    MoreThanAType(String),
    /// Nothing that could be one.
    #[error("expected a type, such as `integer`, `numeric(10,2)` or `text[]`")]
    Malformed,
}

/// Other names of the built-in types, as the parser takes them.
const ALIASES: &[(&str, &str)] = &[
    ("int", "integer"),
    ("int4", "integer"),
    ("int2", "smallint"),
    ("int8", "bigint"),
    ("bool", "boolean"),
    ("float", "double precision"),
    ("float8", "double precision"),
    ("float4", "real"),
    ("decimal", "numeric"),
    ("dec", "numeric"),
    ("varchar", "character varying"),
    ("char varying", "character varying"),
    ("char", "character"),
    ("bpchar", "character"),
    ("varbit", "bit varying"),
    ("timestamptz", "timestamp with time zone"),
    ("timestamp", "timestamp without time zone"),
    ("timetz", "time with time zone"),
    ("time", "time without time zone"),
];

/// Names of several words.
const PHRASES: &[&str] = &[
    "double precision",
    "character varying",
    "char varying",
    "bit varying",
    "timestamp with time zone",
    "timestamp without time zone",
    "time with time zone",
    "time without time zone",
];

/// The type as the catalog spells it, as far as that is known without asking it.
pub(crate) fn spelled(text: &str) -> Result<String, NotAType> {
    let words = significant(text);
    let (name, modifier, array) = parts(&words)?;
    let folded = name.to_lowercase();
    if matches!(
        folded.as_str(),
        "serial" | "serial4" | "bigserial" | "serial8" | "smallserial" | "serial2"
    ) {
        return Err(NotAType::Serial(folded));
    }
    let name = ALIASES
        .iter()
        .find(|(alias, _)| *alias == folded)
        .map_or(name.as_str(), |(_, known)| known);
    Ok(format!("{}{array}", with_modifier(name, &modifier)))
}

/// `timestamp(3) with time zone` has its modifier in the middle, `numeric(10,2)` at the end.
fn with_modifier(name: &str, modifier: &str) -> String {
    if modifier.is_empty() {
        return if name == "character" || name == "bit" {
            format!("{name}(1)")
        } else {
            name.to_owned()
        };
    }
    match name.split_once(' ') {
        Some((first @ ("timestamp" | "time"), zone)) => format!("{first}({modifier}) {zone}"),
        _ => format!("{name}({modifier})"),
    }
}

/// The name, what stands in its parentheses, and `[]` for each dimension.
fn parts(words: &[Token<'_>]) -> Result<(String, String, String), NotAType> {
    let mut rest = words;
    let mut name = one_name(&mut rest)?;
    let mut modifier = parenthesized(&mut rest)?;
    while let Some(longer) = longer_phrase(&name, rest) {
        name = longer;
        rest = &rest[1..];
        if modifier.is_empty()
            && !name.ends_with("with")
            && !name.ends_with("without")
            && !name.ends_with("time")
        {
            modifier = parenthesized(&mut rest)?;
        }
    }
    let mut array = String::new();
    while let [open, close, after @ ..] = rest
        && open.is("[")
        && close.is("]")
    {
        "[]".clone_into(&mut array);
        rest = after;
    }
    match rest.first() {
        None => Ok((name, modifier, array)),
        Some(extra) => Err(NotAType::MoreThanAType(extra.text.to_owned())),
    }
}

fn one_name(rest: &mut &[Token<'_>]) -> Result<String, NotAType> {
    let mut name = String::new();
    loop {
        let [token, after @ ..] = *rest else {
            return Err(NotAType::Malformed);
        };
        match token.kind {
            Kind::Word => name.push_str(&token.text.to_lowercase()),
            Kind::Quoted => name.push_str(token.text),
            Kind::Space | Kind::Text | Kind::Number | Kind::Symbol => return Err(NotAType::Malformed),
        }
        *rest = after;
        match after {
            [dot, more @ ..] if dot.is(".") => {
                name.push('.');
                *rest = more;
            }
            _ => return Ok(name),
        }
    }
}

/// If the next word goes on to a known name of several words, that name so far.
fn longer_phrase(name: &str, rest: &[Token<'_>]) -> Option<String> {
    let next = rest.first().filter(|t| t.kind == Kind::Word)?;
    let longer = format!("{name} {}", next.text.to_lowercase());
    PHRASES
        .iter()
        .any(|phrase| *phrase == longer || phrase.starts_with(&format!("{longer} ")))
        .then_some(longer)
}

/// `(10, 2)` as `10,2`; nothing if there are no parentheses.
fn parenthesized(rest: &mut &[Token<'_>]) -> Result<String, NotAType> {
    let [open, inside @ ..] = *rest else {
        return Ok(String::new());
    };
    if !open.is("(") {
        return Ok(String::new());
    }
    let close = inside.iter().position(|t| t.is(")")).ok_or(NotAType::Malformed)?;
    let plain =
        |t: &Token<'_>| matches!(t.kind, Kind::Number | Kind::Word | Kind::Text) || t.is(",") || t.is("-");
    if let Some(odd) = inside[..close].iter().find(|t| !plain(t)) {
        return Err(NotAType::MoreThanAType(odd.text.to_owned()));
    }
    *rest = &inside[close + 1..];
    Ok(inside[..close].iter().map(|t| t.text).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_spelled_as_the_catalog_spells_it() {
        let check = |text: &str, expected: &str| assert_eq!(spelled(text).as_deref(), Ok(expected), "{text}");
        check("INT", "integer");
        check("varchar(24)", "character varying(24)");
        check("character  varying ( 24 )", "character varying(24)");
        check("numeric(10, 2)[]", "numeric(10,2)[]");
        check("timestamptz", "timestamp with time zone");
        check("timestamp(3) with time zone", "timestamp(3) with time zone");
        check("timestamptz(3)", "timestamp(3) with time zone");
        check("timestamp", "timestamp without time zone");
        check("char", "character(1)");
        check("double precision", "double precision");
        check("odd.\"Mood\"", "odd.\"Mood\"");
        check("text[][]", "text[]");
        check("geometry(Point,4326)", "geometry(Point,4326)");
    }

    #[test]
    fn what_is_more_than_a_type_is_refused() {
        let check = |text: &str, expected: NotAType| assert_eq!(spelled(text), Err(expected), "{text}");
        check(
            "integer DEFAULT random()",
            NotAType::MoreThanAType("DEFAULT".into()),
        );
        check("text NOT NULL", NotAType::MoreThanAType("NOT".into()));
        check("int; DROP TABLE t", NotAType::MoreThanAType(";".into()));
        check("varchar((SELECT 1))", NotAType::MoreThanAType("(".into()));
        check("bigserial", NotAType::Serial("bigserial".into()));
        check("", NotAType::Malformed);
        check("'text'", NotAType::Malformed);
    }
}
