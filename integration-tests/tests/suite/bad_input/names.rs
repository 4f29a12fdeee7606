//! Names that cannot be, and names that look like something else.

use super::{Outcome, adding, refused, tracks};
use crate::stages::ground::{ask, database};
use ledger::JobState;
use testbed::database::Role;
use testbed::embedded::Embedded;

#[tokio::test]
async fn a_name_that_the_server_would_cut_or_refuse_is_refused() -> Outcome {
    let database = database().await?;
    tracks(&database).await?;
    let long = "x".repeat(64);
    let wide = "ü".repeat(32);
    for (column, words) in [
        (long.as_str(), &["63"][..]),
        (wide.as_str(), &["63"]),
        ("", &["empty"]),
        ("a\\u0000b", &["NUL"]),
    ] {
        let spec = adding("track", &format!("column = \"{column}\"\ntype = \"integer\"\n"));
        let mut all = vec!["test.toml:5"];
        all.extend(words);
        refused(&database, &spec, &all).await?;
    }
    Ok(())
}

/// Text that is meant to break out of its quotes is a name like any other.
#[tokio::test]
async fn a_name_that_looks_like_sql_is_only_a_name() -> Outcome {
    let database = database().await?;
    tracks(&database).await?;
    let before = database.schema_dump().await?;
    let embedded = Embedded::start(&database).await?;
    for column in [
        "c\\\" integer; DROP TABLE track; --",
        "'); DROP TABLE track; --",
        "$sluice$",
        "a.b",
        "%s %I",
        "new",
        "NEW",
        "sluice_sqlstate",
        "$1",
        " c ",
        "a\\nb",
        "*/ c /*",
    ] {
        let rest = format!(
            "column = \"{column}\"\ntype = \"integer\"\nup = \"milliseconds / 1000\"\ndown = '''\"{}\" * 1000'''\nreplaces = \"milliseconds\"\n",
            down_name(column)
        );
        let job = embedded.submit(&database, &adding("track", &rest)).await?;
        embedded.verified(job).await?;
        database
            .execute_as(Role::App, "UPDATE track SET milliseconds = 7000 WHERE id = 7")
            .await?;
        assert_eq!(embedded.job(job).await?.state, JobState::Verified, "{column}");
        embedded.roll_back(job, true).await?;
        assert_eq!(database.schema_dump().await?, before, "{column}");
    }
    assert_eq!(ask::<i64>(&database, "SELECT count(*) FROM track").await?, 20);
    embedded.stop().await
}

/// As it is written between double quotes in SQL.
fn down_name(toml: &str) -> String {
    toml.replace("\\\"", "\"\"").replace("\\n", "\n")
}
