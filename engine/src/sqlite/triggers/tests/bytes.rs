//! Values are compared as they are stored, never by a collation; expressions see columns with their own affinity.

use super::db::Phase::{Hidden, New, Old};
use super::db::{Db, everywhere};
use super::pairs::{TRACK, mail, mirror, pair, rename, with_down};

#[tokio::test]
async fn a_change_of_letters_alone_is_not_taken_for_none() {
    for phase in [Old, New] {
        everywhere(phase, TRACK, &mirror(vec![mail()]), async |db| {
            db.ok("INSERT INTO track (id, email) VALUES (1, 'bob')").await;
            db.ok("UPDATE track SET mail = 'BOB'").await;
            assert_eq!(db.rows(&["email"]).await, "'BOB'");
            db.ok("UPDATE track SET email = 'EVE'").await;
            db.ok("UPDATE track SET email = 'Eve'").await;
            assert_eq!(db.rows(&["email", "mail"]).await, "'Eve' 'eve'");
        })
        .await;
    }
}

#[tokio::test]
async fn one_as_text_as_number_and_as_fraction_are_three_values() {
    const TABLE: &str = "CREATE TABLE track (id INTEGER PRIMARY KEY, a, b)";
    let kind = with_down(
        pair("b", "typeof(a)", &["a"]),
        "a",
        "CASE b WHEN 'text' THEN '1' END",
    );
    for phase in [Old, New] {
        everywhere(phase, TABLE, &mirror(vec![kind.clone()]), async |db| {
            db.ok("INSERT INTO track (id, a) VALUES (1, 1)").await;
            for (value, kind) in [
                ("1.0", "real"),
                ("1", "integer"),
                ("'1'", "text"),
                ("x'31'", "blob"),
            ] {
                db.ok(&format!("UPDATE track SET a = {value}")).await;
                assert_eq!(db.one("SELECT b FROM track").await, kind, "{value}");
            }
            assert_eq!(db.notes().await, "");
        })
        .await;
    }
}

#[tokio::test]
async fn what_a_text_column_stores_of_a_number_is_not_another_value() {
    const TABLE: &str = "CREATE TABLE track (id INTEGER PRIMARY KEY, code INTEGER, label TEXT)";
    let pair = with_down(pair("label", "code", &["code"]), "code", "label");
    for phase in [Old, New] {
        everywhere(phase, TABLE, &mirror(vec![pair.clone()]), async |db| {
            db.ok("INSERT INTO track (id, code) VALUES (1, 5)").await;
            assert_eq!(db.rows(&["code", "label"]).await, "5 '5'");
            db.ok("UPDATE track SET label = '07'").await;
            let label = if phase == Old { "'7'" } else { "'07'" };
            assert_eq!(db.rows(&["code", "label"]).await, format!("7 {label}"));
        })
        .await;
    }
}

#[tokio::test]
async fn an_expression_sees_the_affinity_of_its_column() {
    const TABLE: &str = "CREATE TABLE track (id INTEGER PRIMARY KEY, code INTEGER, is_five TEXT)";
    let pair = with_down(
        pair(
            "is_five",
            "CASE WHEN code = '5' THEN 'yes' ELSE 'no' END",
            &["code"],
        ),
        "code",
        "CASE WHEN is_five = 'yes' THEN 5 ELSE 0 END",
    );
    for phase in [Old, New, Hidden] {
        everywhere(phase, TABLE, &mirror(vec![pair.clone()]), async |db| {
            db.ok("INSERT INTO track (id, is_five) VALUES (1, 'yes')").await;
            let old = if phase == Hidden {
                "sluice_0123456789_h0"
            } else {
                "code"
            };
            for (code, is_five) in [(0, "no"), (5, "yes")] {
                db.ok(&format!("UPDATE track SET {old} = {code}")).await;
                assert_eq!(db.one("SELECT is_five FROM track").await, is_five);
            }
            assert_eq!(db.notes().await, "");
        })
        .await;
    }
}

#[tokio::test]
async fn odd_names_stay_within_their_quotes() {
    const TABLE: &str = r#"CREATE TABLE "odd 'table"";" ("the id" INTEGER PRIMARY KEY, "old ""x""" TEXT, "new 'y'" TEXT, "order" TEXT)"#;
    let mut odd = mirror(vec![with_down(
        pair("new 'y'", r#""old ""x""""#, &["old \"x\""]),
        "old \"x\"",
        r#""new 'y'""#,
    )]);
    odd.table.name = "odd 'table\";".into();
    odd.key = vec!["the id".into()];
    for recursive in [false, true] {
        let mut db = Db::open(recursive, true, TABLE, &odd, "\"the id\"").await;
        db.reach(Old).await;
        let installed = db.sql.installed.clone();
        assert!(db.asks(&installed).await);
        db.ok(r#"INSERT INTO "odd 'table"";" ("the id", "old ""x""", "new 'y'") VALUES (1, 'a', 'b')"#)
            .await;
        assert_eq!(db.notes().await, r#"conflict new 'y' {"the id":1}"#);
    }
}

#[tokio::test]
async fn a_key_of_bytes_or_none_does_not_fail_the_write() {
    const TABLE: &str = "CREATE TABLE track (id BLOB PRIMARY KEY, title TEXT, name TEXT)";
    everywhere(Old, TABLE, &mirror(vec![rename()]), async |db| {
        db.ok("INSERT INTO track VALUES (x'0aff', 'a', 'b'), (NULL, 'a', 'b'), (1.5, 'a', 'b')")
            .await;
        assert_eq!(
            db.notes().await,
            r#"conflict name {"id":"0AFF"}, conflict name {"id":1.5}, conflict name {"id":null}"#
        );
    })
    .await;
    let mut keyless = mirror(vec![rename()]);
    keyless.key = vec![];
    everywhere(Old, TABLE, &keyless, async |db| {
        db.ok("INSERT INTO track VALUES (NULL, 'a', 'b')").await;
        assert_eq!(db.notes().await, r#"conflict name {"rowid":1}"#);
    })
    .await;
}
