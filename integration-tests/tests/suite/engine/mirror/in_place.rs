//! Is it in place, and exactly ours; and what is left when it is not.

use testbed::database::{Database, Role};
use testbed::postgres::Server;

use super::{Outcome, check, install, is, lead, mirror_of, seconds, swap, table};

#[tokio::test]
async fn a_mirror_that_was_touched_is_not_installed_and_a_removed_one_leaves_nothing() -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    table(&database).await?;
    let before = database.schema_dump().await?;
    let sql = install(&database, &mirror_of("t", vec![seconds(None)])).await?;
    for (touch, undo) in [
        (
            "ALTER TABLE t DISABLE TRIGGER sluice_0123456789_1",
            "ALTER TABLE t ENABLE ALWAYS TRIGGER sluice_0123456789_1",
        ),
        // What a disabled trigger that was enabled again leaves behind.
        (
            "ALTER TABLE t ENABLE TRIGGER sluice_0123456789_1",
            "ALTER TABLE t ENABLE ALWAYS TRIGGER sluice_0123456789_1",
        ),
        (
            "ALTER TABLE t ENABLE REPLICA TRIGGER sluice_0123456789_1",
            "ALTER TABLE t ENABLE ALWAYS TRIGGER sluice_0123456789_1",
        ),
        (
            "ALTER FUNCTION sluice.sluice_0123456789_1() SECURITY INVOKER",
            "ALTER FUNCTION sluice.sluice_0123456789_1() SECURITY DEFINER",
        ),
    ] {
        database.execute_as(Role::Owner, touch).await?;
        assert!(
            !database.value::<bool>(Role::Data, &sql.installed).await?,
            "{touch}"
        );
        database.execute_as(Role::Owner, undo).await?;
        assert!(
            database.value::<bool>(Role::Data, &sql.installed).await?,
            "{undo}"
        );
    }
    let body = "CREATE OR REPLACE FUNCTION sluice.sluice_0123456789_1() RETURNS trigger SECURITY DEFINER LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'";
    database.execute_as(Role::Owner, body).await?;
    assert!(!database.value::<bool>(Role::Data, &sql.installed).await?);
    database.execute_as(Role::Owner, &sql.remove.join(";\n")).await?;
    assert!(database.value::<bool>(Role::Data, &sql.removed).await?);
    assert_eq!(database.schema_dump().await?, before);
    // Repeated, after it already happened.
    database.execute_as(Role::Owner, &sql.remove.join(";\n")).await?;
    Ok(())
}

#[tokio::test]
async fn the_application_may_not_call_the_function_and_needs_no_right_on_the_ledger() -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    table(&database).await?;
    install(&database, &mirror_of("t", vec![seconds(None)])).await?;
    let may = "SELECT has_function_privilege(p.oid, 'EXECUTE') FROM pg_proc AS p WHERE p.proname = 'sluice_0123456789_1'";
    assert!(!database.value::<bool>(Role::App, may).await?);
    check(&database, "INSERT INTO t (id, ms) VALUES (1, 2000)", "1:2000:2").await
}

#[tokio::test]
async fn what_replication_applies_is_mirrored_too() -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    table(&database).await?;
    install(&database, &mirror_of("t", vec![seconds(None)])).await?;
    let mut conn = database.superuser().await?;
    engine::sql::execute_script(
        &mut conn,
        "SET session_replication_role = replica; INSERT INTO t (id, ms) VALUES (1, 3000)",
    )
    .await?;
    check(&database, "SELECT 1", "1:3000:3").await
}

/// DROP TRIGGER looks for it under the name that the table had.
#[tokio::test]
async fn a_mirror_is_removed_from_a_table_that_somebody_renamed() -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    table(&database).await?;
    let sql = install(&database, &mirror_of("t", vec![seconds(None)])).await?;
    database
        .execute_as(Role::Owner, "ALTER TABLE t RENAME TO renamed")
        .await?;
    assert!(!is(&database, &sql.installed).await?);
    assert!(!is(&database, &sql.removed).await?, "the function is still there");
    database.execute_as(Role::Owner, &sql.remove.join(";\n")).await?;
    assert!(is(&database, &sql.removed).await?);
    let left = "SELECT count(*) FROM pg_trigger WHERE tgrelid = 'renamed'::regclass";
    assert_eq!(database.value::<i64>(Role::App, left).await?, 0);
    database
        .execute_as(Role::App, "INSERT INTO renamed (id, ms) VALUES (1, 1)")
        .await?;
    Ok(())
}

#[tokio::test]
async fn a_mirror_is_removed_whoever_leads_and_leaves_nothing() -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    table(&database).await?;
    let before = database.schema_dump().await?;
    let sql = lead(&database, &mirror_of("t", vec![seconds(Some("seconds * 1000"))])).await?;
    database.execute_as(Role::Owner, &sql.remove.join(";\n")).await?;
    assert!(is(&database, &sql.removed).await?);
    assert_eq!(database.schema_dump().await?, before);
    let ours = "SELECT count(*) FROM pg_class WHERE relname = 'sluice_0123456789_c1'";
    assert_eq!(database.value::<i64>(Role::App, ours).await?, 0);
    Ok(())
}

#[tokio::test]
async fn a_swap_puts_right_what_somebody_touched() -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    table(&database).await?;
    let sql = lead(&database, &mirror_of("t", vec![seconds(Some("seconds * 1000"))])).await?;
    for touch in [
        "ALTER TABLE t DISABLE TRIGGER sluice_0123456789_1",
        "DROP TRIGGER sluice_0123456789_1 ON t",
        "ALTER FUNCTION sluice.sluice_0123456789_1() SECURITY INVOKER",
        // Old leads again.
        &sql.install.join(";\n"),
    ] {
        database.execute_as(Role::Owner, touch).await?;
        swap(&database, &sql.lead).await?;
    }
    check(&database, "INSERT INTO t (id, seconds) VALUES (1, 5)", "1:5000:5").await
}
