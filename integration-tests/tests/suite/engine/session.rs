//! Sessions, their settings, and backends that must be gone.

use std::time::Duration;

use engine::postgres::session::{
    Backend, BatchSettings, Home, Route, SessionOptions, Terminated, backend, connect_pool, set_local,
    terminate_backend,
};
use engine::postgres::{error, identity};
use secrecy::SecretString;
use sqlx::Connection as _;
use testbed::database::{Database, Role};
use testbed::pgbouncer::Pooler;
use testbed::postgres::Server;

use super::{Outcome, connect};

const LIMIT: Duration = Duration::from_secs(20);

fn settings() -> BatchSettings {
    BatchSettings {
        statement_timeout: Duration::from_secs(30),
        lock_timeout: Duration::from_millis(500),
        idle_timeout: Duration::from_secs(5),
        search_path: vec!["public".into(), "o'dd \"path\"".into()],
    }
}

#[tokio::test]
async fn a_batch_behind_a_pooler_has_its_settings_and_leaves_none() -> Outcome {
    let server = Server::shared().await?;
    let database = Database::new(server).await?;
    let pooler = Pooler::start(server).await?;
    let options = SessionOptions {
        application_name: "sluice test".into(),
        max_connections: 2,
        route: Route::Pooled,
        home: Home::default(),
    };
    let pool = connect_pool(&SecretString::from(pooler.url(&database, Role::Data)), &options).await?;
    let shown = "SELECT current_setting('lock_timeout') || ' ' || current_setting('search_path') || ' ' || current_setting('row_security')";
    for _ in 0..3 {
        let mut tx = pool.begin().await?;
        set_local(&mut tx, &settings()).await?;
        let found: String = engine::sql::scalar(shown).fetch_one(&mut *tx).await?;
        assert_eq!(found, r#"500ms "public", "o'dd ""path""", "pg_temp" off"#);
        let bound: i64 = engine::sql::scalar("SELECT $1::int8 + 1")
            .bind(41_i64)
            .fetch_one(&mut *tx)
            .await?;
        assert_eq!(bound, 42);
        tx.commit().await?;
        let mut tx = pool.begin().await?;
        let found: String = engine::sql::scalar("SELECT current_setting('lock_timeout')")
            .fetch_one(&mut *tx)
            .await?;
        assert_eq!(found, "0");
        tx.rollback().await?;
    }
    pool.close().await;
    Ok(())
}

#[tokio::test]
async fn only_the_very_backend_is_terminated_and_its_locks_are_free_then() -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    database
        .execute_as(Role::Owner, "CREATE TABLE t (id int)")
        .await?;
    database.grant_data_privileges(&["t"]).await?;
    let mut victim = connect(&database, Role::Data).await?;
    let mut other = connect(&database, Role::Data).await?;
    let mut tx = victim.begin().await?;
    let it = backend(&mut tx).await?;
    engine::sql::execute_script(&mut tx, "LOCK TABLE ONLY t IN ROW EXCLUSIVE MODE").await?;
    // The same process id, another start: a later process. It must be left alone.
    let namesake = Backend {
        pid: it.pid,
        started: "2020-01-01 00:00:00+00".into(),
    };
    assert_eq!(
        terminate_backend(&mut other, &namesake, LIMIT).await?,
        Terminated::Gone
    );
    assert_eq!(backend(&mut tx).await?, it);
    let mut stranger = connect(&database, Role::App).await?;
    assert_eq!(
        terminate_backend(&mut stranger, &it, LIMIT).await?,
        Terminated::NotPermitted
    );
    assert_eq!(terminate_backend(&mut other, &it, LIMIT).await?, Terminated::Gone);
    let failed = engine::sql::execute_script(&mut tx, "SELECT 1")
        .await
        .expect_err("the backend is gone");
    assert_eq!(error::classify(&failed), error::Class::Transient);
    database
        .execute_as(
            Role::Owner,
            "SET lock_timeout = '1ms'; LOCK TABLE t IN ACCESS EXCLUSIVE MODE",
        )
        .await?;
    Ok(())
}

/// After a fail-over: a connection made while the server was a standby stays open, and can write nothing.
#[tokio::test]
async fn a_connection_that_can_only_read_does_not_stay_in_the_pool() -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    database
        .execute_as(Role::Owner, "CREATE TABLE t (id int); GRANT ALL ON t TO PUBLIC")
        .await?;
    let role = database.role(Role::Data);
    let mut superuser = database.superuser().await?;
    let read_only = format!("ALTER ROLE \"{role}\" SET default_transaction_read_only = on");
    engine::sql::execute_script(&mut superuser, read_only).await?;
    for route in [Route::Direct, Route::Pooled] {
        let options = SessionOptions {
            application_name: "sluice test".into(),
            max_connections: 1,
            route,
            home: Home::default(),
        };
        let pool = connect_pool(&SecretString::from(database.url(Role::Data)), &options).await?;
        let insert = async || -> Result<(), sqlx::Error> {
            let mut tx = pool.begin().await?;
            engine::sql::execute_script(&mut tx, "INSERT INTO t VALUES (1)").await?;
            tx.commit().await
        };
        let refused = insert().await.expect_err("it can only read");
        assert_eq!(error::classify(&refused), error::Class::ReadOnly);
        let writable = format!("ALTER ROLE \"{role}\" RESET default_transaction_read_only");
        engine::sql::execute_script(&mut superuser, writable).await?;
        insert().await?;
        let read_only = format!("ALTER ROLE \"{role}\" SET default_transaction_read_only = on");
        engine::sql::execute_script(&mut superuser, read_only).await?;
    }
    Ok(())
}

/// Decisions leave the database, so they wait for the disk whatever the role is set to; rows and cursors are lost together or not at all.
#[tokio::test]
async fn a_direct_session_commits_durably_and_a_batch_as_the_server_is_set() -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    let mut superuser = database.superuser().await?;
    for (set, direct, pooled) in [
        ("off", "on", "off"),
        ("local", "on", "local"),
        ("remote_write", "remote_write", "remote_write"),
        ("remote_apply", "remote_apply", "remote_apply"),
    ] {
        let role = database.role(Role::Data);
        engine::sql::execute_script(
            &mut superuser,
            format!("ALTER ROLE \"{role}\" SET synchronous_commit = {set}"),
        )
        .await?;
        for (route, expected) in [(Route::Direct, direct), (Route::Pooled, pooled)] {
            let options = SessionOptions {
                application_name: "sluice test".into(),
                max_connections: 1,
                route,
                home: Home::default(),
            };
            let pool = connect_pool(&SecretString::from(database.url(Role::Data)), &options).await?;
            let found: String = engine::sql::scalar("SELECT current_setting('synchronous_commit')")
                .fetch_one(&pool)
                .await?;
            assert_eq!(found, expected, "{set} over {route:?}");
            pool.close().await;
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_server_says_who_it_is_and_a_standby_is_refused() -> Outcome {
    let server = Server::start(testbed::postgres::Durability::ThrowAway).await?;
    let database = Database::new(&server).await?;
    let primary = identity::read(&mut connect(&database, Role::Data).await?).await?;
    assert!(
        primary.suitable().is_ok() && primary.timeline == Some(1),
        "{primary:?}"
    );
    let replica = server.replica("one").await?;
    replica.caught_up(&server).await?;
    let standby = identity::read(&mut replica.superuser(database.name()).await?).await?;
    assert_eq!(standby.system_identifier, primary.system_identifier);
    let refusal = standby.suitable().expect_err("a standby").to_string();
    assert!(
        refusal.contains("point the target's url at the primary"),
        "{refusal}"
    );
    Ok(())
}
