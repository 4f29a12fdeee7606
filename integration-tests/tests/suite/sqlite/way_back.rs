//! The way back from every state before the drop, under an application that caches its flags: the schema is what it was, and no
//! write is lost.

use ledger::JobState;
use testbed::traffic::Shape;

use super::ground::{FAX, Move, Outcome, SECONDS, left_over, settled, walk};
use crate::stages::cutover::{start, submit};

/// Under both releases, but for the old one where it cannot work: whoever approves that old is hidden has it gone.
async fn back_from(shop: Move, state: JobState) -> Outcome {
    let file = shop.file(2000).await?;
    let before = file.schema_dump().await?;
    let embedded = start(&file).await?;
    let new = shop.new_release(&file).await?;
    let mut old = Some(shop.old_release(&file, 5_000_000_000).await?);
    let job = submit(&embedded, &file, &shop.by_hand()).await?;
    if state == JobState::SoftDropped {
        walk(&embedded, job, JobState::ContractReady).await?;
        if let Some(old) = old.take() {
            settled(old, &file, Shape::Both).await?;
        }
    }
    walk(&embedded, job, state).await?;
    embedded.roll_back(job, true).await?;
    if let Some(old) = old {
        settled(old, &file, Shape::Old).await?;
    }
    let on_new = settled(new, &file, Shape::Old).await?;
    assert!(
        on_new > 0 || state < JobState::ContractReady,
        "the new release never used the new side"
    );
    assert_eq!(file.schema_dump().await?, before, "the schema is not what it was");
    let authority: String = file.value("SELECT authority FROM sluice_job").await?;
    assert_eq!(authority, "old");
    embedded.stop().await
}

/// Triggers and all that could hurt without them go; the new column and its values stay until somebody discards them.
async fn without_discard(shop: Move) -> Outcome {
    let file = shop.file(500).await?;
    let before = file.schema_dump().await?;
    let embedded = start(&file).await?;
    let old = shop.old_release(&file, 5_000_000_000).await?;
    let job = submit(&embedded, &file, &shop.by_hand()).await?;
    walk(&embedded, job, JobState::ContractReady).await?;
    embedded.roll_back(job, false).await?;
    assert_eq!(left_over(&file).await?, "");
    assert_ne!(file.schema_dump().await?, before, "the new column is gone");
    embedded.roll_back(job, true).await?;
    assert_eq!(file.schema_dump().await?, before, "the schema is not what it was");
    settled(old, &file, Shape::Old).await?;
    embedded.stop().await
}

#[tokio::test]
async fn a_rollback_that_keeps_the_column_takes_the_triggers() -> Outcome {
    without_discard(SECONDS).await?;
    without_discard(FAX).await
}

#[tokio::test]
async fn a_replaced_column_from_verified() -> Outcome {
    back_from(SECONDS, JobState::Verified).await
}

#[tokio::test]
async fn a_replaced_column_from_flipping_reads() -> Outcome {
    back_from(SECONDS, JobState::FlippingReads).await
}

#[tokio::test]
async fn a_replaced_column_from_flipping_writes() -> Outcome {
    back_from(SECONDS, JobState::FlippingWrites).await
}

#[tokio::test]
async fn a_replaced_column_from_contract_ready() -> Outcome {
    back_from(SECONDS, JobState::ContractReady).await
}

#[tokio::test]
async fn a_replaced_column_from_soft_dropped() -> Outcome {
    back_from(SECONDS, JobState::SoftDropped).await
}

#[tokio::test]
async fn a_renamed_column_from_flipping_reads() -> Outcome {
    back_from(FAX, JobState::FlippingReads).await
}

#[tokio::test]
async fn a_renamed_column_from_flipping_writes() -> Outcome {
    back_from(FAX, JobState::FlippingWrites).await
}

#[tokio::test]
async fn a_renamed_column_from_contract_ready() -> Outcome {
    back_from(FAX, JobState::ContractReady).await
}

#[tokio::test]
async fn a_renamed_column_from_soft_dropped() -> Outcome {
    back_from(FAX, JobState::SoftDropped).await
}
