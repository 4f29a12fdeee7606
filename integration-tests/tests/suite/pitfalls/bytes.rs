//! Trap 10: values that a type or a collation calls equal, and that are not the same bytes.

use ledger::commands::Command;
use sqlx::PgConnection;
use testbed::database::{Database, Role};
use testbed::embedded::Embedded;
use testbed::oracle;
use testbed::traffic::{Column, Table};

use crate::stages::ground::{Outcome, Trip, applied, ask, database, held, spoil, there_and_back};

const BLURRED: &str =
    "CREATE COLLATION blurred (provider = icu, locale = 'und-u-ks-level1', deterministic = false)";

/// `person` with four columns whose types compare loosely (a collation, citext) or not at all (json, xml).
async fn people(database: &Database<'_>) -> Outcome {
    let extension = "CREATE EXTENSION citext";
    engine::sql::execute_script(&mut database.superuser().await?, extension).await?;
    let create = format!(
        "{BLURRED}; CREATE TABLE person (id bigint PRIMARY KEY, name text COLLATE blurred, mail citext, doc json, page xml, note text);
         INSERT INTO person SELECT n, 'jose', 'a@b.c', '{{\"a\": 1}}', '<a/>', repeat('x', 200) FROM generate_series(1, 1000) AS n"
    );
    database.execute_as(Role::Owner, &create).await?;
    database.grant_data_privileges(&["person"]).await
}

/// Renames all four.
fn spec() -> String {
    let rename = |column: &str| {
        format!(
            "[[change]]\nkind = \"rename_column\"\ntable = \"person\"\nfrom = \"{column}\"\nto = \"{column}2\"\n"
        )
    };
    format!(
        "name = \"bytes\"\n{}",
        ["name", "mail", "doc", "page"].map(rename).concat()
    )
}

/// No row differs between old and new by a single byte.
async fn same_bytes(conn: &mut PgConnection, after: &str) -> Outcome {
    let bytes = |suffix: &str| {
        let columns = ["name", "mail", "doc", "page"];
        columns
            .map(|c| format!("convert_to({c}{suffix}::text, 'UTF8')"))
            .join(", ")
    };
    let wrong = format!("({}) IS DISTINCT FROM ({})", bytes(""), bytes("2"));
    assert_eq!(
        oracle::mismatched(conn, "person", &wrong).await?,
        0,
        "after {after}"
    );
    Ok(())
}

/// `=` says that 'jose' is 'José', and there is none for json.
#[tokio::test]
async fn a_change_that_equality_does_not_see_is_not_lost() -> Outcome {
    let database = database().await?;
    people(&database).await?;
    let before = database.schema_dump().await?;
    let embedded = Embedded::start(&database).await?;
    let job = embedded.submit(&database, &spec()).await?;
    embedded.verified(job).await?;
    let mut admin = database.superuser().await?;
    for write in [
        "UPDATE person SET name = 'José' WHERE id % 2 = 0",
        "UPDATE person SET mail = 'A@B.C' WHERE id % 3 = 0",
        "UPDATE person SET doc = '{\"a\":1}', page = '<a></a>' WHERE id % 5 = 0",
        "UPDATE person SET name2 = 'JOSE', mail2 = 'a@B.c', doc2 = '{ \"a\":1}' WHERE id % 7 = 0",
    ] {
        database.execute_as(Role::App, write).await?;
        same_bytes(&mut admin, write).await?;
    }
    let kept = "SELECT name || ' ' || mail FROM person WHERE id = 7";
    assert_eq!(
        ask::<String>(&database, kept).await?,
        "JOSE a@B.c",
        "a write to the new side was lost"
    );
    embedded.roll_back(job, true).await?;
    assert_eq!(database.schema_dump().await?, before);
    embedded.stop().await
}

/// The fill and the verifier see what equality does not.
#[tokio::test]
async fn a_row_that_only_equality_calls_right_is_found_and_repaired() -> Outcome {
    let database = database().await?;
    people(&database).await?;
    database
        .execute_as(Role::App, "UPDATE person SET name = 'José', mail = 'A@b.c'")
        .await?;
    let embedded = Embedded::start(&database).await?;
    let job = embedded.submit(&database, &spec()).await?;
    embedded.verified(job).await?;
    for spoiled in ["name2 = 'jose'", "mail2 = 'a@b.c'", "doc2 = '{\"a\":1}'"] {
        spoil(
            &database,
            "person",
            &format!("UPDATE person SET {spoiled} WHERE id = 2"),
        )
        .await?;
        applied(&embedded, job, Command::Verify).await?;
        let why = held(&embedded, job).await?;
        assert!(why.contains("1 row"), "{spoiled}: {why}");
        applied(&embedded, job, Command::Repair).await?;
        embedded.verified(job).await?;
        same_bytes(&mut database.superuser().await?, spoiled).await?;
    }
    embedded.stop().await
}

/// Under traffic, there and back.
#[tokio::test]
async fn a_column_under_a_blurred_collation_survives_traffic() -> Outcome {
    let database = database().await?;
    let create = format!(
        "{BLURRED}; CREATE TABLE person (id bigint PRIMARY KEY, name text COLLATE blurred, note text);
         INSERT INTO person SELECT n, 'jose', repeat('x', 200) FROM generate_series(1, 1500) AS n"
    );
    database.execute_as(Role::Owner, &create).await?;
    database.grant_data_privileges(&["person"]).await?;
    let name = Column {
        value: |rng| ["jose", "José", "JOSE", "josé"][rng.usize(0..4)].to_owned(),
        ..Column::text("name")
    };
    let trip = Trip {
        spec: "name = \"n\"\n[[change]]\nkind = \"rename_column\"\ntable = \"person\"\nfrom = \"name\"\nto = \"full_name\"\n",
        traffic: Table::new("person", "id", name, Column::text("note")),
        wrong: &[(
            "person",
            "convert_to(name, 'UTF8') IS DISTINCT FROM convert_to(full_name, 'UTF8')",
        )],
        afterwards: &["INSERT INTO person (id, name) VALUES (-1, 'x')"],
    };
    there_and_back(&database, trip).await
}
