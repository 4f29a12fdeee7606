//! The way back from every state before the drop, under an application that caches its flags: the schema is what it was, and no
//! write is lost.

use std::time::Duration;

use ledger::JobState;
use ledger::commands::Command;
use testbed::database::Role;
use testbed::traffic::Shape;

use super::cutover::{by_hand, new_release, old_release, quick, start, submit, walk};
use super::ground::{Outcome, ask, database, refused, tracks, until};

async fn back_from(state: JobState) -> Outcome {
    let database = database().await?;
    tracks(&database, 2000).await?;
    let before = database.schema_dump().await?;
    let embedded = start(&database).await?;
    let new = new_release(&database).await?;
    // It cannot work once the old side is hidden; who approves that has it gone.
    let mut old = Some(old_release(&database, 5_000_000_000).await?);
    let job = submit(&embedded, &database, &by_hand()).await?;
    if state == JobState::SoftDropped {
        walk(&embedded, job, JobState::ContractReady).await?;
        if let Some(old) = old.take() {
            let old = old.stop().await?;
            old.assert_no_errors()?;
            old.assert_all_writes_found_in(&mut database.reader().await?, Shape::Both)
                .await?;
        }
    }
    walk(&embedded, job, state).await?;
    tokio::time::sleep(Duration::from_millis(700)).await;
    embedded.roll_back(job, true).await?;
    // The old shape serves everybody again.
    if let Some(old) = old {
        let old = old.stop().await?;
        old.assert_no_errors()?;
        old.assert_all_writes_found(&mut database.reader().await?).await?;
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    let new = new.stop().await?;
    new.assert_no_errors()?;
    assert!(
        new.on_new > 0 || state < JobState::ContractReady,
        "the new release never used the new side"
    );
    new.assert_all_writes_found(&mut database.reader().await?).await?;
    assert_eq!(
        database.schema_dump().await?,
        before,
        "the schema is not what it was"
    );
    let authority: String = ask(&database, "SELECT authority FROM sluice.job").await?;
    assert_eq!(authority, "old");
    embedded.stop().await
}

#[tokio::test]
async fn from_flipping_reads() -> Outcome {
    back_from(JobState::FlippingReads).await
}

#[tokio::test]
async fn from_flipping_writes() -> Outcome {
    back_from(JobState::FlippingWrites).await
}

#[tokio::test]
async fn from_contract_ready() -> Outcome {
    back_from(JobState::ContractReady).await
}

#[tokio::test]
async fn from_soft_dropped() -> Outcome {
    back_from(JobState::SoftDropped).await
}

#[tokio::test]
async fn not_after_the_drop_and_the_approval_said_so() -> Outcome {
    let database = database().await?;
    tracks(&database, 200).await?;
    let embedded = start(&database).await?;
    let spec = quick().replace("watch = \"1s\"", "watch = \"1h\"");
    let job = submit(&embedded, &database, &spec).await?;
    embedded.until(job, &[JobState::ContractReady]).await?;
    let said = "SELECT reason IS NOT NULL FROM sluice.job";
    until(
        &database,
        "the gate says why",
        said,
        "SELECT state FROM sluice.job",
    )
    .await?;
    let said: String = ask(&database, "SELECT reason FROM sluice.job").await?;
    assert!(
        said.contains("no way back") && said.contains("approval without evidence"),
        "{said}"
    );
    walk(&embedded, job, JobState::Watching).await?;
    let back = |discard| Command::Rollback {
        discard,
        accept_loss: true,
    };
    for discard in [false, true] {
        let why = refused(&embedded, job, back(discard)).await?;
        assert!(why.contains("no way back"), "{why}");
    }
    database
        .execute_as(Role::App, "INSERT INTO track (id, seconds) VALUES (-1, 4)")
        .await?;
    embedded.stop().await
}
