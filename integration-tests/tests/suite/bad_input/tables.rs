//! Tables that are not there, are no tables, or are not safe to change.

use testbed::database::Role;
use testbed::embedded::Embedded;

use super::{Outcome, adding, refused, tracks};
use crate::stages::ground::{SECONDS, database};

const COLUMN: &str = "column = \"c\"\ntype = \"integer\"\nup = \"milliseconds\"\n";

#[tokio::test]
async fn a_table_that_is_not_there_is_named_with_what_is_similar() -> Outcome {
    let database = database().await?;
    tracks(&database).await?;
    refused(
        &database,
        &adding("trakc", COLUMN),
        &["test.toml:4", "trakc", "track", "SL1101"],
    )
    .await?;
    refused(
        &database,
        &adding("nowhere.track", COLUMN),
        &["test.toml:4", "nowhere", "SL1101"],
    )
    .await?;
    refused(
        &database,
        &adding("\"Track\"", COLUMN),
        &["test.toml:4", "Track", "track"],
    )
    .await?;
    refused(&database, &adding("a.b.c.d", COLUMN), &["test.toml:4"]).await?;
    refused(&database, &adding("", COLUMN), &["test.toml:4"]).await
}

#[tokio::test]
async fn what_is_not_a_table_of_its_own_is_refused() -> Outcome {
    let database = database().await?;
    tracks(&database).await?;
    let others = "CREATE VIEW a_view AS SELECT * FROM track;
        CREATE MATERIALIZED VIEW a_copy AS SELECT * FROM track;
        CREATE SEQUENCE a_sequence;
        CREATE TABLE whole (id integer, milliseconds integer) PARTITION BY LIST (id);
        CREATE TABLE a_part PARTITION OF whole DEFAULT;
        CREATE TABLE parent (id integer, milliseconds integer);
        CREATE TABLE child () INHERITS (parent)";
    database.execute_as(Role::Owner, others).await?;
    database
        .grant_data_privileges(&["a_view", "a_copy", "whole", "a_part", "parent", "child"])
        .await?;
    for (table, words) in [
        ("a_view", &["view"][..]),
        ("a_copy", &["view"]),
        ("a_sequence", &["test.toml:4"]),
        ("a_part", &["partition", "whole"]),
        ("parent", &["child", "inheritance"]),
        ("child", &["parent"]),
    ] {
        let mut all = vec!["test.toml:4", table];
        all.extend(words);
        refused(&database, &adding(table, COLUMN), &all).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_column_that_is_there_already_or_not_there_is_said() -> Outcome {
    let database = database().await?;
    tracks(&database).await?;
    let taken = adding("track", "column = \"name\"\ntype = \"text\"\n");
    refused(
        &database,
        &taken,
        &["test.toml:5", "already has a column `name`", "--discard"],
    )
    .await?;
    let system = adding("track", "column = \"ctid\"\ntype = \"text\"\n");
    refused(&database, &system, &["test.toml:5", "ctid"]).await?;
    let missing = "name = \"n\"\n[[change]]\nkind = \"rename_column\"\ntable = \"track\"\nfrom = \"nmae\"\nto = \"title\"\n";
    refused(&database, missing, &["test.toml:5", "nmae", "name"]).await
}

#[tokio::test]
async fn a_second_job_on_a_table_is_refused_until_the_first_is_over() -> Outcome {
    let database = database().await?;
    tracks(&database).await?;
    let embedded = Embedded::start(&database).await?;
    let first = embedded.submit(&database, SECONDS).await?;
    embedded.verified(first).await?;
    let other = adding(
        "track",
        "column = \"c\"\ntype = \"integer\"\nup = \"milliseconds\"\n",
    );
    let before = database.schema_dump().await?;
    let refused = embedded
        .submit(&database, &other)
        .await
        .err()
        .map(|e| format!("{e:#}"))
        .unwrap_or_default();
    assert!(
        refused.contains("track") && refused.contains(&first.to_string()),
        "{refused}"
    );
    assert_eq!(database.schema_dump().await?, before);
    embedded.roll_back(first, true).await?;
    let second = embedded.submit(&database, &other).await?;
    embedded.verified(second).await?;
    embedded.stop().await
}
