//! Ledgers of another format: an older one is upgraded under its workers, a newer one is worked on unless it says no.

use std::time::Duration;

use engine::db;
use ledger::migrations::FORMAT;
use ledger::tasks::{Claimed, Fence};
use proto::{LeaseId, TaskId};
use sqlx::PgConnection;
use sqlx::types::Uuid;
use testbed::database::{Database, Role};
use testbed::embedded::Embedded;
use testbed::postgres::Server;
use testbed::{target, wait};
use tokio::sync::watch;

use super::Outcome;

/// The ledger as the first version made it.
const FORMAT_1: &str = include_str!("../../../../ledger/migrations/postgresql/0001_foundation.sql");
/// A job of then, in mid-backfill: one chunk is done, one is leased and half-way.
const UNFINISHED: &str = "
    INSERT INTO sluice.migration (version, name, checksum) VALUES (1, 'foundation', '');
    INSERT INTO sluice.ledger (id, target, system_identifier, database_oid, timeline, format, oldest_writer)
    SELECT '00000000-0000-4000-8000-000000000001', 'test', s.system_identifier::text, d.oid, 1, 1, 1
    FROM pg_control_system() s, pg_database d WHERE d.datname = current_database();
    INSERT INTO sluice.plan (hash, name, tag, document) VALUES (repeat('a', 64), 'old', '0123456789', '{}');
    INSERT INTO sluice.job (id, name, target, plan_hash, tag, state, machine, submitted_by)
    VALUES ('00000000-0000-4000-8000-000000000002', 'old', 'test', repeat('a', 64), '0123456789', 'backfilling', '{}', 'ann');
    INSERT INTO sluice.job_table (job, root_schema, root_table) VALUES ('00000000-0000-4000-8000-000000000002', 'public', 't');
    INSERT INTO sluice.chunk (id, job, fill, sweep, seq, kind, leaf_oid, leaf_schema, leaf_name, fingerprint, first_block, end_block, state, rows_changed)
    VALUES ('00000000-0000-4000-8000-000000000003', '00000000-0000-4000-8000-000000000002', 0, 1, 0, 'sweep', 1, 'public', 't', 'f', 0, 10, 'done', 7),
        ('00000000-0000-4000-8000-000000000004', '00000000-0000-4000-8000-000000000002', 0, 1, 1, 'sweep', 1, 'public', 't', 'f', 10, 100000, 'open', 0);
    INSERT INTO sluice.chunk_cursor (chunk, attempt, lease, cursor_block, rows_changed)
    VALUES ('00000000-0000-4000-8000-000000000004', 1, '00000000-0000-4000-8000-000000000006', 12, 3);
    INSERT INTO sluice.task (id, job, kind, fill, chunk, state, attempt, lease, lease_until, worker, published_at, publications)
    VALUES ('00000000-0000-4000-8000-000000000005', '00000000-0000-4000-8000-000000000002', 'chunk', 0, '00000000-0000-4000-8000-000000000004',
        'leased', 1, '00000000-0000-4000-8000-000000000006', now() + interval '1 minute', 'old-worker', now(), 1);";

fn id(last: u128) -> Uuid {
    Uuid::from_u128(0x0000_0000_0000_4000_8000_0000_0000_0000 | last)
}

/// A worker of the first version, by its own statements: it renews its lease and advances its cursor. Counts its batches.
async fn old_worker(mut conn: PgConnection, batches: watch::Sender<u64>) -> sqlx::Result<()> {
    const RENEW: &str = "UPDATE sluice.task SET lease_until = clock_timestamp() + $1 * interval '1 second'
        WHERE id = $2 AND attempt = 1 AND lease = $3 AND state = 'leased' AND lease_until > clock_timestamp()";
    const ADVANCE: &str = "UPDATE sluice.chunk_cursor SET cursor_block = cursor_block + 1, rows_seen = rows_seen + 1, rows_changed = rows_changed + 1,
        batches = batches + 1, updated_at = clock_timestamp() WHERE chunk = $1 AND attempt = 1 AND lease = $2";
    loop {
        let renewed = sqlx::query(RENEW)
            .bind(60.0)
            .bind(id(5))
            .bind(id(6))
            .execute(&mut conn)
            .await?;
        let advanced = sqlx::query(ADVANCE)
            .bind(id(4))
            .bind(id(6))
            .execute(&mut conn)
            .await?;
        assert_eq!((renewed.rows_affected(), advanced.rows_affected()), (1, 1));
        batches.send_modify(|batches| *batches += 1);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn goes_on(batches: &mut watch::Receiver<u64>, by: u64) -> Outcome {
    let now = *batches.borrow();
    let ahead = batches.wait_for(|batches| *batches >= now + by);
    tokio::time::timeout(Duration::from_secs(60), ahead).await??;
    Ok(())
}

#[tokio::test]
async fn a_ledger_of_the_first_format_is_upgraded_while_its_workers_go_on() -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    database.execute_as(Role::Ledger, FORMAT_1).await?;
    database.execute_as(Role::Ledger, UNFINISHED).await?;
    let (sender, mut batches) = watch::channel(0);
    let worker = tokio::spawn(old_worker(database.connect(Role::Ledger).await?, sender));
    goes_on(&mut batches, 5).await?;

    // Somebody's report has used the tables, and its transaction is still open.
    let mut report = database.superuser().await?;
    engine::sql::execute_script(&mut report, "BEGIN; SELECT FROM sluice.task").await?;
    let upgrading = target::ledger(&database);
    let meanwhile = async {
        let mut watcher = database.superuser().await?;
        wait::until(
            "the upgrade waits for its tables",
            Duration::from_secs(60),
            async || {
                const WAITS: &str =
                    "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database()
                AND wait_event_type = 'Lock' AND query LIKE '%ADD COLUMN%')";
                sqlx::query_scalar::<_, bool>(WAITS).fetch_one(&mut watcher).await
            },
        )
        .await?;
        // For longer than any of its tries.
        goes_on(&mut batches, 100).await?;
        engine::sql::execute_script(&mut report, "ROLLBACK").await?;
        anyhow::Ok(())
    };
    let (upgraded, waited) = tokio::join!(upgrading, meanwhile);
    waited?;
    let ledger = upgraded?;
    goes_on(&mut batches, 20).await?;
    assert!(!worker.is_finished(), "{:?}", worker.await);
    worker.abort();

    let format: i32 = database
        .value(Role::Ledger, "SELECT max(version) FROM sluice.migration")
        .await?;
    assert_eq!(format, FORMAT);
    assert_eq!(ledger.id().0, id(1));
    let fence = Fence {
        attempt: 1,
        lease: LeaseId(id(6)),
    };
    assert!(
        ledger.renew(TaskId(id(5)), fence).await?,
        "its lease is what it was"
    );
    // Nobody let its chunk in, for there was no such thing; it counts all the same, and the next worker gets it.
    assert_eq!(ledger.in_flight().await?, 1);
    let planner = LeaseId::random();
    assert!(ledger.hold_lease("planner", "planner", planner).await?);
    let dies =
        "UPDATE sluice.task SET lease_until = clock_timestamp() - interval '1 second' WHERE state = 'leased';
        INSERT INTO sluice.throttle (job, go, max_parallel) SELECT id, true, 1 FROM sluice.job
            ON CONFLICT (job) DO UPDATE SET go = true, max_parallel = 1";
    database.execute_as(Role::Ledger, dies).await?;
    let claimed = ledger.claim(TaskId(id(5)), &"new-worker".into()).await?;
    assert_eq!(claimed, Claimed::Busy, "nobody has let it in");
    assert_eq!(ledger.admit(1, planner).await?, 1);
    let claimed = ledger.claim(TaskId(id(5)), &"new-worker".into()).await?;
    assert!(matches!(claimed, Claimed::Ours(_)), "{claimed:?}");
    let kept = "SELECT (SELECT sum(rows_changed) FROM sluice.chunk)::bigint * 1000000 + (SELECT rows_changed - batches FROM sluice.chunk_cursor)";
    assert_eq!(database.value::<i64>(Role::Ledger, kept).await?, 7_000_003);
    Ok(())
}

/// What a later version may do to the ledger: add.
async fn newer(database: &Database<'_>, oldest_writer: i32) -> Outcome {
    let newer = format!(
        "INSERT INTO sluice.migration (version, name, checksum) VALUES ({}, 'future', '');
         ALTER TABLE sluice.task ADD COLUMN novelty text;
         ALTER TABLE sluice.throttle ADD COLUMN novelty integer NOT NULL DEFAULT 0;
         UPDATE sluice.ledger SET format = {}, oldest_writer = {oldest_writer}",
        FORMAT + 1,
        FORMAT + 1
    );
    database.execute_as(Role::Ledger, &newer).await?;
    Ok(())
}

#[tokio::test]
async fn a_process_of_an_older_format_does_whole_jobs_on_a_newer_ledger_that_lets_it() -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    const TABLE: &str = "CREATE TABLE t (id int PRIMARY KEY, v int NOT NULL); INSERT INTO t SELECT n, n FROM generate_series(1, 500) n";
    database.execute_as(Role::Owner, TABLE).await?;
    database.grant_data_privileges(&["t"]).await?;
    target::ledger(&database).await?;
    newer(&database, FORMAT).await?;
    let embedded = Embedded::start(&database).await?;
    let spec = "name = \"twice\"\n[[change]]\nkind = \"add_column\"\ntable = \"t\"\ncolumn = \"twice\"\ntype = \"integer\"\nup = \"v * 2\"\n";
    let job = embedded.submit(&database, spec).await?;
    embedded.verified(job).await?;
    embedded.stop().await?;
    let right = "SELECT count(*) FROM t WHERE twice = v * 2";
    assert_eq!(database.value::<i64>(Role::App, right).await?, 500);
    Ok(())
}

#[tokio::test]
async fn a_newer_ledger_that_only_newer_builds_may_write_is_refused_with_what_to_do() -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    target::ledger(&database).await?;
    newer(&database, FORMAT + 1).await?;
    let refused = target::ledger(&database)
        .await
        .err()
        .map(|error| format!("{:#}", anyhow::Error::from(error)));
    let expected = format!("format {}", FORMAT + 1);
    assert!(
        refused
            .as_deref()
            .is_some_and(|why| why.contains(&expected) && why.contains("upgrade sluice")),
        "{refused:?}"
    );
    Ok(())
}

/// Whoever may not upgrade a ledger waits for somebody who does.
#[tokio::test]
async fn a_worker_is_told_that_its_ledger_lacks_what_it_needs() -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    database.execute_as(Role::Ledger, FORMAT_1).await?;
    database.execute_as(Role::Ledger, UNFINISHED).await?;
    let pool = db::Pool::Postgres(database.pool(Role::Ledger).await?);
    let refused = ledger::Ledger::open(pool.clone(), "test".into()).await;
    assert!(
        matches!(
            refused,
            Err(ledger::Error::Behind {
                found: 1,
                needed: FORMAT
            })
        ),
        "{refused:?}"
    );
    pool.close().await;
    Ok(())
}
