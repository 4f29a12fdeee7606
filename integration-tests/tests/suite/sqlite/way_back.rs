//! The way back from every state before the drop, under an application that caches its flags: the schema is what it was, and no
//! write is lost.

use ledger::JobState;
use testbed::file::File;
use testbed::traffic::Shape;

use super::ground::{FAX, Move, Outcome, SECONDS, left_over, settled, walk};
use crate::stages::cutover::{start, submit};
use crate::stages::way_back::{From, back, back_from, none_after_the_drop};

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
async fn from_a_gate() -> Outcome {
    back_from(From::Gate, File::new).await
}

#[tokio::test]
async fn from_expanding() -> Outcome {
    back_from(From::Expanding, File::new).await
}

#[tokio::test]
async fn from_backfilling() -> Outcome {
    back_from(From::Backfilling, File::new).await
}

#[tokio::test]
async fn while_paused() -> Outcome {
    back_from(From::Paused, File::new).await
}

#[tokio::test]
async fn from_verified() -> Outcome {
    back_from(From::Verified, File::new).await
}

#[tokio::test]
async fn from_flipping_reads() -> Outcome {
    back_from(From::FlippingReads, File::new).await
}

#[tokio::test]
async fn from_flipping_writes() -> Outcome {
    back_from(From::FlippingWrites, File::new).await
}

#[tokio::test]
async fn from_contract_ready() -> Outcome {
    back_from(From::ContractReady, File::new).await
}

#[tokio::test]
async fn from_aborted() -> Outcome {
    back_from(From::Aborted, File::new).await
}

#[tokio::test]
async fn while_held() -> Outcome {
    back_from(From::Held, File::new).await
}

/// The other migration's old column is dropped where it is, so nothing has to be asked before it is hidden.
#[tokio::test]
async fn while_held_because_old_cannot_be_hidden() -> Outcome {
    back(FAX, (&File::new().await?).into(), From::Refused).await
}

#[tokio::test]
async fn from_soft_dropped() -> Outcome {
    back_from(From::SoftDropped, File::new).await
}

#[tokio::test]
async fn not_after_the_drop_and_the_approval_said_so() -> Outcome {
    let (seconds, fax) = (File::new().await?, File::new().await?);
    none_after_the_drop(SECONDS, (&seconds).into()).await?;
    none_after_the_drop(FAX, (&fax).into()).await
}
