//! The broker's side for operators: definitions to import, what is in the queues, and what nobody could handle.

use std::time::Duration;

use serde_json::{Value, json};
use testbed::desk::Desk;
use testbed::fleet::Fleet;
use testbed::postgres::Server;
use testbed::process::Settings;
use testbed::rabbitmq::{Broker, Vhost};
use testbed::wait::{self, Look};

use super::{Outcome, SLOW, assert_settled, small, submit, traffic};

/// Everything is there before anybody connects, as the definitions say, and a job runs over it to its end.
#[tokio::test]
async fn a_broker_that_imported_the_definitions_serves_a_whole_job() -> Outcome {
    let broker = Broker::shared().await?;
    let vhost = broker.vhost().await?;
    let (database, settings) = small(Server::shared().await?, &vhost).await?;
    let desk = Desk::new(&settings)?;
    let definitions = desk.json(&["queues", "--definitions"]).await?;
    broker.import(&definitions).await?;
    let chunk = broker
        .describe(&format!("queues/{}/sluice.main.chunk", vhost.name))
        .await?;
    assert_eq!(chunk["type"], "quorum", "{chunk:#}");
    let policies = broker.describe(&format!("policies/{}", vhost.name)).await?;
    let limits = policies.as_array().map(Vec::len);
    assert_eq!(limits, Some(3), "{policies:#}");
    let fleet = Fleet::start(&settings, 2).await?;
    let writes = traffic(&database).await?;
    let job = submit(&desk, &database, SLOW).await?;
    job.under_way(500, Duration::from_secs(60)).await?;
    let found = desk.json(&["queues", "--json"]).await?;
    let queues = found["queues"].as_array().cloned().unwrap_or_default();
    let of = |name: &str| {
        queues
            .iter()
            .find(|q| q["queue"] == name)
            .cloned()
            .unwrap_or_default()
    };
    assert_eq!(of("sluice.main.chunk")["consumers"], 2, "{found:#}");
    assert!(
        of("sluice.main.chunk")["oldest_seconds"].as_f64() > Some(0.0),
        "{found:#}"
    );
    assert_eq!(of("sluice.submit")["consumers"], 1, "{found:#}");
    assert_eq!(of("sluice.dead.parking")["ready"], 0, "{found:#}");
    assert_eq!(found["unknown"], json!([]), "{found:#}");
    desk.run(&["queues"]).await?.exits(0)?;
    measured(&fleet).await?;
    assert_settled(&job, writes, fleet).await
}

/// The planner's metrics say of the queues what `sluice queues` says.
async fn measured(fleet: &Fleet) -> Outcome {
    let port = fleet.planner.port().await?;
    wait::until("the queues are measured", Duration::from_secs(60), async || {
        let page = testbed::http::get(port, "/metrics").await?.body;
        let lines = [
            "sluice_queue_consumers{queue=\"sluice.main.chunk\"} 2",
            "sluice_queue_ready{queue=\"sluice.dead.parking\"} 0",
            "sluice_queue_unacknowledged{queue=\"sluice.submit\"} 0",
            "sluice_queue_oldest_task_seconds{queue=\"sluice.main.chunk\"}",
            "sluice_chunks_in_flight{target=\"main\"}",
        ];
        let missing: Vec<&str> = lines.into_iter().filter(|line| !page.contains(line)).collect();
        anyhow::Ok(if missing.is_empty() {
            Look::There(())
        } else {
            Look::NotYet(format!("without {missing:?}:\n{page}"))
        })
    })
    .await
}

/// The broker counts what is in hand, and says so only every few seconds.
#[tokio::test]
async fn what_is_in_hand_is_known_from_the_management_api_and_unknown_without_it() -> Outcome {
    let broker = Broker::shared().await?;
    let vhost = broker.vhost().await?;
    let settings = Settings::default().over(&vhost);
    let desk = Desk::new(&settings)?;
    let in_hand = async |desk: &Desk| {
        let found = desk.json(&["queues", "--json"]).await?;
        anyhow::Ok((
            found["queues"][0]["unacknowledged"].clone(),
            found["unknown"].clone(),
        ))
    };
    wait::until("the broker has counted", Duration::from_secs(60), async || {
        let (count, unknown) = in_hand(&desk).await?;
        anyhow::Ok(if count == 0 {
            Look::There(())
        } else {
            Look::NotYet(format!("{count}, {unknown}"))
        })
    })
    .await?;
    let elsewhere = Settings::default()
        .over(&vhost)
        .with("SLUICE__BUS__MANAGEMENT", "http://ann:s3cret@127.0.0.1:1");
    let said = Desk::new(&elsewhere)?
        .run(&["queues", "--json"])
        .await?
        .exits(0)?;
    let found: Value = serde_json::from_str(&said.out)?;
    assert!(found["queues"][0]["unacknowledged"].is_null(), "{found:#}");
    assert!(
        found["unknown"][0]
            .as_str()
            .is_some_and(|why| why.contains("bus.management")),
        "{found:#}"
    );
    assert!(
        !said.out.contains("s3cret") && !said.err.contains("s3cret"),
        "{}",
        said.out
    );
    Ok(())
}

#[tokio::test]
async fn a_queue_that_is_declared_otherwise_is_explained_and_left_as_it_is() -> Outcome {
    let broker = Broker::shared().await?;
    let vhost = broker.vhost().await?;
    broker
        .make_queue(&vhost, "sluice.submit", &json!({ "x-queue-type": "classic" }))
        .await?;
    let desk = Desk::new(&Settings::default().over(&vhost))?;
    desk.run(&["queues"]).await?.exits(1)?.says(&[
        "sluice.submit",
        "it exists with other arguments",
        "a virtual host of its own",
    ])?;
    let left = broker
        .describe(&format!("queues/{}/sluice.submit", vhost.name))
        .await?;
    assert_eq!(left["type"], "classic");
    Ok(())
}

async fn parked(desk: &Desk, wanted: usize) -> anyhow::Result<Vec<Value>> {
    wait::until(
        "as many messages are parked",
        Duration::from_secs(60),
        async || {
            let found = desk.json(&["parked", "--json"]).await?["parked"].clone();
            let lines = found.as_array().cloned().unwrap_or_default();
            anyhow::Ok(if lines.len() == wanted {
                Look::There(lines)
            } else {
                Look::NotYet(format!("{found:#}"))
            })
        },
    )
    .await
}

async fn garbage(broker: &Broker, vhost: &Vhost, text: &str) -> Outcome {
    broker
        .publish_raw(vhost, "sluice.work", "sluice.submit", text)
        .await
}

/// However often it is looked at, nothing is lost; what is put back goes its way again, and what is dropped is gone.
#[tokio::test]
async fn what_is_parked_can_be_looked_at_put_back_and_dropped() -> Outcome {
    let broker = Broker::shared().await?;
    let vhost = broker.vhost().await?;
    let (_database, settings) = small(Server::shared().await?, &vhost).await?;
    let (desk, fleet) = (Desk::new(&settings)?, Fleet::start(&settings, 1).await?);
    desk.run(&["parked"])
        .await?
        .exits(0)?
        .says(&["nothing is parked"])?;
    garbage(broker, &vhost, "not even JSON").await?;
    let newer = r#"{"id":"0192d3a0-5b7e-7c11-8a55-0f6d9a1c2b3e","version":99,"kind":"chunk.task","target":"main","body":{}}"#;
    garbage(broker, &vhost, newer).await?;
    let mut lines = Vec::new();
    for _ in 0..4 {
        lines = parked(&desk, 2).await?;
    }
    let of = |reason: &str| {
        let found = lines
            .iter()
            .find(|line| line["reason"].as_str().is_some_and(|why| why.contains(reason)));
        found
            .and_then(|line| line["id"].as_str())
            .unwrap_or_default()
            .to_owned()
    };
    let (broken, later) = (of("not a sluice message"), of("version 99"));
    assert!(
        lines.iter().all(|line| line["queue"] == "sluice.submit"),
        "{lines:#?}"
    );
    desk.run(&["parked", "show", &broken])
        .await?
        .exits(0)?
        .says(&["not even JSON", "sluice.submit"])?;
    desk.run(&["parked", "show", "nothing-like-it"])
        .await?
        .exits(1)?
        .says(&["no parked message"])?;
    desk.run(&["parked", "requeue"]).await?.exits(2)?;
    // Nobody can read it still, so it comes back, once.
    let put_back = desk.json(&["parked", "requeue", &later, "--json"]).await?;
    assert_eq!(
        put_back["requeued"].as_array().map(Vec::len),
        Some(1),
        "{put_back:#}"
    );
    parked(&desk, 2).await?;
    desk.run(&["parked", "drop", &broken])
        .await?
        .exits(0)?
        .says(&["dropped"])?;
    let left = parked(&desk, 1).await?;
    assert_eq!(left[0]["id"].as_str(), Some(later.as_str()));
    desk.run(&["parked", "drop", "--all"]).await?.exits(0)?;
    parked(&desk, 0).await?;
    fleet.dismiss().await
}
