//! Tasks and chunks: leases, fences, cursors, tiles, verdicts.

use std::time::Duration;

use engine::catalog::{EngineKind, Leaf, TableName};
use engine::db;
use ledger::checks::{CheckedRange, Last, Outcome as Conclusion, Verdict};
use ledger::chunks::{NewChunk, Progress};
use ledger::pace::{REPLICA_LAG, Signal};
use ledger::tasks::{Claimed, Failure, FailureClass, Fence, MOST_LAPSES, Work};
use ledger::{Error, Ledger, chunks, steps, sweeps};
use proto::{JobId, LeaseId, TaskId};

use super::{Outcome, admitted, claimed, job_on, lapse, on_each_engine, one_chunk, range};

#[tokio::test]
async fn of_two_that_claim_a_task_at_once_one_gets_it() -> Outcome {
    on_each_engine(async |ledger| {
        let (_, _, task) = one_chunk(&ledger).await?;
        let (ann, bob) = ("ann".into(), "bob".into());
        let (a, b) = tokio::join!(ledger.claim(task, &ann), ledger.claim(task, &bob));
        let ours = [a?, b?].iter().filter(|c| matches!(c, Claimed::Ours(_))).count();
        assert_eq!(ours, 1);
        Ok(())
    })
    .await
}

/// On a file a commit costs the application a wait, so progress and the sign of life share one.
#[tokio::test]
async fn whoever_makes_progress_on_a_file_says_with_it_that_he_is_alive() -> Outcome {
    on_each_engine(async |ledger| {
        let (_, chunk, task) = one_chunk(&ledger).await?;
        let claim = claimed(&ledger, task, "ann").await?;
        let detail = serde_json::json!({});
        ledger.beat("ann", "backfiller", &detail).await?;
        let mut conn = ledger.pool().acquire().await?;
        let long_ago = "UPDATE sluice.heartbeat SET at = clock_timestamp() - interval '1 hour'";
        db::query(long_ago).execute(&mut conn).await?;
        let progress = Progress {
            cursor_block: 1,
            ..Progress::default()
        };
        chunks::advance(&mut conn, chunk, claim.fence, progress).await?;
        drop(conn);
        let age = async || anyhow::Ok(ledger.beats().await?[0].age.as_secs());
        let is_file = ledger.pool().engine() == EngineKind::Sqlite;
        assert_eq!(age().await? < 60, is_file);
        ledger.beat("ann", "backfiller", &detail).await?;
        assert!(age().await? < 60);
        Ok(())
    })
    .await
}

/// Invariant 2, PITFALLS 19 and 24: a worker that was thought dead wakes up after somebody else took its chunk.
#[tokio::test]
async fn a_zombie_can_neither_advance_nor_finish_nor_renew() -> Outcome {
    on_each_engine(async |ledger| {
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
        let mut conn = ledger.pool().acquire().await?;
        assert!(steps::is_held(&mut conn, task, heir.fence).await?);
        assert!(!steps::is_held(&mut conn, task, zombie.fence).await?);
        drop(conn);

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
    })
    .await
}

/// FACTS 27, and what no log says: nobody is left to tell of a task that ends whoever works on it.
#[tokio::test]
async fn a_task_whose_lease_lapses_again_and_again_without_progress_is_set_aside() -> Outcome {
    on_each_engine(async |ledger| {
        let (job, chunk, task) = one_chunk(&ledger).await?;
        let killed = async |times: i32| -> Outcome {
            for _ in 0..times {
                let victim = claimed(&ledger, task, "victim").await?;
                ledger.begun(task, victim.fence).await?;
                lapse(&ledger, task).await?;
            }
            Ok(())
        };
        // Not by the chunk: they had not begun.
        for _ in 0..MOST_LAPSES * 2 {
            claimed(&ledger, task, "replaced").await?;
            lapse(&ledger, task).await?;
        }
        killed(MOST_LAPSES - 1).await?;
        // Progress, however little: it is bad luck, not the task.
        let lucky = claimed(&ledger, task, "lucky").await?;
        let mut conn = ledger.pool().acquire().await?;
        let step = Progress {
            cursor_block: 3,
            ..Progress::default()
        };
        chunks::advance(&mut conn, chunk, lucky.fence, step).await?;
        drop(conn);
        lapse(&ledger, task).await?;
        killed(MOST_LAPSES - 2).await?;
        let zombie = claimed(&ledger, task, "victim").await?;
        // Whoever can give it back was not ended by it.
        assert!(
            ledger
                .give_back(task, zombie.fence, Duration::ZERO, "drained")
                .await?
        );
        admitted(&ledger).await?;
        killed(MOST_LAPSES).await?;
        let set_aside = ledger.claim(task, &"next".into()).await?;
        let Claimed::SetAside(why) = set_aside else {
            anyhow::bail!("{set_aside:?}")
        };
        assert!(
            why.contains("5 leases in a row lapsed at block 3") && why.contains("victim"),
            "{why}"
        );
        let facts = ledger.sweep_facts(job, 0, 1).await?;
        assert_eq!(facts.failed[0].failure.message, why);
        assert_eq!(ledger.claim(task, &"next".into()).await?, Claimed::NothingToDo);
        let mut conn = ledger.pool().acquire().await?;
        let late = chunks::advance(&mut conn, chunk, zombie.fence, step).await;
        assert!(matches!(late, Err(Error::LeaseLost { .. })), "{late:?}");
        // Resumed, it gets as many tries again.
        ledger::tasks::requeue_failed(&mut conn, job).await?;
        drop(conn);
        admitted(&ledger).await?;
        claimed(&ledger, task, "next").await?;
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_chunk_is_not_done_before_its_cursor_stands_at_its_end() -> Outcome {
    on_each_engine(async |ledger| {
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
    })
    .await
}

#[tokio::test]
async fn a_failed_chunk_says_why_and_resume_opens_it_where_it_stood() -> Outcome {
    on_each_engine(async |ledger| {
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
        admitted(&ledger).await?;
        let again = claimed(&ledger, task, "bob").await?;
        assert_eq!(again.fence.attempt, 2);
        assert_eq!(ledger.chunk(chunk).await?.cursor_block, 4);
        Ok(())
    })
    .await
}

/// Invariant 1: what is not tiled is named.
#[tokio::test]
async fn gaps_overlaps_and_missing_ends_of_a_sweep_are_found() -> Outcome {
    on_each_engine(async |ledger| {
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
    })
    .await
}

/// The task of a whole-table check.
async fn check_of(ledger: &Ledger, job: JobId) -> anyhow::Result<TaskId> {
    let task = TaskId::of_step(job, "check", 0, 1);
    let mut conn = ledger.pool().acquire().await?;
    ledger::tasks::create(&mut conn, task, job, Work::Check { fill: 0, round: 1 }).await?;
    Ok(task)
}

/// What a check has read, so far.
fn read<'a>(fingerprint: &'a str, from: u64, to: u64) -> CheckedRange<'a> {
    CheckedRange {
        leaf_oid: 1,
        fingerprint,
        from,
        to,
        rows_checked: 10,
        rows_mismatched: 0,
        last: Last::No,
    }
}

/// A check of a huge table outlives many verifiers; only one that never gets anywhere is set aside.
#[tokio::test]
async fn a_check_that_gets_on_is_not_set_aside_however_many_verifiers_die() -> Outcome {
    on_each_engine(async |ledger| {
        let job = job_on(&ledger, "t").await?;
        let task = check_of(&ledger, job).await?;
        let leaf = Leaf {
            oid: 1,
            name: TableName {
                schema: "public".into(),
                name: "t".into(),
            },
            blocks: 100,
        };
        ledger
            .begin_check(job, 0, 1, &[(leaf, "of now".to_owned())])
            .await?;
        for n in 0..u64::from(MOST_LAPSES.unsigned_abs()) * 2 {
            claimed(&ledger, task, "victim").await?;
            assert!(
                ledger
                    .record_check(job, 0, 1, &read("of now", n, n + 1), &[])
                    .await?
            );
            lapse(&ledger, task).await?;
        }
        let begun = u64::from(MOST_LAPSES.unsigned_abs()) * 2;
        let other = read("of before", begun, begun + 1);
        assert!(
            !ledger.record_check(job, 0, 1, &other, &[]).await?,
            "blocks of another file"
        );
        for _ in 1..MOST_LAPSES {
            claimed(&ledger, task, "victim").await?;
            lapse(&ledger, task).await?;
        }
        let set_aside = ledger.claim(task, &"next".into()).await?;
        let Claimed::SetAside(why) = set_aside else {
            anyhow::bail!("{set_aside:?}")
        };
        assert!(why.contains("lapsed without any progress"), "{why}");
        Ok(())
    })
    .await
}

/// A repair has no sweep of its own: a change of its table must not leave it waiting for ever.
#[tokio::test]
async fn a_repair_whose_table_changed_before_it_was_re_read_fails_and_one_of_an_old_sweep_does_not() -> Outcome
{
    on_each_engine(async |ledger| {
        let job = job_on(&ledger, "t").await?;
        let mut conn = ledger.pool().acquire().await?;
        db::query("INSERT INTO sluice.sweep (job, fill, sweep, seq, leaf_oid, leaf_schema, leaf_name, fingerprint, blocks)
                   VALUES ($1, 0, 2, 0, 1, 'public', 't', 'print', 10)")
            .bind(job.0)
            .execute(&mut conn)
            .await?;
        drop(conn);
        for (sweep, drifts) in [(1, false), (2, true), (3, true)] {
            let chunk = NewChunk {
                sweep,
                ..range(job, u64::from(sweep), 0, 10)
            };
            let mut conn = ledger.pool().acquire().await?;
            chunks::create(&mut conn, job, &chunk).await?;
            drop(conn);
            admitted(&ledger).await?;
            let (chunk, task) = (chunk.id, TaskId::of_chunk(chunk.id));
            let claim = claimed(&ledger, task, "ann").await?;
            let mut conn = ledger.pool().acquire().await?;
            let end = Progress {
                cursor_block: 10,
                ..Progress::default()
            };
            chunks::advance(&mut conn, chunk, claim.fence, end).await?;
            drop(conn);
            assert!(ledger.finish_chunk(&claim, None).await?);
            let chunk = ledger.chunk(chunk).await?;
            assert_eq!(ledger.reread_drifted(&chunk, "vera", "changed").await?, drifts, "sweep {sweep}");
        }
        Ok(())
    })
    .await
}

/// A lease of the future, as a clock that is set back leaves it, is nobody's for an hour.
#[tokio::test]
async fn a_clock_that_is_set_back_leaves_no_lease_that_nobody_can_take() -> Outcome {
    on_each_engine(async |ledger| {
        let (ours, theirs) = (LeaseId::random(), LeaseId::random());
        assert!(ledger.hold_lease("planner", "one", ours).await?);
        let hour = "UPDATE sluice.lease SET until = clock_timestamp() + interval '1 hour'";
        let mut conn = ledger.pool().acquire().await?;
        db::query(hour).execute(&mut conn).await?;
        assert!(
            ledger.hold_lease("planner", "one", ours).await?,
            "its holder is alive"
        );
        assert!(
            !ledger.hold_lease("planner", "two", theirs).await?,
            "it was renewed by now"
        );
        db::query(hour).execute(&mut conn).await?;
        assert!(
            ledger.hold_lease("planner", "two", theirs).await?,
            "its holder is dead"
        );
        Ok(())
    })
    .await
}

/// Invariant 5.
#[tokio::test]
async fn the_first_verdict_of_a_round_stands() -> Outcome {
    on_each_engine(async |ledger| {
        let job = job_on(&ledger, "t").await?;
        let verdict = |outcome| Verdict {
            outcome,
            rows_checked: 3,
            rows_mismatched: 1,
            why: "one".to_owned(),
        };
        let task = check_of(&ledger, job).await?;
        let slept = claimed(&ledger, task, "slept").await?;
        lapse(&ledger, task).await?;
        let heir = claimed(&ledger, task, "heir").await?;
        let proceed = verdict(Conclusion::Proceed);
        ledger.issue_verdict(job, 0, 1, &proceed, &slept).await?;
        assert_eq!(ledger.verdict(job, 0, 1).await?, None, "of a verifier that slept");
        let hold = verdict(Conclusion::Hold);
        ledger.issue_verdict(job, 0, 1, &hold, &heir).await?;
        ledger.issue_verdict(job, 0, 1, &proceed, &heir).await?;
        assert_eq!(ledger.verdict(job, 0, 1).await?, Some(hold));
        assert_eq!(ledger.verdict(job, 0, 2).await?, None);
        Ok(())
    })
    .await
}

fn lag_of(seconds: f64, age: Duration) -> Vec<Signal> {
    vec![Signal {
        name: REPLICA_LAG.to_owned(),
        source: "replica".to_owned(),
        value: Some(seconds),
        unit: "seconds".to_owned(),
        problem: None,
        required: true,
        age,
    }]
}

/// Invariant 7: a verifier that slept with a reading in its hand must not make it look fresh.
#[tokio::test]
async fn a_sampler_that_slept_writes_nothing_and_a_reading_is_as_old_as_it_is() -> Outcome {
    on_each_engine(async |ledger| {
        let (sleeper, heir) = (LeaseId::random(), LeaseId::random());
        let read = async || -> anyhow::Result<Signal> {
            let signals = ledger.signals().await?;
            Ok(signals
                .into_iter()
                .find(|s| s.name == REPLICA_LAG)
                .expect("it was written"))
        };
        assert!(ledger.hold_lease("sampler", "sleeper", sleeper).await?);
        assert!(
            ledger
                .write_signals(&lag_of(1.0, Duration::from_secs(100)), sleeper)
                .await?
        );
        assert!(
            read().await?.age >= Duration::from_secs(100),
            "{:?}",
            read().await?
        );

        ledger.drop_lease("sampler", sleeper).await?;
        assert!(
            !ledger
                .write_signals(&lag_of(2.0, Duration::ZERO), sleeper)
                .await?,
            "its lease has lapsed"
        );
        assert!(ledger.hold_lease("sampler", "heir", heir).await?);
        assert!(ledger.write_signals(&lag_of(3.0, Duration::ZERO), heir).await?);
        assert!(
            !ledger
                .write_signals(&lag_of(4.0, Duration::ZERO), sleeper)
                .await?,
            "its lease is another's"
        );
        let seen = read().await?;
        assert!(
            seen.value == Some(3.0) && seen.age < Duration::from_secs(90),
            "{seen:?}"
        );
        Ok(())
    })
    .await
}
