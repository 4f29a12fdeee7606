//! `sluice run` on a file, as a user types it: killed and continued, paused, and refused where it must be.

use std::time::Duration;

use testbed::desk::Desk;
use testbed::embedded::faults;
use testbed::file::File;
use testbed::oracle;
use testbed::process::{Settings, Sluice};

use super::ground::{CHANGED, FAX, Outcome, SECONDS, until};

const ROWS: i64 = 20_000;

/// A file with a table, and a desk.
async fn office(rows: u32) -> anyhow::Result<(File, Desk)> {
    Ok((FAX.file(rows).await?, Desk::new(&Settings::default())?))
}

/// The arguments of a run to `verified`.
fn run<'a>(spec: &'a str, url: &'a str) -> Vec<&'a str> {
    vec![
        "run",
        spec,
        "--database-url",
        url,
        "--as",
        "ann",
        "--until",
        "verified",
        "--yes",
    ]
}

/// Counts each UPDATE of the new column, whoever makes it.
const AUDIT: &str = "CREATE TABLE audit (id integer); \
    CREATE TRIGGER audited AFTER UPDATE ON customer BEGIN INSERT INTO audit VALUES (NEW.id); END";

#[tokio::test]
async fn a_run_that_was_killed_in_mid_backfill_is_continued_and_counts_every_row_once() -> Outcome {
    let (file, desk) = office(u32::try_from(ROWS)?).await?;
    file.execute(AUDIT).await?;
    let slow = format!("{}[backfill]\nmax_rows_per_second = 4000\n", FAX.spec);
    let (spec, url) = (desk.write("spec.toml", &slow)?, file.url());
    let args = run(&spec, &url);
    let first = Sluice::start(&args, &Settings::default()).await?;
    first.logged("backfilling", Duration::from_secs(120)).await?;
    until(
        &file,
        "a part is filled",
        &format!("SELECT ({CHANGED}) > 2000"),
        true,
    )
    .await?;
    first.kill().await?;
    let before: i64 = file.value(CHANGED).await?;
    assert!(before < ROWS, "nothing was left to interrupt");
    assert_eq!(file.value::<i64>("SELECT count(*) FROM audit").await?, before);
    desk.ok(&args).await?;
    assert_eq!(FAX.mismatched(&file).await?, 0);
    assert_eq!(file.value::<i64>(CHANGED).await?, ROWS);
    let written = "SELECT count(*) || ' ' || count(DISTINCT id) FROM audit";
    assert_eq!(file.value::<String>(written).await?, format!("{ROWS} {ROWS}"));
    let report = desk
        .json(&["report", "fax-number", "--database-url", &url, "--json"])
        .await?;
    assert_eq!(
        report["rows"],
        serde_json::json!({ "total": ROWS, "changed": ROWS, "mismatched": 0, "quarantined": 0 })
    );
    let job: String = file.value("SELECT id FROM sluice_job").await?;
    let job = job.parse().map_err(|error| anyhow::anyhow!("{job}: {error}"))?;
    assert!(oracle::chunks_of_a_file_tile(&mut file.connection().await?, job).await? > 0);
    Ok(())
}

#[tokio::test]
async fn a_second_job_on_a_table_and_a_changed_spec_are_refused() -> Outcome {
    let (file, desk) = office(500).await?;
    let (spec, url) = (desk.write("spec.toml", FAX.spec)?, file.url());
    desk.ok(&run(&spec, &url)).await?;
    let changed = FAX.spec.replace("fax_number", "fax_no");
    let changed = desk.write("changed.toml", &changed)?;
    desk.run(&run(&changed, &url)).await?.exits(1)?.says(&[
        "fax_number",
        "fax_no",
        "rollback fax-number --discard",
    ])?;
    let other = FAX
        .spec
        .replace("name = \"fax-number\"", "name = \"another\"")
        .replace("to = \"fax_number\"", "to = \"other\"");
    let other = desk.write("other.toml", &other)?;
    desk.run(&run(&other, &url))
        .await?
        .exits(1)?
        .says(&["customer", "unfinished job", "sluice rollback"])?;
    Ok(())
}

/// A copy holds the job and its triggers too: two that go on with it would tell two truths.
#[tokio::test]
async fn a_copy_of_the_file_is_not_worked_on() -> Outcome {
    let (file, desk) = office(500).await?;
    let (spec, url) = (desk.write("spec.toml", FAX.spec)?, file.url());
    desk.ok(&run(&spec, &url)).await?;
    let copy = file.folder().join("copy.db");
    file.execute(&format!("VACUUM INTO '{}'", copy.display())).await?;
    let (here, there) = (copy.canonicalize()?, file.path().canonicalize()?);
    let copied = format!("sqlite:{}", copy.display());
    for args in [
        run(&spec, &copied),
        vec!["status", "--database-url", &copied],
        vec![
            "rollback",
            "fax-number",
            "--discard",
            "--database-url",
            &copied,
            "--as",
            "ann",
        ],
    ] {
        desk.run(&args).await?.exits(1)?.says(&[
            "copy",
            &here.display().to_string(),
            &there.display().to_string(),
        ])?;
    }
    Ok(())
}

/// By another way to the same file it is the same file.
#[tokio::test]
async fn a_link_to_the_file_is_no_copy() -> Outcome {
    let (file, desk) = office(100).await?;
    let (spec, url) = (desk.write("spec.toml", FAX.spec)?, file.url());
    desk.ok(&run(&spec, &url)).await?;
    let link = file.folder().join("link.db");
    std::os::unix::fs::symlink(file.path(), &link)?;
    let linked = format!("sqlite:{}", link.display());
    desk.run(&["status", "--database-url", &linked])
        .await?
        .exits(0)?
        .says(&["fax-number", "verified"])?;
    Ok(())
}

/// What SQLite cannot do safely is refused by name, and nothing was touched.
#[tokio::test]
async fn what_this_engine_cannot_do_is_refused_before_anything_is_touched() -> Outcome {
    let file = File::new().await?;
    file.execute(
        "CREATE TABLE strict_one (id integer PRIMARY KEY, milliseconds integer) STRICT;
         CREATE TABLE keyed (id text PRIMARY KEY, milliseconds integer) WITHOUT ROWID;
         CREATE TABLE track (id integer PRIMARY KEY, milliseconds integer, note text, born integer DEFAULT 7);
         CREATE VIEW seen AS SELECT id, milliseconds FROM track;
         CREATE TABLE written (id integer PRIMARY KEY, milliseconds integer, note text);
         CREATE TRIGGER rounds AFTER INSERT ON written BEGIN UPDATE written SET note = 'x' WHERE id = NEW.id; END;
         CREATE TABLE whole (id integer PRIMARY KEY, milliseconds integer, hours AS (milliseconds / 3600000));
         CREATE VIRTUAL TABLE words USING fts5 (milliseconds)",
    )
    .await?;
    let before = file.schema_dump().await?;
    let seconds = |table: &str| SECONDS.spec.replace("\"track\"", &format!("\"{table}\""));
    let up = |expression: &str| SECONDS.spec.replace("milliseconds / 1000", expression);
    for (spec, words) in [
        (seconds("strict_one"), &["strict_one is STRICT"][..]),
        (seconds("keyed"), &["keyed is WITHOUT ROWID", "primary key"]),
        (seconds("seen"), &["\"seen\" is a view"]),
        (seconds("words"), &["words", "virtual table"]),
        (seconds("written"), &["trigger rounds", "written"]),
        (seconds("whole"), &["hours"]),
        (seconds("track"), &["view", "seen"]),
        (
            up("json_extract(note, '$.seconds')"),
            &["json_extract", "raises an error"],
        ),
        (up("random()"), &["random", "another value each time"]),
        (up("unixepoch('now') - milliseconds"), &["unixepoch"]),
        (up("(SELECT max(id) FROM track)"), &["test.toml:8"]),
        (
            SECONDS
                .spec
                .replace("\"milliseconds\"", "\"born\"")
                .replace("milliseconds", "born"),
            &["DEFAULT"],
        ),
    ] {
        let found = faults(&file, &spec).await;
        for word in words {
            assert!(found.contains(word), "{spec}\n{word:?} is not in:\n{found}");
        }
    }
    assert_eq!(file.schema_dump().await?, before);
    let ours = "SELECT count(*) FROM sqlite_schema WHERE name LIKE 'sluice%'";
    assert_eq!(file.value::<i64>(ours).await?, 0, "there is a ledger");
    Ok(())
}
