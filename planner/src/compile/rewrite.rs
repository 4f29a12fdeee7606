//! Puts another column into a definition that the catalog printed: a check, an index, a foreign key.
//!
//! The text comes from `pg_get_constraintdef` and `pg_get_indexdef`, which print keywords in upper case,
//! type names in lower case and always after `::`, and quote names that need it. Every place where the
//! column's name could be something else (a type, a collation, a function, a field) is left alone or
//! refused: a refusal costs a sentence in the plan, a wrong substitution costs data.

use super::lexer::{Kind, Token, significant, tokens};

/// Why a definition cannot be rewritten.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unsafe {
    /// It names the whole row.
    #[error("it reads the whole row, which has no single column to replace")]
    WholeRow,
    /// The column's name stands where it may mean something else.
    #[error("the column's name stands where it may mean something else, after {0:?}")]
    Ambiguous(String),
    /// The column's name is not there at all.
    #[error("it depends on the column, but does not name it")]
    NotNamed,
    /// It does not look like what the catalog prints.
    #[error("its definition has a form that this build does not know")]
    Form,
}

/// A check's definition (`CHECK (...)`), without NOT VALID.
pub(crate) fn check(definition: &str, from: &str, to: &str) -> Result<String, Unsafe> {
    let (text, count) = substituted(&tokens(without_not_valid(definition)), from, to)?;
    if count == 0 {
        Err(Unsafe::NotNamed)
    } else {
        Ok(text)
    }
}

/// A foreign key's definition, without NOT VALID; `references` is the quoted other table.
pub(crate) fn foreign_key(
    definition: &str,
    from: &str,
    to: &str,
    references: &str,
) -> Result<String, Unsafe> {
    let all = tokens(without_not_valid(definition));
    let keyword = all
        .iter()
        .position(|t| t.is_word("REFERENCES"))
        .ok_or(Unsafe::Form)?;
    let open = keyword
        + all[keyword..]
            .iter()
            .position(|t| t.is("("))
            .ok_or(Unsafe::Form)?;
    let close = open + all[open..].iter().position(|t| t.is(")")).ok_or(Unsafe::Form)?;
    let (own, count) = substituted(&all[..keyword], from, to)?;
    if count == 0 {
        return Err(Unsafe::NotNamed);
    }
    let other: String = all[open..=close].iter().map(|t| t.text).collect();
    let (actions, _) = substituted(&all[close + 1..], from, to)?;
    Ok(format!("{own}REFERENCES {references}{other}{actions}"))
}

/// What follows the table in an index's definition: `USING btree (...) ...`.
pub(crate) fn index(definition: &str, from: &str, to: &str) -> Result<String, Unsafe> {
    let all = tokens(definition);
    let using = all
        .iter()
        .position(|t| t.kind == Kind::Word && t.text == "USING")
        .ok_or(Unsafe::Form)?;
    let rest = &all[using..];
    let (before, options, after) = split_options(rest)?;
    let (before, first) = substituted(before, from, to)?;
    let (after, second) = substituted(after, from, to)?;
    let options: String = options.iter().map(|t| t.text).collect();
    if first + second == 0 {
        Err(Unsafe::NotNamed)
    } else {
        Ok(format!("{before}{options}{after}"))
    }
}

/// Takes `WITH (...)`, whose names are storage parameters, out of the middle.
type Split<'t, 'a> = (&'t [Token<'a>], &'t [Token<'a>], &'t [Token<'a>]);
fn split_options<'t, 'a>(rest: &'t [Token<'a>]) -> Result<Split<'t, 'a>, Unsafe> {
    let mut depth = 0_i32;
    for (at, token) in rest.iter().enumerate() {
        if token.is("(") {
            depth += 1;
        } else if token.is(")") {
            depth -= 1;
        } else if depth == 0 && token.kind == Kind::Word && token.text == "WITH" {
            let close = rest[at..].iter().position(|t| t.is(")")).ok_or(Unsafe::Form)?;
            return Ok((&rest[..at], &rest[at..=at + close], &rest[at + close + 1..]));
        }
    }
    Ok((rest, &[], &[]))
}

/// `NOT VALID` is said by whoever adds the constraint.
fn without_not_valid(definition: &str) -> &str {
    definition
        .trim_end()
        .strip_suffix("NOT VALID")
        .unwrap_or(definition)
        .trim_end()
}

/// The text with the column replaced, and how often it was.
fn substituted(all: &[Token<'_>], from: &str, to: &str) -> Result<(String, usize), Unsafe> {
    let places: Vec<usize> = (0..all.len()).filter(|at| all[*at].kind != Kind::Space).collect();
    let at = |place: usize| places.get(place).map(|i| all[*i]);
    let mut text: Vec<String> = all.iter().map(|t| t.text.to_owned()).collect();
    let mut count = 0;
    let mut place = 0;
    while let Some(token) = at(place) {
        if token.is(".") && at(place + 1).is_some_and(|t| t.is("*")) {
            return Err(Unsafe::WholeRow);
        }
        if let Some(after) = after_type_or_collation(&at, place) {
            place = after;
            continue;
        }
        if is_column(token, from) && !at(place + 1).is_some_and(|t| t.is("(")) {
            let context = Context {
                two_before: place.checked_sub(2).and_then(at),
                before: place.checked_sub(1).and_then(at),
                after: at(place + 1),
                two_after: at(place + 2),
            };
            context.must_be_a_column()?;
            to.clone_into(&mut text[places[place]]);
            count += 1;
        }
        place += 1;
    }
    Ok((text.concat(), count))
}

/// The catalog prints a column's name in its own case, keywords in upper case.
fn is_column(token: Token<'_>, from: &str) -> bool {
    match token.kind {
        Kind::Word => token.text == from,
        Kind::Quoted => token.name().as_deref() == Some(from),
        Kind::Space | Kind::Text | Kind::Number | Kind::Symbol => false,
    }
}

/// If a type (`::character varying(24)[]`) or a collation (`COLLATE pg_catalog."C"`) begins at `place`, where it ends.
fn after_type_or_collation<'a>(at: &impl Fn(usize) -> Option<Token<'a>>, place: usize) -> Option<usize> {
    let here = at(place)?;
    let is_type = here.is(":") && at(place + 1).is_some_and(|t| t.is(":"));
    let is_collation = here.kind == Kind::Word && here.text == "COLLATE";
    let mut next = match (is_type, is_collation) {
        (true, _) => place + 2,
        (false, true) => place + 1,
        (false, false) => return None,
    };
    let mut named = false;
    while let Some(token) = at(next) {
        let lower = token.kind == Kind::Word && !token.text.starts_with(|c: char| c.is_ascii_uppercase());
        let name = token.kind == Kind::Quoted || lower;
        // `character varying`, `timestamp without time zone`: several words; a collation or a quoted type has one.
        let goes_on = (name && (!named || (is_type && lower))) || token.is(".");
        if !goes_on {
            break;
        }
        named = !token.is(".");
        next += 1;
    }
    Some(next)
}

/// What stands around a name.
struct Context<'a> {
    two_before: Option<Token<'a>>,
    before: Option<Token<'a>>,
    after: Option<Token<'a>>,
    two_after: Option<Token<'a>>,
}

impl Context<'_> {
    fn must_be_a_column(&self) -> Result<(), Unsafe> {
        let is = |token: Option<Token<'_>>, symbol: &str| token.is_some_and(|t| t.is(symbol));
        let keyword =
            |t: Token<'_>| t.kind == Kind::Word && t.text.chars().all(|c| c.is_ascii_uppercase() || c == '_');
        let field_of_extract = is(self.before, "(")
            && self
                .two_before
                .is_some_and(|t| t.kind == Kind::Word && t.text == "EXTRACT");
        let argument_name = is(self.after, "=") && is(self.two_after, ">");
        let follows_a_value = self.before.is_some_and(|t| match t.kind {
            Kind::Word => !keyword(t),
            Kind::Quoted | Kind::Text | Kind::Number => true,
            Kind::Symbol => t.is(")") || t.is("]"),
            Kind::Space => false,
        });
        if is(self.before, ".") || is(self.after, ".") || field_of_extract || argument_name || follows_a_value
        {
            let before = self.before.map_or("the beginning", |t| t.text);
            return Err(Unsafe::Ambiguous(before.to_owned()));
        }
        Ok(())
    }
}

/// Whether a definition can only be met at once: `UNIQUE (...) DEFERRABLE`.
pub(crate) fn is_deferrable(definition: &str) -> bool {
    let words = significant(definition);
    words
        .iter()
        .enumerate()
        .any(|(at, t)| t.text == "DEFERRABLE" && !(at > 0 && words[at - 1].text == "NOT"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TO: &str = "\"fax number\"";

    #[track_caller]
    fn checks(definition: &str, from: &str, expected: Result<&str, Unsafe>) {
        assert_eq!(check(definition, from, TO), expected.map(str::to_owned));
    }

    #[test]
    fn a_check_gets_the_new_column_and_nothing_else_changes() {
        checks(
            "CHECK (((lower((fax)::text) ~~ '+fax'::text) AND (\"Fax\" IS DISTINCT FROM (fax)::text))) NOT VALID",
            "fax",
            Ok(
                "CHECK (((lower((\"fax number\")::text) ~~ '+fax'::text) AND (\"Fax\" IS DISTINCT FROM (\"fax number\")::text)))",
            ),
        );
        checks(
            "CHECK ((lower(lower) <> ''::text))",
            "lower",
            Ok("CHECK ((lower(\"fax number\") <> ''::text))"),
        );
        checks(
            "CHECK ((\"Fax 2\" > 0))",
            "Fax 2",
            Ok("CHECK ((\"fax number\" > 0))"),
        );
        checks(
            "CHECK ((ts > '2000-01-01 00:00:00'::timestamp without time zone))",
            "ts",
            Ok("CHECK ((\"fax number\" > '2000-01-01 00:00:00'::timestamp without time zone))"),
        );
        checks(
            "CHECK ((zone > ''::timestamp without time zone))",
            "zone",
            Ok("CHECK ((\"fax number\" > ''::timestamp without time zone))"),
        );
        checks(
            "CHECK (((fax COLLATE pg_catalog.\"C\") > 'b'::text))",
            "C",
            Err(Unsafe::NotNamed),
        );
        checks(
            "CHECK (((mood)::mood > 'b'::mood))",
            "mood",
            Ok("CHECK (((\"fax number\")::mood > 'b'::mood))"),
        );
        checks(
            "CHECK ((x = ANY (ARRAY['a'::text, fax])))",
            "fax",
            Ok("CHECK ((x = ANY (ARRAY['a'::text, \"fax number\"])))"),
        );
        checks(
            "CHECK (\nCASE\n    WHEN fax THEN true\n    ELSE false\nEND)",
            "fax",
            Ok("CHECK (\nCASE\n    WHEN \"fax number\" THEN true\n    ELSE false\nEND)"),
        );
    }

    #[test]
    fn what_may_mean_something_else_is_refused() {
        checks("CHECK ((t.* IS NOT NULL))", "fax", Err(Unsafe::WholeRow));
        checks(
            "CHECK (((address).fax > 0))",
            "fax",
            Err(Unsafe::Ambiguous(".".into())),
        );
        checks(
            "CHECK ((EXTRACT(year FROM ts) > 2000))",
            "year",
            Err(Unsafe::Ambiguous("(".into())),
        );
        checks(
            "CHECK ((f(fax => 1) > 0))",
            "fax",
            Err(Unsafe::Ambiguous("(".into())),
        );
        checks("CHECK (valid())", "fax", Err(Unsafe::NotNamed));
    }

    #[test]
    fn an_index_keeps_its_method_operator_classes_and_options() {
        let rest = |definition: &str, from: &str| index(definition, from, TO);
        assert_eq!(
            rest("CREATE UNIQUE INDEX u ON public.fax USING btree (lower((fax)::text), a) WHERE ((fax)::text <> 'x'::text)", "fax").unwrap(),
            "USING btree (lower((\"fax number\")::text), a) WHERE ((\"fax number\")::text <> 'x'::text)"
        );
        assert_eq!(
            rest("CREATE INDEX i ON t USING btree (fax varchar_pattern_ops DESC NULLS LAST) INCLUDE (\"Fax 2\") WITH (fillfactor='70') WHERE (fax > 'b'::text)", "fax").unwrap(),
            "USING btree (\"fax number\" varchar_pattern_ops DESC NULLS LAST) INCLUDE (\"Fax 2\") WITH (fillfactor='70') WHERE (\"fax number\" > 'b'::text)"
        );
        assert_eq!(
            rest(
                "CREATE UNIQUE INDEX i ON t USING btree (fax, a) NULLS NOT DISTINCT WITH (fillfactor='70')",
                "fillfactor"
            ),
            Err(Unsafe::NotNamed)
        );
        assert_eq!(
            rest("CREATE INDEX i ON t USING btree (a text_ops)", "text_ops"),
            Err(Unsafe::Ambiguous("a".into()))
        );
    }

    #[test]
    fn a_foreign_key_keeps_the_columns_of_the_other_table() {
        assert_eq!(
            foreign_key(
                "FOREIGN KEY (a, id) REFERENCES p(a, id) ON DELETE SET NULL (id) NOT VALID",
                "id",
                TO,
                "\"public\".\"p\""
            )
            .unwrap(),
            "FOREIGN KEY (a, \"fax number\") REFERENCES \"public\".\"p\"(a, id) ON DELETE SET NULL (\"fax number\")"
        );
    }

    #[test]
    fn a_deferrable_constraint_is_recognized() {
        assert!(is_deferrable("UNIQUE (a) DEFERRABLE INITIALLY DEFERRED"));
        assert!(!is_deferrable("UNIQUE (a) NOT DEFERRABLE"));
        assert!(!is_deferrable("UNIQUE (\"DEFERRABLE\")"));
    }
}
