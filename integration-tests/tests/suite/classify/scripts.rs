//! What a script is, statement by statement.

use super::ground::{Folder, Outcome, codes};

#[test]
fn a_script_is_judged_from_standard_input() -> Outcome {
    let folder = Folder::new()?;
    let said = folder.classify_fed(
        &["-", "--format", "json"],
        b"CREATE INDEX i ON customer (email);\nSELECT 1",
    )?;
    said.is(0, &[]);
    let json = said.json()?;
    let first = &json["statements"][0];
    assert_eq!((&first["file"], &first["line"]), (&"<stdin>".into(), &1.into()));
    assert_eq!(
        (&first["phase"], &first["scans_table"]),
        (&"expand".into(), &true.into())
    );
    assert_eq!(first["locks"][0]["mode"], "ShareLock");
    assert_eq!(
        (&first["blocks_reads"], &first["blocks_writes"]),
        (&false.into(), &true.into())
    );
    assert_eq!(json["statements"][1]["phase"], "data");
    Ok(())
}

/// The session remembers: what the script has created nobody waits for.
#[test]
fn statements_of_one_file_know_each_other_and_files_do_not() -> Outcome {
    let folder = Folder::of(&[
        (
            "1_create.sql",
            "CREATE TABLE kind (id int);\nCREATE INDEX i ON kind (id);",
        ),
        ("2_index.sql", "CREATE INDEX j ON kind (id);"),
    ])?;
    let statements = folder.statements(&["."])?;
    let locks: Vec<usize> = statements
        .iter()
        .map(|one| one["locks"].as_array().map_or(0, Vec::len))
        .collect();
    assert_eq!(locks, [0, 0, 1], "{statements:#?}");
    Ok(())
}

#[test]
fn a_dialect_is_read_as_its_own_client_reads_it() -> Outcome {
    let folder = Folder::of(&[
        (
            "my.sql",
            "# no\nALTER TABLE orders MODIFY note bigint;\nDELIMITER //\nCREATE PROCEDURE p() BEGIN SELECT 1; END//\n",
        ),
        (
            "lite.sql",
            ".mode box\nCREATE TRIGGER t AFTER INSERT ON a BEGIN DELETE FROM b; END;\nALTER TABLE a DROP COLUMN x;",
        ),
    ])?;
    for dialect in ["mysql", "mariadb"] {
        let found = folder.statements(&["my.sql", "--dialect", dialect])?;
        assert_eq!(found.len(), 2, "{found:#?}");
        assert_eq!(found[0]["line"], 2);
        assert!(codes(&found[0]).contains(&"SL2602".to_owned()), "{found:#?}");
    }
    let found = folder.statements(&["lite.sql", "--dialect", "sqlite"])?;
    assert_eq!(found.len(), 3, "{found:#?}");
    assert_eq!(found[2]["locks"][0]["mode"], "Write", "{found:#?}");
    assert_eq!(found[2]["rewrites_table"], true);
    Ok(())
}

#[test]
fn an_accepted_finding_no_longer_counts() -> Outcome {
    let accepted = "-- sluice: allow SL2006 more.sql is classified as well\n\\i more.sql\n";
    let folder = Folder::of(&[("a.sql", accepted), ("more.sql", "SELECT 1;")])?;
    let statement = &folder.statements(&["a.sql", "--fail-on", "low"])?[0];
    assert_eq!(
        (&statement["phase"], &statement["risk"]),
        (&"unknown".into(), &"none".into())
    );
    assert_eq!(
        statement["findings"][0]["allowed"],
        "more.sql is classified as well"
    );
    Ok(())
}

#[test]
fn a_comment_that_accepts_nothing_is_a_finding() -> Outcome {
    let folder = Folder::of(&[(
        "a.sql",
        "\\i x -- not a comment for psql\n-- sluice: allow SL2006\n\\i x\nSELECT 1; -- sluice: allow SL2006 it was here once\n-- sluice: allow SL0001 what\nSELECT 2;",
    )])?;
    let found: Vec<Vec<String>> = folder.statements(&["a.sql"])?.iter().map(codes).collect();
    assert_eq!(
        found,
        [
            vec!["SL2006"],
            vec!["SL2006", "SL2003"],
            vec!["SL2004"],
            vec!["SL2003"]
        ]
    );
    folder.classify(&["a.sql"])?.is(
        0,
        &[
            "line 2: the reason is missing",
            "line 4: SL2006 is accepted, and was not found here",
            "line 5: no rule has the code SL0001",
        ],
    );
    Ok(())
}

#[test]
fn matters_of_style_are_told_when_asked_for() -> Outcome {
    let folder = Folder::of(&[("a.sql", "CREATE TABLE visit (id bigint, at timestamp);")])?;
    assert_eq!(codes(&folder.statements(&["a.sql"])?[0]), Vec::<String>::new());
    let found = &folder.statements(&["a.sql", "--lint"])?[0];
    assert_eq!(
        (codes(found), &found["risk"]),
        (vec!["SL2900".to_owned()], &"none".into())
    );
    folder
        .classify(&["a.sql", "--lint", "--fail-on", "low"])?
        .is(0, &["prefer-timestamp-tz:"]);
    Ok(())
}
