//! Every program of the file, started as it says, and the README's example job brought to its end with it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::time::Duration;

use anyhow::{Context, ensure};
use testbed::account::{file, folder};
use testbed::desk::Desk;
use testbed::fleet;
use testbed::keeper::{Kept, Order, Signal};
use testbed::ports;
use testbed::postgres::{Durability, Server, output, program};
use testbed::process::{Settings, Sluice};
use testbed::rabbitmq::Broker;
use testbed::wait::{self, Look};
use tokio::process::Command;

use super::Outcome;
use super::file::{Compose, top};

/// A copy of an almost empty server, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where the programs are, instead of in containers of these names.
struct Places {
    postgres: u16,
    replica: u16,
    rabbitmq: u16,
    management: u16,
}

impl Places {
    /// The same text with our addresses in the place of the containers'.
    fn here(&self, text: &str, listen: u16) -> String {
        let pairs = [
            ("@postgres:5432", self.postgres),
            ("@rabbitmq:5672", self.rabbitmq),
            ("@rabbitmq:15672", self.management),
        ];
        let mut text = text.replace(
            "host=postgres port=5432",
            &format!("host=127.0.0.1 port={}", self.postgres),
        );
        for (there, port) in pairs {
            text = text.replace(there, &format!("@127.0.0.1:{port}"));
        }
        text.replace("0.0.0.0:9180", &format!("127.0.0.1:{listen}"))
            .replace("127.0.0.1:9180", &format!("127.0.0.1:{listen}"))
    }
}

/// A health check as a container runs it, until it succeeds.
async fn healthy(command: &[String], environment: &[(&str, String)]) -> Outcome {
    wait::until(&format!("{command:?} succeeds"), PATIENCE, async || {
        let done = Command::new(&command[0])
            .args(&command[1..])
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .kill_on_drop(true)
            .output()
            .await?;
        anyhow::Ok(if done.status.success() {
            Look::There(())
        } else {
            Look::NotYet(format!("{done:?}"))
        })
    })
    .await
}

/// The primary, set up as the image's entrypoint does: settings of the command, the access file, then each script with psql.
async fn primary(compose: &Compose) -> anyhow::Result<Server> {
    let server = Server::start(Durability::ThrowAway).await?;
    let mut conn = server.superuser("postgres").await?;
    for setting in compose
        .list("postgres", "command")?
        .iter()
        .filter(|word| word.contains('='))
    {
        let (name, value) = setting.split_once('=').context("no setting")?;
        if name == "hba_file" {
            let path: String = engine::sql::scalar("SHOW hba_file").fetch_one(&mut conn).await?;
            file(path.as_ref(), &compose.config("pg_hba")?, server.account())?;
        } else {
            engine::sql::execute_script(&mut conn, format!("ALTER SYSTEM SET {name} = '{value}'")).await?;
        }
    }
    engine::sql::execute_script(&mut conn, "CREATE DATABASE app".to_owned()).await?;
    server.crash_and_restart().await?;
    let place = folder("scripts", server.account())?;
    for script in ["roles", "example"] {
        let path = place.path().join(format!("{script}.sql"));
        file(&path, &compose.config(script)?, server.account())?;
        let mut psql = Command::new(program("psql")?);
        psql.args(["-v", "ON_ERROR_STOP=1", "--no-password", "--no-psqlrc"])
            .args(["--host", "127.0.0.1", "--port", &server.port().to_string()])
            .args(["--username", "postgres", "--dbname", "app", "-f"])
            .arg(&path)
            .current_dir(place.path())
            .envs(compose.environment("postgres")?)
            .env("PGPASSWORD", server.password());
        output(psql, server.account()).await.with_context(|| script)?;
    }
    Ok(server)
}

/// The replica, by the file's own script.
async fn replica(compose: &Compose, primary: &Server, places: &Places) -> anyhow::Result<Kept> {
    let place = folder("standby", primary.account())?;
    let (script, access) = (place.path().join("replica.sh"), place.path().join("pg_hba.conf"));
    file(&script, &compose.config("replica")?, primary.account())?;
    file(&access, &compose.config("pg_hba")?, primary.account())?;
    let programs = program("postgres")?;
    let path = std::env::join_paths(
        programs
            .parent()
            .map(std::path::Path::to_path_buf)
            .into_iter()
            .chain(std::env::split_paths(
                &std::env::var_os("PATH").unwrap_or_default(),
            )),
    )?;
    let mut env: Vec<(OsString, OsString)> = compose
        .environment("replica")?
        .into_iter()
        .map(|(name, value)| match name.as_str() {
            "PGDATA" => (name.into(), place.path().join("standby").into()),
            _ => (name.into(), places.here(&value, 0).into()),
        })
        .collect();
    env.push(("PATH".into(), path));
    // Where it listens; in its container it has the usual port for itself.
    env.push(("PGPORT".into(), places.replica.to_string().into()));
    let entrypoint = compose.list("replica", "entrypoint")?;
    ensure!(entrypoint == ["bash", "/replica.sh"], "{entrypoint:?}");
    let args = compose
        .list("replica", "command")?
        .into_iter()
        .map(|word| word.replace("/etc/postgresql/pg_hba.conf", &access.to_string_lossy()));
    Kept::start(Order {
        name: "replica".to_owned(),
        program: "/bin/bash".into(),
        args: std::iter::once(script.into_os_string())
            .chain(args.map(OsString::from))
            .collect(),
        env,
        account: primary.account(),
        folder: place,
        stop: Signal::QUIT,
    })
    .await
}

/// The commands of the README that a person types for the example job, with what follows `docker compose run --rm sluice`.
fn typed() -> anyhow::Result<Vec<Vec<String>>> {
    let page = std::fs::read_to_string(top("README.md"))?;
    let commands = page.lines().filter_map(|line| {
        let rest = line.strip_prefix("$ docker compose run --rm sluice ")?;
        let rest = rest.split(" #").next().unwrap_or(rest);
        Some(rest.split_whitespace().map(str::to_owned).collect())
    });
    let commands: Vec<Vec<String>> = commands.collect();
    ensure!(commands.len() >= 3, "{commands:?}");
    Ok(commands)
}

#[tokio::test]
async fn every_service_starts_as_the_file_says_and_the_readme_s_job_is_verified() -> Outcome {
    let compose = Compose::read()?;
    let primary = primary(&compose).await?;
    let broker = Broker::start().await?;
    let environment = compose.environment("rabbitmq")?;
    let (user, password) = (
        &environment["RABBITMQ_DEFAULT_USER"],
        &environment["RABBITMQ_DEFAULT_PASS"],
    );
    broker.user(user, password, "administrator").await?;
    broker.permit("/", user, [".*", ".*", ".*"]).await?;
    let places = Places {
        postgres: primary.port(),
        replica: ports::free()?,
        rabbitmq: broker.port(),
        management: broker.management_port(),
    };
    let standby = replica(&compose, &primary, &places).await?;
    for (service, port) in [("postgres", places.postgres), ("replica", places.replica)] {
        let command = compose.healthcheck(service)?;
        healthy(&command, &[("PGPORT", port.to_string())])
            .await
            .with_context(|| standby.log_tail())?;
    }
    let command = compose.healthcheck("rabbitmq")?;
    let words: Vec<&str> = command.iter().map(String::as_str).collect();
    broker.tool(words[0], &words[1..]).await?;

    let mut running = Vec::new();
    for service in ["planner", "backfiller", "verifier"] {
        let command = compose.list(service, "command")?;
        let args: Vec<&str> = command.iter().map(String::as_str).collect();
        for _ in 0..compose.replicas(service)? {
            let listen = ports::free()?;
            let settings = settings(&compose, &places, service, listen)?;
            running.push((service, listen, Sluice::start(&args, &settings).await?));
        }
    }
    for (service, listen, process) in &running {
        fleet::ready(process).await?;
        let command = compose.healthcheck(service)?;
        let command: Vec<String> = command.iter().map(|word| places.here(word, *listen)).collect();
        healthy(&command, &[]).await?;
    }

    let desk = Desk::new(&settings(&compose, &places, "sluice", ports::free()?)?)?;
    for command in typed()? {
        let examples = top("examples");
        let args: Vec<String> = command
            .iter()
            .map(|word| word.replace("/examples", &examples.to_string_lossy()))
            .collect();
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        desk.ok(&args).await?;
    }
    let status = desk.json(&["status", "track-seconds", "--json"]).await?;
    assert!(status.to_string().contains("replica_a"), "{status:#}");
    let mut conn = primary.superuser("app").await?;
    let wrong: i64 =
        engine::sql::scalar("SELECT count(*) FROM track WHERE seconds IS DISTINCT FROM milliseconds / 1000")
            .fetch_one(&mut conn)
            .await?;
    assert_eq!(wrong, 0);
    for (service, _, process) in running {
        assert_eq!(
            process.terminate().await?,
            "exit status: 0",
            "{service}\n{}",
            process.log()
        );
        for line in process.log().lines() {
            let parsed: serde_json::Result<serde_json::Value> = serde_json::from_str(line);
            assert!(
                parsed.is_ok_and(|value| value.is_object()),
                "{service} logs {line:?}"
            );
        }
    }
    Ok(())
}

/// What a service has in its environment, and nothing else.
fn settings(compose: &Compose, places: &Places, service: &str, listen: u16) -> anyhow::Result<Settings> {
    let environment: BTreeMap<String, String> = compose.environment(service)?;
    Ok(Settings {
        file: String::new(),
        env: environment
            .into_iter()
            .map(|(name, value)| (name, places.here(&value, listen)))
            .collect(),
        ..Settings::default()
    })
}
