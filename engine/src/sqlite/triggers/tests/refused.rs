//! What a NOT NULL old column would have refused is refused, although it is nullable for the time of the job.

use super::db::Phase::{Hidden, New, Old};
use super::db::everywhere;
use super::pairs::{TRACK, mirror, partial};
use crate::mirror::OnDownError::Close;

const BOTH: [&str; 3] = ["id", "milliseconds", "seconds"];
const MESSAGE: &str = "NOT NULL constraint failed: track.milliseconds";

#[tokio::test]
async fn a_row_that_gives_neither_side_is_refused() {
    for phase in [Old, New, Hidden] {
        everywhere(phase, TRACK, &mirror(vec![partial(Close)]), async |db| {
            let refused = db
                .run("INSERT INTO track (id, seconds) VALUES (1, 5), (2, NULL)")
                .await;
            assert_eq!(refused, Err(MESSAGE.into()));
            assert_eq!(db.rows(&["id"]).await, "", "no row of the statement stays");
            assert_eq!(db.counted().await, "0");
        })
        .await;
    }
}

#[tokio::test]
async fn an_update_that_empties_old_is_refused() {
    for phase in [Old, New] {
        everywhere(phase, TRACK, &mirror(vec![partial(Close)]), async |db| {
            db.ok("INSERT INTO track (id, milliseconds) VALUES (1, 5432)")
                .await;
            for set in ["milliseconds = NULL", "milliseconds = NULL, seconds = NULL"] {
                let refused = db.run(&format!("UPDATE track SET {set}")).await;
                assert_eq!(refused, Err(MESSAGE.into()), "{set}");
            }
            assert_eq!(db.rows(&BOTH).await, "1 5432 5");
        })
        .await;
    }
}

#[tokio::test]
async fn new_alone_fills_it_in_time() {
    for phase in [Old, New] {
        everywhere(phase, TRACK, &mirror(vec![partial(Close)]), async |db| {
            db.ok("INSERT INTO track (id, seconds) VALUES (1, 5)").await;
            db.ok("UPDATE track SET seconds = 7").await;
            assert_eq!(db.rows(&BOTH).await, "1 7000 7");
        })
        .await;
    }
}

#[tokio::test]
async fn a_new_row_whose_old_side_cannot_be_filled_is_refused_while_old_is_the_authority() {
    everywhere(Old, TRACK, &mirror(vec![partial(Close)]), async |db| {
        let refused = db.run("INSERT INTO track (id, seconds) VALUES (1, -1)").await;
        assert_eq!(refused, Err(MESSAGE.into()));
        assert_eq!(
            (db.rows(&["id"]).await, db.notes().await),
            (String::new(), String::new())
        );
    })
    .await;
}
