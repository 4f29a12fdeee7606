//! Several pairs on one table, where one reads what another restores.

use super::db::Phase::{New, Old};
use super::db::everywhere;
use super::pairs::{TRACK, label, mail, mirror, not_null, pair, rename, seconds, with_down};
use crate::mirror::OnDownError;

#[tokio::test]
async fn two_new_sides_written_at_once_both_go_back() {
    for phase in [Old, New] {
        everywhere(
            phase,
            TRACK,
            &mirror(vec![seconds(), rename(), mail()]),
            async |db| {
                let columns = ["milliseconds", "seconds", "title", "name", "email", "mail"];
                db.ok("INSERT INTO track (id, seconds, name, mail) VALUES (1, 5, 'a', 'm')")
                    .await;
                assert_eq!(db.rows(&columns).await, "5000 5 'a' 'a' 'm' 'm'");
                db.ok("UPDATE track SET seconds = 6, name = 'b', mail = 'n'")
                    .await;
                assert_eq!(db.rows(&columns).await, "6000 6 'b' 'b' 'n' 'n'");
                // One write of three new columns is one.
                assert_eq!(
                    (db.notes().await, db.counted().await),
                    (String::new(), "2".into())
                );
            },
        )
        .await;
    }
}

#[tokio::test]
async fn one_pair_led_by_new_and_another_by_old_do_not_undo_each_other() {
    for phase in [Old, New] {
        everywhere(phase, TRACK, &mirror(vec![seconds(), rename()]), async |db| {
            let columns = ["milliseconds", "seconds", "title", "name"];
            db.ok("INSERT INTO track (id, seconds, title) VALUES (1, 5, 'a')")
                .await;
            assert_eq!(db.rows(&columns).await, "5000 5 'a' 'a'");
            db.ok("UPDATE track SET milliseconds = 6543, name = 'b'").await;
            assert_eq!(db.rows(&columns).await, "6543 6 'b' 'b'");
            assert_eq!(db.notes().await, "");
        })
        .await;
    }
}

#[tokio::test]
async fn a_derived_column_follows_what_another_pair_restored() {
    let minutes = pair("kb", "milliseconds / 60000", &["milliseconds"]);
    for phase in [Old, New] {
        everywhere(
            phase,
            TRACK,
            &mirror(vec![seconds(), minutes.clone()]),
            async |db| {
                db.ok("INSERT INTO track (id, seconds) VALUES (1, 125)").await;
                assert_eq!(db.rows(&["milliseconds", "seconds", "kb"]).await, "125000 125 2");
                db.ok("UPDATE track SET seconds = 185").await;
                assert_eq!(db.rows(&["milliseconds", "seconds", "kb"]).await, "185000 185 3");
            },
        )
        .await;
    }
}

const TOGETHER: [&str; 4] = ["milliseconds", "seconds", "title", "name"];

#[tokio::test]
async fn a_pair_that_reads_a_restored_column_follows_it() {
    for phase in [Old, New] {
        everywhere(phase, TRACK, &mirror(vec![seconds(), label()]), async |db| {
            db.ok("INSERT INTO track (id, milliseconds, title) VALUES (1, 5432, 'a')")
                .await;
            db.ok("UPDATE track SET seconds = 7").await;
            assert_eq!(db.rows(&TOGETHER).await, "7000 7 'a' 'a/7000'");
        })
        .await;
    }
}

#[tokio::test]
async fn what_both_pairs_say_together_is_not_taken_apart() {
    for phase in [Old, New] {
        everywhere(phase, TRACK, &mirror(vec![seconds(), label()]), async |db| {
            db.ok("INSERT INTO track (id, milliseconds, title) VALUES (1, 5432, 'a')")
                .await;
            db.ok("UPDATE track SET seconds = 7, name = 'b/7000'").await;
            assert_eq!(db.rows(&TOGETHER).await, "7000 7 'b' 'b/7000'");
            assert_eq!(db.notes().await, "");
        })
        .await;
    }
}

#[tokio::test]
async fn a_way_back_reads_what_an_earlier_pair_has_just_restored() {
    let mut label = label();
    label.down.as_mut().unwrap().expression = "substr(name, 1, 1) || milliseconds".into();
    for phase in [Old, New] {
        everywhere(
            phase,
            TRACK,
            &mirror(vec![seconds(), label.clone()]),
            async |db| {
                db.ok("INSERT INTO track (id, milliseconds, title) VALUES (1, 5432, 'a')")
                    .await;
                db.ok("UPDATE track SET seconds = 7, name = 'b'").await;
                let name = if phase == Old { "'b7000/7000'" } else { "'b'" };
                assert_eq!(db.rows(&TOGETHER).await, format!("7000 7 'b7000' {name}"));
            },
        )
        .await;
    }
}

#[tokio::test]
async fn an_old_column_that_may_not_be_empty_is_not_related_by_being_so() {
    let label = not_null(label(), OnDownError::Close);
    everywhere(New, TRACK, &mirror(vec![seconds(), label]), async |db| {
        db.ok("INSERT INTO track (id, milliseconds, name) VALUES (1, 5432, 'none')")
            .await;
        assert_eq!(db.rows(&TOGETHER).await, "5432 5 NULL 'none'");
        assert_eq!(
            db.notes().await,
            r#"closed name {"id":1}, conflict name {"id":1}"#
        );
    })
    .await;
}

#[tokio::test]
async fn a_new_side_whose_way_back_is_closed_survives_what_another_pair_restores() {
    let label = not_null(label(), OnDownError::Close);
    everywhere(New, TRACK, &mirror(vec![seconds(), label]), async |db| {
        db.ok("INSERT INTO track (id, seconds, name) VALUES (1, 5, 'none')")
            .await;
        assert_eq!(db.rows(&TOGETHER).await, "5000 5 NULL 'none'");
        db.ok("UPDATE track SET title = 'a'").await;
        db.ok("UPDATE track SET seconds = 7, name = 'nothing'").await;
        assert_eq!(db.rows(&TOGETHER).await, "7000 7 'a' 'nothing'");
    })
    .await;
}

#[tokio::test]
async fn a_way_back_may_read_other_columns_and_the_one_that_it_restores() {
    // Keeps the part that seconds do not tell.
    let precise = with_down(
        pair("seconds", "milliseconds / 1000", &["milliseconds"]),
        "milliseconds",
        "track.seconds * 1000 + coalesce(milliseconds % 1000, 0) + coalesce(\"other\", 0)",
    );
    for phase in [Old, New] {
        everywhere(phase, TRACK, &mirror(vec![precise.clone()]), async |db| {
            db.ok("INSERT INTO track (id, milliseconds) VALUES (1, 5432)")
                .await;
            db.ok("UPDATE track SET seconds = 7").await;
            assert_eq!(db.rows(&["milliseconds", "seconds"]).await, "7432 7");
        })
        .await;
    }
}
