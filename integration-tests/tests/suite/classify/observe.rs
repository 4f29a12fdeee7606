//! A script run in a scratch copy: what is seen of each statement, and that nothing stays.

use std::time::Duration;

use engine::postgres::observe::{
    Error, Observation, Outcome as Ended, Request, Statement, observe, observe_within,
};
use secrecy::SecretString;
use testbed::database::{Database, Role};
use testbed::postgres::Server;
use testbed::wait;

use super::{Outcome, may_create, on_tables, statements, summary};

const SCHEMA: &str = "
    CREATE TYPE mood AS ENUM ('sad', 'ok');
    CREATE TABLE customer (id int PRIMARY KEY, name varchar(50), feel mood);
    CREATE INDEX customer_name ON customer (name);
    CREATE TABLE purchase (id int PRIMARY KEY, customer_id int REFERENCES customer, total int);
    CREATE TABLE event (id int, day int) PARTITION BY RANGE (day);
    CREATE TABLE event_1 PARTITION OF event FOR VALUES FROM (0) TO (10);
    CREATE TABLE event_2 PARTITION OF event FOR VALUES FROM (10) TO (20);
    CREATE VIEW names AS SELECT name FROM customer;
    CREATE FUNCTION odd() RETURNS text LANGUAGE sql AS $$ SELECT '
--
-- Name: odd; Type: TABLE; Schema: public
--
' $$;
    INSERT INTO customer SELECT n, 'n' || n FROM generate_series(1, 1000) AS n";

async fn ready(server: &Server) -> anyhow::Result<Database<'_>> {
    let database = Database::new(server).await?;
    database.execute_as(Role::Owner, SCHEMA).await?;
    may_create(&database).await?;
    Ok(database)
}

async fn observed(database: &Database<'_>, script: &[&str]) -> Result<Observation, Error> {
    let statements = statements(script);
    let url = SecretString::from(database.url(Role::Owner));
    let request = Request {
        live: &url,
        scratch: None,
        exclude_schemas: &[],
        statements: &statements,
    };
    observe(request, std::future::pending()).await
}

/// Scratch databases whose comment names this one.
async fn scratches(database: &Database<'_>) -> anyhow::Result<Vec<String>> {
    let mut conn = database.superuser().await?;
    let text = format!(
        "SELECT datname::text FROM pg_database WHERE datname LIKE 'sluice\\_scratch\\_%' \
            AND shobj_description(oid, 'pg_database') LIKE '%of {},%'",
        database.name()
    );
    Ok(engine::sql::scalar(text).fetch_all(&mut conn).await?)
}

#[tokio::test]
async fn each_statement_of_a_script_is_seen_and_the_live_database_stays_as_it_was() -> Outcome {
    let database = ready(Server::shared().await?).await?;
    let before = database.schema_dump().await?;
    let script = [
        "ALTER TABLE customer ALTER id TYPE bigint",
        "CREATE INDEX CONCURRENTLY purchase_total ON purchase (total);",
        "ALTER TABLE customer ADD FOREIGN KEY (nosuch) REFERENCES purchase",
        "CREATE TABLE fresh (id int)",
        "ALTER TABLE fresh ADD c int DEFAULT random() * 10",
        "ALTER TABLE customer ALTER name TYPE text",
        "VACUUM purchase",
    ];
    let seen = observed(&database, &script).await?;
    assert_eq!(seen.missing, Vec::<String>::new());
    assert_eq!(seen.statements.len(), script.len());
    let [retyped, index, fails, fresh, fresh_too, view, vacuum] = &seen.statements[..] else {
        anyhow::bail!("{seen:?}");
    };
    assert!(
        on_tables(&retyped.locks).contains(&"public.customer AccessExclusiveLock".to_owned()),
        "{}",
        summary(retyped)
    );
    assert_eq!(
        (retyped.rewritten.as_slice(), retyped.transactional),
        (&["public.customer".to_owned()][..], Some(true))
    );
    assert!(
        retyped.scanned.contains(&"public.customer".to_owned()),
        "{}",
        summary(retyped)
    );
    assert_eq!(
        on_tables(&index.locks),
        ["public.purchase ShareUpdateExclusiveLock"],
        "{}",
        summary(index)
    );
    assert_eq!(
        (index.transactional, index.scanned.as_slice()),
        (Some(false), &["public.purchase".to_owned()][..])
    );
    assert!(
        matches!(&fails.outcome, Ended::Failed { sqlstate, .. } if sqlstate == "42703"),
        "{}",
        summary(fails)
    );
    assert_eq!(on_tables(&fresh.locks), Vec::<String>::new());
    // The script's own table: nobody waits for it, and it is no rewrite of anything that was there.
    assert_eq!(
        (on_tables(&fresh_too.locks).len(), fresh_too.rewritten.len()),
        (0, 0),
        "{}",
        summary(fresh_too)
    );
    assert!(
        matches!(&view.outcome, Ended::Failed { sqlstate, .. } if sqlstate == "0A000"),
        "{}",
        summary(view)
    );
    assert_eq!(
        on_tables(&vacuum.locks),
        ["public.purchase ShareUpdateExclusiveLock"],
        "{}",
        summary(vacuum)
    );
    assert_eq!(database.schema_dump().await?, before);
    assert_eq!(scratches(&database).await?, Vec::<String>::new());
    Ok(())
}

#[tokio::test]
async fn locks_of_what_cannot_be_in_a_transaction_are_seen_while_it_waits() -> Outcome {
    let database = ready(Server::shared().await?).await?;
    for (statement, expected, rewritten) in [
        (
            "DROP INDEX CONCURRENTLY customer_name",
            &["public.customer ShareUpdateExclusiveLock"][..],
            None,
        ),
        (
            "REINDEX INDEX CONCURRENTLY customer_name",
            &["public.customer ShareUpdateExclusiveLock"],
            None,
        ),
        (
            "REINDEX TABLE CONCURRENTLY customer",
            &["public.customer ShareUpdateExclusiveLock"],
            None,
        ),
        (
            "VACUUM FULL customer",
            &["public.customer AccessExclusiveLock"],
            Some("public.customer"),
        ),
        (
            "VACUUM (ANALYZE) purchase, customer",
            &[
                "public.customer ShareUpdateExclusiveLock",
                "public.purchase ShareUpdateExclusiveLock",
            ],
            None,
        ),
        (
            "ALTER TABLE event DETACH PARTITION event_1 CONCURRENTLY",
            &[
                "public.event ShareUpdateExclusiveLock",
                "public.event_1 AccessExclusiveLock",
                "public.event_1 ShareUpdateExclusiveLock",
            ],
            None,
        ),
        (
            "REINDEX SCHEMA public",
            &["public.customer ShareLock", "public.purchase ShareLock"],
            None,
        ),
    ] {
        let seen = observed(&database, &[statement]).await?;
        let seen = &seen.statements[0];
        assert_eq!(
            (&seen.outcome, seen.transactional),
            (&Ended::Done, Some(false)),
            "{statement}"
        );
        let found = on_tables(&seen.locks);
        // A reader's lock is taken and given up on the way, as is that of an index that is built on a table of one's own: it is seen or not.
        let passing = |lock: &&String| {
            let of_a_build = lock.strip_suffix(" ShareLock");
            let own = of_a_build.map(|table| format!("{table} AccessExclusiveLock"));
            lock.ends_with(" AccessShareLock") || own.is_some_and(|own| found.contains(&own))
        };
        let found: Vec<_> = found.iter().filter(|lock| !passing(lock)).collect();
        assert_eq!(found, expected, "{statement}: {}", summary(seen));
        assert_eq!(
            seen.rewritten.first().map(String::as_str),
            rewritten,
            "{statement}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn in_the_scripts_own_transaction_only_what_is_new_belongs_to_a_statement() -> Outcome {
    let database = ready(Server::shared().await?).await?;
    let script = [
        "BEGIN",
        "LOCK TABLE customer IN SHARE MODE",
        "ALTER TABLE customer ADD age int",
        "SELECT nosuch",
        "ALTER TABLE purchase ADD age int",
        "ROLLBACK",
        "LOCK TABLE customer",
        "ALTER TABLE customer ADD age int",
    ];
    let seen = observed(&database, &script).await?.statements;
    assert_eq!(on_tables(&seen[1].locks), ["public.customer ShareLock"]);
    assert_eq!(on_tables(&seen[2].locks), ["public.customer AccessExclusiveLock"]);
    assert_eq!(on_tables(&seen[2].held), ["public.customer ShareLock"]);
    let failed =
        |n: usize, code: &str| matches!(&seen[n].outcome, Ended::Failed { sqlstate, .. } if sqlstate == code);
    // As it goes where the script is run: an error, everything refused after it, and LOCK alone is refused.
    assert!(
        failed(3, "42703") && failed(4, "25P02") && failed(6, "25P01"),
        "{seen:?}"
    );
    assert_eq!((&seen[5].outcome, &seen[7].outcome), (&Ended::Done, &Ended::Done));
    Ok(())
}

#[tokio::test]
async fn what_reaches_beyond_the_scratch_database_is_not_run() -> Outcome {
    let database = ready(Server::shared().await?).await?;
    let drop = format!("DROP DATABASE {}", database.name());
    let role = format!("CREATE ROLE {}_x", database.name());
    let grant = format!(
        "REVOKE CONNECT ON DATABASE {} FROM {}",
        database.name(),
        database.role(Role::App)
    );
    let script = [
        drop.as_str(),
        &role,
        &grant,
        "COPY customer TO '/tmp/never'",
        "ALTER TABLE customer ADD c int",
    ];
    let seen = observed(&database, &script).await?.statements;
    for statement in &seen[..4] {
        assert!(
            matches!(statement.outcome, Ended::NotRun(_)),
            "{}",
            summary(statement)
        );
    }
    assert_eq!(seen[4].outcome, Ended::Done);
    database.connect(Role::App).await?;
    Ok(())
}

#[tokio::test]
async fn rows_of_a_copy_are_taken_and_given() -> Outcome {
    let database = ready(Server::shared().await?).await?;
    let rows = Statement {
        text: "COPY purchase FROM STDIN",
        copy_data: Some("1\t\\N\t7\n2\t\\N\t8\n"),
    };
    let script = [
        rows,
        "COPY purchase TO STDOUT".into(),
        "DELETE FROM purchase WHERE id = 1".into(),
        "DELETE FROM purchase".into(),
    ];
    let url = SecretString::from(database.url(Role::Owner));
    let seen = observe_within(&url, &script).await?;
    assert!(seen.iter().all(|one| one.outcome == Ended::Done), "{seen:?}");
    assert_eq!(on_tables(&seen[0].locks), ["public.purchase RowExclusiveLock"]);
    // By its key no row but one is read, whatever the planner would do with a table of two rows.
    let scanned: Vec<_> = seen.iter().map(|one| one.scanned.len()).collect();
    assert_eq!(scanned, [0, 1, 0, 1], "{seen:?}");
    Ok(())
}

#[tokio::test]
async fn a_role_that_may_not_create_a_database_is_told_so() -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    let error = observed(&database, &["SELECT 1"]).await.unwrap_err();
    assert!(
        matches!(&error, Error::MayNotCreate { role } if *role == database.role(Role::Owner)),
        "{error:?}"
    );
    Ok(())
}

#[tokio::test]
async fn whoever_stops_it_leaves_no_database_behind() -> Outcome {
    let database = ready(Server::shared().await?).await?;
    let url = SecretString::from(database.url(Role::Owner));
    let script = statements(&["SELECT pg_sleep(50)"]);
    let request = Request {
        live: &url,
        scratch: None,
        exclude_schemas: &[],
        statements: &script,
    };
    let sleeping = async {
        let asleep = wait::until("the script sleeps", Duration::from_secs(60), async || {
            let mut conn = database.superuser().await?;
            let text = format!(
                "SELECT count(*) > 0 FROM pg_stat_activity WHERE query LIKE '%pg_sleep(50)%' AND usename = '{}' AND state = 'active'",
                database.role(Role::Owner)
            );
            engine::sql::scalar::<bool>(text).fetch_one(&mut conn).await
        });
        asleep.await.expect("it sleeps");
    };
    let error = observe(request, sleeping).await.unwrap_err();
    assert!(matches!(error, Error::Stopped), "{error:?}");
    assert_eq!(scratches(&database).await?, Vec::<String>::new());
    Ok(())
}

#[tokio::test]
async fn a_session_that_ends_itself_ends_the_observation_and_nothing_else() -> Outcome {
    let database = ready(Server::shared().await?).await?;
    // Put together of pieces: written out it would not be run.
    let script = [
        "DO $$ BEGIN EXECUTE 'SELECT pg_terminate_' || 'backend(pg_backend_pid())'; END $$",
        "ALTER TABLE customer ADD c int",
    ];
    let seen = observed(&database, &script).await?.statements;
    assert!(matches!(seen[0].outcome, Ended::Failed { .. }), "{seen:?}");
    assert!(matches!(seen[1].outcome, Ended::NotRun(_)), "{seen:?}");
    assert_eq!(scratches(&database).await?, Vec::<String>::new());
    Ok(())
}
