//! Jobs, their tables and their stages.

use ledger::jobs::{self, JobChange, NewJob, TableHold, Taken};
use ledger::{Error, JobState, Stage, StageStatus};
use proto::{JobId, LeaseId};
use testbed::target;

use super::{Outcome, job_on, on_each_engine};

#[tokio::test]
async fn a_second_job_on_a_table_is_refused_until_the_first_has_ended() -> Outcome {
    on_each_engine(async |ledger| {
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
    })
    .await
}

#[tokio::test]
async fn the_same_submission_twice_is_one_job() -> Outcome {
    on_each_engine(async |ledger| {
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
    })
    .await
}

/// Invariant 4.
#[tokio::test]
async fn no_stage_starts_before_every_earlier_one_is_done() -> Outcome {
    on_each_engine(async |ledger| {
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
    })
    .await
}

#[tokio::test]
async fn a_change_from_a_stale_version_is_thrown_away_whole() -> Outcome {
    on_each_engine(async |ledger| {
        let job = job_on(&ledger, "t").await?;
        let change = |state| JobChange {
            id: job,
            version: 0,
            state,
            reason: None,
            machine: serde_json::json!({}),
        };
        let planner = LeaseId::random();
        assert!(ledger.hold_lease("planner", "ann", planner).await?);
        let mut conn = ledger.pool().acquire().await?;
        jobs::change(&mut conn, &change(JobState::Planned), planner).await?;
        let stale = jobs::change(&mut conn, &change(JobState::Held), planner).await;
        assert!(matches!(stale, Err(Error::Conflict { .. })), "{stale:?}");
        drop(conn);
        assert_eq!(ledger.job(job).await?.state, JobState::Planned);
        Ok(())
    })
    .await
}

/// Fault 31: nobody has changed the job since, so the version alone would let it through.
#[tokio::test]
async fn a_planner_without_its_lease_changes_no_job() -> Outcome {
    on_each_engine(async |ledger| {
        let job = job_on(&ledger, "t").await?;
        let change = JobChange {
            id: job,
            version: 0,
            state: JobState::Planned,
            reason: None,
            machine: serde_json::json!({}),
        };
        let (sleeper, heir) = (LeaseId::random(), LeaseId::random());
        assert!(ledger.hold_lease("planner", "sleeper", sleeper).await?);
        ledger.drop_lease("planner", sleeper).await?;
        let mut conn = ledger.pool().acquire().await?;
        let late = jobs::change(&mut conn, &change, sleeper).await;
        assert!(
            matches!(late, Err(Error::NotActive)),
            "its lease has lapsed: {late:?}"
        );
        assert!(ledger.hold_lease("planner", "heir", heir).await?);
        let late = jobs::change(&mut conn, &change, sleeper).await;
        assert!(
            matches!(late, Err(Error::NotActive)),
            "its lease is another's: {late:?}"
        );
        jobs::change(&mut conn, &change, heir).await?;
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_beginning_that_several_ids_share_is_refused_with_the_candidates() -> Outcome {
    on_each_engine(async |ledger| {
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
    })
    .await
}
