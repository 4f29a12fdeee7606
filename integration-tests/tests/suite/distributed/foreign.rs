//! A client of another language: plain AMQP 0-9-1, nothing of ours.

use std::time::Duration;

use anyhow::Context as _;
use futures_util::StreamExt as _;
use lapin::options::{BasicConsumeOptions, BasicPublishOptions};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties, Consumer};
use serde_json::{Value, json};
use testbed::database::Database;
use testbed::fleet;
use testbed::postgres::Server;
use testbed::process::{Settings, Sluice};
use testbed::rabbitmq::Broker;
use testbed::tracks::{self, Filling};

use super::{Outcome, PATIENCE};

const REPLY_TO: &str = "amq.rabbitmq.reply-to";

async fn ask(channel: &Channel, id: &str, correlation: Option<&str>, target: &str) -> Outcome {
    let spec = json!({ "name": "foreign", "change": [{
        "kind": "add_column", "table": "track", "column": "seconds", "type": "integer", "up": "milliseconds / 1000",
    }] });
    let body = json!({
        "id": id, "version": 1, "kind": "job.submit", "target": target, "sent_at": "2026-01-01T00:00:00Z", "attempt": 1,
        "body": { "target": target, "spec": spec, "submitted_by": "somebody else" },
    })
    .to_string();
    let mut properties = BasicProperties::default().with_reply_to(REPLY_TO.into());
    if let Some(correlation) = correlation {
        properties = properties.with_correlation_id(correlation.into());
    }
    let published = channel.basic_publish(
        "sluice.work".into(),
        "sluice.submit".into(),
        BasicPublishOptions::default(),
        body.as_bytes(),
        properties,
    );
    published.await?.await?;
    Ok(())
}

/// The next answer: its correlation id and its body.
async fn answer(answers: &mut Consumer) -> anyhow::Result<(Option<String>, Value)> {
    let found = tokio::time::timeout(PATIENCE, answers.next()).await;
    let found = found.context("no answer")?.context("the consumer ended")??;
    let correlation = found
        .properties
        .correlation_id()
        .as_ref()
        .map(ToString::to_string);
    Ok((correlation, serde_json::from_slice(&found.data)?))
}

#[tokio::test]
async fn a_foreign_client_gets_its_own_correlation_id_back_over_direct_reply_to() -> Outcome {
    let (broker, database) = (
        Broker::shared().await?,
        Database::new(Server::shared().await?).await?,
    );
    tracks::load(&database, 10, Filling::Sparse).await?;
    let vhost = broker.vhost().await?;
    let planner = Sluice::start(&["planner"], &Settings::of(&database).over(&vhost)).await?;
    fleet::ready(&planner).await?;
    let connection = Connection::connect(&vhost.url, ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    // Direct reply-to: no queue is declared, and nothing is acknowledged.
    let no_ack = BasicConsumeOptions {
        no_ack: true,
        ..BasicConsumeOptions::default()
    };
    let mut answers = channel
        .basic_consume(REPLY_TO.into(), "".into(), no_ack, FieldTable::default())
        .await?;

    let ids = [
        "0192d3a0-5b7e-7c11-8a55-0f6d9a1c2b3e",
        "0192d3a0-5b7e-7c11-8a55-0f6d9a1c2b3f",
    ];
    ask(&channel, ids[0], Some("request 42"), "main").await?;
    let (correlation, reply) = answer(&mut answers).await?;
    assert_eq!(correlation.as_deref(), Some("request 42"), "{reply}");
    assert_eq!(reply["body"]["outcome"], "accepted", "{reply}");
    assert_eq!(reply["body"]["submission"], ids[0], "{reply}");

    // Who sends none is told by the submission's own id.
    ask(&channel, ids[1], None, "nowhere").await?;
    let (correlation, reply) = answer(&mut answers).await?;
    assert_eq!(correlation.as_deref(), Some(ids[1]), "{reply}");
    assert_eq!(reply["body"]["outcome"], "refused", "{reply}");
    assert_eq!(reply["body"]["submission"], ids[1], "{reply}");
    tokio::time::timeout(Duration::from_secs(10), connection.close(200, "done".into())).await??;
    assert_eq!(planner.terminate().await?, "exit status: 0", "{}", planner.log());
    Ok(())
}
