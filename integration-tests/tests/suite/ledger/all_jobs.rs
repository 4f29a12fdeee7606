//! What a planner of hundreds of jobs asks of all of them at once.

use ledger::commands::{self, Answer, Command};

use super::{Outcome, claimed, job_on, lapse, on_each_engine, one_chunk};

#[tokio::test]
async fn jobs_that_somebody_spoke_to_are_found_until_each_command_is_answered() -> Outcome {
    on_each_engine(async |ledger| {
        let (one, other) = (job_on(&ledger, "t").await?, job_on(&ledger, "u").await?);
        assert_eq!(ledger.commanded_jobs().await?, []);
        let first = ledger.command(one, &Command::Pause, "ann").await?;
        let second = ledger.command(one, &Command::Abort, "ann").await?;
        assert_eq!(ledger.commanded_jobs().await?, [one], "once, whatever was said");
        ledger.command(other, &Command::Pause, "bob").await?;
        let mut found = ledger.commanded_jobs().await?;
        found.sort();
        let mut both = vec![one, other];
        both.sort();
        assert_eq!(found, both);
        let mut conn = ledger.pool().acquire().await?;
        for id in [first, second] {
            commands::settle(&mut conn, id, &Answer::Applied("so it is".to_owned())).await?;
        }
        drop(conn);
        assert_eq!(ledger.commanded_jobs().await?, [other]);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn tasks_in_hand_are_counted_by_job_as_for_each_job_alone() -> Outcome {
    on_each_engine(async |ledger| {
        let (job, _, task) = one_chunk(&ledger).await?;
        let idle = job_on(&ledger, "u").await?;
        assert!(ledger.leased_by_job().await?.is_empty(), "nobody has it yet");
        claimed(&ledger, task, "ann").await?;
        let all = ledger.leased_by_job().await?;
        assert_eq!(all.get(&job), Some(&ledger.leased_tasks(job).await?));
        assert_eq!((all.get(&job), all.get(&idle)), (Some(&1), None));
        lapse(&ledger, task).await?;
        assert!(
            ledger.leased_by_job().await?.is_empty(),
            "a chunk's lease that has lapsed"
        );
        assert_eq!(ledger.leased_tasks(job).await?, 0);
        Ok(())
    })
    .await
}
