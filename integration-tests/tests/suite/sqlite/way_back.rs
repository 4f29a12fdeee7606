//! The way back from every state before the drop, under an application that caches its flags: the schema is what it was, and no
//! write is lost.

use ledger::JobState;
use testbed::embedded::Embedded;
use testbed::traffic::Shape;

use super::ground::{FAX, Move, Outcome, SECONDS, left_over, settled, some_rows_filled, walk};
use crate::stages::cutover::{start, submit};

/// Under both releases, but for the old one where it cannot work: whoever approves that old is hidden has it gone.
async fn back_from(shop: Move, state: JobState) -> Outcome {
    let file = shop.file(2000).await?;
    let before = file.schema_dump().await?;
    let embedded = if state == JobState::Verified {
        Embedded::start(&file).await?
    } else {
        start(&file).await?
    };
    let new = shop.new_release(&file).await?;
    let mut old = Some(shop.old_release(&file, 5_000_000_000).await?);
    let mut spec = shop.by_hand();
    if state == JobState::Backfilling {
        spec.push_str("[backfill]\nmax_rows_per_second = 300\n");
    }
    let job = submit(&embedded, &file, &spec).await?;
    if state == JobState::SoftDropped {
        walk(&embedded, job, JobState::ContractReady).await?;
        if let Some(old) = old.take() {
            settled(old, &file, Shape::Both).await?;
        }
    }
    walk(&embedded, job, state).await?;
    if state == JobState::Backfilling {
        some_rows_filled(&file).await?;
    }
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

/// The mirror goes; the new column and its values stay until somebody discards them. What `guards` are left judge what a loosened
/// column no longer does.
async fn without_discard(shop: Move, guards: usize) -> Outcome {
    let file = shop.file(500).await?;
    let before = file.schema_dump().await?;
    let embedded = start(&file).await?;
    let old = shop.old_release(&file, 5_000_000_000).await?;
    let job = submit(&embedded, &file, &shop.by_hand()).await?;
    walk(&embedded, job, JobState::ContractReady).await?;
    embedded.roll_back(job, false).await?;
    let left = left_over(&file).await?;
    assert_eq!(
        left.split(", ").filter(|name| !name.is_empty()).count(),
        guards,
        "{left}"
    );
    assert!(
        !left.contains("_i") && !left.contains("_u,") && !left.ends_with("_u"),
        "{left}"
    );
    assert_ne!(file.schema_dump().await?, before, "the new column is gone");
    if guards > 0 {
        let name = shop.name;
        for write in [
            format!("INSERT INTO {name} (id, note) VALUES (-9, 'x')"),
            format!("UPDATE {name} SET milliseconds = NULL"),
        ] {
            let error = file
                .execute(&write)
                .await
                .expect_err("the old column may not be NULL");
            assert!(
                format!("{error:#}").contains("NOT NULL constraint failed"),
                "{error:#}"
            );
        }
    }
    embedded.roll_back(job, true).await?;
    assert_eq!(file.schema_dump().await?, before, "the schema is not what it was");
    settled(old, &file, Shape::Old).await?;
    embedded.stop().await
}

#[tokio::test]
async fn a_rollback_that_keeps_the_column_takes_the_mirror() -> Outcome {
    without_discard(SECONDS, 2).await?;
    without_discard(FAX, 0).await
}

#[tokio::test]
async fn a_replaced_column_from_backfilling() -> Outcome {
    back_from(SECONDS, JobState::Backfilling).await
}

#[tokio::test]
async fn a_renamed_column_from_backfilling() -> Outcome {
    back_from(FAX, JobState::Backfilling).await
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
