//! Where strings, quoted names and comments begin and end.

use super::*;

fn kinds(text: &str) -> Vec<(TokenKind, &str)> {
    with_comments(text)
        .unwrap()
        .iter()
        .map(|t| (t.kind, t.text))
        .collect()
}

#[test]
fn tokens_end_where_sqlite_ends_them() {
    use TokenKind::{Blob, Comment, Number, Parameter, QuotedName, Symbol, Text, Word};
    for (text, expected) in [
        ("a||'it''s'", vec![(Word, "a"), (Symbol, "||"), (Text, "'it''s'")]),
        (
            "\"a\"\"b\"`c``d`[e\"f]",
            vec![
                (QuotedName, "\"a\"\"b\""),
                (QuotedName, "`c``d`"),
                (QuotedName, "[e\"f]"),
            ],
        ),
        ("'\\'", vec![(Text, "'\\'")]),
        ("x'0aF1' x", vec![(Blob, "x'0aF1'"), (Word, "x")]),
        (
            "1.5e-3+.5",
            vec![(Number, "1.5e-3"), (Symbol, "+"), (Number, ".5")],
        ),
        (
            "0x1F 1_000 1.",
            vec![(Number, "0x1F"), (Number, "1_000"), (Number, "1.")],
        ),
        ("a->>'$.b'", vec![(Word, "a"), (Symbol, "->>"), (Text, "'$.b'")]),
        (
            "a - -1",
            vec![(Word, "a"), (Symbol, "-"), (Symbol, "-"), (Number, "1")],
        ),
        (
            "a --b'\n*c",
            vec![(Word, "a"), (Comment, "--b'"), (Symbol, "*"), (Word, "c")],
        ),
        (
            "a/*'*/b/* open",
            vec![(Word, "a"), (Comment, "/*'*/"), (Word, "b"), (Comment, "/* open")],
        ),
        ("/*/ a */b", vec![(Comment, "/*/ a */"), (Word, "b")]),
        ("a/*", vec![(Word, "a"), (Symbol, "/"), (Symbol, "*")]),
        (
            "?1 :a @b $c",
            vec![
                (Parameter, "?1"),
                (Parameter, ":a"),
                (Parameter, "@b"),
                (Parameter, "$c"),
            ],
        ),
        ("größe\u{feff}$", vec![(Word, "größe\u{feff}$")]),
        ("\u{feff}a", vec![(Word, "a")]),
    ] {
        assert_eq!(kinds(text), expected, "{text}");
    }
}

#[test]
fn what_sqlite_does_not_read_is_refused_with_its_place() {
    for (text, at) in [
        ("a + 'b", 5),
        ("\"a", 1),
        ("[a", 1),
        ("ä ! b", 3),
        ("1a", 1),
        ("x'0'", 1),
        ("a\0", 2),
        ("a ^ b", 3),
    ] {
        match with_comments(text) {
            Err(Error::Unterminated { at: found, .. } | Error::Illegal { at: found, .. }) => {
                assert_eq!(found, at, "{text:?}");
            }
            Ok(tokens) => panic!("{text:?} was read as {tokens:?}"),
        }
    }
}

#[test]
fn names_of_columns_are_told_from_functions_types_and_collations() {
    let check = |text: &str, expected: &[&str]| {
        let tokens = tokens(text).unwrap();
        let found: Vec<&str> = column_names(&tokens)
            .into_iter()
            .map(|i| tokens[i].text)
            .collect();
        assert_eq!(found, expected, "{text}");
    };
    check("lower(a) || t.b", &["a", "b"]);
    check(
        "CAST(a AS text) + CAST(CAST(b AS x(3)) AS y) + [c]",
        &["a", "b", "[c]"],
    );
    check("a COLLATE nocase", &["a", "COLLATE"]);
    check("'a' + 1", &[]);
}

proptest::proptest! {
    #[test]
    fn any_text_is_read_or_refused_and_nothing_is_lost(text in "[a-zé$_0-9xX.'\"`\\[\\]()/*+>|,;!?:@ \n\t\u{b}\u{feff}-]{0,40}") {
        if let Ok(found) = with_comments(&text) {
            let mut end = 0;
            for token in found {
                proptest::prop_assert!(token.start >= end && !token.text.is_empty());
                proptest::prop_assert_eq!(&text[token.span()], token.text);
                let between = &text[end..token.start];
                let is_blank = between.chars().all(|c| c.is_whitespace() || c == '\u{feff}');
                proptest::prop_assert!(is_blank);
                end = token.span().end;
            }
        }
    }

    #[test]
    fn no_text_breaks_the_reader_of_definitions(
        words in proptest::collection::vec(
            proptest::sample::select(vec!["a", "TEXT", "NOT", "NULL", "DEFAULT", "(", ")", ",", "CHECK", "CONSTRAINT", "REFERENCES", "ON", "PRIMARY", "KEY", "'x'", "AS", "UNIQUE", "."]),
            0..25,
        )
    ) {
        let text = format!("CREATE TABLE t({})", words.join(" "));
        if let Ok(read) = crate::sqlite::definition::Definition::parse(&text) {
            for column in read.columns {
                let _ = crate::sqlite::definition::without_not_null(&text, &column.name);
                let _ = crate::sqlite::definition::without_column(&text, &column.name);
                let _ = crate::sqlite::definition::with_column_renamed(&text, &column.name, "z");
            }
            let _ = crate::sqlite::definition::with_column(&text, "z");
            let _ = crate::sqlite::definition::with_name(&text, "z");
        }
    }
}
