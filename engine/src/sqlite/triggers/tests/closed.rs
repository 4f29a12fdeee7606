//! What `down` cannot carry back while new is the authority: the way back closes, or the write fails, as the spec says.

use super::db::Phase::{New, Old};
use super::db::everywhere;
use super::pairs::{TRACK, mirror, partial};
use crate::mirror::OnDownError::{Close, Fail};

const BOTH: [&str; 3] = ["id", "milliseconds", "seconds"];

#[tokio::test]
async fn a_closed_way_back_is_told_once_and_old_is_kept() {
    everywhere(New, TRACK, &mirror(vec![partial(Close)]), async |db| {
        db.ok("INSERT INTO track (id, milliseconds) VALUES (1, 5432)").await;
        db.ok("UPDATE track SET seconds = -1").await;
        db.ok("UPDATE track SET seconds = -2").await;
        db.ok("UPDATE track SET other = 1").await;
        assert_eq!(db.rows(&BOTH).await, "1 5432 -2");
        assert_eq!(db.notes().await, r#"closed seconds {"id":1}"#);
        assert_eq!(
            db.one("SELECT sqlstate || ' ' || message FROM sluice_quarantine").await,
            "23502 the way back is closed for this row: computing \"milliseconds\" from \"seconds\" raised an error; \"seconds\" was \
             written and \"milliseconds\" was kept"
        );
        db.ok("UPDATE track SET seconds = 3").await;
        assert_eq!(db.rows(&BOTH).await, "1 3000 3");
        assert_eq!(db.counted().await, "3");
    })
    .await;
}

#[tokio::test]
async fn a_row_that_begins_with_a_closed_way_back_does_not_fail_then_or_later() {
    everywhere(New, TRACK, &mirror(vec![partial(Close)]), async |db| {
        db.ok("INSERT INTO track (id, seconds) VALUES (1, -1)").await;
        assert_eq!(db.rows(&BOTH).await, "1 NULL -1");
        db.ok("UPDATE track SET other = 1").await;
        db.ok("UPDATE track SET seconds = -2").await;
        assert_eq!(db.rows(&BOTH).await, "1 NULL -2");
        assert_eq!(db.notes().await, r#"closed seconds {"id":1}"#);
        db.ok("UPDATE track SET milliseconds = 7000").await;
        assert_eq!(db.rows(&BOTH).await, "1 7000 7");
    })
    .await;
}

#[tokio::test]
async fn both_written_where_new_cannot_go_back_is_told_twice_over() {
    everywhere(New, TRACK, &mirror(vec![partial(Close)]), async |db| {
        db.ok("INSERT INTO track (id, milliseconds, seconds) VALUES (1, 5432, -1)")
            .await;
        assert_eq!(db.rows(&BOTH).await, "1 5432 -1");
        assert_eq!(
            db.notes().await,
            r#"closed seconds {"id":1}, conflict seconds {"id":1}"#
        );
    })
    .await;
}

#[tokio::test]
async fn a_write_that_the_spec_wants_to_fail_leaves_nothing_behind() {
    let message = "sluice: this write of column \"seconds\" of table \"track\" cannot be carried back to column \"milliseconds\", and the \
                   migration's spec chose \"fail\" for such writes";
    for phase in [Old, New] {
        everywhere(phase, TRACK, &mirror(vec![partial(Fail)]), async |db| {
            db.ok("INSERT INTO track (id, milliseconds) VALUES (1, 5432), (2, 6000)")
                .await;
            let refused = db.run("UPDATE track SET seconds = 10 - 11 * (id - 1)").await;
            assert_eq!(refused, Err(message.into()));
            let refused = db
                .run("INSERT OR IGNORE INTO track (id, seconds) VALUES (3, -1)")
                .await;
            assert_eq!(refused, Err(message.into()));
            assert_eq!(db.rows(&BOTH).await, "1 5432 5, 2 6000 6");
            assert_eq!(
                (db.notes().await, db.counted().await),
                (String::new(), "0".into())
            );
        })
        .await;
    }
}
