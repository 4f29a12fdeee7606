//! Whole lives: reads, then writes, move to new under two releases of the application; then old goes.

use ledger::JobState;
use ledger::commands::Command;
use ledger::plan::Phase;
use proto::JobId;
use testbed::embedded::Embedded;
use testbed::oracle;
use testbed::traffic::Shape;

use super::ground::{FAX, Move, Outcome, SECONDS, left_over, settled};
use crate::stages::cutover::{start, submit};
use crate::stages::ground::applied;

async fn whole_life(shop: Move) -> Outcome {
    let file = shop.file(3000).await?;
    let embedded = start(&file).await?;
    let new = shop.new_release(&file).await?;
    let old = shop.old_release(&file, 5_000_000_000).await?;
    let job = submit(&embedded, &file, &shop.quick()).await?;
    at_its_gate(&embedded, job).await?;
    embedded
        .until(job, &[JobState::ContractReady, JobState::Held])
        .await?;
    // Whoever approves the contract has the old release gone.
    settled(old, &file, Shape::Both).await?;
    applied(&embedded, job, Command::Approve { gate: None }).await?;
    embedded.until(job, &[JobState::Done, JobState::Held]).await?;
    let on_new = settled(new, &file, Shape::New).await?;
    assert!(on_new > 0, "the new release never used the new side");
    let columns = format!(
        "SELECT group_concat(name, ' ' ORDER BY name) FROM pragma_table_xinfo('{}')",
        shop.name
    );
    assert_eq!(file.value::<String>(&columns).await?, shop.columns);
    assert_eq!(left_over(&file).await?, "");
    let stages = "SELECT group_concat(name || ' ' || status, ', ' ORDER BY started_at, name) FROM sluice_stage";
    assert_eq!(
        file.value::<String>(stages).await?,
        "classify done, expand done, backfill done, flip done, contract done, verify done"
    );
    oracle::chunks_of_a_file_tile(&mut file.connection().await?, job).await?;
    assert_eq!(embedded.job(job).await?.state, JobState::Done);
    embedded.stop().await
}

/// Where a table is rebuilt before anything else, somebody says yes to that.
async fn at_its_gate(embedded: &Embedded, job: JobId) -> Outcome {
    let hash = embedded.job(job).await?.plan_hash;
    let plan = embedded.target.ledger.plan(&hash).await?;
    if let Some(gate) = plan.gate_before(Phase::Expand) {
        let gate = Some(gate.name.clone());
        applied(embedded, job, Command::Approve { gate }).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_column_is_replaced_under_two_releases_and_no_write_is_lost() -> Outcome {
    whole_life(SECONDS).await
}

#[tokio::test]
async fn a_column_is_renamed_under_two_releases_and_no_write_is_lost() -> Outcome {
    whole_life(FAX).await
}
