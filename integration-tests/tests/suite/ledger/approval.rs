//! Approvals are bound to what was approved (invariant 6).

use ledger::Ledger;
use ledger::commands::record_approval;
use proto::JobId;

use super::{Outcome, job_on, on_each_engine};

/// Writes an approval as it may stand in a ledger that somebody restored or edited.
async fn forge(ledger: &Ledger, job: JobId, plan: &str, target: &str) -> Outcome {
    let forged = format!(
        "INSERT INTO sluice.approval (job, gate, plan_hash, target, actor)
         SELECT id, 'contract', {plan}, {target}, 'mallory' FROM sluice.job WHERE id = $1"
    );
    engine::db::query(forged)
        .bind(job.0)
        .execute(ledger.pool())
        .await?;
    Ok(())
}

#[tokio::test]
async fn an_approval_of_another_plan_or_for_another_target_opens_no_gate() -> Outcome {
    on_each_engine(async |ledger| {
        for (table, plan, target) in [
            ("a", "'another hash'", "target"),
            ("b", "plan_hash", "'another target'"),
            ("c", "'another hash'", "'another target'"),
        ] {
            let job = job_on(&ledger, table).await?;
            forge(&ledger, job, plan, target).await?;
            assert_eq!(ledger.approvals(job).await?, [], "{plan}, {target}");
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn an_approval_opens_the_gate_of_its_own_job_only_and_bears_a_name() -> Outcome {
    on_each_engine(async |ledger| {
        let (one, other) = (job_on(&ledger, "a").await?, job_on(&ledger, "b").await?);
        let mut conn = ledger.pool().acquire().await?;
        record_approval(&mut conn, one, "contract", "ann").await?;
        let expected = [("contract".to_owned(), "ann".to_owned())];
        assert_eq!(ledger.approvals(one).await?, expected);
        assert_eq!(ledger.approvals(other).await?, []);
        Ok(())
    })
    .await
}
