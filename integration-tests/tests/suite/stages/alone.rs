//! A batch whose statement is all that writes its table does not pay for the mirror; any other one does.

use engine::postgres::triggers::declare_alone;
use sqlx::Connection as _;
use testbed::database::Role;
use testbed::embedded::Embedded;

use super::ground::{Outcome, SECONDS, ask, database, sweeps, tracks};

const FUNCTION: &str = "CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'";

/// Everything that may write the table inside the batch's own transaction makes it go the long way.
#[tokio::test]
async fn a_batch_is_alone_unless_something_on_the_table_may_write_beside_it() -> Outcome {
    let database = database().await?;
    tracks(&database, 10).await?;
    database
        .execute_as(
            Role::Owner,
            "CREATE TABLE lists (track integer PRIMARY KEY REFERENCES track (id))",
        )
        .await?;
    database.execute_as(Role::Owner, FUNCTION).await?;
    let track = u32::try_from(ask::<i64>(&database, "SELECT 'track'::regclass::oid::int8").await?)?;
    let mut conn = database.connect(Role::Data).await?;
    for (beside, alone) in [
        ("SELECT 1", true),
        (
            "CREATE TRIGGER theirs BEFORE UPDATE ON track FOR EACH ROW EXECUTE FUNCTION touch()",
            false,
        ),
        (
            "CREATE TRIGGER theirs AFTER INSERT ON track FOR EACH ROW EXECUTE FUNCTION touch()",
            false,
        ),
        (
            "CREATE TRIGGER theirs AFTER UPDATE ON track FOR EACH STATEMENT EXECUTE FUNCTION touch()",
            false,
        ),
        (
            "CREATE CONSTRAINT TRIGGER theirs AFTER UPDATE ON track DEFERRABLE FOR EACH ROW EXECUTE FUNCTION touch()",
            false,
        ),
        (
            "CREATE TRIGGER theirs AFTER UPDATE ON track FOR EACH ROW EXECUTE FUNCTION touch(); ALTER TABLE track DISABLE TRIGGER theirs",
            true,
        ),
        (
            "CREATE RULE theirs AS ON UPDATE TO track DO ALSO DELETE FROM lists",
            false,
        ),
        ("ALTER TABLE track ADD above integer REFERENCES track (id)", true),
        (
            "ALTER TABLE track ADD above integer REFERENCES track (id) ON UPDATE CASCADE",
            false,
        ),
    ] {
        let mut owner = database.connect(Role::Owner).await?;
        engine::sql::execute_script(&mut owner, beside).await?;
        let mut tx = conn.begin().await?;
        assert_eq!(declare_alone(&mut tx, track, track).await?, alone, "{beside}");
        tx.rollback().await?;
        const UNDO: &str = "DROP TRIGGER IF EXISTS theirs ON track; DROP RULE IF EXISTS theirs ON track; ALTER TABLE track DROP COLUMN IF EXISTS above";
        engine::sql::execute_script(&mut owner, UNDO).await?;
    }
    let left: Option<String> = sqlx::query_scalar("SELECT nullif(current_setting('sluice.batch', true), '')")
        .fetch_one(&mut conn)
        .await?;
    assert_eq!(left, None, "it lasts as long as the transaction");
    Ok(())
}

/// The calls of the mirror's function: a fill makes none, the application's writes do.
#[tokio::test]
async fn a_fill_does_not_call_the_mirror_and_the_application_does() -> Outcome {
    const CALLS: &str = "SELECT coalesce(sum(calls), 0)::int8 FROM pg_stat_user_functions 
        WHERE funcid IN (SELECT tgfoid FROM pg_trigger WHERE tgrelid = 'track'::regclass)";
    let database = database().await?;
    tracks(&database, 500).await?;
    let name: String = ask(&database, "SELECT quote_ident(current_database())").await?;
    let mut superuser = database.superuser().await?;
    engine::sql::execute_script(
        &mut superuser,
        format!("ALTER DATABASE {name} SET track_functions = 'all'"),
    )
    .await?;
    let embedded = Embedded::start(&database).await?;
    let job = embedded.submit(&database, SECONDS).await?;
    embedded.verified(job).await?;
    embedded.stop().await?;
    assert_eq!(
        ask::<i64>(&database, CALLS).await?,
        0,
        "of the fill, by sessions that have ended"
    );
    let write = "UPDATE track SET milliseconds = milliseconds + 1000 WHERE id <= 7; SELECT pg_stat_force_next_flush()";
    database.execute_as(Role::App, write).await?;
    assert_eq!(ask::<i64>(&database, CALLS).await?, 7);
    Ok(())
}

/// What a trigger of the application writes to other rows, inside the batch's transaction, is mirrored like any other write.
#[tokio::test]
async fn what_a_trigger_writes_beside_a_batch_is_mirrored() -> Outcome {
    const NEIGHBOUR: &str = "CREATE FUNCTION neighbour() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            UPDATE track SET milliseconds = milliseconds + 100000 WHERE id = NEW.id - 1;
            RETURN NULL;
        END $$;
        CREATE TRIGGER neighbour AFTER UPDATE ON track FOR EACH ROW
            WHEN (pg_trigger_depth() = 0 AND NEW.id % 10 = 0) EXECUTE FUNCTION neighbour()";
    let database = database().await?;
    tracks(&database, 500).await?;
    database.execute_as(Role::Owner, NEIGHBOUR).await?;
    let before: i64 = ask(&database, "SELECT sum(milliseconds)::int8 FROM track").await?;
    let embedded = Embedded::start(&database).await?;
    let job = embedded.submit(&database, SECONDS).await?;
    embedded.verified(job).await?;
    let after: i64 = ask(&database, "SELECT sum(milliseconds)::int8 FROM track").await?;
    assert_eq!(
        after - before,
        50 * 100_000,
        "each tenth row was filled once, and its trigger wrote"
    );
    let wrong = "SELECT count(*) FROM track WHERE seconds IS DISTINCT FROM milliseconds / 1000";
    assert_eq!(ask::<i64>(&database, wrong).await?, 0);
    assert_eq!(sweeps(&database).await?, 1, "nothing was left for another sweep");
    embedded.stop().await
}
