//! How a statement is run, told by its first words: everything else about it is the server's to say.
//!
//! A wrong guess here would at worst run a statement of the script less well observed, but for one kind: what acts outside its
//! database ([`Kind::Outside`]) must be known before it runs. So the list is of whole families of statements, rather too long than too short.

mod body;

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Begins or ends a transaction, or changes the session: run as it is, and nothing is looked at.
    Control,
    /// Acts on the whole server or beyond: not run, because of this.
    Outside(&'static str),
    /// Rows come from the client.
    CopyIn,
    /// Rows go to the client.
    CopyOut,
    /// Reads or writes rows: the planner chooses how.
    Rows,
    /// Everything else.
    Definition,
}

const SERVER: &str = "it acts on the whole server, not only on the scratch database";
const BEYOND: &str = "it reaches beyond the server";
const FILES: &str = "it reads or writes files of the server, or runs a program there";
const PREPARED: &str = "a prepared transaction outlives its session";

/// What kind of statement it is.
pub(super) fn kind(text: &str) -> Kind {
    let words = words(text);
    let word = |n: usize| words.get(n).map_or("", |word| word.text.as_str());
    let has = |wanted: &str| words.iter().any(|word| word.depth == 0 && word.text == wanted);
    match (word(0), word(1), word(2)) {
        ("PREPARE", "TRANSACTION", _) | ("COMMIT" | "ROLLBACK", "PREPARED", _) => Kind::Outside(PREPARED),
        (
            "BEGIN" | "START" | "COMMIT" | "END" | "ROLLBACK" | "ABORT" | "SAVEPOINT" | "RELEASE" | "SET"
            | "RESET" | "SHOW" | "DISCARD" | "DEALLOCATE" | "LISTEN" | "UNLISTEN" | "",
            ..,
        ) => Kind::Control,
        ("PREPARE", ..) if !body::reaches_the_server(text) => Kind::Control,
        ("CREATE" | "ALTER" | "DROP", "USER", "MAPPING") => Kind::Definition,
        ("CREATE" | "ALTER" | "DROP", "DATABASE" | "ROLE" | "USER" | "GROUP" | "TABLESPACE", _)
        | ("ALTER", "SYSTEM", _)
        | ("REASSIGN", ..)
        | ("DROP", "OWNED", _)
        | ("CHECKPOINT" | "LOAD", ..) => Kind::Outside(SERVER),
        ("CREATE" | "ALTER" | "DROP", "SUBSCRIPTION", _) | ("IMPORT", "FOREIGN", _) => Kind::Outside(BEYOND),
        ("COMMENT", "ON", "DATABASE" | "ROLE" | "TABLESPACE" | "SUBSCRIPTION") => Kind::Outside(SERVER),
        ("SECURITY", "LABEL", _) if has("DATABASE") || has("ROLE") || has("TABLESPACE") => {
            Kind::Outside(SERVER)
        }
        ("GRANT" | "REVOKE", ..) if !has("ON") || shared_after_on(&words) => Kind::Outside(SERVER),
        _ if body::reaches_the_server(text) => Kind::Outside(SERVER),
        ("COPY", ..) => copy(&words),
        (
            "SELECT" | "INSERT" | "UPDATE" | "DELETE" | "MERGE" | "WITH" | "TABLE" | "VALUES" | "EXPLAIN"
            | "DECLARE" | "EXECUTE" | "FETCH" | "CALL" | "DO" | "MOVE",
            ..,
        ) => Kind::Rows,
        _ => Kind::Definition,
    }
}

/// The server takes it in a transaction block only: alone, as it is written, it fails.
pub(super) fn needs_transaction(text: &str) -> bool {
    words(text).first().is_some_and(|word| word.text == "LOCK")
}

/// It gives a relation a new file without reading the old one. The indexes are then built over the new rows, which the counters take for a scan.
pub(super) fn replaces_rows(text: &str) -> bool {
    words(text)
        .first()
        .is_some_and(|word| ["TRUNCATE", "REFRESH"].contains(&word.text.as_str()))
}

/// A query can stand in parentheses: `(SELECT ...) UNION ...`; its first word is found all the same.
fn copy(words: &[Word]) -> Kind {
    let mut top = words
        .iter()
        .filter(|word| word.depth == 0)
        .skip_while(|word| word.text != "FROM" && word.text != "TO");
    let (way, place) = (top.next(), top.next());
    match (
        way.map(|word| word.text.as_str()),
        place.map(|word| word.text.as_str()),
    ) {
        (Some("FROM"), Some("STDIN")) => Kind::CopyIn,
        (Some("TO"), Some("STDOUT")) => Kind::CopyOut,
        _ => Kind::Outside(FILES),
    }
}

fn shared_after_on(words: &[Word]) -> bool {
    let mut after = words
        .iter()
        .skip_while(|word| word.depth > 0 || word.text != "ON")
        .skip(1);
    after
        .next()
        .is_some_and(|word| ["DATABASE", "TABLESPACE", "PARAMETER"].contains(&word.text.as_str()))
}

/// A word of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Word {
    /// In capitals if it was not quoted.
    pub(super) text: String,
    /// How many parentheses it stands in.
    pub(super) depth: u32,
    /// It was in double quotes.
    pub(super) quoted: bool,
}

impl Word {
    /// As the catalog would spell it, were it a name.
    pub(super) fn name(&self) -> String {
        if self.quoted {
            self.text.clone()
        } else {
            self.text.to_lowercase()
        }
    }
}

/// The words of a text, without those in strings and comments. Never fails: what does not end, ends with the text.
pub(super) fn words(text: &str) -> Vec<Word> {
    let mut found = Vec::new();
    let mut depth: u32 = 0;
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let length = match c {
            '-' if rest.starts_with("--") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => comment(rest),
            '\'' => string(rest, false),
            'e' | 'E' if rest[1..].starts_with('\'') => 1 + string(&rest[1..], true),
            '"' => {
                let end = string_with(rest, '"', false);
                let inner = rest[1..end].strip_suffix('"').unwrap_or(&rest[1..end]);
                found.push(Word {
                    text: inner.replace("\"\"", "\""),
                    depth,
                    quoted: true,
                });
                end
            }
            '$' => dollar(rest),
            '(' => {
                depth += 1;
                1
            }
            ')' => {
                depth = depth.saturating_sub(1);
                1
            }
            c if c.is_alphabetic() || c == '_' => {
                let end = rest
                    .find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '$'))
                    .unwrap_or(rest.len());
                found.push(Word {
                    text: rest[..end].to_uppercase(),
                    depth,
                    quoted: false,
                });
                end
            }
            // A digit must not begin a word in the middle: `1e5`.
            c if c.is_ascii_digit() => rest.find(|c: char| !c.is_alphanumeric()).unwrap_or(rest.len()),
            c => c.len_utf8(),
        };
        rest = &rest[length..];
    }
    found
}

/// Length of a comment, which can hold others.
fn comment(text: &str) -> usize {
    let (mut depth, mut at) = (0_u32, 0);
    while at < text.len() {
        let rest = &text[at..];
        if rest.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest.starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                break;
            }
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    at
}

fn string(text: &str, escapes: bool) -> usize {
    string_with(text, '\'', escapes)
}

/// Length of what begins with a quote; a doubled quote belongs to it.
fn string_with(text: &str, quote: char, escapes: bool) -> usize {
    let mut chars = text.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        if escapes && c == '\\' {
            chars.next();
        } else if c == quote {
            match chars.peek() {
                Some((_, next)) if *next == quote => {
                    chars.next();
                }
                Some(_) | None => return at + 1,
            }
        }
    }
    text.len()
}

/// Length of a dollar-quoted string, or of a lone dollar sign.
fn dollar(text: &str) -> usize {
    let tag = text[1..]
        .find(|c: char| !(c.is_alphanumeric() || c == '_'))
        .map_or(text.len(), |n| n + 1);
    if !text[tag..].starts_with('$') || text[1..].starts_with(|c: char| c.is_ascii_digit()) {
        return 1;
    }
    let quote = &text[..=tag];
    text[quote.len()..]
        .find(quote)
        .map_or(text.len(), |n| n + 2 * quote.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Kind) {
        assert_eq!(kind(text), expected, "{text}");
    }

    #[test]
    fn what_acts_outside_its_database_is_never_run() {
        for text in [
            "create role r",
            "ALTER USER u SET x = 1",
            "DROP /* a /* nested */ one */ DATABASE live",
            "-- a comment\nALTER SYSTEM SET x = 1",
            "GRANT admin TO bob",
            "REVOKE CONNECT ON DATABASE live FROM app",
            "COMMENT ON ROLE r IS 'x'",
            "REASSIGN OWNED BY a TO b",
            "CHECKPOINT",
        ] {
            check(text, Kind::Outside(SERVER));
        }
        check("DO $$ BEGIN CREATE ROLE app; END $$", Kind::Outside(SERVER));
        check(
            "PREPARE p AS SELECT pg_terminate_backend(1)",
            Kind::Outside(SERVER),
        );
        check("PREPARE p AS SELECT 1", Kind::Control);
        check("DO $$ BEGIN LOCK TABLE t; END $$", Kind::Rows);
        check("COPY t TO '/tmp/x'", Kind::Outside(FILES));
        check("COPY (SELECT 1 FROM stdin) TO PROGRAM 'x'", Kind::Outside(FILES));
        check(
            "CREATE SUBSCRIPTION s CONNECTION '' PUBLICATION p",
            Kind::Outside(BEYOND),
        );
        check("PREPARE TRANSACTION 'x'", Kind::Outside(PREPARED));
        check("commit prepared 'x'", Kind::Outside(PREPARED));
    }

    #[test]
    fn the_first_words_decide() {
        check("  begin ;", Kind::Control);
        check("SET LOCAL x = 1", Kind::Control);
        check("-- only a comment", Kind::Control);
        check("CREATE USER MAPPING FOR bob SERVER s", Kind::Definition);
        check("GRANT SELECT ON t TO bob", Kind::Definition);
        check("COPY t (a, b) FROM STDIN WITH (FORMAT csv)", Kind::CopyIn);
        check("copy (select * from t) to stdout", Kind::CopyOut);
        check("(SELECT 1) UNION SELECT 2", Kind::Rows);
        check("ALTER TABLE \"begin\" ADD c int", Kind::Definition);
        check("LOCK TABLE t", Kind::Definition);
    }

    #[test]
    fn words_in_strings_and_comments_are_none() {
        let names = |text: &str| words(text).iter().map(Word::name).collect::<Vec<_>>();
        assert_eq!(names("a 'b c' E'd\\'e' $$f$$ $x$ g $$ h $x$ i"), ["a", "i"]);
        assert_eq!(names("Ab \"C\"\"d\" 1e5 x$1 é"), ["ab", "C\"d", "x$1", "é"]);
        assert_eq!(names("a /* b /* c */ d */ e -- f\ng"), ["a", "e", "g"]);
    }

    #[test]
    fn no_text_is_too_broken() {
        for text in [
            "'", "\"", "$", "$a$", "/*", "/*/", "E'\\", "é'é", "\"é", "$é$", "((", "))", "e", "--",
        ] {
            kind(text);
        }
    }
}
