//! The ledger on a real server: its migrations, leases, fences and refusals.

use std::time::Duration;

use ledger::checks::{Outcome as Conclusion, Verdict};
use ledger::chunks::{ChunkKind, NewChunk, Progress};
use ledger::jobs::{self, JobChange, NewJob, TableHold, Taken};
use ledger::tasks::{Claim, Claimed, Failure, FailureClass, Fence};
use ledger::{Error, JobState, Ledger, Stage, StageStatus, chunks, sweeps};
use proto::{ChunkId, JobId, LeaseId, TaskId};
use sqlx::Executor;
use testbed::database::{Database, Role};
use testbed::postgres::Server;
use testbed::{target, wait};

type Outcome = anyhow::Result<()>;

async fn job_on(ledger: &Ledger, table: &str) -> Result<JobId, Error> {
    let plan = target::smallest_plan(table);
    let id = JobId::new();
    let new = NewJob {
        id,
        plan: &plan,
        submitted_by: "ann",
        machine: serde_json::json!({}),
    };
    ledger.take_job(new).await.map(|_| id)
}

fn range(job: JobId, seq: u64, first_block: u64, end_block: u64) -> NewChunk {
    NewChunk {
        id: ChunkId::of(job, 0, 1, seq),
        fill: 0,
        sweep: 1,
        seq,
        kind: ChunkKind::Sweep,
        leaf_oid: 1,
        leaf: engine::catalog::TableName {
            schema: "public".to_owned(),
            name: "t".to_owned(),
        },
        fingerprint: "print".to_owned(),
        first_block,
        end_block,
    }
}

async fn claimed(ledger: &Ledger, task: TaskId, worker: &str) -> anyhow::Result<Claim> {
    match ledger.claim(task, &worker.into()).await? {
        Claimed::Ours(claim) => Ok(claim),
        other => anyhow::bail!("not claimed: {other:?}"),
    }
}

/// As if fifteen seconds had gone by since the holder was last heard.
async fn lapse(ledger: &Ledger, task: TaskId) -> Outcome {
    sqlx::query("UPDATE sluice.task SET lease_until = clock_timestamp() - interval '1 second' WHERE id = $1")
        .bind(task.0)
        .execute(ledger.pool())
        .await?;
    Ok(())
}

#[tokio::test]
async fn many_processes_create_the_ledger_at_once_and_it_is_created_once() -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    let (a, b, c) = tokio::join!(
        target::ledger(&database),
        target::ledger(&database),
        target::ledger(&database)
    );
    assert_eq!(a?.id(), b?.id());
    c?;
    assert_eq!(
        database
            .value::<i64>(Role::Ledger, "SELECT count(*) FROM sluice.migration")
            .await?,
        1
    );
    Ok(())
}

/// PITFALLS 20: a session that waits in `pg_advisory_lock` holds a snapshot, and CREATE INDEX CONCURRENTLY
/// elsewhere ends in "deadlock detected".
#[tokio::test]
async fn a_waiting_migrator_does_not_deadlock_with_create_index_concurrently() -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    database
        .execute_as(Role::Owner, "CREATE TABLE t (id int)")
        .await?;
    let mut other = database.connect(Role::Ledger).await?;
    other.execute("SELECT pg_advisory_lock(126909663503205)").await?;
    let waiting = async {
        let ledger = target::ledger(&database).await?;
        anyhow::Ok(ledger.id())
    };
    let indexing = async {
        let mut watcher = database.superuser().await?;
        wait::until("the migrator waits", Duration::from_secs(20), async || {
            sqlx::query_scalar::<_, bool>(
                "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%ledger.migrate %')",
            )
            .fetch_one(&mut watcher)
            .await
        })
        .await?;
        database
            .execute_as(Role::Owner, "CREATE INDEX CONCURRENTLY t_id ON t (id)")
            .await?;
        other.execute("SELECT pg_advisory_unlock_all()").await?;
        anyhow::Ok(())
    };
    let (waited, indexed) = tokio::join!(waiting, indexing);
    indexed?;
    waited?;
    Ok(())
}

#[tokio::test]
async fn a_newer_ledger_is_refused_with_what_to_do() -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    target::ledger(&database).await?;
    database
        .execute_as(
            Role::Ledger,
            "INSERT INTO sluice.migration (version, name, checksum) VALUES (99, 'future', '')",
        )
        .await?;
    let refused = target::ledger(&database)
        .await
        .err()
        .map(|e| format!("{:#}", anyhow::Error::from(e)));
    assert!(
        refused
            .as_deref()
            .is_some_and(|r| r.contains("format 99") && r.contains("upgrade sluice")),
        "{refused:?}"
    );
    Ok(())
}

/// PITFALLS 25: a restored copy contains running jobs.
#[tokio::test]
async fn a_copy_of_the_database_is_not_worked_on() -> Outcome {
    let server = Server::shared().await?;
    let database = Database::new(server).await?;
    target::ledger(&database).await?;
    let mut admin = server.superuser("postgres").await?;
    let copy = format!("{}_copy", database.name());
    let close = format!(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{}'",
        database.name()
    );
    wait::until("the copy is made", Duration::from_secs(20), async || {
        admin.execute(sqlx::raw_sql(sqlx_text(&close))).await?;
        Ok::<_, sqlx::Error>(
            admin
                .execute(sqlx::raw_sql(sqlx_text(&format!(
                    "CREATE DATABASE {copy} TEMPLATE {}",
                    database.name()
                ))))
                .await
                .is_ok(),
        )
    })
    .await?;
    let url = database.url(Role::Ledger);
    let url = format!("{}{copy}", url.strip_suffix(database.name()).unwrap_or(&url));
    let pool = sqlx::PgPool::connect(&url).await?;
    let opened = Ledger::open(pool.clone(), "test".into()).await;
    pool.close().await;
    admin
        .execute(sqlx::raw_sql(sqlx_text(&format!(
            "DROP DATABASE {copy} WITH (FORCE)"
        ))))
        .await?;
    assert!(matches!(opened, Err(Error::Clone { .. })), "{opened:?}");
    Ok(())
}

/// Names in these tests are made by the testbed.
#[expect(clippy::disallowed_methods, reason = "names are made by the testbed")]
fn sqlx_text(text: &str) -> sqlx::AssertSqlSafe<String> {
    sqlx::AssertSqlSafe(text.to_owned())
}

/// PITFALLS 26: the first ledger row would stop the subscriber.
#[tokio::test]
async fn a_publication_for_all_tables_is_refused_before_anything_is_created() -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    let mut admin = database.superuser().await?;
    admin
        .execute("CREATE PUBLICATION everything FOR ALL TABLES")
        .await?;
    let refused = target::ledger(&database)
        .await
        .err()
        .map(|e| format!("{:#}", anyhow::Error::from(e)));
    assert!(
        refused.as_deref().is_some_and(|r| r.contains("everything")),
        "{refused:?}"
    );
    assert!(
        !database
            .value::<bool>(Role::Ledger, "SELECT to_regnamespace('sluice') IS NOT NULL")
            .await?
    );
    let mut settings = target::settings(&database);
    settings.acknowledge_publications = vec!["everything".to_owned()];
    target::connect_with(&database, &settings).await?;
    Ok(())
}

#[tokio::test]
async fn a_second_job_on_a_table_is_refused_until_the_first_has_ended() -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    let ledger = target::ledger(&database).await?;
    let first = job_on(&ledger, "t").await?;
    let refused = job_on(&ledger, "t").await;
    assert!(
        matches!(&refused, Err(Error::TableBusy { other, .. }) if *other == first),
        "{refused:?}"
    );
    assert_eq!(
        ledger.jobs().await?.len(),
        1,
        "the refused job left something behind"
    );
    job_on(&ledger, "u").await?;
    let mut conn = ledger.pool().acquire().await?;
    jobs::hold_tables(&mut conn, first, TableHold::Release).await?;
    drop(conn);
    let second = job_on(&ledger, "t").await?;
    let mut conn = ledger.pool().acquire().await?;
    let taken = jobs::hold_tables(&mut conn, first, TableHold::Keep).await;
    assert!(
        matches!(&taken, Err(Error::TableTaken { other, .. }) if other.contains(&second.to_string())),
        "{taken:?}"
    );
    Ok(())
}

#[tokio::test]
async fn the_same_submission_twice_is_one_job() -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    let ledger = target::ledger(&database).await?;
    let plan = target::smallest_plan("t");
    let id = JobId::new();
    let new = || NewJob {
        id,
        plan: &plan,
        submitted_by: "ann",
        machine: serde_json::json!({}),
    };
    assert_eq!(ledger.take_job(new()).await?, Taken::New);
    assert_eq!(ledger.take_job(new()).await?, Taken::Known);
    Ok(())
}

/// Invariant 4.
#[tokio::test]
async fn no_stage_starts_before_every_earlier_one_is_done() -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    let ledger = target::ledger(&database).await?;
    let job = job_on(&ledger, "t").await?;
    let mut conn = ledger.pool().acquire().await?;
    for stage in Stage::ALL {
        for later in Stage::ALL.iter().filter(|s| *s > stage) {
            let early = jobs::set_stage(&mut conn, job, *later, StageStatus::Running).await;
            assert!(
                matches!(early, Err(Error::StageOrder { .. })),
                "{later} began before {stage} was done"
            );
        }
        jobs::set_stage(&mut conn, job, *stage, StageStatus::Running).await?;
        jobs::set_stage(&mut conn, job, *stage, StageStatus::Done).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_change_from_a_stale_version_is_thrown_away_whole() -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    let ledger = target::ledger(&database).await?;
    let job = job_on(&ledger, "t").await?;
    let change = |state| JobChange {
        id: job,
        version: 0,
        state,
        reason: None,
        machine: serde_json::json!({}),
    };
    let mut conn = ledger.pool().acquire().await?;
    jobs::change(&mut conn, &change(JobState::Planned)).await?;
    let stale = jobs::change(&mut conn, &change(JobState::Held)).await;
    assert!(matches!(stale, Err(Error::Conflict { .. })), "{stale:?}");
    drop(conn);
    assert_eq!(ledger.job(job).await?.state, JobState::Planned);
    Ok(())
}

async fn one_chunk(ledger: &Ledger) -> anyhow::Result<(JobId, ChunkId, TaskId)> {
    let job = job_on(ledger, "t").await?;
    let chunk = range(job, 0, 0, 10);
    let mut conn = ledger.pool().acquire().await?;
    chunks::create(&mut conn, job, &chunk).await?;
    Ok((job, chunk.id, TaskId::of_chunk(chunk.id)))
}

#[tokio::test]
async fn of_two_that_claim_a_task_at_once_one_gets_it() -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    let ledger = target::ledger(&database).await?;
    let (_, _, task) = one_chunk(&ledger).await?;
    let (ann, bob) = ("ann".into(), "bob".into());
    let (a, b) = tokio::join!(ledger.claim(task, &ann), ledger.claim(task, &bob));
    let ours = [a?, b?].iter().filter(|c| matches!(c, Claimed::Ours(_))).count();
    assert_eq!(ours, 1);
    Ok(())
}

/// Invariant 2, PITFALLS 19 and 24: a worker that was thought dead wakes up after somebody else took its chunk.
#[tokio::test]
async fn a_zombie_can_neither_advance_nor_finish_nor_renew() -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    let ledger = target::ledger(&database).await?;
    let (_, chunk, task) = one_chunk(&ledger).await?;
    let zombie = claimed(&ledger, task, "zombie").await?;
    assert!(
        matches!(ledger.claim(task, &"heir".into()).await?, Claimed::Busy),
        "a live lease was taken"
    );
    lapse(&ledger, task).await?;
    assert_eq!(ledger.lapsed_lease(task).await?, Some(zombie.fence.lease));
    let heir = claimed(&ledger, task, "heir").await?;
    assert_eq!(
        (heir.fence.attempt, heir.took_over),
        (2, Some(zombie.fence.lease))
    );

    let step = Progress {
        cursor_block: 10,
        rows_changed: 1,
        ..Progress::default()
    };
    let mut conn = ledger.pool().acquire().await?;
    let late = chunks::advance(&mut conn, chunk, zombie.fence, step).await;
    assert!(matches!(late, Err(Error::LeaseLost { .. })), "{late:?}");
    // A lost tail of commits can issue the same attempt number again: the lease id still differs (PITFALLS 24).
    let forged = Fence {
        attempt: heir.fence.attempt,
        lease: LeaseId::random(),
    };
    let forged = chunks::advance(&mut conn, chunk, forged, step).await;
    assert!(matches!(forged, Err(Error::LeaseLost { .. })), "{forged:?}");
    assert!(!ledger.renew(task, zombie.fence).await?);
    assert!(!ledger.finish_chunk(&zombie, None).await?);

    chunks::advance(&mut conn, chunk, heir.fence, step).await?;
    drop(conn);
    assert!(ledger.finish_chunk(&heir, None).await?);
    Ok(())
}

#[tokio::test]
async fn a_chunk_is_not_done_before_its_cursor_stands_at_its_end() -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    let ledger = target::ledger(&database).await?;
    let (_, chunk, task) = one_chunk(&ledger).await?;
    let claim = claimed(&ledger, task, "ann").await?;
    let mut conn = ledger.pool().acquire().await?;
    chunks::advance(
        &mut conn,
        chunk,
        claim.fence,
        Progress {
            cursor_block: 9,
            ..Progress::default()
        },
    )
    .await?;
    assert!(
        !ledger.finish_chunk(&claim, None).await?,
        "finished with a block to go"
    );
    chunks::advance(
        &mut conn,
        chunk,
        claim.fence,
        Progress {
            cursor_block: 10,
            ..Progress::default()
        },
    )
    .await?;
    assert!(ledger.finish_chunk(&claim, None).await?);
    Ok(())
}

#[tokio::test]
async fn a_failed_chunk_says_why_and_resume_opens_it_where_it_stood() -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    let ledger = target::ledger(&database).await?;
    let (job, chunk, task) = one_chunk(&ledger).await?;
    let claim = claimed(&ledger, task, "ann").await?;
    let mut conn = ledger.pool().acquire().await?;
    chunks::advance(
        &mut conn,
        chunk,
        claim.fence,
        Progress {
            cursor_block: 4,
            ..Progress::default()
        },
    )
    .await?;
    let failure = Failure {
        class: FailureClass::Data,
        sqlstate: Some("22012".to_owned()),
        message: "division".to_owned(),
    };
    assert!(ledger.finish_chunk(&claim, Some(&failure)).await?);
    let facts = ledger.sweep_facts(job, 0, 1).await?;
    assert_eq!(
        (facts.failed[0].cursor_block, &facts.failed[0].failure),
        (4, &failure)
    );
    ledger::tasks::requeue_failed(&mut conn, job).await?;
    let again = claimed(&ledger, task, "bob").await?;
    assert_eq!(again.fence.attempt, 2);
    assert_eq!(ledger.chunk(chunk).await?.cursor_block, 4);
    Ok(())
}

/// Invariant 1: what is not tiled is named.
#[tokio::test]
async fn gaps_overlaps_and_missing_ends_of_a_sweep_are_found() -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    let ledger = target::ledger(&database).await?;
    for (ranges, faults) in [
        (vec![(0, 4), (4, 10)], 0),
        (vec![(0, 4), (5, 10)], 1),
        (vec![(0, 5), (4, 10)], 1),
        (vec![(0, 4), (4, 9)], 1),
        (vec![(1, 10)], 1),
        (vec![], 1),
    ] {
        let table = format!("t{}", JobId::new());
        let job = job_on(&ledger, &table).await?;
        let leaf = sweeps::SweepLeaf {
            seq: 0,
            oid: 1,
            name: engine::catalog::TableName {
                schema: "public".to_owned(),
                name: "t".to_owned(),
            },
            blocks: 10,
            fingerprint: "print".to_owned(),
        };
        let mut conn = ledger.pool().acquire().await?;
        sweeps::create(&mut conn, job, 0, 1, &[leaf]).await?;
        for (seq, (from, to)) in ranges.iter().enumerate() {
            chunks::create(&mut conn, job, &range(job, seq as u64, *from, *to)).await?;
        }
        drop(conn);
        let found = ledger.tiling_faults(job, 0, 1).await?;
        assert_eq!(found.len(), faults, "{ranges:?}: {found:?}");
    }
    Ok(())
}

/// Invariant 5.
#[tokio::test]
async fn the_first_verdict_of_a_round_stands() -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    let ledger = target::ledger(&database).await?;
    let job = job_on(&ledger, "t").await?;
    let verdict = |outcome| Verdict {
        outcome,
        rows_checked: 3,
        rows_mismatched: 1,
        why: "one".to_owned(),
    };
    ledger
        .issue_verdict(job, 0, 1, &verdict(Conclusion::Hold))
        .await?;
    ledger
        .issue_verdict(job, 0, 1, &verdict(Conclusion::Proceed))
        .await?;
    assert_eq!(
        ledger.verdict(job, 0, 1).await?.map(|v| v.outcome),
        Some(Conclusion::Hold)
    );
    assert_eq!(ledger.verdict(job, 0, 2).await?, None);
    Ok(())
}

#[tokio::test]
async fn a_named_lease_has_one_holder_and_passes_on_when_given_up() -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    let ledger = target::ledger(&database).await?;
    let (ann, bob) = (LeaseId::random(), LeaseId::random());
    assert!(ledger.hold_lease("planner", "ann", ann).await?);
    assert!(!ledger.hold_lease("planner", "bob", bob).await?);
    assert!(
        ledger.hold_lease("planner", "ann", ann).await?,
        "a holder may renew"
    );
    ledger.drop_lease("planner", ann).await?;
    assert!(ledger.hold_lease("planner", "bob", bob).await?);
    assert!(
        !ledger.hold_lease("planner", "ann", ann).await?,
        "the old holder woke up and got it back"
    );
    Ok(())
}

#[tokio::test]
async fn a_beginning_that_several_ids_share_is_refused_with_the_candidates() -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    let ledger = target::ledger(&database).await?;
    let (first, second) = (job_on(&ledger, "t").await?, job_on(&ledger, "u").await?);
    let shared: String = first
        .to_string()
        .chars()
        .zip(second.to_string().chars())
        .take_while(|(one, other)| one == other)
        .map(|(one, _)| one)
        .collect();
    anyhow::ensure!(shared.len() >= 8, "{first} and {second} begin differently");
    match ledger.find_job(&shared).await {
        Err(Error::AmbiguousJob { candidates, .. }) => {
            assert_eq!(candidates.len(), 2);
            assert!(
                candidates.iter().any(|c| c.contains(&first.to_string())),
                "{candidates:?}"
            );
        }
        other => anyhow::bail!("expected the candidates, found {other:?}"),
    }
    let digits = first.to_string();
    assert_eq!(ledger.find_job(&digits[..=shared.len()]).await?.id, first);
    assert_eq!(ledger.find_job(&digits.to_uppercase()).await?.id, first);
    assert_eq!(ledger.find_job("smallest on u").await?.id, second);
    let missing = ledger.find_job("smallest").await;
    assert!(matches!(missing, Err(Error::NoSuchJob { .. })), "{missing:?}");
    Ok(())
}
