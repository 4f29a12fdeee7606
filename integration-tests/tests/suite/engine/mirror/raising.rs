//! Expressions that raise do not fail the application's write.

use engine::postgres::triggers::Pair;
use testbed::database::{Database, Role};
use testbed::postgres::Server;

use super::{Outcome, check, create, install, mirror_of, quarantined, seconds, table};

#[tokio::test]
async fn no_write_of_the_application_fails_because_an_expression_raises() -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    table(&database).await?;
    let mut pair = seconds(Some("seconds * 1000"));
    pair.up = "1000000 / ms".into();
    install(&database, &mirror_of("t", vec![pair])).await?;
    check(
        &database,
        "INSERT INTO t (id, ms) VALUES (1, 0), (2, 10)",
        "1:0:null 2:10:100000",
    )
    .await?;
    // `down` overflows; then it would put NULL into a column that refuses it. Old is kept both times.
    check(
        &database,
        "UPDATE t SET seconds = 2147484 WHERE id = 2",
        "1:0:null 2:10:100000",
    )
    .await?;
    check(
        &database,
        "UPDATE t SET seconds = NULL WHERE id = 2",
        "1:0:null 2:10:100000",
    )
    .await?;
    assert_eq!(
        quarantined(&database).await?,
        ["1 error 22012", "2 lost 22003", "2 lost 23502"]
    );
    Ok(())
}

/// `OTHERS` does not catch it.
#[tokio::test]
async fn an_assertion_in_an_authors_function_does_not_fail_the_write() -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    table(&database).await?;
    let function = "CREATE FUNCTION public.whole(ms int) RETURNS int IMMUTABLE LANGUAGE plpgsql
        AS 'BEGIN ASSERT ms % 1000 = 0; RETURN ms / 1000; END'";
    database.execute_as(Role::Owner, function).await?;
    let pair = Pair {
        up: "public.whole(ms)".into(),
        ..seconds(None)
    };
    install(&database, &mirror_of("t", vec![pair])).await?;
    check(
        &database,
        "INSERT INTO t (id, ms) VALUES (1, 1500)",
        "1:1500:null",
    )
    .await?;
    assert_eq!(quarantined(&database).await?, ["1 error P0004"]);
    Ok(())
}

#[tokio::test]
async fn a_value_that_does_not_fit_is_quarantined_and_never_cut() -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    create(
        &database,
        "CREATE TABLE t (id int PRIMARY KEY, ms text); ALTER TABLE t ADD COLUMN seconds varchar(3)",
    )
    .await?;
    let pair = Pair {
        new_type: "character varying(3)".into(),
        up: "lower(ms)".into(),
        ..seconds(None)
    };
    install(&database, &mirror_of("t", vec![pair])).await?;
    check(
        &database,
        "INSERT INTO t (id, ms) VALUES (1, 'ABCD'), (2, 'ABC')",
        "1:ABCD:null 2:ABC:abc",
    )
    .await?;
    assert_eq!(quarantined(&database).await?, ["1 error 22001"]);
    Ok(())
}

#[tokio::test]
async fn the_application_writes_on_when_the_quarantine_is_gone() -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    table(&database).await?;
    let pair = Pair {
        up: "1 / ms".into(),
        ..seconds(None)
    };
    install(&database, &mirror_of("t", vec![pair])).await?;
    database
        .execute_as(Role::Ledger, "DROP TABLE sluice.quarantine")
        .await?;
    check(&database, "INSERT INTO t (id, ms) VALUES (1, 0)", "1:0:null").await
}
