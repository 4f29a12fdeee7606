//! While new is the authority: changes are mirrored, nothing else is touched (DESIGN, section 6).

use testbed::database::{Database, Role};
use testbed::postgres::Server;

use super::{
    Outcome, check, check_mail, create, down, emails, lead, mail, mirror_of, quarantined, seconds, table,
};
use super::{check_of, install, swap};

/// Pitfall 1: `up` does not give what new holds, and a "repair" would destroy the truth.
#[tokio::test]
async fn an_unrelated_update_repairs_nothing_that_the_new_side_wrote() -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    emails(&database).await?;
    lead(&database, &mirror_of("t", vec![mail()])).await?;
    check_mail(
        &database,
        "INSERT INTO t (id, mail) VALUES (1, 'Bob@x')",
        "1:Bob@x:Bob@x",
    )
    .await?;
    check_mail(&database, "UPDATE t SET note = 'y'", "1:Bob@x:Bob@x").await?;
    // A key update, and a full-row write that changes nothing.
    check_mail(
        &database,
        "UPDATE t SET id = 2, email = email, mail = mail",
        "2:Bob@x:Bob@x",
    )
    .await?;
    check_mail(
        &database,
        "UPDATE t SET email = 'Bob@x', mail = 'Bob@x', note = 'z'",
        "2:Bob@x:Bob@x",
    )
    .await?;
    assert!(quarantined(&database).await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn a_side_that_changed_alone_is_mirrored_to_the_other() -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    emails(&database).await?;
    lead(&database, &mirror_of("t", vec![mail()])).await?;
    check_mail(
        &database,
        "INSERT INTO t (id, email) VALUES (1, 'Ann@x')",
        "1:Ann@x:ann@x",
    )
    .await?;
    check_mail(&database, "UPDATE t SET mail = 'Bob@x'", "1:Bob@x:Bob@x").await?;
    // What `up` gives anyway is a write like any other: old follows.
    check_mail(&database, "UPDATE t SET mail = 'bob@x'", "1:bob@x:bob@x").await?;
    check_mail(&database, "UPDATE t SET email = 'Cy@x'", "1:Cy@x:cy@x").await?;
    check_mail(&database, "UPDATE t SET mail = NULL", "1:null:null").await?;
    check_mail(&database, "UPDATE t SET email = 'D@x'", "1:D@x:d@x").await?;
    check_mail(&database, "UPDATE t SET email = NULL", "1:null:null").await?;
    assert!(quarantined(&database).await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn an_insert_computes_the_side_that_was_not_given() -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    emails(&database).await?;
    let mut pair = mail();
    pair.up = "coalesce(lower(email), 'nobody')".into();
    lead(&database, &mirror_of("t", vec![pair])).await?;
    check_mail(
        &database,
        "INSERT INTO t (id, email, mail) VALUES (1, 'Ann@x', NULL), (2, NULL, 'Bob@x'), (3, NULL, NULL), (4, NULL, 'nobody')",
        "1:Ann@x:ann@x 2:Bob@x:Bob@x 3:null:nobody 4:nobody:nobody",
    )
    .await?;
    assert!(quarantined(&database).await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn upserts_and_copy_are_mirrored_as_inserts_and_updates_are() -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    emails(&database).await?;
    lead(&database, &mirror_of("t", vec![mail()])).await?;
    let upsert = |column: &str, value: &str| {
        format!(
            "INSERT INTO t (id, {column}) VALUES (1, '{value}') ON CONFLICT (id) DO UPDATE SET {column} = excluded.{column}"
        )
    };
    check_mail(&database, &upsert("mail", "Bob@x"), "1:Bob@x:Bob@x").await?;
    check_mail(&database, &upsert("mail", "Cy@x"), "1:Cy@x:Cy@x").await?;
    check_mail(&database, &upsert("email", "Ann@x"), "1:Ann@x:ann@x").await?;
    let mut app = database.connect(Role::App).await?;
    let mut copy = app
        .copy_in_raw("COPY t (id, email, mail) FROM STDIN WITH (NULL '-')")
        .await?;
    copy.send("2\tDee@x\t-\n3\t-\tEd@x\n4\tFay@x\tfay@x\n5\tGus@x\tGus@x\n".as_bytes())
        .await?;
    copy.finish().await?;
    check_mail(
        &database,
        "SELECT 1",
        "1:Ann@x:ann@x 2:Dee@x:dee@x 3:Ed@x:Ed@x 4:Fay@x:fay@x 5:Gus@x:Gus@x",
    )
    .await?;
    assert!(quarantined(&database).await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn a_derived_column_is_overridden_whoever_leads() -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    table(&database).await?;
    lead(&database, &mirror_of("t", vec![seconds(None)])).await?;
    check(
        &database,
        "INSERT INTO t (id, ms, seconds) VALUES (1, 5432, 77)",
        "1:5432:5",
    )
    .await?;
    check(&database, "UPDATE t SET seconds = 99", "1:5432:5").await?;
    check(&database, "UPDATE t SET ms = 9999", "1:9999:9").await
}

#[tokio::test]
async fn an_up_that_raises_leaves_null_and_a_row_in_the_quarantine() -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    table(&database).await?;
    let mut pair = seconds(Some("seconds * 1000"));
    pair.up = "1000000 / ms".into();
    lead(&database, &mirror_of("t", vec![pair])).await?;
    check(
        &database,
        "INSERT INTO t (id, ms) VALUES (1, 0), (2, 10)",
        "1:0:null 2:10:100000",
    )
    .await?;
    check(&database, "UPDATE t SET ms = 0 WHERE id = 2", "1:0:null 2:0:null").await?;
    // Touched again, and not tried again.
    check(&database, "UPDATE t SET note = 'x'", "1:0:null 2:0:null").await?;
    assert_eq!(quarantined(&database).await?, ["1 error 22012", "2 error 22012"]);
    Ok(())
}

/// A column that another pair's `down` restored has changed as much as if the application had written it.
#[tokio::test]
async fn a_pair_follows_what_another_pairs_down_restored() -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    create(
        &database,
        "CREATE TABLE t (id int PRIMARY KEY, ms int); ALTER TABLE t ADD COLUMN seconds int, ADD COLUMN minutes int, ADD COLUMN long boolean",
    )
    .await?;
    let mut minutes = seconds(None);
    minutes.new = "minutes".into();
    minutes.up = "ms / 60000".into();
    minutes.down = Some(down("ms", "integer", "minutes * 60000"));
    let mut long = seconds(None);
    long.new = "long".into();
    long.new_type = "boolean".into();
    long.up = "ms > 100000".into();
    let pairs = vec![long, minutes, seconds(Some("seconds * 1000"))];
    let sql = install(&database, &mirror_of("t", pairs)).await?;
    swap(&database, &sql.lead).await?;
    let columns = "id, ms, seconds, minutes, long";
    for (write, expected) in [
        ("INSERT INTO t (id, ms) VALUES (1, 61500)", "1:61500:61:1:false"),
        ("UPDATE t SET seconds = 125", "1:125000:125:2:true"),
        ("UPDATE t SET minutes = 1", "1:60000:60:1:false"),
        // Old stays as it was, so nobody follows.
        ("UPDATE t SET seconds = 60", "1:60000:60:1:false"),
        ("UPDATE t SET ms = 61999", "1:61999:61:1:false"),
        ("UPDATE t SET ms = 999", "1:999:0:0:false"),
    ] {
        check_of(&database, columns, write, expected).await?;
    }
    assert!(quarantined(&database).await?.is_empty());
    Ok(())
}
