//! Every way in which SQLite writes a row, under both authorities.

use super::db::Phase::{New, Old};
use super::db::{Db, everywhere};
use super::pairs::{TRACK, mirror, pair, rename, seconds, with_down};

const BOTH: [&str; 3] = ["id", "milliseconds", "seconds"];

#[tokio::test]
async fn a_replaced_row_does_not_keep_the_other_side_of_the_former_one() {
    for phase in [Old, New] {
        everywhere(phase, TRACK, &mirror(vec![seconds()]), async |db| {
            db.ok("INSERT INTO track (id, milliseconds) VALUES (1, 5432), (2, 6543)")
                .await;
            db.ok("INSERT OR REPLACE INTO track (id, milliseconds) VALUES (1, 7654)")
                .await;
            db.ok("REPLACE INTO track (id, seconds) VALUES (2, 3)").await;
            assert_eq!(db.rows(&BOTH).await, "1 7654 7, 2 3000 3");
            assert_eq!(db.notes().await, "");
        })
        .await;
    }
}

#[tokio::test]
async fn an_upsert_is_mirrored_on_both_of_its_ways() {
    for phase in [Old, New] {
        everywhere(phase, TRACK, &mirror(vec![seconds()]), async |db| {
            let old = "INSERT INTO track (id, milliseconds) VALUES (1, 5432), (1, 6543)
                ON CONFLICT (id) DO UPDATE SET milliseconds = excluded.milliseconds";
            db.ok(old).await;
            assert_eq!(db.rows(&BOTH).await, "1 6543 6");
            let new = "INSERT INTO track (id, seconds) VALUES (1, 7), (2, 8)
                ON CONFLICT (id) DO UPDATE SET seconds = excluded.seconds";
            db.ok(new).await;
            assert_eq!(db.rows(&BOTH).await, "1 7000 7, 2 8000 8");
            assert_eq!(db.notes().await, "");
        })
        .await;
    }
}

#[tokio::test]
async fn a_conflict_clause_of_the_application_does_not_reach_the_ledger() {
    // It takes the place of every such clause in a trigger: OR REPLACE would replace notes, and count them anew.
    for (phase, or) in [
        (Old, "OR REPLACE"),
        (New, "OR REPLACE"),
        (Old, "OR IGNORE"),
        (New, "OR FAIL"),
    ] {
        everywhere(phase, TRACK, &mirror(vec![seconds()]), async |db| {
            db.ok("INSERT INTO track (id, milliseconds, seconds) VALUES (1, 5432, 7)")
                .await;
            let first = db.one("SELECT id FROM sluice_quarantine").await;
            db.ok(&format!("UPDATE {or} track SET milliseconds = 1000, seconds = 9"))
                .await;
            assert_eq!(db.one("SELECT id FROM sluice_quarantine").await, first, "{or}");
            assert_eq!(db.notes().await, r#"conflict seconds {"id":1}"#);
            db.ok("UPDATE sluice_quarantine SET resolved_at = 'now'").await;
            db.ok(&format!("UPDATE {or} track SET milliseconds = 2000, seconds = 8"))
                .await;
            assert_eq!(
                db.notes().await,
                r#"conflict seconds {"id":1}"#,
                "told anew once it was resolved"
            );
        })
        .await;
    }
}

#[tokio::test]
async fn a_row_is_found_under_its_new_key() {
    for phase in [Old, New] {
        everywhere(phase, TRACK, &mirror(vec![seconds()]), async |db| {
            db.ok("INSERT INTO track (id, milliseconds) VALUES (1, 5432), (2, 6543)")
                .await;
            db.ok("UPDATE track SET id = 3, milliseconds = 7654 WHERE id = 1")
                .await;
            db.ok("UPDATE OR REPLACE track SET id = 2, seconds = 8 WHERE id = 3")
                .await;
            assert_eq!(db.rows(&BOTH).await, "2 8000 8");
        })
        .await;
    }
}

#[tokio::test]
async fn each_row_of_a_statement_is_mirrored_from_its_own_values() {
    for phase in [Old, New] {
        everywhere(phase, TRACK, &mirror(vec![seconds()]), async |db| {
            db.ok(
                "INSERT INTO track (id, milliseconds) SELECT value, value * 1000 FROM json_each('[1, 2, 3]')",
            )
            .await;
            db.ok("UPDATE track SET milliseconds = milliseconds + 1500 WHERE id < 3")
                .await;
            db.ok("UPDATE track SET seconds = seconds * 2 WHERE id > 1").await;
            assert_eq!(db.rows(&BOTH).await, "1 2500 2, 2 6000 6, 3 6000 6");
            assert_eq!(
                (db.notes().await, db.counted().await),
                (String::new(), "2".into())
            );
        })
        .await;
    }
}

#[tokio::test]
async fn the_application_does_not_see_our_writes_in_its_counts() {
    for phase in [Old, New] {
        everywhere(phase, TRACK, &mirror(vec![seconds()]), async |db| {
            db.ok("INSERT INTO track (milliseconds, seconds) VALUES (1000, 7), (2000, 9)")
                .await;
            assert_eq!(
                db.one("SELECT last_insert_rowid() || ' ' || changes()").await,
                "2 2"
            );
        })
        .await;
    }
}

#[tokio::test]
async fn a_statement_of_the_application_that_fails_later_takes_notes_and_counts_with_it() {
    for phase in [Old, New] {
        everywhere(phase, TRACK, &mirror(vec![seconds()]), async |db| {
            db.ok("INSERT INTO track (id, milliseconds) VALUES (1, 5432), (2, 6543)")
                .await;
            let refused = db
                .run("UPDATE track SET id = 2, milliseconds = 0, seconds = 9 WHERE id = 1")
                .await;
            assert!(refused.is_err());
            assert_eq!(db.rows(&BOTH).await, "1 5432 5, 2 6543 6");
            assert_eq!(
                (db.notes().await, db.counted().await),
                (String::new(), "0".into())
            );
        })
        .await;
    }
}

#[tokio::test]
async fn a_table_without_row_ids_is_mirrored_by_its_key() {
    const TABLE: &str =
        "CREATE TABLE track (id TEXT COLLATE NOCASE PRIMARY KEY, title TEXT, name TEXT) WITHOUT ROWID";
    for (phase, recursive) in [(Old, false), (Old, true), (New, false), (New, true)] {
        let mut db = Db::open(recursive, true, TABLE, &mirror(vec![rename()]), "\"id\"").await;
        db.reach(phase).await;
        db.ok("INSERT INTO track (id, title) VALUES ('a', 'x'), ('b', 'y')")
            .await;
        db.ok("UPDATE track SET id = upper(id), name = 'z' WHERE id = 'A'")
            .await;
        assert_eq!(
            db.rows(&["id", "title", "name"]).await,
            "'A' 'z' 'z', 'b' 'y' 'y'"
        );
    }
}

#[tokio::test]
async fn a_column_called_rowid_does_not_hide_the_row() {
    const TABLE: &str = "CREATE TABLE track (id INTEGER PRIMARY KEY, rowid TEXT, title TEXT, name TEXT)";
    for recursive in [false, true] {
        let mut db = Db::open(recursive, true, TABLE, &mirror(vec![rename()]), "_rowid_").await;
        db.reach(Old).await;
        db.ok("INSERT INTO track (id, rowid, title) VALUES (1, 'same', 'x'), (2, 'same', 'y')")
            .await;
        db.ok("UPDATE track SET name = 'z' WHERE id = 1").await;
        assert_eq!(db.rows(&["id", "title", "name"]).await, "1 'z' 'z', 2 'y' 'y'");
    }
}

#[tokio::test]
async fn a_value_that_replaces_another_row_by_the_old_column_does_so_by_the_new_one() {
    // The application's OR REPLACE holds for what its triggers do.
    const TABLE: &str = "CREATE TABLE track (id INTEGER PRIMARY KEY, title TEXT UNIQUE, name TEXT)";
    let name = with_down(pair("name", "title", &["title"]), "title", "name");
    for phase in [Old, New] {
        everywhere(phase, TABLE, &mirror(vec![name.clone()]), async |db| {
            db.ok("INSERT INTO track (id, title) VALUES (1, 'a'), (2, 'b')")
                .await;
            assert!(
                db.run("INSERT INTO track (id, name) VALUES (3, 'a')")
                    .await
                    .is_err()
            );
            db.ok("INSERT OR REPLACE INTO track (id, name) VALUES (3, 'a')")
                .await;
            assert_eq!(db.rows(&["id", "title", "name"]).await, "2 'b' 'b', 3 'a' 'a'");
        })
        .await;
    }
}
