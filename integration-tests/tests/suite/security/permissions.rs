//! A broker's user for each role, with exactly what `sluice queues --permissions` prints, on a broker that imported the definitions.

use std::time::Duration;

use anyhow::Context;
use futures_util::StreamExt;
use lapin::options::{
    BasicConsumeOptions, BasicPublishOptions, ConfirmSelectOptions, QueueBindOptions, QueueDeclareOptions,
    QueuePurgeOptions,
};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};
use shared::bus::rabbitmq::{User, permissions};
use testbed::database::{Database, Role};
use testbed::desk::Desk;
use testbed::fleet;
use testbed::postgres::Server;
use testbed::process::{Settings, Sluice};
use testbed::rabbitmq::{Broker, Vhost};
use testbed::tracks::{self, Filling};
use testbed::wait::{self, Look};
use testbed::watch::Watched;

use super::Outcome;

const PATIENCE: Duration = Duration::from_secs(120);

/// As one of the users of a virtual host, and without the management API, which is a matter of tags.
async fn user(broker: &Broker, vhost: &Vhost, user: User) -> anyhow::Result<Settings> {
    let url = url(broker, vhost, user).await?;
    Ok(Settings::default()
        .with("SLUICE__BUS__KIND", "rabbitmq")
        .with("SLUICE__BUS__URL", &url))
}

/// Makes the user with what the code says that it needs.
async fn url(broker: &Broker, vhost: &Vhost, user: User) -> anyhow::Result<String> {
    let name = format!("{}-{}", vhost.name, user.name());
    let password = format!("{:016x}", fastrand::u64(..));
    broker.user(&name, &password, "").await?;
    let may = permissions(user, &["main".into()]);
    broker
        .permit(&vhost.name, &name, [&may.configure, &may.write, &may.read])
        .await?;
    Ok(vhost.url_of(&name, &password))
}

/// A virtual host with everything that an administrator imports, and nothing more.
async fn imported(broker: &Broker) -> anyhow::Result<Vhost> {
    let vhost = broker.vhost().await?;
    let desk = Desk::new(&Settings::default().over(&vhost))?;
    let definitions = desk
        .json(&["queues", "--definitions", "--target", "main"])
        .await?;
    broker.import(&definitions).await?;
    Ok(vhost)
}

fn joined(database: &Database<'_>, broker: &Settings) -> Settings {
    broker
        .env
        .iter()
        .fold(Settings::of(database), |settings, (name, value)| {
            settings.with(name, value)
        })
}

#[tokio::test]
async fn each_service_does_its_part_of_a_job_with_no_more_than_it_needs() -> Outcome {
    let broker = Broker::shared().await?;
    let vhost = imported(broker).await?;
    let database = Database::new(Server::shared().await?).await?;
    tracks::load(&database, 20_000, Filling::Sparse).await?;
    let mut services = Vec::new();
    for (role, command) in [
        (User::Planner, "planner"),
        (User::Backfiller, "backfiller"),
        (User::Verifier, "verifier"),
    ] {
        let settings = joined(&database, &user(broker, &vhost, role).await?);
        services.push(Sluice::start(&[command], &settings).await?);
    }
    for service in &services {
        fleet::ready(service).await?;
    }
    let submitter = Desk::new(&user(broker, &vhost, User::Submitter).await?)?;
    let spec = submitter.write("spec.toml", &tracks::spec("track-seconds", ""))?;
    let id = submitter
        .ok(&["submit", &spec, "--target", "main", "--as", "tester"])
        .await?;
    let job = Watched::new(&database, &id)?;
    job.until("verified", PATIENCE).await?;
    job.settled(tracks::EXPECTED).await?;

    // The planner sees the queues, and the operator what nobody could handle.
    let port = services[0].port().await?;
    wait::until("the queues are measured", PATIENCE, async || {
        let page = testbed::http::get(port, "/metrics").await?.body;
        let line = "sluice_queue_consumers{queue=\"sluice.main.chunk\"} 1";
        anyhow::Ok(if page.contains(line) {
            Look::There(())
        } else {
            Look::NotYet(page)
        })
    })
    .await?;
    let operator = joined(&database, &user(broker, &vhost, User::Operator).await?);
    let operator = Desk::new(&operator)?;
    operator.ok(&["queues"]).await?;
    broker
        .publish_raw(&vhost, "sluice.work", "sluice.main.chunk", "not even JSON")
        .await?;
    let parked = async |wanted: usize| {
        wait::until("it is parked", PATIENCE, async || {
            let found = operator.json(&["parked", "--json"]).await?;
            anyhow::Ok(if found["parked"].as_array().map(Vec::len) == Some(wanted) {
                Look::There(())
            } else {
                Look::NotYet(found.to_string())
            })
        })
        .await
    };
    parked(1).await?;
    operator.ok(&["parked", "requeue", "--all"]).await?;
    parked(1).await?;
    operator.ok(&["parked", "drop", "--all"]).await?;
    parked(0).await?;

    for service in services {
        let log = service.log();
        assert!(!log.contains("ACCESS_REFUSED"), "{log}");
        assert_eq!(service.terminate().await?, "exit status: 0", "{log}");
    }
    Ok(())
}

/// The lines are what a person pastes.
#[tokio::test]
async fn the_printed_commands_are_ones_that_the_broker_takes() -> Outcome {
    let broker = Broker::shared().await?;
    let vhost = imported(broker).await?;
    let desk = Desk::new(&Settings::default().over(&vhost))?;
    let printed = desk.ok(&["queues", "--permissions", "--target", "main"]).await?;
    assert_eq!(printed.lines().count(), User::ALL.len(), "{printed}");
    for (line, role) in printed.lines().zip(User::ALL) {
        broker.user(role.name(), "it is not used", "").await?;
        let words: Vec<&str> = line
            .split_whitespace()
            .map(|word| word.trim_matches('\''))
            .collect();
        broker.tool(words[0], &words[1..]).await?;
        let found = broker
            .describe(&format!("permissions/{}/{}", vhost.name, role.name()))
            .await?;
        let may = permissions(role, &["main".into()]);
        assert_eq!(found["configure"], may.configure.as_str());
        assert_eq!(found["write"], may.write.as_str());
        assert_eq!(found["read"], may.read.as_str());
    }
    Ok(())
}

async fn channel(connection: &Connection) -> anyhow::Result<Channel> {
    let channel = connection.create_channel().await?;
    channel.confirm_select(ConfirmSelectOptions::default()).await?;
    Ok(channel)
}

async fn publish(connection: &Connection, exchange: &str, key: &str) -> Outcome {
    let options = BasicPublishOptions {
        mandatory: true,
        ..BasicPublishOptions::default()
    };
    let confirmed = channel(connection)
        .await?
        .basic_publish(
            exchange.into(),
            key.into(),
            options,
            b"{}",
            BasicProperties::default(),
        )
        .await?
        .await?;
    anyhow::ensure!(confirmed.take_message().is_none(), "no queue took it");
    Ok(())
}

fn refused(what: &str, outcome: &anyhow::Result<()>) {
    let why = outcome
        .as_ref()
        .err()
        .map_or_else(String::new, |error| format!("{error:#}"));
    assert!(why.contains("ACCESS_REFUSED"), "{what}: {outcome:?}");
}

#[tokio::test]
async fn an_application_can_submit_and_follow_and_forge_nothing() -> Outcome {
    let broker = Broker::shared().await?;
    let vhost = imported(broker).await?;
    let url = url(broker, &vhost, User::Submitter).await?;
    let connection = Connection::connect(&url, ConnectionProperties::default()).await?;

    publish(&connection, "sluice.submissions", "sluice.submit").await?;
    let here = publish(&connection, "sluice.submissions", "sluice.main.chunk").await;
    assert!(here.is_err_and(|why| why.to_string().contains("no queue")));
    let own = channel(&connection).await?;
    let queue = own
        .queue_declare("".into(), QueueDeclareOptions::exclusive(), FieldTable::default())
        .await?;
    let bind = |channel: Channel, queue: String, exchange: &'static str| async move {
        let bound = channel.queue_bind(
            queue.as_str().into(),
            exchange.into(),
            "main".into(),
            QueueBindOptions::default(),
            FieldTable::default(),
        );
        bound.await.map_err(anyhow::Error::from)
    };
    bind(own.clone(), queue.name().to_string(), "sluice.jobs").await?;

    for (exchange, key) in [
        ("sluice.work", "sluice.main.chunk"),
        ("sluice.work", "sluice.submit"),
        ("sluice.events", "main"),
        ("sluice.jobs", "main"),
        ("sluice.control", ""),
        ("sluice.dead", ""),
        ("sluice.return", "sluice.main.chunk"),
        ("sluice.retry.5s", "sluice.main.chunk"),
        ("", "sluice.main.chunk"),
    ] {
        let outcome = publish(&connection, exchange, key).await;
        refused(&format!("publishing to {exchange:?}"), &outcome);
    }
    for queue in ["sluice.main.chunk", "sluice.submit", "sluice.dead.parking"] {
        let taken = async {
            let channel = channel(&connection).await?;
            let consumed = channel.basic_consume(
                queue.into(),
                "".into(),
                BasicConsumeOptions::default(),
                FieldTable::default(),
            );
            consumed.await?.next().await.context("it ended")??;
            Ok(())
        };
        refused(&format!("consuming from {queue}"), &taken.await);
        let purged = async {
            let channel = channel(&connection).await?;
            channel
                .queue_purge(queue.into(), QueuePurgeOptions::default())
                .await?;
            Ok(())
        };
        refused(&format!("purging {queue}"), &purged.await);
        let bound = bind(channel(&connection).await?, queue.to_owned(), "sluice.jobs").await;
        refused(&format!("binding {queue}"), &bound);
        let made = async {
            let declared = channel(&connection).await?;
            declared
                .queue_declare(
                    queue.into(),
                    QueueDeclareOptions::durable(),
                    FieldTable::default(),
                )
                .await?;
            Ok(())
        };
        refused(&format!("declaring {queue}"), &made.await);
    }
    let events = bind(own, queue.name().to_string(), "sluice.events").await;
    refused("listening to events", &events);
    Ok(())
}

/// The user of another role: the log says what it may not, and what to do about it.
#[tokio::test]
async fn a_service_that_may_not_do_its_work_says_so() -> Outcome {
    let broker = Broker::shared().await?;
    let vhost = imported(broker).await?;
    let database = Database::new(Server::shared().await?).await?;
    drop(testbed::target::connect(&database).await?);
    let settings = joined(&database, &user(broker, &vhost, User::Submitter).await?);
    for role in ["planner", "backfiller", "verifier"] {
        let service = Sluice::start(&[role], &settings).await?;
        let line = service
            .logged("the broker's user may not", Duration::from_secs(60))
            .await?;
        assert!(
            line.contains("sluice queues --permissions") && line.contains("ACCESS_REFUSED"),
            "{line}"
        );
        assert!(!settings.is_betrayed_by(&service.log()));
    }
    // Nor can a desk with a verifier's user submit: it is told at once, and not after a time.
    let verifier = Desk::new(&user(broker, &vhost, User::Verifier).await?)?;
    let spec = verifier.write("spec.toml", &tracks::spec("track-seconds", ""))?;
    verifier
        .run(&["submit", &spec, "--target", "main", "--as", "tester"])
        .await?
        .exits(1)?
        .says(&["the broker's user may not", "sluice queues --permissions"])?;
    let jobs: i64 = database
        .value(Role::Ledger, "SELECT count(*) FROM sluice.job")
        .await?;
    assert_eq!(jobs, 0);
    Ok(())
}
