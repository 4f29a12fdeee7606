//! Traps 17, 26 and 33: what is said, or refused, before anything is touched.

use ledger::commands::Command;
use planner::compile::Acknowledged;
use planner::spec::Spec;
use testbed::database::{Database, Role};
use testbed::embedded::{Embedded, compile, faults};
use testbed::target;

use crate::stages::ground::{Outcome, SECONDS, applied, ask, database, spoil, tracks};

async fn untouched(database: &Database<'_>, before: &str) -> Outcome {
    assert_eq!(database.schema_dump().await?, before);
    assert!(
        ask::<bool>(database, "SELECT to_regnamespace('sluice') IS NULL").await?,
        "there is a ledger"
    );
    Ok(())
}

/// Trap 17: with row security, half of the rows would be filled, and all of them verified.
#[tokio::test]
async fn rows_that_a_policy_hides_are_not_left_out_in_silence() -> Outcome {
    let database = database().await?;
    tracks(&database, 200).await?;
    let policy = "ALTER TABLE track ENABLE ROW LEVEL SECURITY; ALTER TABLE track FORCE ROW LEVEL SECURITY;
        CREATE POLICY first_half ON track USING (id <= 100)";
    database.execute_as(Role::Owner, policy).await?;
    let before = database.schema_dump().await?;
    let found = faults(&database, SECONDS).await;
    assert!(
        found.contains("row security")
            && found.contains("first_half")
            && found.contains("BYPASSRLS")
            && found.contains("test.toml:5"),
        "{found}"
    );
    untouched(&database, &before).await?;
    // What the message says works.
    let bypass = format!("ALTER ROLE {} BYPASSRLS", database.role(Role::Data));
    engine::sql::execute_script(&mut database.superuser().await?, bypass).await?;
    let embedded = Embedded::start(&database).await?;
    let job = embedded.submit(&database, SECONDS).await?;
    embedded.verified(job).await?;
    assert_eq!(
        ask::<i64>(&database, "SELECT count(*) FROM track WHERE seconds IS NULL").await?,
        0
    );
    embedded.stop().await
}

/// Trap 17: and a policy may come later.
#[tokio::test]
async fn rows_that_a_later_policy_hides_do_not_pass_as_verified() -> Outcome {
    let database = database().await?;
    tracks(&database, 200).await?;
    let embedded = Embedded::start(&database).await?;
    let job = embedded.submit(&database, SECONDS).await?;
    embedded.verified(job).await?;
    spoil(&database, "track", "UPDATE track SET seconds = -1 WHERE id = 150").await?;
    let policy =
        "ALTER TABLE track ENABLE ROW LEVEL SECURITY; CREATE POLICY first_half ON track USING (id <= 100)";
    database.execute_as(Role::Owner, policy).await?;
    applied(&embedded, job, Command::Verify).await?;
    let why = crate::stages::ground::held(&embedded, job).await?;
    assert!(
        why.contains("row-level security") || why.contains("42501") || why.contains("row security"),
        "{why}"
    );
    database
        .execute_as(
            Role::Owner,
            "DROP POLICY first_half ON track; ALTER TABLE track DISABLE ROW LEVEL SECURITY",
        )
        .await?;
    applied(&embedded, job, Command::Verify).await?;
    assert!(
        crate::stages::ground::held(&embedded, job)
            .await?
            .contains("1 row")
    );
    embedded.stop().await
}

/// Trap 26: the first ledger row would stop every subscriber.
#[tokio::test]
async fn a_publication_of_everything_is_not_fed_with_our_ledger() -> Outcome {
    let database = database().await?;
    tracks(&database, 50).await?;
    let mut admin = database.superuser().await?;
    engine::sql::execute_script(&mut admin, "CREATE PUBLICATION everything FOR ALL TABLES").await?;
    let before = database.schema_dump().await?;
    let found = faults(&database, SECONDS).await;
    assert!(
        found.contains("everything") && found.contains("acknowledge_publications"),
        "{found}"
    );
    let refused = Embedded::connect(&database)
        .await
        .err()
        .map(|e| format!("{e:#}"))
        .unwrap_or_default();
    assert!(refused.contains("everything"), "{refused}");
    untouched(&database, &before).await?;

    let mut settings = target::settings(&database);
    settings.acknowledge_publications = vec!["everything".to_owned()];
    let embedded = Embedded::connect_with(&database, &settings).await?;
    let acknowledged = Acknowledged {
        publications: ["everything".to_owned()].into(),
        ..Acknowledged::default()
    };
    let spec = Spec::from_toml(SECONDS, "test.toml").expect("it parses");
    let plan = planner::submit::prepare(&mut database.connection(Role::Data).await?, &spec, &acknowledged)
        .await
        .expect("acknowledged");
    assert!(
        plan.notices.iter().any(|n| n.code == "SL-PUBLISHED-ALL"),
        "{:?}",
        plan.notices
    );
    embedded.stop().await
}

/// Trap 26: a subscriber stops at the first row with a column it does not have; a published table without a key refuses updates.
#[tokio::test]
async fn a_published_table_gets_no_column_that_its_subscribers_do_not_know() -> Outcome {
    let database = database().await?;
    tracks(&database, 50).await?;
    let publish =
        "ALTER TABLE track DROP CONSTRAINT track_pkey; CREATE PUBLICATION some_tracks FOR TABLE track";
    engine::sql::execute_script(&mut database.superuser().await?, publish).await?;
    let before = database.schema_dump().await?;
    let found = faults(&database, SECONDS).await;
    for part in [
        "some_tracks",
        "subscriber",
        "replica identity",
        "REPLICA IDENTITY FULL",
        "test.toml:5",
    ] {
        assert!(found.contains(part), "{part} is not in: {found}");
    }
    untouched(&database, &before).await
}

/// Trap 33: what fails once, or from now on, and only at the application.
#[tokio::test]
async fn nobody_is_surprised_by_a_statement_that_a_new_column_breaks() -> Outcome {
    let database = database().await?;
    tracks(&database, 50).await?;
    let plan = compile(&database, SECONDS).await.expect("a plan");
    let said = plan
        .notices
        .iter()
        .find(|n| n.code == "SL-PREPARED-STAR")
        .map(|n| n.message.clone())
        .unwrap_or_default();
    for part in ["SELECT *", "COPY", "INSERT", "column list"] {
        assert!(said.contains(part), "{part} is not in: {said}");
    }
    let mut app = database.connect(Role::App).await?;
    engine::sql::execute_script(&mut app, "PREPARE all_of_it AS SELECT * FROM track; PREPARE named AS SELECT id, note FROM track; EXECUTE all_of_it").await?;
    let embedded = Embedded::start(&database).await?;
    let job = embedded.submit(&database, SECONDS).await?;
    embedded.verified(job).await?;
    // The case is real, and it is the only one.
    let broken = engine::sql::execute_script(&mut app, "EXECUTE all_of_it")
        .await
        .err()
        .map(|e| e.to_string())
        .unwrap_or_default();
    assert!(
        broken.contains("cached plan must not change result type"),
        "{broken}"
    );
    engine::sql::execute_script(&mut app, "EXECUTE named; INSERT INTO track VALUES (-1, 5, 'x')").await?;
    embedded.stop().await
}
