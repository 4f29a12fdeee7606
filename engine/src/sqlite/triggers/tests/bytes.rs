//! Values are compared as they are stored, never by a collation; expressions see columns with their own affinity.

use super::db::Phase::{New, Old};
use super::db::everywhere;
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
    let pair = with_down(pair("b", "a", &["a"]), "a", "b");
    for phase in [Old, New] {
        everywhere(phase, TABLE, &mirror(vec![pair.clone()]), async |db| {
            db.ok("INSERT INTO track VALUES (1, 1, NULL)").await;
            for value in ["1.0", "'1'", "x'31'", "1"] {
                db.ok(&format!("UPDATE track SET b = {value}")).await;
                let expected = if value == "x'31'" { "X'31'" } else { value };
                // 1 and 1.0 are equal, so `up` gives the one as well as the other.
                let a = db.rows(&["a"]).await;
                assert!(
                    a == expected || (a == "1" && value == "1.0"),
                    "{value} became {a}"
                );
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
    for phase in [Old, New, super::db::Phase::Hidden] {
        everywhere(phase, TABLE, &mirror(vec![pair.clone()]), async |db| {
            db.ok("INSERT INTO track (id, is_five) VALUES (1, 'yes'), (2, 'no')")
                .await;
            assert_eq!(db.rows(&["is_five"]).await, "'no', 'yes'");
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
        let mut db = super::db::Db::open(recursive, true, TABLE, &odd, "\"the id\"").await;
        db.reach(Old).await;
        assert!(db.asks(&odd_question(&db)).await);
        db.ok(r#"INSERT INTO "odd 'table"";" ("the id", "old ""x""", "new 'y'") VALUES (1, 'a', 'b')"#)
            .await;
        assert_eq!(db.notes().await, r#"conflict new 'y' {"the id":1}"#);
    }
    fn odd_question(db: &super::db::Db) -> String {
        db.sql.installed.clone()
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
