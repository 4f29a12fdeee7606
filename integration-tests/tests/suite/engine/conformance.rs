//! What every engine must do alike: one body of tests, run on PostgreSQL and on SQLite. What an engine has of its own is tested beside it.

use anyhow::Context as _;
use engine::catalog::TableName;
use engine::db::{self, Column};
use engine::mirror::{Down, Hidden, Mirror, MirrorSql, OnDownError, Pair, Swap};
use engine::{postgres, relation, sqlite};
use testbed::database::Database;
use testbed::file::File;
use testbed::place::Place;
use testbed::postgres::Server;

use super::Outcome;

const TABLE: &str = "CREATE TABLE t (id integer PRIMARY KEY, ms integer, note text)";
const TAG: &str = "0123456789";

/// A ledger and the table `t`, which the application may write.
async fn on_each_engine(test: impl AsyncFn(Place<'_>) -> Outcome) -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    let server = Place::from(&database);
    server.target(&server.settings()).await?;
    server.execute(TABLE).await?;
    database.grant_data_privileges(&["t"]).await?;
    test(server).await.context("on PostgreSQL")?;
    let file = File::new().await?;
    let place = Place::from(&file);
    place.target(&place.settings()).await?;
    place.execute(TABLE).await?;
    test(place).await.context("on SQLite")
}

fn table(place: Place<'_>) -> TableName {
    let schema = match place {
        Place::Server(_) => "public",
        Place::File(_) => "main",
    };
    TableName {
        schema: schema.to_owned(),
        name: "t".to_owned(),
    }
}

async fn one<T: Column>(place: Place<'_>, query: &str) -> anyhow::Result<T> {
    place.value(query).await
}

#[tokio::test]
async fn values_come_back_as_they_were_bound() -> Outcome {
    on_each_engine(async |place| {
        let mut conn = db::connect_alone(&place.application_url(), "test").await?;
        let insert = "INSERT INTO t (id, ms, note) VALUES ($1, $2, $3)";
        for (id, ms, note) in [(1_i64, Some(-7_i64), Some("it's \"é\" $1 -- ?")), (2, None, None)] {
            let done = db::query(insert)
                .bind(id)
                .bind(ms)
                .bind(note)
                .execute(&mut conn)
                .await?;
            assert_eq!(done.rows_affected(), 1);
            let row = db::query("SELECT ms::bigint AS ms, note FROM t WHERE id = $1")
                .bind(id)
                .fetch_one(&mut conn)
                .await?;
            assert_eq!(row.try_get::<Option<i64>, _>("ms")?, ms);
            assert_eq!(row.try_get::<Option<String>, _>("note")?.as_deref(), note);
        }
        let ids: &[i64] = &[2, 3];
        let found: i64 = db::scalar("SELECT count(*) FROM t WHERE id = ANY ($1)")
            .bind(ids)
            .fetch_one(&mut conn)
            .await?;
        assert_eq!(found, 1);
        let now: bool = db::scalar("SELECT clock_timestamp() >= now() - interval '1 minute'")
            .fetch_one(&mut conn)
            .await?;
        assert!(now);
        conn.begin().await?;
        conn.execute_script("DELETE FROM t").await?;
        conn.execute_script("ROLLBACK").await?;
        let left: i64 = db::scalar("SELECT count(*) FROM t").fetch_one(&mut conn).await?;
        assert_eq!(left, 2);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_table_is_found_measured_and_known_again() -> Outcome {
    on_each_engine(async |place| {
        let mut conn = place.data().await?;
        let name = table(place);
        let gone = TableName {
            name: "nowhere".to_owned(),
            ..name.clone()
        };
        assert_eq!(relation::oid(&mut conn, &gone).await?, None);
        let oid = relation::oid(&mut conn, &name)
            .await?
            .context("the table is there")?;
        let types = relation::column_types(&mut conn, &name)
            .await?
            .unwrap_or_default();
        let columns: Vec<&str> = types.iter().map(|(column, _)| column.as_str()).collect();
        assert_eq!(columns, ["id", "ms", "note"]);
        let row = matches!(place, Place::File(_)).then_some("id");
        let leaves = relation::leaves(&mut conn, &name, row).await?;
        assert_eq!(leaves.len(), 1);
        let blocks = relation::blocks(&mut conn, &leaves[0], row).await?;
        assert_eq!(blocks, Some(0), "an empty table has nothing to fill");
        let known = relation::fingerprint(&mut conn, oid, leaves[0].oid, &leaves[0].name).await?;
        place
            .apply("INSERT INTO t (id, ms, note) VALUES (1, 1, 'x'), (2, 2, 'y'), (3, 3, 'z')")
            .await?;
        let blocks = relation::blocks(&mut conn, &leaves[0], row)
            .await?
            .unwrap_or_default();
        assert!(blocks > 0);
        // Every row lies in the range of all blocks, and none in an empty one.
        for (range, rows) in [(0..blocks, 3_i64), (blocks..blocks, 0)] {
            let within = relation::within("t", row, &range);
            let found: i64 = db::scalar(format!("SELECT count(*) FROM t WHERE {within}"))
                .fetch_one(&mut conn)
                .await?;
            assert_eq!(found, rows, "{within}");
        }
        assert_eq!(
            relation::reach(&mut conn, &leaves[0].name, row, &(0..blocks), blocks).await?,
            blocks
        );
        let now = relation::fingerprint(&mut conn, oid, leaves[0].oid, &leaves[0].name).await?;
        assert_eq!(known, now, "rows change no fingerprint");
        place.execute("ALTER TABLE t ADD COLUMN more integer").await?;
        let now = relation::fingerprint(&mut conn, oid, leaves[0].oid, &leaves[0].name).await?;
        assert_ne!(known, now, "a column does");
        Ok(())
    })
    .await
}

fn mirror(place: Place<'_>) -> anyhow::Result<MirrorSql> {
    let mirror = Mirror {
        table: table(place),
        function: format!("sluice_{TAG}_1"),
        trigger: format!("sluice_{TAG}_1"),
        counter: format!("sluice_{TAG}_2"),
        key: vec!["id".to_owned()],
        search_path: vec!["public".to_owned()],
        pairs: vec![Pair {
            new: "seconds".to_owned(),
            new_type: "integer".to_owned(),
            up: "ms / 1000".to_owned(),
            reads: vec!["ms".to_owned()],
            down: Some(Down {
                column: "ms".to_owned(),
                column_type: "integer".to_owned(),
                expression: "seconds * 1000".to_owned(),
                on_error: OnDownError::Close,
                has_default: false,
                not_null: false,
            }),
            cannot_raise: false,
        }],
        hidden: vec![Hidden {
            column: "ms".to_owned(),
            name: format!("sluice_{TAG}_3"),
        }],
    };
    Ok(match place {
        Place::Server(_) => postgres::triggers::compile(&mirror)?,
        Place::File(_) => sqlite::triggers::compile(&mirror, "\"id\"")?,
    })
}

async fn in_one_transaction(place: Place<'_>, statements: &[String]) -> Outcome {
    place
        .execute(&format!("BEGIN;\n{};\nCOMMIT", statements.join(";\n")))
        .await
}

async fn swapped(place: Place<'_>, swap: &Swap) -> Outcome {
    assert!(
        !one::<bool>(place, &swap.done).await?,
        "done already: {}",
        swap.done
    );
    in_one_transaction(place, &swap.statements).await?;
    assert!(one::<bool>(place, &swap.done).await?, "not done: {}", swap.done);
    Ok(())
}

/// Both sides of a row.
async fn sides(place: Place<'_>, id: i64, old: &str) -> anyhow::Result<(Option<i64>, Option<i64>)> {
    let of = |column: &str| format!("SELECT {column}::bigint FROM t WHERE id = {id}");
    Ok((one(place, &of(old)).await?, one(place, &of("seconds")).await?))
}

/// One life of a mirror: old leads, new leads, old is hidden and comes back, nothing is left. In each part both paths write.
#[tokio::test]
async fn a_mirror_carries_every_write_in_each_part_of_its_life() -> Outcome {
    on_each_engine(async |place| {
        place.execute("ALTER TABLE t ADD COLUMN seconds integer").await?;
        let sql = mirror(place)?;
        assert!(one::<bool>(place, &sql.removed).await?);
        in_one_transaction(place, &sql.install).await?;
        assert!(one::<bool>(place, &sql.installed).await?);
        let check = async |write: &str, id, expected: (i64, i64)| -> Outcome {
            place.apply(write).await?;
            let found = sides(place, id, "ms").await?;
            assert_eq!(found, (Some(expected.0), Some(expected.1)), "{write}");
            Ok(())
        };
        check("INSERT INTO t (id, ms) VALUES (1, 5000)", 1, (5_000, 5)).await?;
        check("UPDATE t SET ms = 7500 WHERE id = 1", 1, (7_500, 7)).await?;
        check("UPDATE t SET seconds = 4 WHERE id = 1", 1, (4_000, 4)).await?;
        check("UPDATE t SET note = 'x' WHERE id = 1", 1, (4_000, 4)).await?;
        check("INSERT INTO t (id, seconds) VALUES (2, 9)", 2, (9_000, 9)).await?;

        swapped(place, &sql.lead).await?;
        assert!(!one::<bool>(place, &sql.installed).await?);
        let before: i64 = one(place, &sql.counted).await?;
        check("INSERT INTO t (id, seconds) VALUES (3, 6)", 3, (6_000, 6)).await?;
        check("UPDATE t SET ms = 8500 WHERE id = 3", 3, (8_500, 8)).await?;
        check("UPDATE t SET seconds = 2, note = 'y' WHERE id = 3", 3, (2_000, 2)).await?;
        check("INSERT INTO t (id, ms) VALUES (4, 1999)", 4, (1_999, 1)).await?;
        let counted: i64 = one(place, &sql.counted).await?;
        assert!(counted >= before + 2, "{before} before, {counted} now");

        swapped(place, sql.hide.as_ref().context("it can be hidden")?).await?;
        assert!(place.apply("UPDATE t SET ms = 1 WHERE id = 1").await.is_err());
        place.apply("INSERT INTO t (id, seconds) VALUES (5, 3)").await?;
        let hidden = format!("sluice_{TAG}_3");
        assert_eq!(sides(place, 5, &hidden).await?, (Some(3_000), Some(3)));
        swapped(place, sql.unhide.as_ref().context("it can come back")?).await?;
        check("UPDATE t SET seconds = 11 WHERE id = 5", 5, (11_000, 11)).await?;

        in_one_transaction(place, &sql.remove).await?;
        assert!(one::<bool>(place, &sql.removed).await?);
        place.apply("INSERT INTO t (id, ms) VALUES (6, 1000)").await?;
        assert_eq!(sides(place, 6, "ms").await?, (Some(1_000), None));
        Ok(())
    })
    .await
}
