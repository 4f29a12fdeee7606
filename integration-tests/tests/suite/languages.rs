//! The examples in other languages, with those languages' own AMQP clients: nothing of ours is in how they talk.

use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Duration;

use anyhow::Context;
use testbed::database::{Database, Role};
use testbed::fleet::Fleet;
use testbed::postgres::Server;
use testbed::process::Settings;
use testbed::rabbitmq::{Broker, Vhost};
use testbed::tracks::{self, Filling};
use tokio::process::Command;

type Outcome = anyhow::Result<()>;

/// Where `cargo xtask test` puts the clients.
const FOLDER: &str = "SLUICE_TEST_LANGUAGES";
/// A small job, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);
const SUBMISSION: &str = "0192d3a0-5b7e-7c11-8a55-0f6d9a1c2b3e";

fn clients() -> anyhow::Result<PathBuf> {
    let folder = std::env::var_os(FOLDER).map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/languages"),
        PathBuf::from,
    );
    anyhow::ensure!(
        folder.is_dir(),
        "{} is not there; `cargo xtask test --only languages` installs the clients",
        folder.display()
    );
    Ok(folder)
}

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../examples")
        .join(name)
}

fn python() -> anyhow::Result<Command> {
    let mut command = Command::new(clients()?.join("python/bin/python"));
    command.arg(example("submit.py"));
    Ok(command)
}

fn javascript() -> anyhow::Result<Command> {
    let mut command = Command::new("node");
    command
        .arg(example("submit.js"))
        .env("NODE_PATH", clients()?.join("node_modules"));
    Ok(command)
}

async fn run(mut command: Command, vhost: &Vhost, target: &str) -> anyhow::Result<Output> {
    command
        .args([target, SUBMISSION])
        .env("AMQP_URL", &vhost.url)
        .kill_on_drop(true);
    tokio::time::timeout(PATIENCE, command.output())
        .await
        .context("the example has not ended")?
        .context("the example could not be started")
}

/// Forward to `verified`; the same submission once more is the same job; a target that nobody knows is refused in words.
async fn submits_and_follows(client: impl Fn() -> anyhow::Result<Command>) -> Outcome {
    let broker = Broker::shared().await?;
    let vhost = broker.vhost().await?;
    let database = Database::new(Server::shared().await?).await?;
    tracks::load(&database, 2_000, Filling::Sparse).await?;
    let fleet = Fleet::start(&Settings::of(&database).over(&vhost), 1).await?;
    let first = run(client()?, &vhost, "main").await?;
    let said = String::from_utf8_lossy(&first.stdout).into_owned();
    let why = String::from_utf8_lossy(&first.stderr).into_owned();
    assert!(first.status.success(), "{said}{why}");
    let job = said
        .lines()
        .find_map(|line| line.strip_prefix("job "))
        .context("no job")?;
    let known: String = database
        .value(Role::Ledger, "SELECT id::text FROM sluice.job")
        .await?;
    assert_eq!(job, known);
    for state in ["backfilling", "verified"] {
        assert!(
            said.lines().any(|line| line.starts_with(state)),
            "no {state} in:\n{said}"
        );
    }
    let wrong: i64 = database
        .value(
            Role::Owner,
            "SELECT count(*) FROM track WHERE seconds IS DISTINCT FROM milliseconds / 1000",
        )
        .await?;
    assert_eq!(wrong, 0);
    let refused = run(client()?, &vhost, "nowhere").await?;
    let why = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        !refused.status.success() && why.contains("refused") && why.contains("nowhere"),
        "{why}"
    );
    fleet.dismiss().await
}

#[tokio::test]
async fn python_with_pika_submits_a_job_and_follows_it() -> Outcome {
    submits_and_follows(python).await
}

#[tokio::test]
async fn javascript_with_amqplib_submits_a_job_and_follows_it() -> Outcome {
    submits_and_follows(javascript).await
}
