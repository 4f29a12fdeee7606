//! Signals that are read of the catalog: whoever has a table to himself keeps nobody from reading them.

use engine::postgres::signals::{autovacuums, dead_rows};
use testbed::database::{Database, Role};
use testbed::postgres::Server;

use super::{Outcome, named};

#[tokio::test]
async fn a_locked_partition_holds_up_no_signal_of_its_table() -> Outcome {
    const TABLE: &str = "CREATE TABLE reading (id integer, v integer) PARTITION BY RANGE (id);
        CREATE TABLE reading_1 PARTITION OF reading FOR VALUES FROM (0) TO (1000);
        INSERT INTO reading SELECT n, n FROM generate_series(0, 999) AS n;
        UPDATE reading SET v = v + 1 WHERE id < 500;
        SELECT pg_stat_force_next_flush()";
    let database = Database::new(Server::shared().await?).await?;
    database.execute_as(Role::Owner, TABLE).await?;
    let mut holder = database.connect(Role::Owner).await?;
    engine::sql::execute_script(
        &mut holder,
        "BEGIN; LOCK TABLE reading_1 IN ACCESS EXCLUSIVE MODE",
    )
    .await?;
    let mut monitor = database.connect(Role::Monitor).await?;
    engine::sql::execute_script(&mut monitor, "SET lock_timeout = '100ms'").await?;
    let table = named("reading");
    let dead = dead_rows::read(&mut monitor, &table).await?;
    let percent = dead.value.unwrap_or_default();
    assert!(
        (33.0..34.0).contains(&percent),
        "500 of 1,500 row versions are dead: {percent} %"
    );
    let at_work = autovacuums::read(&mut monitor, &table).await?;
    assert!(at_work.value.is_some(), "{at_work:?}");
    Ok(())
}
