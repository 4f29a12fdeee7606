//! What passes for one expression, and what does not.

use proptest::prelude::*;

use super::*;

#[test]
fn one_expression_passes() {
    for text in [
        "milliseconds / 1000",
        "lower(email)",
        "CAST(a AS numeric(10,2))",
        "E'it\\'s' || 'it''s' || $$it's; -- fine$$ || $q$ $$ ; $q$",
        "\"a;b\" || \"c\"\"--d\"",
        "a[1:n] || (b[lo:hi])[1]",
        "x::int - -1",
        "coalesce(a, b)",
        "1.5e10 + 0x1F",
        "'a'\n   'b'",
        "é || ü$1x",
        "a $ b",
    ] {
        assert!(one_expression(text).is_ok(), "{text}: {:?}", one_expression(text));
    }
}

#[test]
fn what_could_leave_its_parentheses_is_refused_with_its_place() {
    for (text, expected) in [
        ("", "the expression is empty"),
        (" \n\t", "the expression is empty"),
        ("a; DROP TABLE t", "a semicolon at character 2"),
        ("a -- b", "a comment at character 3"),
        ("é --b", "a comment at character 3"),
        ("a /* b */", "a comment at character 3"),
        ("a+--1", "a comment at character 3"),
        ("a) OR (b", "')' at character 2 has no partner"),
        ("(a", "'(' at character 1 has no partner"),
        ("(a]", "']' at character 3 has no partner"),
        ("a, b", "a comma at character 2"),
        ("a + $1", "the parameter $1 at character 5"),
        ("a + :b", "a psql variable at character 5"),
        ("a + :'b'", "a psql variable at character 5"),
        ("f(:\"b\")", "a psql variable at character 3"),
        ("'a", "the string that begins at character 1"),
        ("E'a\\'", "the string that begins at character 1"),
        ("'a\\'; b", "a semicolon at character 5"),
        ("E'a'\n'\\'; b'; c", "a semicolon at character 13"),
        ("\"a", "the quoted name that begins at character 1"),
        ("$x$ $y$", "the dollar-quoted string that begins at character 1"),
        ("U&'\\0061'", "a U& string or name at character 1"),
        ("a\0b", "a NUL character at character 2"),
    ] {
        let error = one_expression(text).expect_err(text).to_string();
        assert!(error.contains(expected), "{text:?}: {error}");
    }
}

#[test]
fn a_name_that_ends_in_e_does_not_make_an_escape_string() {
    // To the server `type` is a name and `'\'` a whole string; taken for E'\' it would swallow the semicolon.
    assert!(one_expression("type'\\'; drop").is_err());
}

proptest! {
    #[test]
    fn any_text_is_answered_and_tokens_cover_what_they_say(text in "\\PC*|[ae'\"$();:\\\\/*\n-]{0,30}") {
        if let Ok(tokens) = tokens(&text) {
            for token in tokens {
                prop_assert_eq!(&text[token.start..token.start + token.text.len()], token.text);
            }
        }
        let _ = one_expression(&text);
    }
}
