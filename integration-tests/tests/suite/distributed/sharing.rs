//! Steps are shared among the processes: none takes more than it may have in hand, so a second one gets its part.

use testbed::database::{Database, Role};
use testbed::desk::Desk;
use testbed::fleet::Fleet;
use testbed::postgres::Server;
use testbed::process::Settings;
use testbed::rabbitmq::Broker;
use testbed::wait::{self, Look};
use testbed::watch::Watched;

use super::{Outcome, PATIENCE};

/// More jobs than one process may work on at a time.
const JOBS: usize = 6;

#[tokio::test]
async fn a_backfiller_that_comes_later_gets_its_share_of_the_steps() -> Outcome {
    let broker = Broker::shared().await?;
    let database = Database::new(Server::shared().await?).await?;
    let settings = Settings::of(&database).over(&broker.vhost().await?);
    let (desk, mut fleet) = (Desk::new(&settings)?, Fleet::start(&settings, 1).await?);
    let names: Vec<String> = (0..JOBS).map(|n| format!("t{n}")).collect();
    for name in &names {
        let make = format!("CREATE TABLE {name} (id int PRIMARY KEY, v int)");
        database.execute_as(Role::Owner, &make).await?;
        database.grant_data_privileges(&[name]).await?;
    }
    // Somebody reads every table for long: nothing can be added to them, and each step tries until it can.
    let mut reader = database.superuser().await?;
    let hold = format!("BEGIN; LOCK TABLE {} IN ACCESS SHARE MODE", names.join(", "));
    engine::sql::execute_script(&mut reader, hold).await?;
    let mut jobs = Vec::new();
    for name in &names {
        let spec = desk.write(
            &format!("{name}.toml"),
            &format!(
                "name = \"{name}\"\n\n[[change]]\nkind = \"add_column\"\ntable = \"{name}\"\ncolumn = \"w\"\ntype = \"integer\"\nup = \"v\"\n"
            ),
        )?;
        let id = desk
            .ok(&["submit", &spec, "--target", "main", "--as", "ann"])
            .await?;
        jobs.push(Watched::new(&database, &id)?);
    }
    let in_hand =
        "SELECT concat(count(*), ' by ', count(DISTINCT worker)) FROM sluice.task WHERE state = 'leased'";
    wait::until("steps are in hand", PATIENCE, async || {
        let seen: String = database.value(Role::Ledger, in_hand).await?;
        let out: i64 = database
            .value(
                Role::Ledger,
                "SELECT count(*) FROM sluice.task WHERE publications > 0",
            )
            .await?;
        Ok::<_, anyhow::Error>(if out == JOBS as i64 && seen.ends_with("by 1") {
            Look::There(())
        } else {
            Look::NotYet(format!("{seen}, {out} issued"))
        })
    })
    .await?;
    fleet.hire().await?;
    wait::until("the second one has some in hand", PATIENCE, async || {
        let seen: String = database.value(Role::Ledger, in_hand).await?;
        Ok::<_, anyhow::Error>(if seen.ends_with("by 2") {
            Look::There(())
        } else {
            Look::NotYet(seen)
        })
    })
    .await?;
    engine::sql::execute_script(&mut reader, "ROLLBACK").await?;
    for job in &jobs {
        job.until("verified", PATIENCE).await?;
    }
    fleet.dismiss().await
}
