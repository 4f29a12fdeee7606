//! Whatever the text is, there is a verdict.

use proptest::prelude::*;

use crate::postgres::Session;
use crate::{Phase, Risk};

/// One of each kind, to be mutated.
const SEEDS: &[&str] = &[
    "ALTER TABLE s.t ADD COLUMN c numeric(10,2) DEFAULT round(1.5, 1) NOT NULL CHECK (c > 0)",
    "CREATE TABLE IF NOT EXISTS t (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, p int REFERENCES p (id) ON DELETE CASCADE)",
    "ALTER TABLE t ADD CONSTRAINT k FOREIGN KEY (a) REFERENCES p NOT VALID, VALIDATE CONSTRAINT k, ALTER c TYPE text USING c::text",
    "CREATE UNIQUE INDEX CONCURRENTLY i ON t USING btree (lower(a) COLLATE \"C\" DESC) INCLUDE (b) WHERE a IS NOT NULL",
    "ALTER TABLE p ATTACH PARTITION c FOR VALUES FROM ('2024-01-01') TO ('2024-02-01')",
    "CREATE FUNCTION f(a int) RETURNS int LANGUAGE sql AS $$ SELECT a + 1; SELECT (2) $$",
    "CREATE OR REPLACE VIEW v AS WITH RECURSIVE w(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM w) SELECT * FROM w, t FOR UPDATE",
    "UPDATE t SET (a, b) = (SELECT 1, 2), c[1] = CASE WHEN a THEN b ELSE c END FROM u WHERE t.id = u.id RETURNING *",
    "DO LANGUAGE plpgsql $x$ BEGIN EXECUTE 'DROP TABLE t'; END $x$",
    "SET LOCAL search_path TO \"$user\", 'public'; -- and a comment",
    "COMMENT ON COLUMN a.b.c IS E'it''s \\n'",
    "MERGE INTO t USING u ON t.id = u.id WHEN MATCHED AND t.a > 1 THEN UPDATE SET a = 2 WHEN NOT MATCHED THEN INSERT VALUES (1)",
    "ALTER DOMAIN d ADD CONSTRAINT k CHECK (VALUE ~ '^[a-z]+$')",
    "GRANT SELECT (a, b), INSERT ON TABLE t, u TO bob WITH GRANT OPTION",
    "COPY (SELECT json_object('a': 1)) TO PROGRAM 'x' WITH (FORMAT csv, HEADER)",
    "SELECT DISTINCT ON (a) extract(year FROM b), array[1,2][1:2], (x).y FROM t TABLESAMPLE system (5), LATERAL f(t.a) GROUP BY ROLLUP (1)",
];

fn judged(sql: &str) {
    let mut session = Session::new(None);
    let verdict = session.judge(sql);
    if verdict.effect.phase == Phase::Unknown {
        assert_eq!(verdict.risk, Risk::Critical, "{sql:?}");
    }
}

/// A seed with some of its tokens dropped, doubled, swapped or replaced by those of another one.
fn mutated() -> impl Strategy<Value = String> {
    let edits = prop::collection::vec(
        (any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0..5u8),
        1..6,
    );
    (0..SEEDS.len(), 0..SEEDS.len(), edits).prop_map(|(seed, other, edits)| {
        let tokens = |of: usize| -> Vec<String> {
            SEEDS[of]
                .split_inclusive([' ', '(', ')', ',', '\'', '$'])
                .map(str::to_owned)
                .collect()
        };
        let (mut words, spare) = (tokens(seed), tokens(other));
        for (at, with, kind) in edits {
            if words.is_empty() {
                break;
            }
            let (i, j) = (at.index(words.len()), with.index(words.len()));
            match kind {
                0 => {
                    words.remove(i);
                }
                1 => words.insert(i, words[j].clone()),
                2 => words.swap(i, j),
                3 => words[i] = spare[with.index(spare.len())].clone(),
                _ => words.truncate(i),
            }
        }
        words.concat()
    })
}

proptest! {
    #[test]
    fn any_text_gets_a_verdict(sql in any::<String>()) {
        judged(&sql);
    }

    #[test]
    fn any_mutated_statement_gets_a_verdict(sql in mutated()) {
        judged(&sql);
    }

    #[test]
    fn any_cut_statement_gets_a_verdict(seed in 0..SEEDS.len(), at in any::<prop::sample::Index>()) {
        let text = SEEDS[seed];
        judged(&text[..at.index(text.len())]);
    }

    #[test]
    fn any_row_of_tokens_gets_a_verdict(words in prop::collection::vec(prop::sample::select(vec![
        "ALTER", "TABLE", "t", "ADD", "COLUMN", "(", ")", ",", "int", "DEFAULT", "'a", "'", "$$", "$1", "::", "[", "]", "CREATE", "INDEX", "ON",
        "SELECT", "FROM", "WHERE", "NOT", "NULL", "CHECK", "CASE", "WHEN", "END", "BEGIN", ";", "--", "/*", "*/", "\n", ".", "*", "=", "<", "E'\\",
        "U&\"", "\"", "1e", "0x", "PARTITION", "OF", "FOR", "VALUES", "SET", "TO", "WITH", "AS", "UNION", "JOIN", "USING", "FUNCTION", "RETURNS",
        "LANGUAGE", "sql", "DO", "OPERATOR", "CAST", "ARRAY", "INTERVAL", "year", "TYPE", "ENUM", "GRANT", "ROW", "OVER", "FILTER", "XMLTABLE",
        "JSON_TABLE", "COLUMNS", "PATH", "é", "\u{0}",
    ]), 0..40)) {
        judged(&words.join(" "));
    }
}

#[test]
fn nesting_without_end_is_refused_and_not_followed() {
    for (open, close) in [
        ("(", ")"),
        ("(SELECT ", ")"),
        ("ARRAY[", "]"),
        ("CASE WHEN ", " END"),
        ("NOT ", ""),
        ("- ", ""),
        ("f(", ")"),
        ("1 + ", ""),
        ("a OR ", ""),
        ("a.", ""),
        ("1 UNION SELECT ", ""),
        ("a BETWEEN 1 AND ", ""),
        ("", "[1]"),
        ("", "(1)"),
        ("", "::int"),
        ("", " COLLATE c"),
        ("", " AT TIME ZONE a"),
        ("", " IS NULL"),
        ("ARRAY[f((", "))]"),
        ("CASE 1 WHEN (NOT f(", ")) THEN 1 END"),
    ] {
        // Around where each is refused, and far beyond.
        for depth in [140, 230, 340, 690, 1_390, 100_000] {
            let sql = format!("SELECT {}1{}", open.repeat(depth), close.repeat(depth));
            judged(&sql);
            judged(&format!(
                "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$ {sql} $$"
            ));
            judged(&format!(
                "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS '{sql}'"
            ));
        }
    }
}

#[test]
fn what_people_write_is_not_too_deep() {
    let terms = vec!["a.b = 1"; 300].join(" OR ");
    let unions = vec!["SELECT a FROM t JOIN u ON t.id = u.id WHERE t.a > 1"; 60].join(" UNION ALL ");
    let prose = "word ".repeat(10_000);
    for sql in [
        format!("DELETE FROM t WHERE {terms}"),
        format!("CREATE VIEW v AS {unions}"),
        format!("COMMENT ON TABLE t IS '{prose}'"),
        format!("SELECT 1 -- {prose}"),
        format!("SELECT {}1{}", "(".repeat(100), ")".repeat(100)),
    ] {
        let phase = Session::new(None).judge(&sql).effect.phase;
        assert_ne!(phase, Phase::Unknown, "{}", sql.get(..60).unwrap_or(&sql));
    }
}

#[test]
fn a_list_is_flat_however_long_it_is() {
    let rows = vec!["(1, -2, 'it''s; (a)', NULL)"; 500_000].join(", ");
    let verdict = Session::new(None).judge(&format!("INSERT INTO t VALUES {rows}"));
    assert_eq!(verdict.effect.phase, Phase::Data);
    let calls = vec!["(f(1, -2))"; 2_000].join(", ");
    let verdict = Session::new(None).judge(&format!("INSERT INTO t VALUES {calls}"));
    assert_eq!(verdict.effect.phase, Phase::Data);
}
