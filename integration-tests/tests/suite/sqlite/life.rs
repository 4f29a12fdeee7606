//! Whole lives: reads, then writes, move to new under two releases of the application; then old goes.

use ledger::JobState;
use ledger::commands::Command;
use testbed::oracle;
use testbed::traffic::Shape;

use super::ground::{FAX, Move, Outcome, SECONDS, left_over, settled, submitted, until, walk};
use crate::stages::cutover::start;
use crate::stages::ground::applied;

async fn whole_life(shop: Move) -> Outcome {
    let file = shop.file(3000).await?;
    let embedded = start(&file).await?;
    let new = shop.new_release(&file).await?;
    let old = shop.old_release(&file, 5_000_000_000).await?;
    let job = submitted(&embedded, &file, &shop.quick()).await?;
    embedded
        .until(job, &[JobState::FlippingReads, JobState::Held])
        .await?;
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
    let stages =
        "SELECT group_concat(name || ' ' || status, ', ' ORDER BY started_at, name) FROM sluice_stage";
    assert_eq!(
        file.value::<String>(stages).await?,
        "classify done, expand done, backfill done, flip done, contract done, verify done"
    );
    oracle::chunks_of_a_file_tile(&mut file.connection().await?, job).await?;
    assert_eq!(embedded.job(job).await?.state, JobState::Done);
    embedded.stop().await
}

#[tokio::test]
async fn a_column_is_replaced_under_two_releases_and_no_write_is_lost() -> Outcome {
    whole_life(SECONDS).await
}

#[tokio::test]
async fn a_column_is_renamed_under_two_releases_and_no_write_is_lost() -> Outcome {
    whole_life(FAX).await
}

/// Whoever deploys, restarts or forgets an instance has the old release begin at any time.
async fn fresh_old_releases(shop: Move) -> Outcome {
    let file = shop.file(1000).await?;
    let embedded = start(&file).await?;
    let new = shop.new_release(&file).await?;
    let job = submitted(&embedded, &file, &shop.by_hand()).await?;
    let states = [
        JobState::Verified,
        JobState::FlippingReads,
        JobState::FlippingWrites,
        JobState::ContractReady,
    ];
    for (n, state) in states.into_iter().enumerate() {
        if state > JobState::Verified {
            walk(&embedded, job, state).await?;
        }
        let first_key = 5_000_000_000 + 1_000_000 * i64::try_from(n)?;
        let old = shop.old_release(&file, first_key).await?;
        let rows = format!(
            "SELECT count(*) > 5 FROM {} WHERE id BETWEEN {first_key} AND {first_key} + 999999",
            shop.name
        );
        until(&file, "the old release has rows of its own", &rows, true).await?;
        let shape = if n == 0 { Shape::Old } else { Shape::Both };
        settled(old, &file, shape).await?;
    }
    settled(new, &file, Shape::Both).await?;
    embedded.stop().await
}

#[tokio::test]
async fn a_process_that_knows_only_the_old_column_works_in_every_state_before_the_soft_drop() -> Outcome {
    fresh_old_releases(SECONDS).await?;
    fresh_old_releases(FAX).await
}
