//! The outputs, word by word where programs read them.

use std::process::Stdio;

use serde_json::json;
use testbed::desk::Desk;
use testbed::process::Settings;

use super::ground::{Folder, Outcome};

const SCRIPT: &str =
    "-- add an index\nCREATE INDEX i\n  ON public.customer (email);\nSELECT 1;\n\\i more.sql\n";

#[test]
fn json_has_every_key_in_its_place() -> Outcome {
    let folder = Folder::of(&[("a.sql", SCRIPT)])?;
    let said = folder.classify(&["a.sql", "--format", "json"])?;
    said.is(0, &[]);
    let json = said.json()?;
    let keys: Vec<&str> = [
        "file",
        "line",
        "statement",
        "phase",
        "risk",
        "locks",
        "rewrites_table",
        "scans_table",
        "blocks_reads",
        "blocks_writes",
        "transactional",
        "expected_lock_seconds",
        "findings",
    ]
    .into();
    let places: Vec<Option<usize>> = keys
        .iter()
        .map(|key| said.out.find(&format!("\"{key}\":")))
        .collect();
    assert!(places.is_sorted() && places[0].is_some(), "{places:?}");
    for statement in json["statements"].as_array().into_iter().flatten() {
        let mut found: Vec<&str> = statement
            .as_object()
            .into_iter()
            .flatten()
            .map(|(key, _)| key.as_str())
            .collect();
        found.sort_unstable();
        let mut expected = keys.clone();
        expected.sort_unstable();
        assert_eq!(found, expected);
    }
    let first = &json["statements"][0];
    assert_eq!(
        (&first["line"], &first["statement"]),
        (&2.into(), &"CREATE INDEX i\n  ON public.customer (email)".into())
    );
    assert_eq!(
        first["locks"],
        json!([{ "table": "public.customer", "mode": "ShareLock" }])
    );
    assert_eq!(first["expected_lock_seconds"], json!(null));
    let last = &json["statements"][2]["findings"][0];
    assert_eq!(
        last,
        &json!({ "code": "SL2006", "risk": "critical", "message": "what `\\i` runs is not read here", "safer": null, "allowed": null })
    );
    assert_eq!(json["errors"], json!([]));
    assert_eq!(
        (&json["summary"]["files"], &json["summary"]["statements"]),
        (&1.into(), &3.into())
    );
    let risks = &json["summary"]["risks"];
    let counted: u64 = risks
        .as_object()
        .into_iter()
        .flatten()
        .filter_map(|(_, count)| count.as_u64())
        .sum();
    assert_eq!(
        (risks.as_object().map(serde_json::Map::len), counted),
        (Some(5), 3),
        "{risks}"
    );
    Ok(())
}

#[test]
fn a_person_sees_the_line_the_locks_and_what_to_write_instead() -> Outcome {
    let folder = Folder::of(&[
        ("a.sql", SCRIPT),
        (
            "my.sql",
            "SELECT 1;\n\n\n\n\n\n\n\n\nALTER TABLE orders\n  ADD COLUMN note text;",
        ),
    ])?;
    folder.classify(&["a.sql"])?.is(0, &[
        " --> a.sql:2\n  |\n2 | CREATE INDEX i\n  | ^^^^^^^^^^^^^^\n  = locks public.customer: ShareLock, blocks writes\n",
        "critical[SL2006]: what `\\i` runs is not read here\n  --> a.sql:5\n  |\n5 | \\i more.sql\n  | ^^^^^^^^^^^\n",
        "3 statements in 1 file, by risk: 1 critical",
    ]);
    folder.classify(&["my.sql", "--dialect", "mysql"])?.is(
        0,
        &[
            "   --> my.sql:10\n   |\n10 | ALTER TABLE orders\n",
            "   = instead:\n       SET SESSION lock_wait_timeout",
        ],
    );
    Ok(())
}

/// A folder of good migrations is one line.
#[test]
fn what_has_no_risk_is_not_shown() -> Outcome {
    let folder = Folder::of(&[(
        "a.sql",
        "SELECT 1;\n\\set ON_ERROR_STOP on\nCREATE TABLE t (id int);\nINSERT INTO t VALUES (1);",
    )])?;
    let said = folder.classify(&["a.sql"])?;
    said.is(0, &[]);
    assert_eq!(said.out, "4 statements in 1 file, by risk: 4 none\n");
    Ok(())
}

#[test]
fn annotations_are_lines_that_nothing_in_a_script_can_end() -> Outcome {
    let name = "a:b,c%.sql";
    let folder = Folder::of(&[
        (name, "\\i x\n"),
        ("my.sql", "ALTER TABLE orders\n  MODIFY note bigint;"),
    ])?;
    let said = folder.classify(&[name, "--format", "github"])?;
    assert_eq!(
        said.out.lines().next(),
        Some(
            "::error file=a%3Ab%2Cc%25.sql,line=1,endLine=1,title=SL2006 critical::what `\\i` runs is not read here"
        )
    );
    let said = folder.classify(&["my.sql", "--format", "github", "--dialect", "mysql"])?;
    for line in said.out.lines().filter(|line| line.starts_with("::")) {
        assert!(line.contains("file=my.sql,line=1,endLine=2,title=SL"), "{line}");
    }
    assert!(said.out.contains("%0A%0AInstead:%0A"), "{said:?}");
    Ok(())
}

#[tokio::test]
async fn a_terminal_gets_colors_and_a_pipe_none() -> Outcome {
    let desk = Desk::new(&Settings::default())?;
    let script = desk.write("a.sql", SCRIPT)?;
    let plain = desk.ok(&["classify", &script]).await?;
    let painted = desk.on_a_terminal(&["classify", &script], &[]).await?;
    assert!(painted.contains("\u{1b}["), "{painted:?}");
    let shown = desk
        .on_a_terminal(&["classify", &script], &[("NO_COLOR", "1")])
        .await?;
    assert_eq!(shown.replace("\r\n", "\n"), plain);
    Ok(())
}

/// A statement is told before the next is read.
#[test]
fn output_does_not_wait_for_the_end_of_the_script() -> Outcome {
    use std::io::{BufRead, BufReader, Write};

    use anyhow::Context;

    let folder = Folder::new()?;
    let mut child = folder
        .command(&["classify", "-", "--format", "github"])?
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut input = child.stdin.take().context("no input")?;
    let mut output = BufReader::new(child.stdout.take().context("no output")?);
    // More than a buffer holds.
    input.write_all("\\i more.sql\n".repeat(1000).as_bytes())?;
    let mut line = String::new();
    output.read_line(&mut line)?;
    assert!(line.starts_with("::error file=<stdin>,line=1,"), "{line}");
    drop(input);
    drop(output);
    child.wait()?;
    Ok(())
}
