//! The audit of rows: each kind of needless, wrong or repeated write is seen to show.

use sqlx::{Connection as _, PgConnection};
use testbed::database::{Database, Role};
use testbed::oracle::{self, Sides};
use testbed::postgres::Server;

use super::Outcome;

const WRONG: &str = "w IS DISTINCT FROM v * 2";

#[derive(Debug, PartialEq, Eq)]
struct Seen {
    logged: i64,
    needless: i64,
    left_wrong: i64,
    twice: Vec<String>,
}

async fn seen(conn: &mut PgConnection) -> anyhow::Result<Seen> {
    Ok(Seen {
        logged: oracle::rows_logged_for_sluice(conn).await?,
        needless: oracle::rewritten_though_right(conn, "t", WRONG).await?,
        left_wrong: oracle::left_wrong(conn, "t", WRONG).await?,
        twice: oracle::rewritten_twice(conn).await?,
    })
}

#[tokio::test]
async fn a_row_that_is_rewritten_though_right_left_wrong_or_written_twice_shows() -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    let table =
        "CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO t SELECT n, n FROM generate_series(1, 9) n";
    database.execute_as(Role::Owner, table).await?;
    database.grant_data_privileges(&["t"]).await?;
    let sides = Sides { old: "v", new: "w" };
    oracle::audit_sides(&database, "t", "id", sides).await?;
    // After the trigger was made, as in a migration.
    database
        .execute_as(Role::Owner, "ALTER TABLE t ADD COLUMN w int")
        .await?;
    let url = format!("{}?application_name=sluice%20hands", database.url(Role::Data));
    let mut hands = PgConnection::connect(&url).await?;
    let mut conn = database.superuser().await?;
    let mut fill = async |statement: &'static str| sqlx::query(statement).execute(&mut hands).await;

    fill("UPDATE t SET w = v * 2 WHERE id <= 5").await?;
    let mut expected = Seen {
        logged: 5,
        needless: 0,
        left_wrong: 0,
        twice: vec![],
    };
    assert_eq!(seen(&mut conn).await?, expected);

    // The application makes its row wrong, and Sluice may mend it: that is no second time.
    database
        .execute_as(Role::App, "UPDATE t SET v = 100 WHERE id = 5")
        .await?;
    fill("UPDATE t SET w = v * 2 WHERE id = 5").await?;
    expected.logged = 6;
    assert_eq!(seen(&mut conn).await?, expected);

    fill("UPDATE t SET w = v * 2 WHERE id = 1").await?;
    (expected.logged, expected.needless, expected.twice) = (7, 1, vec!["t 1 2".to_owned()]);
    assert_eq!(seen(&mut conn).await?, expected);

    fill("UPDATE t SET w = 7 WHERE id = 9").await?;
    (expected.logged, expected.left_wrong) = (8, 1);
    assert_eq!(seen(&mut conn).await?, expected);
    Ok(())
}
