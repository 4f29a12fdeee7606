//! Traps 29, 31 and 35: the flip, the soft drop and the way back.

use std::time::Duration;

use ledger::JobState;
use ledger::commands::Command;

use crate::sqlite::ground::{FAX, Outcome, SECONDS, submitted, until, walk};
use crate::stages::cutover::{flag_is, start};
use crate::stages::ground::applied;

/// Trap 29: RENAME COLUMN rewrites every trigger that names the column; ours must go on under the hidden name.
#[tokio::test]
async fn writes_go_on_after_the_soft_drop_and_are_still_mirrored() -> Outcome {
    let file = SECONDS.file(300).await?;
    let embedded = start(&file).await?;
    let job = submitted(&embedded, &file, &SECONDS.by_hand()).await?;
    walk(&embedded, job, JobState::SoftDropped).await?;
    file.execute(
        "UPDATE track SET note = 'x' WHERE id = 1; UPDATE track SET seconds = 9 WHERE id = 2; UPDATE track SET note = 'all'; \
         INSERT INTO track (id, seconds) VALUES (-1, 4); REPLACE INTO track (id, seconds) VALUES (4, 6); DELETE FROM track WHERE id = 3",
    )
    .await?;
    assert!(file.execute("SELECT milliseconds FROM track").await.is_err());
    embedded.roll_back(job, true).await?;
    let old = "SELECT group_concat(id || ':' || milliseconds, ' ' ORDER BY id) FROM track WHERE id IN (-1, 2, 3, 4)";
    assert_eq!(file.value::<String>(old).await?, "-1:4000 2:9000 4:6000");
    embedded.stop().await
}

/// The same where nothing was rebuilt before.
#[tokio::test]
async fn writes_of_a_renamed_column_go_on_after_the_soft_drop() -> Outcome {
    let file = FAX.file(300).await?;
    let embedded = start(&file).await?;
    let job = submitted(&embedded, &file, &FAX.by_hand()).await?;
    walk(&embedded, job, JobState::SoftDropped).await?;
    file.execute(
        "UPDATE customer SET note = 'all'; UPDATE customer SET fax_number = 'a' WHERE id = 2; INSERT INTO customer (id, fax_number) VALUES (-1, 'b')",
    )
    .await?;
    assert!(file.execute("SELECT fax FROM customer").await.is_err());
    embedded.roll_back(job, true).await?;
    let old = "SELECT group_concat(id || ':' || fax, ' ' ORDER BY id) FROM customer WHERE id IN (-1, 2)";
    assert_eq!(file.value::<String>(old).await?, "-1:b 2:a");
    embedded.stop().await
}

/// Trap 31: an instance with cached flags writes new only, after the flags went back. The triggers wait for it.
#[tokio::test]
async fn the_triggers_stay_for_instances_that_still_follow_the_old_flags() -> Outcome {
    let file = SECONDS.file(300).await?;
    let embedded = start(&file).await?;
    let spec = SECONDS.by_hand().replace("cache = \"1s\"", "cache = \"4s\"");
    let job = submitted(&embedded, &file, &spec).await?;
    walk(&embedded, job, JobState::ContractReady).await?;
    let back = Command::Rollback {
        discard: false,
        accept_loss: false,
    };
    applied(&embedded, job, back).await?;
    flag_is(&embedded, job, "track.seconds.write", 0).await?;
    // Each of these comes within the cache age of the one before, and all of them together take longer than it.
    for n in 1..=6_i64 {
        tokio::time::sleep(Duration::from_millis(1000)).await;
        file.execute(&format!("UPDATE track SET seconds = {n} WHERE id = 1"))
            .await?;
        let old: i64 = file.value("SELECT milliseconds FROM track WHERE id = 1").await?;
        assert_eq!(old, n * 1000, "the write of second {n} was lost");
    }
    // A transaction from before the end of the drain may still write, and nobody else can: not even to say that it waits.
    let mut open = file.connection().await?;
    open.execute_script("BEGIN IMMEDIATE").await?;
    let long = "SELECT (julianday('now') - julianday(max(at))) * 86400 > 9 FROM sluice_event WHERE kind = 'flag.set'";
    until(&file, "the cache age has passed twice", long, true).await?;
    let triggers = "SELECT count(*) FROM sqlite_schema WHERE type = 'trigger' AND name GLOB 'sluice_*_[iu]'";
    assert_eq!(file.value::<i64>(triggers).await?, 2, "the triggers are gone");
    open.execute_script("UPDATE track SET seconds = 77 WHERE id = 1; COMMIT")
        .await?;
    embedded.until(job, &[JobState::RolledBack]).await?;
    let old: i64 = file.value("SELECT milliseconds FROM track WHERE id = 1").await?;
    assert_eq!(old, 77_000);
    assert_eq!(file.value::<i64>(triggers).await?, 0);
    embedded.stop().await
}

/// Trap 35: back from the soft drop in the wrong order sends the application to a hidden column. The order is in the audit
/// trail: name, flags, triggers.
#[tokio::test]
async fn from_the_soft_drop_the_name_comes_back_before_the_flags_and_they_before_the_triggers() -> Outcome {
    let file = SECONDS.file(300).await?;
    let embedded = start(&file).await?;
    let job = submitted(&embedded, &file, &SECONDS.by_hand()).await?;
    walk(&embedded, job, JobState::SoftDropped).await?;
    embedded.roll_back(job, true).await?;
    let order = "SELECT group_concat(what, ', ' ORDER BY at) FROM (
        SELECT phase AS what, max(ended_at) AS at FROM sluice_task WHERE phase IN ('unhide', 'rollback', 'discard') GROUP BY phase
        UNION ALL
        SELECT 'flags', min(at) FROM sluice_event WHERE kind = 'flag.set' AND detail ->> 'percentage' = 0) AS found";
    assert_eq!(
        file.value::<String>(order).await?,
        "unhide, flags, rollback, discard"
    );
    embedded.stop().await
}
