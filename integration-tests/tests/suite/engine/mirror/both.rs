//! While new is the authority and a write gives both sides: related ones stay, of others new wins.

use testbed::database::{Database, Role};
use testbed::postgres::Server;

use super::{Outcome, check, check_mail, emails, lead, mail, mirror_of, quarantined, seconds, table};

#[tokio::test]
async fn sides_that_are_related_in_either_direction_are_left_alone() -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    emails(&database).await?;
    lead(&database, &mirror_of("t", vec![mail()])).await?;
    check_mail(
        &database,
        "INSERT INTO t (id, email, mail) VALUES (1, 'Ann@x', 'ann@x'), (2, 'Bob@x', 'Bob@x')",
        "1:Ann@x:ann@x 2:Bob@x:Bob@x",
    )
    .await?;
    check_mail(
        &database,
        "UPDATE t SET email = 'Cy@x', mail = CASE id WHEN 1 THEN 'cy@x' ELSE 'Cy@x' END",
        "1:Cy@x:cy@x 2:Cy@x:Cy@x",
    )
    .await?;
    assert!(quarantined(&database).await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn of_sides_that_are_not_related_new_wins_and_it_is_told() -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    emails(&database).await?;
    lead(&database, &mirror_of("t", vec![mail()])).await?;
    check_mail(
        &database,
        "INSERT INTO t (id, email, mail) VALUES (1, 'Ann@x', 'Bob@x'), (2, 'Ann@x', 'ann@x')",
        "1:Bob@x:Bob@x 2:Ann@x:ann@x",
    )
    .await?;
    check_mail(
        &database,
        "UPDATE t SET email = 'Cy@x', mail = 'Dee@x' WHERE id = 2",
        "1:Bob@x:Bob@x 2:Dee@x:Dee@x",
    )
    .await?;
    assert_eq!(
        quarantined(&database).await?,
        ["1 conflict 00000", "2 conflict 00000"]
    );
    let text = "SELECT DISTINCT message FROM sluice.quarantine";
    assert_eq!(
        database.value::<String>(Role::Ledger, text).await?,
        "both sides of \"mail\" were written and disagree; the new side won"
    );
    Ok(())
}

#[tokio::test]
async fn a_side_whose_expression_raises_is_related_to_nothing() -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    table(&database).await?;
    let mut pair = seconds(Some("seconds * 1000"));
    pair.up = "1000000 / ms".into();
    lead(&database, &mirror_of("t", vec![pair])).await?;
    check(
        &database,
        // `up` raises for each; `down` gives the old side of the second, and raises for the third.
        "INSERT INTO t (id, ms, seconds) VALUES (1, 0, 4), (2, 0, 0), (3, 0, 2147484)",
        "1:4000:4 2:0:0 3:0:2147484",
    )
    .await?;
    assert_eq!(
        quarantined(&database).await?,
        ["1 conflict 00000", "3 conflict 00000", "3 closed 22003"]
    );
    Ok(())
}
