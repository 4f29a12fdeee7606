//! What comes in over the queues: the same submission twice, refused ones, and what nobody can read.

use std::time::Duration;

use anyhow::Context;
use testbed::database::Database;
use testbed::desk::Desk;
use testbed::fleet::Fleet;
use testbed::postgres::Server;
use testbed::process::Settings;
use testbed::rabbitmq::{Broker, Vhost};
use testbed::tracks::{self, Filling};
use testbed::wait::{self, Look};

use super::{Outcome, SLOW, assert_settled, small, submit, traffic};

#[tokio::test]
async fn one_submission_sent_twice_is_one_job_with_one_answer() -> Outcome {
    const ID: &str = "0192d3a0-5b7e-7c11-8a55-0f6d9a1c2b3e";
    let broker = Broker::shared().await?;
    let (database, settings) = small(Server::shared().await?, &broker.vhost().await?).await?;
    let (desk, fleet) = (Desk::new(&settings)?, Fleet::start(&settings, 1).await?);
    let spec = desk.write("spec.toml", &tracks::spec("twice", ""))?;
    let ask = ["submit", &spec, "--target", "main", "--as", "tester", "--id", ID];
    let (one, other) = tokio::join!(desk.ok(&ask), desk.ok(&ask));
    let (one, other) = (one?, other?);
    assert_eq!(one, other);
    let writes = traffic(&database).await?;
    let job = testbed::watch::Watched::only(&database).await?;
    assert_eq!(job.id.to_string(), one.trim());
    assert_settled(&job, writes, fleet).await?;
    Ok(())
}

/// Both ways go through the same checks, so they say the same.
#[tokio::test]
async fn a_refused_submission_says_what_the_command_line_says() -> Outcome {
    let broker = Broker::shared().await?;
    let database = Database::new(Server::shared().await?).await?;
    tracks::load(&database, 10, Filling::Sparse).await?;
    let settings = Settings::of(&database).over(&broker.vhost().await?);
    let (desk, fleet) = (Desk::new(&settings)?, Fleet::start(&settings, 1).await?);
    let cases = [
        (
            "no such column",
            tracks::spec("refused", "").replace("milliseconds / 1000", "millis / 1000"),
        ),
        (
            "wrong type",
            tracks::spec("refused", "").replace("milliseconds / 1000", "name"),
        ),
        (
            "volatile",
            tracks::spec("refused", "").replace("milliseconds / 1000", "(random() * 9)::int"),
        ),
        (
            "no such table",
            tracks::spec("refused", "").replace("\"track\"", "\"tracks\""),
        ),
    ];
    for (case, text) in cases {
        let spec = desk.write("refused.toml", &text)?;
        let over = desk
            .run(&["submit", &spec, "--target", "main", "--as", "tester"])
            .await?
            .exits(1)?;
        let here = desk.run(&["plan", &spec, "--target", "main"]).await?.exits(1)?;
        let (over, here) = (faults(&over.err), faults(&here.err));
        assert!(
            !here.is_empty() && over == here,
            "{case}:\nover the queue {over:#?}\non the command line {here:#?}"
        );
    }
    let jobs: i64 = database
        .value(testbed::database::Role::Ledger, "SELECT count(*) FROM sluice.job")
        .await?;
    assert_eq!(jobs, 0);
    fleet.dismiss().await
}

/// The sentences with their codes, without where in a file they are: a message has no lines.
fn faults(printed: &str) -> Vec<&str> {
    printed
        .lines()
        .filter(|line| line.ends_with(']') && line.contains(" [SL"))
        .map(|line| line.find("[[change]]").map_or(line, |at| &line[at..]))
        .collect()
}

#[tokio::test]
async fn what_nobody_can_read_is_parked_with_the_reason_and_work_goes_on() -> Outcome {
    let broker = Broker::shared().await?;
    let vhost = broker.vhost().await?;
    let (database, settings) = small(Server::shared().await?, &vhost).await?;
    let (desk, fleet) = (Desk::new(&settings)?, Fleet::start(&settings, 2).await?);
    let writes = traffic(&database).await?;
    let job = submit(&desk, &database, SLOW).await?;
    job.under_way(500, Duration::from_secs(60)).await?;
    let newer = r#"{"id":"0192d3a0-5b7e-7c11-8a55-0f6d9a1c2b3e","version":99,"kind":"chunk.task","target":"main","body":{}}"#;
    let unknown = newer.replace("99", "1").replace("chunk.task", "chunk.dance");
    let queues = [
        "sluice.submit",
        "sluice.main.stage",
        "sluice.main.chunk",
        "sluice.main.check",
        "sluice.main.events.planner",
    ];
    for queue in queues {
        for message in ["not even JSON", newer, &unknown] {
            broker.publish_raw(&vhost, "sluice.work", queue, message).await?;
        }
    }
    let parked = parked(broker, &vhost, queues.len() * 3).await?;
    for reason in ["not a sluice message", "message version 99", "chunk.dance"] {
        let count = parked
            .iter()
            .filter(|message| message.to_string().contains(reason))
            .count();
        assert!(
            count >= queues.len(),
            "{count} parked because of {reason:?}: {parked:#?}"
        );
    }
    assert_settled(&job, writes, fleet).await
}

/// The messages of the parking queue, once there are so many.
async fn parked(broker: &Broker, vhost: &Vhost, wanted: usize) -> anyhow::Result<Vec<serde_json::Value>> {
    wait::until("the messages are parked", Duration::from_secs(60), async || {
        let parked = broker.peek(vhost, "sluice.dead.parking").await?;
        Ok::<_, anyhow::Error>(if parked.len() >= wanted {
            Look::There(parked)
        } else {
            Look::NotYet(format!("{} of {wanted}: {parked:?}", parked.len()))
        })
    })
    .await
    .context("not everything is parked")
}
