//! The table's other triggers and foreign keys.

use super::db::Phase::{self, New, Old};
use super::db::{Db, everywhere};
use super::pairs::{TRACK, label, mail, mirror, pair, partial, rename, seconds, with_down};
use crate::mirror::Mirror;
use crate::mirror::OnDownError::Close;

/// Touches the row again at every write, as many applications do. `other` counts how often.
const TOUCH: &str = "CREATE TRIGGER touch_i AFTER INSERT ON track BEGIN
        UPDATE track SET other = coalesce(other, 0) + 1 WHERE id = NEW.id; END;
    CREATE TRIGGER touch_u AFTER UPDATE ON track WHEN NEW.other IS OLD.other BEGIN
        UPDATE track SET other = coalesce(other, 0) + 1 WHERE id = NEW.id; END;";

/// A mirror beside the touching triggers, which fire first or last: SQLite promises neither.
async fn touched(phase: Phase, test: impl AsyncFn(&mut Db)) {
    touched_with(phase, &mirror(vec![partial(Close)]), test).await;
}

async fn touched_with(phase: Phase, mirror: &Mirror, test: impl AsyncFn(&mut Db)) {
    for recursive in [false, true] {
        for first in [false, true] {
            eprintln!("recursive_triggers = {recursive}, created first: {first}");
            let mut db = Db::open(recursive, true, TRACK, mirror, "rowid").await;
            if first {
                db.ok(TOUCH).await;
            }
            db.reach(phase).await;
            if !first {
                db.ok(TOUCH).await;
            }
            test(&mut db).await;
        }
    }
}

const BOTH: [&str; 3] = ["id", "milliseconds", "seconds"];

#[tokio::test]
async fn a_trigger_that_touches_the_row_in_between_does_not_lose_a_write() {
    for phase in [Old, New] {
        touched(phase, async |db| {
            db.ok("INSERT INTO track (id, seconds) VALUES (1, 5)").await;
            assert_eq!(db.rows(&BOTH).await, "1 5000 5");
            db.ok("UPDATE track SET seconds = 7").await;
            assert_eq!(db.rows(&BOTH).await, "1 7000 7");
            db.ok("UPDATE track SET milliseconds = 6543").await;
            assert_eq!(db.rows(&BOTH).await, "1 6543 6");
            assert_eq!(db.notes().await, "");
        })
        .await;
    }
}

/// The touched row is made right before the way back of the first pair, whose column the second one reads.
#[tokio::test]
async fn a_trigger_that_touches_the_row_in_between_makes_no_conflict_of_sides_that_agree() {
    for phase in [Old, New] {
        touched_with(phase, &mirror(vec![seconds(), label()]), async |db| {
            let columns = ["milliseconds", "seconds", "title", "name"];
            db.ok("INSERT INTO track (id, milliseconds) VALUES (1, 0)").await;
            db.ok("UPDATE track SET title = 'a', name = 'a/7000', seconds = 7")
                .await;
            assert_eq!(db.rows(&columns).await, "7000 7 'a' 'a/7000'");
            assert_eq!(db.notes().await, "");
        })
        .await;
    }
}

#[tokio::test]
async fn a_trigger_that_touches_the_row_in_between_does_not_hide_a_conflict() {
    for (phase, expected) in [(Old, "1 5432 5"), (New, "1 9000 9")] {
        touched(phase, async |db| {
            db.ok("INSERT INTO track (id, milliseconds) VALUES (1, 5432)")
                .await;
            db.ok("UPDATE track SET milliseconds = 5432 + 1, seconds = 8")
                .await;
            db.ok("UPDATE track SET milliseconds = 5432, seconds = 9").await;
            assert_eq!(db.rows(&BOTH).await, expected);
            assert_eq!(db.notes().await, r#"conflict seconds {"id":1}"#);
        })
        .await;
    }
}

#[tokio::test]
async fn a_write_that_another_trigger_makes_is_mirrored() {
    // Never by the depth of triggers: that would lose it.
    const ALBUM: &str = "CREATE TABLE album (id INTEGER PRIMARY KEY, length INTEGER);
        CREATE TRIGGER spread AFTER INSERT ON album BEGIN UPDATE track SET milliseconds = NEW.length; END;";
    for phase in [Old, New] {
        everywhere(phase, TRACK, &mirror(vec![seconds()]), async |db| {
            db.ok(ALBUM).await;
            db.ok("INSERT INTO track (id, milliseconds) VALUES (1, 5432)")
                .await;
            db.ok("INSERT INTO album VALUES (1, 7000)").await;
            assert_eq!(db.rows(&BOTH).await, "1 7000 7");
        })
        .await;
    }
}

const AUDIT: &str = "CREATE TABLE audit (what TEXT);
    CREATE TRIGGER audit AFTER UPDATE ON track BEGIN INSERT INTO audit VALUES (NEW.id); END;";

#[tokio::test]
async fn an_audit_sees_one_write_of_ours_and_none_where_all_is_right() {
    for phase in [Old, New] {
        everywhere(phase, TRACK, &mirror(vec![seconds(), rename()]), async |db| {
            db.ok("INSERT INTO track (id, milliseconds, title) VALUES (1, 5432, 'a')")
                .await;
            db.ok(AUDIT).await;
            db.ok("UPDATE track SET other = 1").await;
            assert_eq!(db.one("SELECT count(*) FROM audit").await, "1");
            db.ok("UPDATE track SET milliseconds = 6789, title = 'b'").await;
            assert_eq!(db.one("SELECT count(*) FROM audit").await, "3");
            db.ok("UPDATE track SET seconds = 8, name = 'c'").await;
            assert_eq!(db.one("SELECT count(*) FROM audit").await, "5");
        })
        .await;
    }
}

#[tokio::test]
async fn what_old_says_already_is_not_written_to_it_again() {
    everywhere(New, TRACK, &mirror(vec![mail()]), async |db| {
        db.ok("INSERT INTO track (id, email) VALUES (1, 'Bob')").await;
        db.ok(AUDIT).await;
        db.ok("UPDATE track SET mail = 'Bob'").await;
        assert_eq!(db.one("SELECT count(*) FROM audit").await, "1");
    })
    .await;
}

#[tokio::test]
async fn a_foreign_key_s_cascade_is_mirrored() {
    const TABLE: &str = "CREATE TABLE album (id INTEGER PRIMARY KEY);
        CREATE TABLE track (id INTEGER PRIMARY KEY, album INTEGER REFERENCES album (id) ON UPDATE CASCADE ON DELETE SET NULL, record INTEGER)";
    let record = with_down(pair("record", "album", &["album"]), "album", "record");
    for (phase, recursive) in [(Old, false), (Old, true), (New, false), (New, true)] {
        let mut db = Db::open(recursive, true, TABLE, &mirror(vec![record.clone()]), "rowid").await;
        db.reach(phase).await;
        db.ok("INSERT INTO album VALUES (1)").await;
        db.ok("INSERT INTO track (id, record) VALUES (1, 1)").await;
        assert!(
            db.run("UPDATE track SET record = 9").await.is_err(),
            "the old column's key holds"
        );
        db.ok("UPDATE album SET id = 2").await;
        assert_eq!(db.rows(&["album", "record"]).await, "2 2");
        db.ok("DELETE FROM album").await;
        assert_eq!(db.rows(&["album", "record"]).await, "NULL NULL");
    }
}
