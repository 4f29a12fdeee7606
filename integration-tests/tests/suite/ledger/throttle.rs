//! What the throttle keeps in the ledger: the pace with its factor, the pulse, and what batches tell of themselves.

use std::time::Duration;

use engine::db;
use ledger::pace::{Pace, StopKind};
use ledger::{chunks, pace};
use proto::{LeaseId, TaskId};

use super::{Outcome, claimed, job_on, on_each_engine, range};

#[tokio::test]
async fn a_pace_comes_back_as_it_was_written_and_workers_get_its_factor() -> Outcome {
    on_each_engine(async |ledger| {
        let lease = LeaseId::random();
        anyhow::ensure!(ledger.hold_lease("planner", "planner", lease).await?);
        let job = job_on(&ledger, "track").await?;
        let mut conn = ledger.pool().acquire().await?;
        let eased = Pace {
            factor: 0.25,
            eased_by: Some("lock_waits of primary is 4, limit 5".to_owned()),
            ..Pace::full(2)
        };
        pace::set(&mut conn, job, &eased, StopKind::Signal, lease).await?;
        let (found, stopped) = ledger.pace(job).await?.expect("it was just written");
        assert_eq!((found, stopped.since), (eased, None));
        assert_eq!(chunks::leave(&mut conn, job).await?.factor, 0.25);

        let stop = Pace {
            go: false,
            reason: Some("lock_waits of primary is 6, limit 5".to_owned()),
            signal: Some("lock_waits".to_owned()),
            ..Pace::full(2)
        };
        pace::set(&mut conn, job, &stop, StopKind::Signal, lease).await?;
        let (found, stopped) = ledger.pace(job).await?.expect("it was just written");
        assert_eq!(found, stop);
        assert!(stopped.since.is_some(), "{stopped:?}");

        // A row that somebody else has written lets nobody stand still, nor run.
        for (written, expected) in [("0", chunks::SLOWEST), ("7", 1.0)] {
            let update = format!("UPDATE sluice.throttle SET factor = {written}");
            db::query(update).execute(&mut conn).await?;
            assert_eq!(chunks::leave(&mut conn, job).await?.factor, expected);
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn only_the_sampler_beats() -> Outcome {
    on_each_engine(async |ledger| {
        let (sampler, series) = (LeaseId::random(), LeaseId::random().0);
        assert!(
            !ledger.write_pulse(sampler, series, 1).await?,
            "it holds no lease"
        );
        anyhow::ensure!(ledger.hold_lease("sampler", "verifier", sampler).await?);
        assert!(ledger.write_pulse(sampler, series, 2).await?);
        assert!(ledger.write_pulse(sampler, series, 3).await?);
        assert!(
            !ledger.write_pulse(LeaseId::random(), series, 9).await?,
            "another's"
        );
        let beats: Vec<i64> = db::scalar("SELECT beat FROM sluice.pulse")
            .fetch_all(ledger.pool())
            .await?;
        assert_eq!(beats, [3]);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn batches_tell_how_long_they_took_and_how_often_they_gave_way() -> Outcome {
    on_each_engine(async |ledger| {
        let planner = LeaseId::random();
        anyhow::ensure!(ledger.hold_lease("planner", "planner", planner).await?);
        let job = job_on(&ledger, "track").await?;
        assert_eq!(ledger.batch_times(job).await?, []);
        assert_eq!(ledger.idle(job).await?, None);
        let mut conn = ledger.pool().acquire().await?;
        let chunk = range(job, 0, 0, 10);
        chunks::create(&mut conn, job, &chunk).await?;
        db::query("UPDATE sluice.job SET state = 'backfilling' WHERE id = $1")
            .bind(job.0)
            .execute(&mut conn)
            .await?;
        pace::set(&mut conn, job, &Pace::full(2), StopKind::Other, planner).await?;
        assert_eq!(ledger.batch_times(job).await?, [], "no batch was made yet");
        ledger.admit(2, planner).await?;
        let ours = claimed(&ledger, TaskId::of_chunk(chunk.id), "ann").await?;
        let batch = chunks::Progress {
            cursor_block: 4,
            retries: 2,
            gave_way: 1,
            took: Duration::from_millis(230),
            ..chunks::Progress::default()
        };
        chunks::advance(&mut conn, chunk.id, ours.fence, batch).await?;
        drop(conn);
        assert_eq!(ledger.batch_times(job).await?, [(0, Duration::from_millis(230))]);
        let idle = ledger.idle(job).await?;
        assert!(
            idle.is_some_and(|idle| idle < Duration::from_secs(30)),
            "{idle:?}"
        );
        Ok(())
    })
    .await
}
