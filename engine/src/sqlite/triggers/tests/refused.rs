//! What a NOT NULL old column would have refused is refused, although it is nullable for the time of the job.

use super::db::Phase::{Hidden, New, Old};
use super::db::everywhere;
use super::pairs::{TRACK, mirror, partial, rename};
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

#[tokio::test]
async fn what_a_unique_or_checked_old_column_refuses_is_not_left_half_done() {
    const LEFT_OUT: &str = "sluice: this write of column \"name\" of table \"track\" is refused by a constraint of column \"title\", \
                            and OR IGNORE cannot leave it out";
    for phase in [Old, New, Hidden] {
        for judge in ["UNIQUE", "CHECK (title <> 'b' OR id < 3)"] {
            let table = TRACK.replace("title TEXT", &format!("title TEXT {judge}"));
            everywhere(phase, &table, &mirror(vec![rename()]), async |db| {
                db.ok("INSERT INTO track (id, name) VALUES (1, 'a'), (2, 'b')")
                    .await;
                for refused in [
                    "INSERT OR IGNORE INTO track (id, name) VALUES (3, 'b')",
                    "INSERT OR IGNORE INTO track (id, name) VALUES (3, 'c'), (4, 'b')",
                    "INSERT OR ABORT INTO track (id, name) VALUES (3, 'b')",
                    "INSERT INTO track (id, name) VALUES (3, 'b') ON CONFLICT DO NOTHING",
                ] {
                    let error = db.run(refused).await.unwrap_err();
                    assert_eq!(error == LEFT_OUT, refused.contains("IGNORE"), "{error}");
                }
                db.ok("INSERT OR IGNORE INTO track (id, name) VALUES (1, 'd'), (5, 'e')")
                    .await;
                db.ok("UPDATE OR IGNORE track SET name = 'f' WHERE id = 1").await;
                assert_eq!(db.rows(&["id", "name"]).await, "1 'f', 2 'b', 5 'e'");
            })
            .await;
        }
    }
}
