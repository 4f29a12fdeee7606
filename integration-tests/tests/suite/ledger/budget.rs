//! Admission and shares: what is in flight, and who may use how much of the budget.

use std::time::Duration;

use engine::db;
use ledger::pace::{Pace, StopKind};
use ledger::shares::{Holder, Share};
use ledger::tasks::{Claimed, Work};
use ledger::{Ledger, chunks, pace};
use proto::{JobId, LeaseId, TaskId};

use super::{Outcome, claimed, job_on, lapse, on_each_engine, range};

/// A job that backfills, with so many chunks of ten blocks.
async fn backfilling(
    ledger: &Ledger,
    table: &str,
    chunks_made: u64,
    pace: &Pace,
    planner: LeaseId,
) -> anyhow::Result<(JobId, Vec<TaskId>)> {
    let job = job_on(ledger, table).await?;
    let mut conn = ledger.pool().acquire().await?;
    let mut tasks = Vec::new();
    for seq in 0..chunks_made {
        let chunk = range(job, seq, seq * 10, seq * 10 + 10);
        chunks::create(&mut conn, job, &chunk).await?;
        tasks.push(TaskId::of_chunk(chunk.id));
    }
    db::query("UPDATE sluice.job SET state = 'backfilling' WHERE id = $1")
        .bind(job.0)
        .execute(&mut conn)
        .await?;
    pace::set(&mut conn, job, pace, StopKind::Other, planner).await?;
    Ok((job, tasks))
}

async fn planner(ledger: &Ledger) -> anyhow::Result<LeaseId> {
    let lease = LeaseId::random();
    anyhow::ensure!(ledger.hold_lease("planner", "planner", lease).await?);
    Ok(lease)
}

fn go(max_parallel: u32) -> Pace {
    Pace {
        shared: true,
        ..Pace::full(max_parallel)
    }
}

fn rows(rows_per_second: f64) -> Share {
    Share {
        rows_per_second,
        ..Share::UNLIMITED
    }
}

/// How many chunks of each job would be published now.
async fn published(ledger: &Ledger, jobs: &[JobId]) -> anyhow::Result<Vec<usize>> {
    let due = ledger.to_publish(100).await?;
    let of = |job: &JobId| {
        due.iter()
            .filter(|t| t.job == *job && matches!(t.work, Work::Chunk { .. }))
            .count()
    };
    Ok(jobs.iter().map(of).collect())
}

/// Invariant 8: the budget of a target is kept whoever asks, and a small job gets its places beside a huge one.
#[tokio::test]
async fn chunks_are_let_in_within_the_budget_evenly_over_jobs() -> Outcome {
    on_each_engine(async |ledger| {
        let lease = planner(&ledger).await?;
        let (huge, of_huge) = backfilling(&ledger, "huge", 9, &go(4), lease).await?;
        let (small, of_small) = backfilling(&ledger, "small", 2, &go(4), lease).await?;
        let stopped = Pace { go: false, ..go(4) };
        let (paused, _) = backfilling(&ledger, "paused", 3, &stopped, lease).await?;
        let jobs = [huge, small, paused];
        assert_eq!(published(&ledger, &jobs).await?, [0, 0, 0]);
        assert_eq!(ledger.claim(of_huge[0], &"early".into()).await?, Claimed::Busy);

        assert_eq!(
            ledger.admit(5, LeaseId::random()).await?,
            0,
            "by somebody who is not the planner"
        );
        assert_eq!(ledger.admit(5, lease).await?, 5);
        assert_eq!(published(&ledger, &jobs).await?, [3, 2, 0]);
        assert_eq!((ledger.admit(5, lease).await?, ledger.in_flight().await?), (0, 5));

        // What is done makes room: for the job that has the fewest.
        let done = claimed(&ledger, of_small[0], "ann").await?;
        let mut conn = ledger.pool().acquire().await?;
        let end = chunks::Progress {
            cursor_block: 10,
            ..chunks::Progress::default()
        };
        let chunks::Chunk { id, .. } = match done.work {
            Work::Chunk { chunk, .. } => ledger.chunk(chunk).await?,
            Work::Step { .. } | Work::Check { .. } => anyhow::bail!("not a chunk"),
        };
        chunks::advance(&mut conn, id, done.fence, end).await?;
        drop(conn);
        assert!(ledger.finish_chunk(&done, None).await?);
        assert_eq!(ledger.admit(5, lease).await?, 1);
        assert_eq!(published(&ledger, &jobs).await?, [4, 1, 0]);
        // Its own limit is four, whatever the target allows.
        assert_eq!(ledger.admit(100, lease).await?, 0);

        // A worker that died keeps its place until somebody has its chunk; one that gives it back does not.
        let dead = claimed(&ledger, of_huge[0], "dead").await?;
        lapse(&ledger, dead.task).await?;
        assert_eq!(ledger.admit(5, lease).await?, 0);
        let heir = claimed(&ledger, dead.task, "heir").await?;
        assert!(
            ledger
                .give_back(heir.task, heir.fence, Duration::from_secs(60), "held")
                .await?
        );
        assert_eq!(ledger.claim(heir.task, &"early".into()).await?, Claimed::Busy);
        assert_eq!(ledger.admit(5, lease).await?, 1, "another chunk in its place");
        assert_eq!(ledger.in_flight().await?, 5);

        // What waits for its job to go on keeps nobody waiting: the places of its chunks go to the others.
        let mut conn = ledger.pool().acquire().await?;
        pace::set(&mut conn, huge, &stopped, StopKind::Other, lease).await?;
        pace::set(&mut conn, paused, &go(4), StopKind::Other, lease).await?;
        drop(conn);
        assert_eq!(
            ledger.admit(5, lease).await?,
            3,
            "every chunk of the job that goes on"
        );
        assert_eq!(published(&ledger, &jobs).await?, [0, 1, 3]);
        assert_eq!(
            ledger.claim(of_huge[1], &"late".into()).await?,
            Claimed::Busy,
            "by a message of before"
        );

        // Nor does what a worker had that died: neither before the next one has it, nor if it was taken before there was admission.
        let of_paused = ledger.admit(100, lease).await?;
        assert_eq!(of_paused, 0);
        let dead = claimed(&ledger, of_small[1], "dead").await?;
        lapse(&ledger, dead.task).await?;
        let mut conn = ledger.pool().acquire().await?;
        let before = ledger.in_flight().await?;
        pace::set(&mut conn, small, &stopped, StopKind::Other, lease).await?;
        assert_eq!(ledger.admit(100, lease).await?, 0);
        assert!(
            ledger.in_flight().await? < before,
            "the dead worker keeps the place"
        );
        pace::set(&mut conn, small, &go(4), StopKind::Other, lease).await?;
        drop(conn);
        assert!(ledger.admit(100, lease).await? > 0);
        claimed(&ledger, dead.task, "heir").await?;
        Ok(())
    })
    .await
}

async fn only_holder(ledger: &Ledger) -> anyhow::Result<Holder> {
    let found = ledger.share_holders().await?.holders;
    anyhow::ensure!(found.len() == 1, "{found:?}");
    Ok(found[0])
}

/// A share is the lease's own, and its worker may not write without it.
#[tokio::test]
async fn a_lease_writes_with_its_own_share_and_not_without() -> Outcome {
    on_each_engine(async |ledger| {
        let lease = planner(&ledger).await?;
        let (job, tasks) = backfilling(&ledger, "t", 1, &go(2), lease).await?;
        ledger.admit(2, lease).await?;
        let first = claimed(&ledger, tasks[0], "ann").await?;
        let leave = async |fence: LeaseId| -> anyhow::Result<chunks::Leave> {
            let mut conn = ledger.pool().acquire().await?;
            Ok(chunks::leave_to_write(&mut conn, job, tasks[0], fence).await?)
        };
        let without = leave(first.fence.lease).await?;
        assert!(
            !without.go
                && without
                    .reason
                    .as_deref()
                    .is_some_and(|r| r.contains("share of the budget")),
            "{without:?}"
        );
        let holder = only_holder(&ledger).await?;
        assert_eq!((holder.granted, holder.in_force), (Share::NONE, Share::NONE));
        ledger
            .grant_share(&holder, rows(100.0), LeaseId::random())
            .await?;
        assert!(
            !leave(first.fence.lease).await?.go,
            "granted by somebody who is not the planner"
        );
        ledger.grant_share(&holder, rows(100.0), lease).await?;
        let with = leave(first.fence.lease).await?;
        assert_eq!((with.go, with.share), (true, rows(100.0)));

        lapse(&ledger, tasks[0]).await?;
        let heir = claimed(&ledger, tasks[0], "heir").await?;
        assert!(
            !leave(heir.fence.lease).await?.go,
            "with the share of the one before"
        );
        let found = ledger.share_holders().await?;
        assert!(
            found.left_over && found.holders[0].granted == Share::NONE,
            "{found:?}"
        );
        ledger.forget_shares().await?;
        assert!(!ledger.share_holders().await?.left_over);

        let mut conn = ledger.pool().acquire().await?;
        let unlimited = Pace {
            shared: false,
            ..go(2)
        };
        pace::set(&mut conn, job, &unlimited, StopKind::Other, lease).await?;
        drop(conn);
        let free = leave(heir.fence.lease).await?;
        assert_eq!((free.go, free.share), (true, Share::UNLIMITED));
        Ok(())
    })
    .await
}

/// What a worker may still be using counts until it must have seen the lower share.
#[tokio::test]
async fn a_lowered_share_counts_as_what_it_was_until_it_has_settled() -> Outcome {
    on_each_engine(async |ledger| {
        let lease = planner(&ledger).await?;
        let (_, tasks) = backfilling(&ledger, "t", 1, &go(2), lease).await?;
        ledger.admit(2, lease).await?;
        claimed(&ledger, tasks[0], "ann").await?;
        let grant = async |share: f64| -> anyhow::Result<(f64, f64)> {
            ledger
                .grant_share(&only_holder(&ledger).await?, rows(share), lease)
                .await?;
            let now = only_holder(&ledger).await?;
            Ok((now.granted.rows_per_second, now.in_force.rows_per_second))
        };
        assert_eq!(grant(100.0).await?, (100.0, 100.0));
        assert_eq!(grant(60.0).await?, (60.0, 100.0));
        assert_eq!(grant(80.0).await?, (80.0, 100.0), "raised before it had settled");
        assert_eq!(grant(50.0).await?, (50.0, 100.0), "the most it was, not the last");
        db::query("UPDATE sluice.share SET lowered_at = clock_timestamp() - interval '10 seconds'")
            .execute(ledger.pool())
            .await?;
        assert_eq!(only_holder(&ledger).await?.in_force, rows(50.0));
        assert_eq!(grant(70.0).await?, (70.0, 70.0));
        assert_eq!(grant(10.0).await?, (10.0, 70.0));
        Ok(())
    })
    .await
}
