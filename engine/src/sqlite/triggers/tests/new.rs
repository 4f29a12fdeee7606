//! While new is the authority: only changes are mirrored, and nothing rewrites a new value that the application gave.

use super::db::Phase::New;
use super::db::everywhere;
use super::pairs::{TRACK, derived, mail, mirror, seconds};

const BOTH: [&str; 3] = ["id", "milliseconds", "seconds"];
const MAIL: [&str; 2] = ["email", "mail"];

#[tokio::test]
async fn an_unrelated_update_does_not_repair_the_truth() {
    everywhere(New, TRACK, &mirror(vec![mail()]), async |db| {
        db.ok("INSERT INTO track (id, mail) VALUES (1, 'Bob@x')").await;
        assert_eq!(db.rows(&MAIL).await, "'Bob@x' 'Bob@x'");
        db.ok("UPDATE track SET other = 1").await;
        db.ok("UPDATE track SET email = email, mail = mail").await;
        assert_eq!(db.rows(&MAIL).await, "'Bob@x' 'Bob@x'");
        db.ok("UPDATE track SET mail = 'Eve@x'").await;
        assert_eq!(db.rows(&MAIL).await, "'Eve@x' 'Eve@x'");
        assert_eq!(
            (db.notes().await, db.counted().await),
            (String::new(), "2".into())
        );
    })
    .await;
}

#[tokio::test]
async fn a_write_of_old_alone_reaches_new_and_is_not_rounded_on_the_way() {
    everywhere(New, TRACK, &mirror(vec![seconds(), mail()]), async |db| {
        db.ok("INSERT INTO track (id, milliseconds, email) VALUES (1, 5432, 'Bob@x')")
            .await;
        assert_eq!(db.rows(&BOTH).await, "1 5432 5");
        assert_eq!(db.rows(&MAIL).await, "'Bob@x' 'bob@x'");
        db.ok("UPDATE track SET milliseconds = 7654, email = 'Eve@x'")
            .await;
        assert_eq!(db.rows(&BOTH).await, "1 7654 7");
        assert_eq!(db.rows(&MAIL).await, "'Eve@x' 'eve@x'");
        assert_eq!(
            (db.notes().await, db.counted().await),
            (String::new(), "0".into())
        );
    })
    .await;
}

#[tokio::test]
async fn a_write_of_new_alone_reaches_old() {
    everywhere(New, TRACK, &mirror(vec![seconds()]), async |db| {
        db.ok("INSERT INTO track (id, seconds) VALUES (1, 5), (2, NULL)")
            .await;
        assert_eq!(db.rows(&BOTH).await, "1 5000 5, 2 NULL NULL");
        db.ok("UPDATE track SET seconds = 7 WHERE id = 1").await;
        db.ok("UPDATE track SET seconds = NULL WHERE id = 1").await;
        assert_eq!(db.rows(&BOTH).await, "1 NULL NULL, 2 NULL NULL");
        assert_eq!(
            (db.notes().await, db.counted().await),
            (String::new(), "3".into())
        );
    })
    .await;
}

#[tokio::test]
async fn both_written_and_related_in_either_direction_is_left_alone() {
    everywhere(New, TRACK, &mirror(vec![seconds(), mail()]), async |db| {
        let insert =
            "INSERT INTO track (id, milliseconds, seconds, email, mail) VALUES (1, 5432, 5, 'Bob', 'Bob')";
        db.ok(insert).await;
        assert_eq!(db.rows(&BOTH).await, "1 5432 5");
        assert_eq!(db.rows(&MAIL).await, "'Bob' 'Bob'");
        db.ok("UPDATE track SET milliseconds = 6789, seconds = 6, email = 'Eve', mail = 'Eve'")
            .await;
        assert_eq!(db.rows(&BOTH).await, "1 6789 6");
        assert_eq!(db.rows(&MAIL).await, "'Eve' 'Eve'");
        assert_eq!(
            (db.notes().await, db.counted().await),
            (String::new(), "0".into())
        );
    })
    .await;
}

#[tokio::test]
async fn both_written_and_unrelated_is_not_silent_and_new_wins() {
    everywhere(New, TRACK, &mirror(vec![seconds()]), async |db| {
        db.ok("INSERT INTO track (id, milliseconds, seconds) VALUES (1, 5432, 7)")
            .await;
        assert_eq!(db.rows(&BOTH).await, "1 7000 7");
        db.ok("UPDATE track SET milliseconds = 1234, seconds = 9").await;
        assert_eq!(db.rows(&BOTH).await, "1 9000 9");
        assert_eq!(db.notes().await, r#"conflict seconds {"id":1}"#);
        assert_eq!(
            db.one("SELECT message FROM sluice_quarantine").await,
            r#"both sides of "seconds" were written and disagree; the new side won"#
        );
        assert_eq!(db.counted().await, "2");
    })
    .await;
}

#[tokio::test]
async fn a_derived_column_follows_old_always() {
    everywhere(New, TRACK, &mirror(vec![seconds(), derived()]), async |db| {
        db.ok("INSERT INTO track (id, bytes, kb) VALUES (1, 2048, 9)")
            .await;
        db.ok("UPDATE track SET kb = 77").await;
        assert_eq!(db.rows(&["bytes", "kb"]).await, "2048 2");
        db.ok("UPDATE track SET bytes = 4096").await;
        assert_eq!(db.rows(&["bytes", "kb"]).await, "4096 4");
    })
    .await;
}

#[tokio::test]
async fn a_new_value_that_up_gives_anyway_does_not_round_old() {
    everywhere(New, TRACK, &mirror(vec![seconds()]), async |db| {
        let remove = db.sql.remove.clone();
        db.transaction(&remove).await;
        db.ok("INSERT INTO track (id, milliseconds) VALUES (1, 5432)")
            .await;
        db.reach(New).await;
        db.ok("UPDATE track SET seconds = 5").await;
        assert_eq!(db.rows(&BOTH).await, "1 5432 5");
    })
    .await;
}

#[tokio::test]
async fn a_write_of_new_in_other_letters_is_counted_though_old_says_it_already() {
    everywhere(New, TRACK, &mirror(vec![mail()]), async |db| {
        db.ok("INSERT INTO track (id, email) VALUES (1, 'Bob')").await;
        db.ok("UPDATE track SET mail = 'Bob'").await;
        assert_eq!(db.rows(&MAIL).await, "'Bob' 'Bob'");
        assert_eq!(db.counted().await, "1");
    })
    .await;
}

#[tokio::test]
async fn an_insert_that_gives_nothing_takes_up_of_nothing() {
    let mut pair = mail();
    pair.up = "coalesce(lower(email), 'none')".into();
    everywhere(New, TRACK, &mirror(vec![pair]), async |db| {
        db.ok("INSERT INTO track (id) VALUES (1)").await;
        assert_eq!(db.rows(&MAIL).await, "NULL 'none'");
        db.ok("INSERT INTO track (id, mail) VALUES (2, 'none')").await;
        assert_eq!(db.rows(&MAIL).await, "'none' 'none', NULL 'none'");
    })
    .await;
}
