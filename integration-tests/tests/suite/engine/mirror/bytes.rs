//! Names that need quoting, and values that compare or print in ways of their own (pitfall 10).

use engine::postgres::triggers::{Hidden, Pair};
use testbed::database::{Database, Role};
use testbed::postgres::Server;

use super::{Outcome, create, down, install, mirror_of, quarantine, seconds, swap};

#[tokio::test]
async fn names_that_need_quoting_and_differences_that_a_collation_hides_are_mirrored() -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    quarantine(&database).await?;
    let create = r#"CREATE COLLATION blind (provider = icu, locale = 'und-u-ks-level1', deterministic = false);
        CREATE TABLE "select ""x""" ("Group" int PRIMARY KEY, "fa'x" text COLLATE blind, "fax
number é" text COLLATE blind)"#;
    database.execute_as(Role::Owner, create).await?;
    database.grant_data_privileges(&[r#""select ""x""""#]).await?;
    let (old, new) = ("fa'x", "fax\nnumber é");
    let pair = Pair {
        new: new.into(),
        new_type: "text".into(),
        up: format!("\"{old}\""),
        reads: vec![old.into()],
        down: Some(down(old, "text", &format!("\"{new}\""))),
        cannot_raise: true,
    };
    let mut mirror = mirror_of("select \"x\"", vec![pair]);
    mirror.key = vec!["Group".into()];
    mirror.hidden = vec![Hidden {
        column: old.into(),
        name: "sluice \"hidden\"".into(),
    }];
    let sql = install(&database, &mirror).await?;
    let all = r#"SELECT string_agg(t::text, ' ') FROM "select ""x""" AS t"#;
    let insert = r#"INSERT INTO "select ""x""" VALUES (1, 'jose')"#;
    // Equal under the collation, other bytes (pitfall 10).
    let old_side = r#"UPDATE "select ""x""" SET "fa'x" = 'José'"#;
    let new_side = "UPDATE \"select \"\"x\"\"\" SET \"fax\nnumber é\" = 'JOSE'";
    let written = async |write: &str, expected: &str| -> Outcome {
        database.execute_as(Role::App, write).await?;
        let found: String = database.value(Role::App, all).await?;
        assert_eq!(found, expected, "after {write}");
        Ok(())
    };
    written(insert, "(1,jose,jose)").await?;
    written(old_side, "(1,José,José)").await?;
    written(new_side, "(1,JOSE,JOSE)").await?;
    swap(&database, &sql.lead).await?;
    written(old_side, "(1,José,José)").await?;
    written(new_side, "(1,JOSE,JOSE)").await?;
    swap(&database, &sql.hide.expect("a column is hidden")).await?;
    written(&new_side.replace("JOSE", "jose"), "(1,jose,jose)").await?;
    swap(&database, &sql.unhide.expect("a column is hidden")).await?;
    written(old_side, "(1,José,José)").await
}

#[tokio::test]
async fn a_session_that_prints_values_its_own_way_mirrors_the_same_bytes() -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    quarantine(&database).await?;
    create(&database, "CREATE TABLE t (id int PRIMARY KEY, ms interval, note float8); ALTER TABLE t ADD COLUMN seconds text").await?;
    let pair = Pair {
        new_type: "text".into(),
        up: r"ms::text || E'\\' || '\' || note::text".into(),
        reads: vec!["ms".into(), "note".into()],
        ..seconds(None)
    };
    install(&database, &mirror_of("t", vec![pair])).await?;
    let write = "SET IntervalStyle = iso_8601; SET extra_float_digits = -5; SET standard_conforming_strings = off; \
        INSERT INTO t VALUES (1, '1 day 2 hours', 0.1234567890123)";
    database.execute_as(Role::App, write).await?;
    let seconds = database
        .value::<String>(Role::App, "SELECT seconds FROM t")
        .await?;
    assert_eq!(seconds, r"1 day 02:00:00\\0.1234567890123");
    Ok(())
}
