//! A type as written, in a form that can be compared.

/// A type: what the statement says, and its parts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SqlType {
    /// As `format_type` spells built-in ones, without what is in parentheses: `character varying`, `timestamp with time zone`, `integer`; others
    /// as the statement does.
    pub base: String,
    /// What is in parentheses, in order: length, precision, scale.
    pub modifiers: Vec<i64>,
    /// Dimensions of an array; 0: not one.
    pub dimensions: u32,
    /// As the statement spells it.
    pub text: String,
}

impl SqlType {
    /// Reads what a statement or `format_type` wrote.
    #[must_use]
    pub fn read(text: &str) -> Self {
        let mut dimensions = 0;
        let mut words = String::new();
        let mut modifiers = Vec::new();
        let mut rest = text;
        while let Some(at) = rest.find(['(', '[']) {
            let (before, after) = rest.split_at(at);
            words.push_str(before);
            let close = if after.starts_with('(') { ')' } else { ']' };
            let end = after.find(close).unwrap_or(after.len());
            let inside = after.get(1..end).unwrap_or_default();
            match read_modifiers(inside) {
                _ if close == ']' => dimensions += 1,
                Some(numbers) => modifiers = numbers,
                None => words.push_str(&format!("({inside})")),
            }
            rest = after.get(end + 1..).unwrap_or_default();
        }
        words.push_str(rest);
        let words: Vec<String> = words.split_whitespace().map(fold).collect();
        let mut words: Vec<&str> = words.iter().map(String::as_str).collect();
        if words.last() == Some(&"array") {
            words.pop();
            dimensions = dimensions.max(1);
        }
        let joined = words.join(" ");
        let base = joined.strip_prefix("pg_catalog.").unwrap_or(&joined);
        let base = canonical(base);
        if modifiers.is_empty() && matches!(base, "character" | "bit") && joined != "bpchar" {
            modifiers.push(1);
        }
        Self {
            base: base.to_owned(),
            modifiers,
            dimensions,
            text: text.to_owned(),
        }
    }

    /// `smallserial`, `serial`, `bigserial`: an integer with a sequence of its own.
    #[must_use]
    pub fn is_serial(&self) -> bool {
        matches!(
            self.base.as_str(),
            "serial" | "bigserial" | "smallserial" | "serial2" | "serial4" | "serial8"
        )
    }

    /// A type that every database has, so that it is not a domain.
    #[must_use]
    pub fn is_built_in(&self) -> bool {
        self.is_serial() || BUILT_IN.contains(&self.base.as_str()) || self.base.starts_with("interval ")
    }
}

/// Numbers apart by commas; None: something else, as `Point,4326`.
fn read_modifiers(inside: &str) -> Option<Vec<i64>> {
    inside
        .split(',')
        .map(|number| number.trim().parse().ok())
        .collect()
}

/// Lower case outside of quotes, and without them.
fn fold(word: &str) -> String {
    let folded = word.split('"').enumerate().map(|(i, part)| {
        if i % 2 == 0 {
            part.to_ascii_lowercase()
        } else {
            part.to_owned()
        }
    });
    folded.collect()
}

/// The name under which `format_type` knows it.
fn canonical(base: &str) -> &str {
    match base {
        "int" | "int4" => "integer",
        "int8" => "bigint",
        "int2" => "smallint",
        "varchar"
        | "char varying"
        | "national character varying"
        | "national char varying"
        | "nchar varying" => "character varying",
        "char" | "bpchar" | "national character" | "national char" | "nchar" => "character",
        "bool" => "boolean",
        "float8" | "float" => "double precision",
        "float4" => "real",
        "decimal" | "dec" => "numeric",
        "timestamptz" => "timestamp with time zone",
        "timestamp" => "timestamp without time zone",
        "timetz" => "time with time zone",
        "time" => "time without time zone",
        "varbit" => "bit varying",
        other => other,
    }
}

/// As `format_type` spells them.
const BUILT_IN: &[&str] = &[
    "bigint",
    "bit",
    "bit varying",
    "boolean",
    "box",
    "bytea",
    "character",
    "character varying",
    "cid",
    "cidr",
    "circle",
    "date",
    "datemultirange",
    "daterange",
    "double precision",
    "inet",
    "int4multirange",
    "int4range",
    "int8multirange",
    "int8range",
    "integer",
    "interval",
    "json",
    "jsonb",
    "jsonpath",
    "line",
    "lseg",
    "macaddr",
    "macaddr8",
    "money",
    "name",
    "nummultirange",
    "numrange",
    "numeric",
    "oid",
    "path",
    "pg_lsn",
    "pg_snapshot",
    "point",
    "polygon",
    "real",
    "regclass",
    "regcollation",
    "regconfig",
    "regdictionary",
    "regnamespace",
    "regoper",
    "regoperator",
    "regproc",
    "regprocedure",
    "regrole",
    "regtype",
    "smallint",
    "text",
    "tid",
    "time with time zone",
    "time without time zone",
    "timestamp with time zone",
    "timestamp without time zone",
    "tsmultirange",
    "tsquery",
    "tsrange",
    "tstzmultirange",
    "tstzrange",
    "tsvector",
    "txid_snapshot",
    "uuid",
    "xid",
    "xid8",
    "xml",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, base: &str, modifiers: &[i64], dimensions: u32) {
        let read = SqlType::read(text);
        assert_eq!(
            (read.base.as_str(), read.modifiers.as_slice(), read.dimensions),
            (base, modifiers, dimensions),
            "{text}"
        );
    }

    #[test]
    fn a_type_is_the_same_however_it_is_spelled() {
        check("INT", "integer", &[], 0);
        check("pg_catalog.int4", "integer", &[], 0);
        check("varchar (50)", "character varying", &[50], 0);
        check("character varying(50)", "character varying", &[50], 0);
        check("numeric(10, 2)", "numeric", &[10, 2], 0);
        check("char", "character", &[1], 0);
        check("timestamp(3) with time zone", "timestamp with time zone", &[3], 0);
        check("timestamptz", "timestamp with time zone", &[], 0);
        check("text[][]", "text", &[], 2);
        check("int ARRAY[4]", "integer", &[], 1);
        check("INTERVAL DAY TO SECOND(3)", "interval day to second", &[3], 0);
        check("\"Mood\"", "Mood", &[], 0);
        check(
            "public.geometry(Point,4326)",
            "public.geometry(point,4326)",
            &[],
            0,
        );
    }
}
