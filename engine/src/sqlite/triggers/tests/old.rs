//! While old is the authority: every write leaves `new = up(old)`, and nothing that the application wrote is lost in silence.

use super::db::Phase::Old;
use super::db::everywhere;
use super::pairs::{TRACK, derived, mail, mirror, partial, seconds};
use crate::mirror::OnDownError;

const BOTH: [&str; 3] = ["id", "milliseconds", "seconds"];

#[tokio::test]
async fn an_insert_or_update_of_old_does_not_leave_new_behind() {
    everywhere(Old, TRACK, &mirror(vec![seconds()]), async |db| {
        db.ok("INSERT INTO track (id, milliseconds) VALUES (1, 5432), (2, NULL)")
            .await;
        assert_eq!(db.rows(&BOTH).await, "1 5432 5, 2 NULL NULL");
        db.ok("UPDATE track SET milliseconds = 7000").await;
        assert_eq!(db.rows(&BOTH).await, "1 7000 7, 2 7000 7");
        assert_eq!(
            (db.notes().await, db.counted().await),
            (String::new(), "0".into())
        );
    })
    .await;
}

#[tokio::test]
async fn an_update_of_any_other_column_does_not_leave_a_row_wrong() {
    everywhere(Old, TRACK, &mirror(vec![seconds(), derived()]), async |db| {
        let remove = db.sql.remove.clone();
        db.transaction(&remove).await;
        db.ok("INSERT INTO track (id, milliseconds, bytes) VALUES (1, 5432, 2048)")
            .await;
        db.reach(Old).await;
        db.ok("UPDATE track SET other = 1").await;
        assert_eq!(db.rows(&["seconds", "kb"]).await, "5 2");
    })
    .await;
}

#[tokio::test]
async fn a_write_of_new_alone_is_not_overridden_but_goes_back_to_old() {
    everywhere(Old, TRACK, &mirror(vec![seconds(), mail()]), async |db| {
        db.ok("INSERT INTO track (id, milliseconds, email) VALUES (1, 5432, 'a')")
            .await;
        db.ok("UPDATE track SET seconds = 7, mail = 'Bob@x'").await;
        let columns = ["milliseconds", "seconds", "email", "mail"];
        assert_eq!(db.rows(&columns).await, "7000 7 'Bob@x' 'bob@x'");
        db.ok("INSERT INTO track (id, seconds, mail) VALUES (2, 3, 'Eve@x')")
            .await;
        assert_eq!(
            db.rows(&columns).await,
            "3000 3 'Eve@x' 'eve@x', 7000 7 'Bob@x' 'bob@x'"
        );
        assert_eq!(
            (db.notes().await, db.counted().await),
            (String::new(), "2".into())
        );
    })
    .await;
}

#[tokio::test]
async fn a_new_value_that_up_gives_anyway_does_not_round_old() {
    everywhere(Old, TRACK, &mirror(vec![seconds()]), async |db| {
        let remove = db.sql.remove.clone();
        db.transaction(&remove).await;
        db.ok("INSERT INTO track (id, milliseconds) VALUES (1, 5432)")
            .await;
        db.reach(Old).await;
        // The fill.
        db.ok("UPDATE track SET seconds = milliseconds / 1000").await;
        assert_eq!(db.rows(&BOTH).await, "1 5432 5");
        db.ok("INSERT INTO track (id, milliseconds, seconds) VALUES (2, 5432, 5)")
            .await;
        assert_eq!(db.rows(&BOTH).await, "1 5432 5, 2 5432 5");
        assert_eq!(
            (db.notes().await, db.counted().await),
            (String::new(), "0".into())
        );
    })
    .await;
}

#[tokio::test]
async fn a_derived_column_never_writes_back() {
    everywhere(Old, TRACK, &mirror(vec![derived()]), async |db| {
        db.ok("INSERT INTO track (id, bytes, kb) VALUES (1, 2048, 9), (2, NULL, 9)")
            .await;
        db.ok("UPDATE track SET kb = 77 WHERE id = 1").await;
        assert_eq!(db.rows(&["bytes", "kb"]).await, "2048 2, NULL NULL");
        assert_eq!(
            (db.notes().await, db.counted().await),
            (String::new(), "0".into())
        );
    })
    .await;
}

#[tokio::test]
async fn both_written_and_disagreeing_is_not_silent_and_old_wins() {
    everywhere(Old, TRACK, &mirror(vec![seconds()]), async |db| {
        db.ok("INSERT INTO track (id, milliseconds, seconds) VALUES (1, 5432, 7)").await;
        assert_eq!(db.rows(&BOTH).await, "1 5432 5");
        db.ok("UPDATE track SET milliseconds = 9000, seconds = 1").await;
        assert_eq!(db.rows(&BOTH).await, "1 9000 9");
        // One open entry a row, column and kind.
        assert_eq!(db.notes().await, r#"conflict seconds {"id":1}"#);
        let told = "SELECT job_tag || ' ' || table_schema || ' ' || table_name || ' ' || sqlstate || ' ' || message FROM sluice_quarantine";
        assert_eq!(
            db.one(told).await,
            r#"0123456789 main track 00000 both sides of "seconds" were written and disagree; the old side won"#
        );
        assert_eq!(db.counted().await, "2");
    })
    .await;
}

#[tokio::test]
async fn both_written_in_agreement_is_no_conflict() {
    everywhere(Old, TRACK, &mirror(vec![seconds()]), async |db| {
        db.ok("INSERT INTO track (id, milliseconds, seconds) VALUES (1, 5432, 5)")
            .await;
        db.ok("UPDATE track SET milliseconds = 9876, seconds = 9").await;
        assert_eq!(db.rows(&BOTH).await, "1 9876 9");
        assert_eq!(
            (db.notes().await, db.counted().await),
            (String::new(), "0".into())
        );
    })
    .await;
}

#[tokio::test]
async fn every_write_that_down_cannot_carry_back_is_told_as_lost() {
    everywhere(Old, TRACK, &mirror(vec![partial(OnDownError::Close)]), async |db| {
        db.ok("INSERT INTO track (id, milliseconds) VALUES (1, 5432)").await;
        db.ok("UPDATE track SET seconds = -1").await;
        db.ok("UPDATE track SET seconds = -1").await;
        assert_eq!(db.rows(&BOTH).await, "1 5432 5");
        assert_eq!(db.notes().await, r#"lost seconds {"id":1}, lost seconds {"id":1}"#);
        let told = "SELECT sqlstate || ' ' || message FROM sluice_quarantine WHERE id = 1";
        assert_eq!(
            db.one(told).await,
            "23502 a write of the new side was lost: computing \"milliseconds\" from \"seconds\" raised an error; \"milliseconds\" was kept"
        );
    })
    .await;
}

#[tokio::test]
async fn a_nullable_old_column_takes_the_null_that_down_gives() {
    everywhere(Old, TRACK, &mirror(vec![seconds()]), async |db| {
        db.ok("INSERT INTO track (id, milliseconds) VALUES (1, 5432)")
            .await;
        db.ok("UPDATE track SET seconds = NULL").await;
        assert_eq!(db.rows(&BOTH).await, "1 NULL NULL");
        assert_eq!(db.notes().await, "");
    })
    .await;
}
