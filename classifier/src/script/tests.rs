//! Nasty scripts, and what no script may do.

use std::io::{BufRead, BufReader, Read};

use proptest::prelude::*;

use super::*;

fn split(dialect: Dialect, script: &str) -> Vec<Statement> {
    Splitter::new(script.as_bytes(), dialect, Side::Up)
        .map(|statement| statement.expect("text is UTF-8"))
        .collect()
}

fn texts(dialect: Dialect, script: &str) -> Vec<(u64, String)> {
    split(dialect, script)
        .into_iter()
        .map(|one| (one.line, one.text))
        .collect()
}

#[track_caller]
fn check(dialect: Dialect, script: &str, expected: &[(u64, &str)]) {
    let expected: Vec<(u64, String)> = expected
        .iter()
        .map(|(line, text)| (*line, (*text).to_owned()))
        .collect();
    assert_eq!(texts(dialect, script), expected, "{script}");
    // A byte at a time: no token may depend on how much was read together.
    let slow = BufReader::with_capacity(1, script.as_bytes());
    let slow: Vec<(u64, String)> = Splitter::new(slow, dialect, Side::Up)
        .map(|one| one.expect("text is UTF-8"))
        .map(|one| (one.line, one.text))
        .collect();
    assert_eq!(slow, expected, "a byte at a time: {script}");
}

#[test]
fn semicolons_that_end_nothing() {
    for script in [
        "SELECT ';'",
        "SELECT 'it''s; so'",
        "SELECT E'a\\';b'",
        "SELECT e'\\\\' || ';'",
        "SELECT U&'\\0441;' , b'1;' , N';'",
        "SELECT \";\" FROM \"a\"\";b\"",
        "SELECT $$ ; $$",
        "SELECT $a$ ; $$ ; $b$ $a$",
        "SELECT $été$ ; $été$",
        "SELECT 1 -- ; no\n, 2",
        "SELECT /* ; /* ; */ ; */ 1",
        "DO $do$ BEGIN EXECUTE 'SELECT 1;'; END $do$",
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; SELECT CASE WHEN true THEN 1 END; END",
        "CREATE OR REPLACE PROCEDURE p(begin int) BEGIN ATOMIC DELETE FROM t; END",
        "CREATE RULE r AS ON INSERT TO t DO ALSO (DELETE FROM a; DELETE FROM b)",
    ] {
        check(
            Dialect::Postgres,
            &format!("{script};\nSELECT 2;"),
            &[(1, script), (script.lines().count() as u64 + 1, "SELECT 2")],
        );
    }
}

#[test]
fn what_looks_like_a_quote_and_is_none() {
    check(
        Dialect::Postgres,
        "SELECT $1, $2; SELECT a$b$c; SELECT 1",
        &[(1, "SELECT $1, $2"), (1, "SELECT a$b$c"), (1, "SELECT 1")],
    );
    check(
        Dialect::Postgres,
        "SELECT 'a\\'; SELECT 2",
        &[(1, "SELECT 'a\\'"), (1, "SELECT 2")],
    );
    check(
        Dialect::Postgres,
        "SELECT name'x'; SELECT 2",
        &[(1, "SELECT name'x'"), (1, "SELECT 2")],
    );
}

/// A missing parenthesis must not swallow what follows.
#[test]
fn an_open_parenthesis_ends_with_its_statement() {
    check(
        Dialect::Postgres,
        "CREATE TABLE t (id int;\nSELECT 2",
        &[(1, "CREATE TABLE t (id int"), (2, "SELECT 2")],
    );
}

#[test]
fn the_line_is_that_of_the_first_token_and_comments_around_do_not_belong() {
    check(
        Dialect::Postgres,
        "\u{feff}\n-- one\n/* two\n*/ SELECT\n 1 -- three\n ; ;;\r\n\r\nSELECT 2 /* four */",
        &[(4, "SELECT\n 1"), (8, "SELECT 2")],
    );
    for empty in ["", " \n\t", "-- nothing", ";;", "/* a /* b */ */", "\u{feff}"] {
        check(Dialect::Postgres, empty, &[]);
    }
}

#[test]
fn copy_data_is_no_statement() {
    let script = "COPY t (a, b) FROM stdin;\n1\t'\n2\t\"; DROP TABLE t;\n\\.x\n\\.\nSELECT 2;\nCOPY t FROM '/f';\nSELECT 3";
    check(
        Dialect::Postgres,
        script,
        &[
            (1, "COPY t (a, b) FROM stdin"),
            (6, "SELECT 2"),
            (7, "COPY t FROM '/f'"),
            (8, "SELECT 3"),
        ],
    );
    check(
        Dialect::Postgres,
        "copy t from STDIN with (format csv);\r\n1\r\n\\.\r\nSELECT 2",
        &[(1, "copy t from STDIN with (format csv)"), (4, "SELECT 2")],
    );
    check(
        Dialect::Postgres,
        "COPY t FROM stdin;\n1\n2",
        &[(1, "COPY t FROM stdin")],
    );
}

#[test]
fn backslash_lines_are_commands_of_their_own() {
    let script = "\\set ON_ERROR_STOP on\n\\i more.sql\nSELECT 'ALTER' \\gexec\nSELECT 2;\n\\connect other\n";
    let found = split(Dialect::Postgres, script);
    let kinds: Vec<(u64, &str, bool)> = found
        .iter()
        .map(|one| (one.line, one.text.as_str(), one.kind == Kind::Command))
        .collect();
    assert_eq!(
        kinds,
        [
            (1, "\\set ON_ERROR_STOP on", true),
            (2, "\\i more.sql", true),
            (3, "SELECT 'ALTER'", false),
            (3, "\\gexec", true),
            (4, "SELECT 2", false),
            (5, "\\connect other", true),
        ]
    );
    let unknown = |index: usize| without_session(&found[index], Dialect::Postgres).map(|v| v.effect.phase);
    assert_eq!(unknown(0), Some(crate::Phase::Neutral));
    assert_eq!(unknown(1), Some(crate::Phase::Unknown));
    assert_eq!(unknown(3), Some(crate::Phase::Unknown));
    assert_eq!(unknown(5), Some(crate::Phase::Neutral));
}

#[test]
fn mysql_reads_its_own_quotes_comments_and_bodies() {
    for script in [
        "SELECT 'a\\';b', \"c\\\";d\", `e;f`",
        "SELECT 1 # ; no\n, 2",
        "SELECT 5--3",
        "/*!40101 SET NAMES utf8 */",
        "CREATE DEFINER=`a`@`b` TRIGGER t BEFORE INSERT ON x FOR EACH ROW BEGIN IF NEW.a THEN SET NEW.b = 1; END IF; END",
        "CREATE PROCEDURE p() BEGIN l: LOOP SET @a = CASE WHEN IF(1, 2, 3) THEN 1 ELSE 2 END; LEAVE l; END LOOP l; CASE 1 WHEN 1 THEN SELECT 1; END CASE; END",
        "CREATE TRIGGER t BEFORE INSERT ON x FOR EACH ROW IF NEW.a THEN SET NEW.b = 1; END IF",
    ] {
        check(
            Dialect::Mysql,
            &format!("{script};\nSELECT 2;"),
            &[(1, script), (script.lines().count() as u64 + 1, "SELECT 2")],
        );
    }
    check(
        Dialect::Mysql,
        "DELIMITER //\nCREATE PROCEDURE p() BEGIN SELECT 1; END//\nDELIMITER ;\nSELECT 2;",
        &[(2, "CREATE PROCEDURE p() BEGIN SELECT 1; END"), (4, "SELECT 2")],
    );
}

#[test]
fn sqlite_reads_its_own_quotes_and_triggers() {
    for script in [
        "SELECT [a;b], `c;d`, \"e;f\"",
        "CREATE TEMP TRIGGER t AFTER INSERT ON x BEGIN UPDATE x SET a = CASE WHEN 1 THEN 2 END; DELETE FROM y; END",
        "SELECT 1 /* a /* ; */",
    ] {
        check(
            Dialect::Sqlite,
            &format!("{script};\nSELECT 2;"),
            &[(1, script.trim_end_matches(" /* a /* ; */")), (2, "SELECT 2")],
        );
    }
    let found = split(Dialect::Sqlite, ".read more.sql\n.mode box\nSELECT 1;");
    assert_eq!(found.len(), 3);
    assert_eq!(found[0].kind, Kind::Command);
    assert!(
        without_session(&found[0], Dialect::Sqlite).is_some_and(|v| v.effect.phase == crate::Phase::Unknown)
    );
    assert!(
        without_session(&found[1], Dialect::Sqlite).is_some_and(|v| v.effect.phase == crate::Phase::Neutral)
    );
}

#[test]
fn what_is_never_closed_says_where_it_began() {
    for (script, what, line) in [
        ("SELECT 1;\nSELECT\n 'open; SELECT 3", "string", 3),
        ("SELECT 1;\nDO $a$ ; $$", "dollar-quoted string", 2),
        ("SELECT 1;\nSELECT \"open", "quoted name", 2),
        ("SELECT 1;\n/* open", "comment", 2),
        ("SELECT 1;\nSELECT 2 /* open", "comment", 2),
    ] {
        let found = split(Dialect::Postgres, script);
        assert_eq!(found.len(), 2, "{script}");
        assert_eq!(found[1].kind, Kind::Unclosed(what, line), "{script}");
    }
}

#[test]
fn directions_of_a_file_are_told_apart() {
    let script = "-- +goose Up\n-- +goose StatementBegin\nSELECT 1;\n-- +goose StatementEnd\n-- +goose Down\nSELECT 2;\n-- +goose Up\nSELECT 3";
    let sides: Vec<Side> = split(Dialect::Postgres, script)
        .iter()
        .map(|one| one.side)
        .collect();
    assert_eq!(sides, [Side::Up, Side::Down, Side::Up]);
    let open = split(
        Dialect::Postgres,
        "-- migrate:up transaction:false\nSELECT 1\n-- migrate:down\nSELECT 2",
    );
    assert_eq!(
        open.iter()
            .map(|one| (one.text.as_str(), one.side))
            .collect::<Vec<_>>(),
        [("SELECT 1", Side::Up), ("SELECT 2", Side::Down)]
    );
}

#[test]
fn accepting_comments_go_to_their_statement() {
    let script = "-- sluice: allow SL2101 before\nA /* sluice: allow SL2102 in it */ B; -- sluice: allow SL2103 behind\n-- sluice: allow SL2104 next\nC;\n-- nothing\nD";
    let codes: Vec<Vec<(u64, u16)>> = split(Dialect::Postgres, script)
        .iter()
        .map(|one| {
            one.allows
                .iter()
                .map(|c| (c.line, c.said.as_ref().unwrap().code.0))
                .collect()
        })
        .collect();
    assert_eq!(
        codes,
        [vec![(1, 2101), (2, 2102), (2, 2103)], vec![(3, 2104)], vec![]]
    );
}

#[test]
fn a_long_insert_is_cut_between_rows_and_others_are_kept_up_to_the_limit() {
    let row = format!("(1, '{}')", "x);".repeat(100));
    let rows = vec![row.clone(); 1000].join(", ");
    let found = split(
        Dialect::Postgres,
        &format!("INSERT INTO t VALUES {rows} ON CONFLICT DO NOTHING; SELECT 2"),
    );
    assert_eq!(found.len(), 2);
    assert_eq!(found[0].kind, Kind::Rows);
    assert!(found[0].text.len() <= LONGEST_INSERT && found[0].text.ends_with(&row));
    let long = format!("SELECT '{}'; SELECT 2", "é".repeat(LONGEST / 2));
    let found = split(Dialect::Postgres, &long);
    assert_eq!((found.len(), &found[0].kind), (2, &Kind::Cut));
    assert!(found[0].text.len() <= LONGEST);
}

#[test]
fn bytes_that_are_not_utf8_are_told_with_line_and_byte() {
    for (script, line, byte, before) in [
        (&b"SELECT 1;\nSELECT '\xe9';"[..], 2, 9, 1),
        (b"\xff\xfeS\0", 1, 1, 0),
        (b"SELECT 1;\nSELECT '\xc3", 2, 9, 1),
        (b"COPY t FROM stdin;\nab\n\xc3\xa9\xe9\n\\.\n", 3, 3, 1),
    ] {
        for capacity in [1, 3, 1024] {
            let reader = BufReader::with_capacity(capacity, script);
            let mut found: Vec<_> = Splitter::new(reader, Dialect::Postgres, Side::Up).collect();
            let Some(Err(Fault::NotUtf8 { line: l, byte: b, .. })) = found.pop() else {
                panic!("{script:?} has no fault");
            };
            assert_eq!((l, b), (line, byte), "{script:?} by {capacity}");
            assert!(
                found.len() == before && found.iter().all(Result::is_ok),
                "{script:?}: {found:?}"
            );
        }
    }
}

/// Gives some bytes, then fails.
struct Broken(usize);

impl Read for Broken {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        if self.0 == 0 {
            return Err(std::io::Error::other("the disk is gone"));
        }
        let text = b"SELECT 1;\n";
        let count = text.len().min(into.len());
        into[..count].copy_from_slice(&text[..count]);
        self.0 -= 1;
        Ok(count)
    }
}

#[test]
fn a_read_that_fails_ends_the_script_with_its_line() {
    let found: Vec<_> = Splitter::new(BufReader::new(Broken(2)), Dialect::Postgres, Side::Up).collect();
    assert_eq!(found.len(), 3);
    assert!(matches!(&found[2], Err(Fault::Read { line: 3, .. })), "{found:?}");
}

/// Everything outside of the statements, which must be nothing but blanks, comments and semicolons.
fn between(script: &str, found: &[Statement]) -> String {
    let mut rest = script;
    let mut outside = String::new();
    for one in found {
        let at = rest
            .find(&one.text)
            .unwrap_or_else(|| panic!("{:?} is not in {rest:?}", one.text));
        outside.push_str(&rest[..at]);
        rest = &rest[at + one.text.len()..];
    }
    outside + rest
}

/// What a script can be made of, with what each part becomes.
fn part() -> impl Strategy<Value = String> {
    let parts = [
        "a",
        "'x;y'",
        "'it''s'",
        "E'\\';'",
        "\"q;\"",
        "$$ ; $$",
        "$t$ $$; $t$",
        "1",
        "(",
        ")",
        ",",
        "\n",
        "/* ; */",
        "/* /* ; */ */",
        "-- ;\n",
    ];
    proptest::sample::select(parts.to_vec()).prop_map(str::to_owned)
}

proptest! {
    #[test]
    fn nothing_panics_and_lines_rise(bytes in proptest::collection::vec(any::<u8>(), 0..400), which in 0..4_usize) {
        let dialect = [Dialect::Postgres, Dialect::Mysql, Dialect::Mariadb, Dialect::Sqlite][which];
        let mut before = 0;
        for one in Splitter::new(&bytes[..], dialect, Side::Up).flatten() {
            prop_assert!(one.line >= before);
            prop_assert!(!one.text.is_empty());
            before = one.line;
        }
    }

    #[test]
    fn hostile_text_is_covered(script in "[-'\"$;/*\\\\ \n(){}a-cE`#\\[\\].:]{0,120}", which in 0..4_usize) {
        let dialect = [Dialect::Postgres, Dialect::Mysql, Dialect::Mariadb, Dialect::Sqlite][which];
        let whole: Vec<Statement> = split(dialect, &script);
        let slow: Vec<Statement> = Splitter::new(BufReader::with_capacity(1, script.as_bytes()), dialect, Side::Up).flatten().collect();
        prop_assert_eq!(&whole, &slow);
        between(&script, &whole);
    }

    #[test]
    fn statements_come_out_as_they_went_in(parts in proptest::collection::vec(proptest::collection::vec(part(), 1..8), 1..8)) {
        let went_in: Vec<String> = parts.iter().map(|one| format!("s {} e", one.join(" "))).collect();
        let script = went_in.iter().map(|one| format!("{one};\n")).collect::<String>();
        let found = split(Dialect::Postgres, &script);
        let came_out: Vec<&str> = found.iter().map(|one| one.text.as_str()).collect();
        prop_assert_eq!(&came_out, &went_in.iter().map(String::as_str).collect::<Vec<_>>());
        prop_assert!(between(&script, &found).chars().all(|c| c == ';' || c == '\n'));
    }
}

/// However long the script, no more than a window of it is held.
#[test]
fn a_reader_is_not_read_ahead_of_need() {
    struct Endless(u64);
    impl Read for Endless {
        fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
            self.0 += 1;
            let text = b"SELECT 1; ";
            let count = text.len().min(into.len());
            into[..count].copy_from_slice(&text[..count]);
            Ok(count)
        }
    }
    let mut reader = BufReader::with_capacity(64, Endless(0));
    assert_eq!(reader.fill_buf().map(<[u8]>::len).ok(), Some(10));
    let first = Splitter::new(&mut reader, Dialect::Postgres, Side::Up)
        .take(3)
        .count();
    assert_eq!(first, 3);
    assert!(reader.get_ref().0 < 10);
}
