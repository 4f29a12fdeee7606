//! A copy of the database takes the place of the original under running services (PITFALLS 25).

use std::time::Duration;

use sqlx::PgConnection;
use testbed::desk::Desk;
use testbed::fleet::Fleet;
use testbed::http;
use testbed::postgres::Server;
use testbed::rabbitmq::Broker;
use testbed::tracks;
use testbed::wait::{self, Look};

use super::{Outcome, PATIENCE, small, submit};

/// Every row of every table of a database's ledger, and of the table that is migrated, as one text.
async fn everything(server: &Server, name: &str) -> anyhow::Result<String> {
    let mut conn = server.superuser(name).await?;
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname = 'sluice' OR tablename = 'track' ORDER BY 1",
    )
    .fetch_all(&mut conn)
    .await?;
    let mut all = String::new();
    for table in tables {
        let rows =
            format!("SELECT md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), '')) FROM {table} AS t");
        let rows: String = engine::sql::scalar(rows).fetch_one(&mut conn).await?;
        all.push_str(&format!("{table} {rows}\n"));
    }
    Ok(all)
}

/// Gives a database another name, whoever is connected.
async fn rename(admin: &mut PgConnection, from: &str, to: &str) -> Outcome {
    wait::until(
        "the database has another name",
        Duration::from_secs(60),
        async || {
            let away =
                format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{from}'");
            engine::sql::execute_script(admin, away).await?;
            let renamed =
                engine::sql::execute_script(admin, format!("ALTER DATABASE {from} RENAME TO {to}")).await;
            Ok::<_, sqlx::Error>(match renamed {
                Ok(_) => Look::There(()),
                Err(error) => Look::NotYet(error.to_string()),
            })
        },
    )
    .await
}

#[tokio::test]
async fn services_that_find_themselves_on_a_copy_write_nothing_there_until_it_is_adopted() -> Outcome {
    let (broker, server) = (Broker::shared().await?, Server::shared().await?);
    let (database, settings) = small(server, &broker.vhost().await?).await?;
    let (desk, fleet) = (Desk::new(&settings)?, Fleet::start(&settings, 1).await?);
    let job = submit(
        &desk,
        &database,
        "[backfill]\nmax_parallel = 3\nmax_rows_per_second = 1500\n",
    )
    .await?;
    job.under_way(1000, PATIENCE).await?;

    let (name, original) = (database.name(), format!("{}_original", database.name()));
    let mut admin = server.superuser("postgres").await?;
    rename(&mut admin, name, &original).await?;
    engine::sql::execute_script(&mut admin, format!("CREATE DATABASE {name} TEMPLATE {original}")).await?;
    for service in fleet.all() {
        let port = service.port().await?;
        wait::until("the service says that it is on a copy", PATIENCE, async || {
            let answer = http::get(port, "/readyz").await?;
            Ok::<_, anyhow::Error>(if answer.status == 503 && answer.body.contains("sluice adopt") {
                Look::There(())
            } else {
                Look::NotYet(answer.body)
            })
        })
        .await?;
    }
    let since: String = job
        .value("SELECT clock_timestamp()::text WHERE $1::uuid IS NOT NULL")
        .await?;
    let later = format!(
        "SELECT clock_timestamp() > '{since}'::timestamptz + interval '6 seconds' AND $1::uuid IS NOT NULL"
    );
    wait::until("every lease and beat is due", PATIENCE, async || {
        job.value::<bool>(&later).await
    })
    .await?;
    assert_eq!(
        everything(server, name).await?,
        everything(server, &original).await?
    );

    let adopt = ["adopt", "--target", "main", "--as", "ann"];
    desk.run(&adopt).await?.exits(1)?.says(&[
        "track-seconds",
        "backfilling",
        "--unfinished-jobs-go-on-here",
        "Nothing was changed",
    ])?;
    desk.ok(&[&adopt[..], &["--unfinished-jobs-go-on-here"]].concat())
        .await?;
    job.until("verified", PATIENCE).await?;
    job.settled(tracks::EXPECTED).await?;
    let adopted: i64 = job
        .value("SELECT count(*) FROM sluice.event WHERE kind = 'ledger.adopted' AND actor = 'ann' AND $1::uuid IS NOT NULL")
        .await?;
    assert_eq!(adopted, 1);
    let of = async |name: &str| -> anyhow::Result<String> {
        let mut conn = server.superuser(name).await?;
        Ok(sqlx::query_scalar("SELECT id::text FROM sluice.ledger")
            .fetch_one(&mut conn)
            .await?)
    };
    assert_ne!(
        of(name).await?,
        of(&original).await?,
        "messages of the one are not the other's"
    );
    fleet.dismiss().await?;
    engine::sql::execute_script(&mut admin, format!("DROP DATABASE {original} WITH (FORCE)")).await?;
    Ok(())
}
