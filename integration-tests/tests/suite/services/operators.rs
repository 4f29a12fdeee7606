//! Commands of an operator while services do the work: what they wait for, and what they say when somebody is missing.

use std::time::Duration;

use shared::clock::{Clock as _, SystemClock};
use testbed::database::Database;
use testbed::desk::Desk;
use testbed::fleet::Fleet;
use testbed::ports;
use testbed::postgres::Server;
use testbed::process::Settings;
use testbed::rabbitmq::Broker;
use testbed::tracks::{self, Filling};
use testbed::wait::{self, Look};
use testbed::watch::Watched;

use super::{Outcome, PATIENCE, at_work};

const JOB: [&str; 4] = ["--target", "main", "--as", "ann"];

/// Its flags move only by hand, and nothing follows them for long.
const FLIP: &str = "[flip]\nsoak = \"1h\"\ncache = \"1s\"\n";

#[tokio::test]
async fn a_rollback_ends_with_0_only_when_the_job_is_back() -> Outcome {
    let broker = Broker::shared().await?;
    let database = Database::new(Server::shared().await?).await?;
    tracks::load(&database, 2_000, Filling::Sparse).await?;
    let before = database.schema_dump().await?;
    let settings = Settings::of(&database).over(&broker.vhost().await?);
    let fleet = Fleet::start(&settings, 1).await?;
    let desk = Desk::new(&settings)?;
    let spec = desk.write("spec.toml", &tracks::spec("track-seconds", FLIP))?;
    let submit = [&["submit", &spec][..], &JOB].concat();
    desk.ok(&submit).await?;
    Watched::only(&database)
        .await?
        .until("flipping-reads", PATIENCE)
        .await?;

    let again = desk.run(&submit).await?.exits(1)?;
    assert!(
        again.err.contains("job track-seconds (")
            && again.err.contains("already does this (state flipping-reads)"),
        "{again:?}"
    );
    assert!(!again.err.contains("--discard"), "{again:?}");

    desk.run(&[&["rollback", "track-seconds", "--discard"][..], &JOB].concat())
        .await?
        .exits(0)?
        .says(&["rolling-back", "track-seconds is rolled back"])?;
    let after = database.schema_dump().await?;
    assert_eq!(after, before, "it said so too early");
    fleet.dismiss().await
}

#[tokio::test]
async fn a_status_names_the_service_that_is_missing() -> Outcome {
    let (_database, settings, fleet) = at_work(Broker::shared().await?).await?;
    let desk = Desk::new(&settings)?;
    let status = ["status", "slow", "--target", "main"];
    fleet.backfillers[0].terminate().await?;
    says(&desk, &status, "no backfiller is alive").await?;
    fleet.planner.terminate().await?;
    says(&desk, &status, "no planner is active").await?;
    let page = desk.ok(&status).await?;
    assert!(
        !page.contains("writing is allowed") && !page.contains(" left"),
        "{page}"
    );
    fleet.dismiss().await
}

async fn says(desk: &Desk, args: &[&str], text: &str) -> Outcome {
    let what = format!("sluice {} says {text:?}", args.join(" "));
    wait::until(&what, PATIENCE, async || {
        let page = desk.ok(args).await?;
        Ok::<_, anyhow::Error>(if page.contains(text) {
            Look::There(())
        } else {
            Look::NotYet(page)
        })
    })
    .await
}

#[tokio::test]
async fn a_submission_waits_for_a_dead_broker_no_longer_than_it_was_told() -> Outcome {
    let url = format!("amqp://ann:s3cr3t@127.0.0.1:{}/v", ports::free()?);
    let settings = Settings::default()
        .with("SLUICE__BUS__KIND", "rabbitmq")
        .with("SLUICE__BUS__URL", &url);
    let desk = Desk::new(&settings)?;
    let spec = desk.write("spec.toml", &tracks::spec("track-seconds", ""))?;
    let clock = SystemClock::new();
    let begun = clock.monotonic();
    let said = desk
        .run(&[&["submit", &spec, "--timeout", "2s"][..], &JOB].concat())
        .await?
        .exits(1)?
        .says(&["nothing was submitted", "within 2s"])?;
    let waited = clock.monotonic().saturating_sub(begun);
    assert!(waited < Duration::from_secs(9), "{:?}", waited);
    assert_eq!(said.err.matches("127.0.0.1").count(), 1, "{said:?}");
    Ok(())
}
