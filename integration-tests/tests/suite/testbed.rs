//! The testbed itself: what other tests stand on must hold first.

mod audit;

use std::time::Duration;

use sqlx::{Connection, PgConnection};
use testbed::database::{Database, Role};
use testbed::oracle;
use testbed::pgbouncer::Pooler;
use testbed::postgres::{Durability, Server};
use testbed::proxy::Proxy;
use testbed::rabbitmq::Broker;
use testbed::traffic::{Column, Load, Table, Traffic};
use testbed::wait;

type Outcome = anyhow::Result<()>;

#[tokio::test]
async fn roles_can_do_what_the_grants_say_and_nothing_more() -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    database
        .execute_as(Role::Owner, "CREATE TABLE t (id int PRIMARY KEY, v text)")
        .await?;
    for role in [Role::Data, Role::App, Role::Monitor, Role::Ledger] {
        let read = database.execute_as(role, "SELECT * FROM public.t").await;
        assert!(read.is_err(), "{role:?} reads a table without a grant");
    }
    database.grant_data_privileges(&["t"]).await?;
    database
        .execute_as(Role::App, "INSERT INTO t VALUES (1, 'a')")
        .await?;
    database.execute_as(Role::Data, "UPDATE t SET v = 'b'").await?;
    assert!(database.execute_as(Role::Data, "DELETE FROM t").await.is_err());
    assert!(database.execute_as(Role::App, "CREATE TABLE u ()").await.is_err());
    database.execute_as(Role::Ledger, "CREATE SCHEMA sluice").await?;
    assert_eq!(database.value::<String>(Role::App, "SELECT v FROM t").await?, "b");
    Ok(())
}

#[tokio::test]
async fn a_role_of_one_database_cannot_enter_another() -> Outcome {
    let server = Server::shared().await?;
    let (one, other) = (Database::new(server).await?, Database::new(server).await?);
    let url = one.url(Role::App);
    let url = format!("{}{}", url.strip_suffix(one.name()).unwrap(), other.name());
    let refused = PgConnection::connect(&url).await;
    assert!(refused.is_err());
    Ok(())
}

#[tokio::test]
async fn a_dropped_database_leaves_neither_itself_nor_its_roles() -> Outcome {
    let server = Server::shared().await?;
    let database = Database::new(server).await?;
    let name = database.name().to_owned();
    let open = database.connect(Role::App).await?;
    drop(database);
    drop(open);
    let mut conn = server.superuser("postgres").await?;
    let left = "SELECT (SELECT count(*) FROM pg_database WHERE datname = $1)
                     + (SELECT count(*) FROM pg_roles WHERE rolname LIKE $1 || '%')";
    let left: i64 = sqlx::query_scalar(left).bind(name).fetch_one(&mut conn).await?;
    assert_eq!(left, 0);
    Ok(())
}

#[tokio::test]
async fn equal_schemas_have_equal_dumps_and_the_ledger_is_not_in_them() -> Outcome {
    let server = Server::shared().await?;
    let (one, other) = (Database::new(server).await?, Database::new(server).await?);
    for database in [&one, &other] {
        database
            .execute_as(Role::Owner, "CREATE TABLE t (id int PRIMARY KEY, v text)")
            .await?;
        database.grant_data_privileges(&["t"]).await?;
    }
    one.execute_as(Role::Ledger, "CREATE SCHEMA sluice; CREATE TABLE sluice.x ()")
        .await?;
    assert_eq!(one.schema_dump().await?, other.schema_dump().await?);
    other
        .execute_as(Role::Owner, "ALTER TABLE t ADD COLUMN w int")
        .await?;
    assert_ne!(one.schema_dump().await?, other.schema_dump().await?);
    Ok(())
}

#[tokio::test]
async fn a_replica_streams_pauses_dies_and_comes_back() -> Outcome {
    let primary = Server::start(Durability::ThrowAway).await?;
    let replica = primary.replica("replica_one").await?;
    let database = Database::new(&primary).await?;
    database.execute_as(Role::Owner, "CREATE TABLE t ()").await?;
    replica.caught_up(&primary).await?;
    replica.pause().await?;
    database
        .execute_as(Role::Owner, "INSERT INTO t DEFAULT VALUES")
        .await?;
    let count = || async {
        let mut conn = replica.superuser(database.name()).await?;
        sqlx::query_scalar::<_, i64>("SELECT count(*) FROM t")
            .fetch_one(&mut conn)
            .await
    };
    assert_eq!(count().await?, 0, "a paused replica shows nothing new");
    replica.resume().await?;
    replica.caught_up(&primary).await?;
    assert_eq!(count().await?, 1);

    replica.kill().await?;
    wait::until(
        "the primary misses its replica",
        Duration::from_secs(30),
        || async {
            let listed = "SELECT count(*) FROM pg_stat_replication";
            let mut conn = primary.superuser("postgres").await?;
            sqlx::query_scalar::<_, i64>(listed)
                .fetch_one(&mut conn)
                .await
                .map(|listed| listed == 0)
        },
    )
    .await?;
    replica.start_again(&primary).await
}

#[tokio::test]
async fn a_pooled_session_keeps_nothing_between_transactions() -> Outcome {
    let server = Server::shared().await?;
    let database = Database::new(server).await?;
    let pooler = Pooler::start(server).await?;
    let url = pooler.url(&database, Role::Data);
    let connect = || PgConnection::connect(&url);
    let (mut one, mut other) = (connect().await?, connect().await?);
    let backend = sqlx::query_scalar::<_, i32>("SELECT pg_backend_pid()").persistent(false);
    let first: i32 = backend.fetch_one(&mut one).await?;
    let backend = sqlx::query_scalar::<_, i32>("SELECT pg_backend_pid()").persistent(false);
    let second: i32 = backend.fetch_one(&mut other).await?;
    assert_eq!(
        first, second,
        "two idle clients are served by one server connection"
    );
    Ok(())
}

#[tokio::test]
async fn virtual_hosts_do_not_share_users() -> Outcome {
    let broker = Broker::shared().await?;
    let (one, other) = (broker.vhost().await?, broker.vhost().await?);
    assert_ne!(one.url, other.url);
    assert_ne!(one.name, other.name);
    Ok(())
}

#[tokio::test]
async fn a_killed_broker_comes_back_on_its_ports() -> Outcome {
    let broker = Broker::start().await?;
    let vhost = broker.vhost().await?;
    broker.kill().await?;
    assert!(
        broker.vhost().await.is_err(),
        "a dead broker makes no virtual hosts"
    );
    broker.restart().await?;
    broker.wipe(&vhost).await
}

#[tokio::test]
async fn a_crash_of_the_server_loses_no_commit() -> Outcome {
    let primary = Server::start(Durability::ThrowAway).await?;
    let database = Database::new(&primary).await?;
    database
        .execute_as(Role::Owner, "CREATE TABLE t AS SELECT 1 AS v")
        .await?;
    primary.crash_and_restart().await?;
    assert_eq!(database.value::<i32>(Role::Owner, "SELECT v FROM t").await?, 1);
    Ok(())
}

#[test]
fn a_server_does_not_outlive_a_killed_test_process() -> Outcome {
    // A process that plays the test: it starts a keeper with a server, and is then killed.
    let folder = tempfile::tempdir()?.keep();
    let keeper = testbed::keeper::built("keeper")?;
    let mut keeper = std::process::Command::new(keeper)
        .arg("--folder")
        .arg(&folder)
        .args(["--", "sleep", "1000"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()?;
    let mut said = std::io::BufReader::new(keeper.stdout.take().unwrap());
    let mut pipe = keeper.stdin.take().unwrap();
    std::io::Write::write_all(&mut pipe, b"start\n")?;
    let mut line = String::new();
    std::io::BufRead::read_line(&mut said, &mut line)?;
    let pid = line.trim().strip_prefix("started ").unwrap().to_owned();
    assert!(std::path::Path::new("/proc").join(&pid).exists());
    // What the kernel does for a process that is gone, whatever ended it.
    drop(pipe);
    assert!(keeper.wait()?.success());
    assert!(
        !std::path::Path::new("/proc").join(&pid).exists(),
        "the child still runs"
    );
    assert!(!folder.exists(), "the folder is still there");
    Ok(())
}

#[tokio::test]
async fn traffic_knows_what_it_wrote_and_notices_a_lost_write() -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    let create = "CREATE TABLE customer (id int PRIMARY KEY, email text, note text, kind int NOT NULL)";
    database.execute_as(Role::Owner, create).await?;
    let fill = "INSERT INTO customer SELECT n, 'E' || n, 'n', 0 FROM generate_series(1, 1000) n";
    database.execute_as(Role::Owner, fill).await?;
    database.grant_data_privileges(&["customer"]).await?;
    oracle::audit(&database, "customer", "id").await?;

    let table = Table::new("customer", "id", Column::text("email"), Column::text("note")).with("kind", "7");
    let load = Load {
        pause: Duration::ZERO,
        ..Load::default()
    };
    let traffic = Traffic::start(&database.url(Role::App), table, load).await?;
    let mut conn = database.superuser().await?;
    wait::until("1000 changes", Duration::from_secs(60), async || {
        oracle::rows_logged(&mut conn, "application")
            .await
            .map(|rows| rows >= 1000)
    })
    .await?;
    let report = traffic.stop().await?;
    let conn = &mut conn;
    report.assert_no_errors()?;
    report
        .assert_all_writes_found(&mut database.reader().await?)
        .await?;
    assert_eq!(
        report.acknowledged.len(),
        6,
        "every kind of write took place: {:?}",
        report.acknowledged
    );
    assert_eq!(
        oracle::rows_logged(conn, "%").await?,
        i64::try_from(report.total())?
    );
    assert_eq!(oracle::rows_logged_for_sluice(conn).await?, 0);
    assert_eq!(
        oracle::mismatched(conn, "customer", "kind NOT IN (0, 7)").await?,
        0
    );

    let key = "SELECT max(id) FROM customer WHERE kind = 7";
    let key: i32 = database.value(Role::App, key).await?;
    database
        .execute_as(
            Role::App,
            &format!("UPDATE customer SET note = 'stale' WHERE id = {key}"),
        )
        .await?;
    let error = report
        .assert_all_writes_found(&mut database.reader().await?)
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("1 rows of customer") && error.contains(&key.to_string()),
        "{error}"
    );
    Ok(())
}

#[tokio::test]
async fn a_dump_is_loaded_into_the_tests_own_database() -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    let file = tempfile::NamedTempFile::new()?;
    std::fs::write(
        file.path(),
        "CREATE DATABASE elsewhere;\n\\c elsewhere;\nCREATE TABLE t AS SELECT 'é' AS v;\n",
    )?;
    database.load(Role::Owner, file.path()).await?;
    assert_eq!(
        database.value::<String>(Role::Owner, "SELECT v FROM t").await?,
        "é"
    );
    std::fs::write(file.path(), "CREATE TABLE u ();\nSELECT nonsense;\n")?;
    let error = format!("{:#}", database.load(Role::Owner, file.path()).await.unwrap_err());
    assert!(error.contains(":2: ERROR:"), "{error}");
    Ok(())
}

#[tokio::test]
async fn a_broken_way_to_a_server_breaks_only_what_it_should() -> Outcome {
    let database = Database::new(Server::shared().await?).await?;
    let way = Proxy::start(database.server().port()).await?;
    let url = database.url_through(Role::App, way.port());
    let mut conn = PgConnection::connect(&url).await?;
    conn.ping().await?;
    way.stall();
    assert!(
        tokio::time::timeout(Duration::from_millis(200), conn.ping())
            .await
            .is_err(),
        "nothing passes"
    );
    way.flow();

    let mut conn = PgConnection::connect(&url).await?;
    way.blink();
    assert!(conn.ping().await.is_err(), "an old connection is gone");
    PgConnection::connect(&url).await?.ping().await?;
    way.cut();
    assert!(
        PgConnection::connect(&url).await.is_err(),
        "no new connection gets through"
    );
    way.restore();
    PgConnection::connect(&url).await?.ping().await?;
    Ok(())
}
