//! 0: read and judged; 1: as bad as was asked, or not to be read; 2: wrong usage.

use super::ground::{Folder, Outcome};

#[test]
fn nothing_fails_unless_it_is_asked_to() -> Outcome {
    let folder = Folder::of(&[("a.sql", "\\i more.sql\nDROP TABLE customer;\n")])?;
    folder.classify(&["a.sql"])?.is(0, &["critical[SL2006]"]);
    for level in ["none", "low", "medium", "high", "critical"] {
        folder.classify(&["a.sql", "--fail-on", level])?.is(1, &[]);
    }
    Ok(())
}

#[test]
fn a_run_fails_from_the_level_on_that_was_asked_for() -> Outcome {
    // An instant under the strongest lock.
    let folder = Folder::of(&[
        ("medium.sql", "ALTER TABLE customer ADD COLUMN fax text;"),
        ("none.sql", "SELECT 1; -- sluice: allow SL2006 left behind\n"),
        ("nothing.sql", "SELECT 1;\n"),
    ])?;
    let risk = folder.statements(&["medium.sql"])?[0]["risk"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    let levels = ["low", "medium", "high", "critical"];
    let at = levels
        .iter()
        .position(|level| *level == risk)
        .unwrap_or_else(|| panic!("{risk}"));
    for (index, level) in levels.iter().enumerate() {
        let code = i32::from(index <= at);
        folder
            .classify(&["medium.sql", "--fail-on", level])?
            .is(code, &[]);
    }
    folder.classify(&["none.sql", "--fail-on", "low"])?.is(0, &[]);
    folder
        .classify(&["none.sql", "--fail-on", "none"])?
        .is(1, &["none[SL2004]"]);
    folder
        .classify(&["nothing.sql", "--fail-on", "none"])?
        .is(0, &["1 statement in 1 file"]);
    Ok(())
}

#[test]
fn wrong_usage_is_told_apart() -> Outcome {
    let folder = Folder::of(&[("a.sql", "SELECT 1"), ("empty/notes.txt", "none")])?;
    folder.classify(&[])?.is(2, &["FILE"]);
    folder
        .classify(&["a.sql", "--dialect", "oracle"])?
        .is(2, &["postgres, mysql, mariadb, sqlite"]);
    folder
        .classify(&["a.sql", "--format", "xml"])?
        .is(2, &["human, json, sarif, github"]);
    folder
        .classify(&["a.sql", "--fail-on", "sometimes"])?
        .is(2, &["none, low, medium, high, critical"]);
    folder
        .classify(&["a.sql", "empty"])?
        .is(2, &["empty holds no .sql file"]);
    Ok(())
}
