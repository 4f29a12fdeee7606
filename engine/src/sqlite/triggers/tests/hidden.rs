//! After the soft drop: new is the authority, and the old columns bear other names, which no author's expression knows.

use super::db::Phase::{Hidden, New};
use super::db::everywhere;
use super::pairs::{TRACK, derived, mail, mirror, pair, partial, rename, seconds, with_down};
use crate::mirror::OnDownError::Close;

const HIDDEN: [&str; 3] = ["id", "sluice_0123456789_h0", "seconds"];

#[tokio::test]
async fn the_mirror_goes_on_under_the_hidden_names() {
    everywhere(Hidden, TRACK, &mirror(vec![seconds(), mail()]), async |db| {
        db.ok("INSERT INTO track (id, seconds, mail) VALUES (1, 5, 'Bob')")
            .await;
        db.ok("UPDATE track SET seconds = 7").await;
        db.ok("UPDATE track SET other = 1").await;
        assert_eq!(db.rows(&HIDDEN).await, "1 7000 7");
        assert_eq!(db.rows(&["sluice_0123456789_h1", "mail"]).await, "'Bob' 'Bob'");
        assert_eq!(
            (db.notes().await, db.counted().await),
            (String::new(), "2".into())
        );
    })
    .await;
}

#[tokio::test]
async fn expressions_see_the_old_names_the_table_and_its_other_columns() {
    let full = with_down(
        pair(
            "name",
            "track.title || '/' || coalesce(milliseconds, 0)",
            &["title", "milliseconds"],
        ),
        "title",
        "substr(track.name, 1, instr(\"name\", '/') - 1) || coalesce(\"other\", '') || substr(coalesce(title, milliseconds, ''), 1, 0)",
    );
    everywhere(Hidden, TRACK, &mirror(vec![seconds(), full]), async |db| {
        db.ok("INSERT INTO track (id, seconds, name) VALUES (1, 5, 'a/5000')")
            .await;
        db.ok("UPDATE track SET seconds = 7").await;
        let columns = ["sluice_0123456789_h0", "sluice_0123456789_h1", "name"];
        assert_eq!(db.rows(&columns).await, "7000 'a' 'a/7000'");
    })
    .await;
}

#[tokio::test]
async fn a_column_that_stays_may_be_read_beside_hidden_ones() {
    everywhere(Hidden, TRACK, &mirror(vec![seconds(), derived()]), async |db| {
        db.ok("INSERT INTO track (id, bytes) VALUES (1, 4096)").await;
        assert_eq!(db.rows(&["bytes", "kb"]).await, "4096 4");
    })
    .await;
}

#[tokio::test]
async fn a_hidden_key_is_told_by_its_own_name() {
    let mut mirror = mirror(vec![partial(Close), rename()]);
    mirror.key = vec!["title".into(), "id".into()];
    everywhere(Hidden, TRACK, &mirror, async |db| {
        db.ok("INSERT INTO track (id, seconds) VALUES (1, -1)").await;
        assert_eq!(db.notes().await, r#"closed seconds {"title":null,"id":1}"#);
    })
    .await;
}

#[tokio::test]
async fn the_names_come_back_with_what_was_written_meanwhile() {
    everywhere(Hidden, TRACK, &mirror(vec![seconds()]), async |db| {
        db.ok("INSERT INTO track (id, seconds) VALUES (1, 5)").await;
        assert!(db.run("UPDATE track SET milliseconds = 1").await.is_err());
        let unhide = db.sql.unhide.clone().unwrap();
        db.transaction(&unhide.statements).await;
        assert!(db.asks(&unhide.done).await);
        let lead = db.sql.lead.done.clone();
        assert!(db.asks(&lead).await, "the same triggers as before");
        db.ok("UPDATE track SET milliseconds = 6789").await;
        assert_eq!(db.rows(&["milliseconds", "seconds"]).await, "6789 6");
    })
    .await;
}

#[tokio::test]
async fn the_drop_takes_the_triggers_before_the_column() {
    everywhere(Hidden, TRACK, &mirror(vec![seconds()]), async |db| {
        db.ok("INSERT INTO track (id, seconds) VALUES (1, 5)").await;
        let drop = db.sql.drop.clone().unwrap();
        let mut statements = drop.statements.clone();
        statements.push("ALTER TABLE track DROP COLUMN \"sluice_0123456789_h0\"".into());
        assert!(!db.asks(&drop.done).await);
        db.transaction(&statements).await;
        assert!(db.asks(&drop.done).await);
        db.ok("UPDATE track SET seconds = 6").await;
        assert_eq!(db.rows(&["seconds"]).await, "6");
    })
    .await;
}

#[tokio::test]
async fn a_schema_change_elsewhere_does_not_choke_on_the_triggers() {
    for phase in [New, Hidden] {
        let mirror = mirror(vec![partial(Close), rename(), mail(), derived()]);
        everywhere(phase, TRACK, &mirror, async |db| {
            let done = match phase {
                Hidden => db.sql.hide.clone().unwrap().done,
                _ => db.sql.lead.done.clone(),
            };
            db.ok("CREATE TABLE album (id INTEGER PRIMARY KEY, a TEXT, b TEXT)")
                .await;
            for alter in [
                "ALTER TABLE album RENAME COLUMN a TO c",
                "ALTER TABLE album DROP COLUMN b",
                "ALTER TABLE album RENAME TO record",
                "ALTER TABLE track ADD COLUMN more TEXT",
                "ALTER TABLE track DROP COLUMN more",
                "CREATE VIEW v AS SELECT seconds FROM track",
                "ALTER TABLE track ADD COLUMN more INTEGER",
                "ALTER TABLE track RENAME COLUMN more TO less",
                "VACUUM",
            ] {
                db.ok(alter).await;
                assert!(db.asks(&done).await, "{alter}");
            }
            db.ok("INSERT INTO track (id, seconds) VALUES (1, 5)").await;
            assert_eq!(db.rows(&["seconds", "less"]).await, "5 NULL");
        })
        .await;
    }
}

#[tokio::test]
async fn a_hidden_column_is_found_in_whatever_way_the_author_writes_it() {
    const TABLE: &str = r#"CREATE TABLE track (id INTEGER PRIMARY KEY, old INTEGER, "a ""b""" INTEGER, new INTEGER, c INTEGER)"#;
    let first = with_down(
        pair("new", "old + 1", &["old"]),
        "old",
        "new - 1 + coalesce(OLD, 0) * 0",
    );
    // SQLite takes a quoted name that it does not find for text.
    let down = r#"c - 1 + (typeof("a ""b""") = 'text')"#;
    let second = with_down(pair("c", r#""a ""b""" + 1"#, &["a \"b\""]), "a \"b\"", down);
    everywhere(Hidden, TABLE, &mirror(vec![first, second]), async |db| {
        db.ok("INSERT INTO track (id, new, c) VALUES (1, 5, 7)").await;
        let columns = ["sluice_0123456789_h0", "new", "sluice_0123456789_h1", "c"];
        assert_eq!(db.rows(&columns).await, "4 5 6 7");
    })
    .await;
}
