//! What cannot be read, and that the rest is read all the same.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use anyhow::Context;

use super::ground::{Folder, Outcome, codes, place};

#[test]
fn a_statement_that_cannot_be_read_leaves_the_others() -> Outcome {
    let script = "CREATE INDEX i ON a (x);\nALTER TABLE b FROBNICATE (;\nCREATE INDEX j ON c (x);\n";
    let folder = Folder::of(&[("1.sql", script), ("2.sql", "CREATE INDEX k ON d (x);")])?;
    for dialect in ["postgres", "mysql", "sqlite"] {
        let said = folder.classify(&[".", "--dialect", dialect, "--format", "json"])?;
        said.is(1, &[]);
        let json = said.json()?;
        let statements = json["statements"].as_array().context("no statements")?;
        assert_eq!(statements.len(), 4, "{json:#}");
        assert_eq!(
            (&statements[1]["phase"], &statements[1]["risk"]),
            (&"unknown".into(), &"critical".into())
        );
        assert_eq!(codes(&statements[1]), ["SL2001"]);
        for read in [0, 2, 3] {
            assert_eq!(statements[read]["phase"], "expand", "{dialect}: {json:#}");
        }
    }
    Ok(())
}

#[test]
fn a_string_that_is_never_closed_says_where_it_began() -> Outcome {
    let folder = Folder::of(&[("a.sql", "SELECT 1;\nSELECT\n  'it''s open;\nSELECT 2;\n")])?;
    folder.classify(&["a.sql"])?.is(
        1,
        &[
            "critical[SL2005]: the string that begins in line 3 is never closed",
            "--> a.sql:2",
        ],
    );
    Ok(())
}

#[test]
fn bytes_that_are_not_utf8_are_told_with_file_line_and_byte() -> Outcome {
    let folder = Folder::of(&[("2.sql", "SELECT 2;")])?;
    folder.write("1.sql", b"SELECT 1;\nSELECT 'caf\xe9';\nSELECT 3;")?;
    folder.write("3.sql", b"\xff\xfeS\x00E\x00")?;
    let said = folder.classify(&[".", "--format", "json"])?;
    said.is(1, &[]);
    let json = said.json()?;
    let read: Vec<String> = json["statements"]
        .as_array()
        .context("none")?
        .iter()
        .map(place)
        .collect();
    assert_eq!(read, ["./1.sql:1 SELECT 1", "./2.sql:1 SELECT 2"]);
    let (first, second) = (&json["errors"][0], &json["errors"][1]);
    assert_eq!(
        (&first["file"], &first["line"], &first["code"]),
        (&"./1.sql".into(), &2.into(), &"SL2008".into())
    );
    let message = first["message"].as_str().context("no message")?;
    assert!(
        message.contains("line 2, byte 12 of it") && message.contains("0xE9"),
        "{message}"
    );
    assert!(
        second["message"]
            .as_str()
            .is_some_and(|text| text.contains("UTF-16")),
        "{second}"
    );
    assert_eq!(json["summary"]["unreadable"], 2);
    folder
        .classify(&["1.sql"])?
        .is(1, &["critical[SL2008]", "--> 1.sql:2"]);
    Ok(())
}

#[test]
fn a_file_that_is_not_there_leaves_the_others() -> Outcome {
    let folder = Folder::of(&[("a.sql", "SELECT 1")])?;
    for format in ["human", "json", "sarif", "github"] {
        let said = folder.classify(&["nothing.sql", "a.sql", "--format", format])?;
        said.is(1, &["nothing.sql", "No such file"]);
    }
    let said = folder.classify(&["nothing.sql", "a.sql", "--format", "json"])?;
    assert_eq!(said.json()?["statements"][0]["statement"], "SELECT 1");
    Ok(())
}

#[test]
fn an_empty_file_is_fine() -> Outcome {
    let folder = Folder::of(&[
        ("a.sql", ""),
        ("b.sql", "-- nothing\n;;\n"),
        ("c.sql", "\u{feff}"),
    ])?;
    assert_eq!(folder.told(&["."])?, Vec::<String>::new());
    folder.classify(&["."])?.is(0, &["0 statements in 3 files"]);
    for format in ["json", "sarif"] {
        folder.classify_fed(&["-", "--format", format], b"")?.json()?;
    }
    Ok(())
}

/// A script must not write to a terminal through us.
#[test]
fn control_characters_of_a_script_are_not_passed_on() -> Outcome {
    let folder = Folder::of(&[("a.sql", "DROP TABLE \"a\u{1b}[31m\u{7}\";")])?;
    let said = folder.classify(&["a.sql"])?;
    said.is(0, &["DROP TABLE"]);
    assert!(!said.out.contains(['\u{1b}', '\u{7}']), "{said:?}");
    Ok(())
}

#[test]
fn a_reader_that_goes_away_is_no_error() -> Outcome {
    let folder = Folder::new()?;
    folder.write("a.sql", "DROP TABLE a;\n".repeat(5000).as_bytes())?;
    let mut child = folder
        .command(&["classify", "a.sql"])?
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let mut first = String::new();
    BufReader::with_capacity(16, child.stdout.take().context("no output")?).read_line(&mut first)?;
    let output = child.wait_with_output()?;
    assert!(!first.is_empty());
    assert_eq!(
        (
            output.status.code(),
            String::from_utf8_lossy(&output.stderr).as_ref()
        ),
        (Some(0), "")
    );
    Ok(())
}
