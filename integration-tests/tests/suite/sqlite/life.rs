//! Whole lives: reads, then writes, move to new under two releases of the application; then old goes.

use ledger::JobState;
use ledger::commands::Command;
use testbed::file::File;
use testbed::oracle;
use testbed::traffic::Shape;

use super::ground::{FAX, Move, Outcome, SECONDS, left_over, settled, submitted};
use crate::stages::cutover::start;
use crate::stages::flip::{flags_by_command, too_early};
use crate::stages::ground::applied;
use crate::stages::old_process::in_every_state;

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

#[tokio::test]
async fn a_process_that_knows_only_a_replaced_column_works_in_every_state_before_the_soft_drop() -> Outcome {
    in_every_state(SECONDS, (&File::new().await?).into()).await
}

#[tokio::test]
async fn a_process_that_knows_only_a_renamed_column_works_in_every_state_before_the_soft_drop() -> Outcome {
    in_every_state(FAX, (&File::new().await?).into()).await
}

#[tokio::test]
async fn flags_go_forward_back_and_hold_by_command() -> Outcome {
    flags_by_command((&File::new().await?).into()).await
}

#[tokio::test]
async fn the_file_itself_refuses_a_flag_that_is_too_early() -> Outcome {
    too_early((&File::new().await?).into()).await
}
