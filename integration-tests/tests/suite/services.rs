//! The services as an operator meets them: health, readiness, metrics, logs, and how they end.

mod operators;

use std::path::Path;
use std::time::Duration;

use testbed::database::{Database, Role};
use testbed::desk::Desk;
use testbed::fleet::{self, Fleet};
use testbed::http;
use testbed::keeper::{Signal, built};
use testbed::postgres::Server;
use testbed::process::{Settings, Sluice};
use testbed::proxy::Proxy;
use testbed::rabbitmq::Broker;
use testbed::tracks::{self, Filling};
use testbed::wait::{self, Look};
use testbed::watch::Watched;

type Outcome = anyhow::Result<()>;

const ROLES: [&str; 3] = ["planner", "backfiller", "verifier"];
const PATIENCE: Duration = Duration::from_secs(60);

/// A database whose ledger exists, so that every service can get ready.
async fn prepared() -> anyhow::Result<Database<'static>> {
    let database = Database::new(Server::shared().await?).await?;
    drop(testbed::target::connect(&database).await?);
    Ok(database)
}

/// Waits until `/readyz` answers this status and its body mentions `reason`.
async fn answers(port: u16, status: u16, reason: &str) -> Outcome {
    let what = format!("/readyz answers {status} because of {reason:?}");
    wait::until(&what, PATIENCE, async || {
        let answer = http::get(port, "/readyz").await?;
        let as_wanted = answer.status == status && answer.body.contains(reason);
        Ok::<_, anyhow::Error>(if as_wanted {
            Look::There(())
        } else {
            Look::NotYet(format!("{answer:?}"))
        })
    })
    .await
}

#[tokio::test]
async fn every_service_shows_its_health_and_metrics_and_ends_on_sigterm() -> Outcome {
    let broker = Broker::shared().await?;
    let database = prepared().await?;
    let settings = Settings::of(&database)
        .over(&broker.vhost().await?)
        .with("SLUICE__TELEMETRY__FORMAT", "json");
    for role in ROLES {
        let service = Sluice::start(&[role], &settings).await?;
        fleet::ready(&service).await?;
        let port = service.port().await?;
        assert_eq!(http::get(port, "/healthz").await?.status, 200);
        let metrics = http::get(port, "/metrics").await?;
        assert_eq!(metrics.status, 200, "{metrics:?}");
        assert_eq!(service.terminate().await?, "exit status: 0", "{}", service.log());
        let log = service.log();
        assert!(!settings.is_betrayed_by(&log), "{role} logs a password:\n{log}");
        assert!(log.lines().count() > 2, "{role} logs nothing");
        for line in log.lines() {
            let parsed: serde_json::Result<serde_json::Value> = serde_json::from_str(line);
            assert!(
                parsed.is_ok_and(|value| value.is_object()),
                "{role} logs a line that is not JSON: {line}"
            );
        }
    }
    Ok(())
}

/// The example of the settings, copied as the README says, with nothing but the URLs changed.
fn example(database: &Database<'_>, bus: &str) -> anyhow::Result<Settings> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sluice.example.toml");
    let mut file = String::new();
    let mut section = String::new();
    for line in std::fs::read_to_string(path)?.lines() {
        if line.starts_with('[') {
            section = line.to_owned();
        }
        let url = match (section.as_str(), line.split_once(" = ").map(|(key, _)| key)) {
            ("[targets.main]", Some("url")) => Some(database.url(Role::Data)),
            ("[targets.main]", Some("admin_url")) => Some(database.url(Role::Owner)),
            ("[targets.main]", Some("monitor_url")) => Some(database.url(Role::Monitor)),
            ("[targets.main]", Some("ledger_url")) => Some(database.url(Role::Ledger)),
            ("[bus]", Some("url")) => Some(bus.to_owned()),
            _ => None,
        };
        match (url, line.split_once(" = ")) {
            (Some(url), Some((key, _))) => file.push_str(&format!("{key} = \"{url}\"\n")),
            _ => file.push_str(&format!("{line}\n")),
        }
    }
    Ok(Settings {
        file,
        ..Settings::default()
    })
}

#[tokio::test]
async fn every_service_of_a_machine_starts_with_the_same_copy_of_the_example() -> Outcome {
    let broker = Broker::shared().await?;
    let database = Database::new(Server::shared().await?).await?;
    let settings = example(&database, &broker.vhost().await?.url)?;
    Fleet::start(&settings, 2).await?.dismiss().await
}

#[tokio::test]
async fn a_service_whose_port_is_taken_says_so_and_nothing_else() -> Outcome {
    let broker = Broker::shared().await?;
    let database = prepared().await?;
    let taken = std::net::TcpListener::bind(("127.0.0.1", 0))?;
    let address = taken.local_addr()?.to_string();
    let settings = Settings::of(&database)
        .over(&broker.vhost().await?)
        .with("SLUICE__SERVICE__LISTEN", &address);
    for role in ROLES {
        let service = Sluice::start(&[role], &settings).await?;
        assert_eq!(
            service.ended(PATIENCE).await?,
            "exit status: 1",
            "{}",
            service.log()
        );
        let log = service.log();
        assert!(log.contains(&address) && log.contains("service.listen"), "{log}");
        assert!(!log.contains("panicked"), "{log}");
        assert_eq!(log.lines().count(), 1, "{log}");
    }
    Ok(())
}

/// Over the bus inside its own process nobody else would ever hear of it.
#[tokio::test]
async fn a_service_without_a_broker_warns_that_nobody_hears_it() -> Outcome {
    let database = prepared().await?;
    for role in ROLES {
        let service = Sluice::start(&[role], &Settings::of(&database)).await?;
        service.logged("no broker is configured", PATIENCE).await?;
        assert_eq!(service.terminate().await?, "exit status: 0", "{}", service.log());
    }
    Ok(())
}

/// `cargo build --workspace` makes them; a binary that is not there is left out visibly.
#[tokio::test]
async fn the_services_own_binaries_are_the_same_services() -> Outcome {
    let broker = Broker::shared().await?;
    let database = prepared().await?;
    let settings = Settings::of(&database).over(&broker.vhost().await?);
    for role in ROLES {
        if let Err(error) = built(role) {
            eprintln!("LEFT OUT {role}: {error}");
            continue;
        }
        let service = Sluice::start_program(role, &[], &settings).await?;
        fleet::ready(&service).await?;
        assert_eq!(service.terminate().await?, "exit status: 0", "{}", service.log());
    }
    Ok(())
}

#[tokio::test]
async fn a_service_without_its_broker_is_not_ready_and_says_why() -> Outcome {
    let broker = Broker::shared().await?;
    let way = Proxy::start(broker.port()).await?;
    let vhost = broker.vhost().await?;
    let database = prepared().await?;
    let settings = Settings::of(&database)
        .over(&vhost)
        .with("SLUICE__BUS__URL", &vhost.url_through(way.port()));
    let mut services = Vec::new();
    for role in ROLES {
        services.push(Sluice::start(&[role], &settings).await?);
    }
    for service in &services {
        fleet::ready(service).await?;
    }
    way.cut();
    for service in &services {
        let port = service.port().await?;
        answers(port, 503, "").await?;
        let body = http::get(port, "/readyz").await?.body;
        let why: serde_json::Value = serde_json::from_str(&body)?;
        assert!(
            why["reasons"]
                .as_object()
                .is_some_and(|reasons| !reasons.is_empty()),
            "{body}"
        );
        assert!(!settings.is_betrayed_by(&body), "{body}");
        assert_eq!(
            http::get(port, "/healthz").await?.status,
            200,
            "alive all the same"
        );
    }
    way.restore();
    for service in &services {
        answers(service.port().await?, 200, "").await?;
        assert_eq!(service.terminate().await?, "exit status: 0");
    }
    Ok(())
}

#[tokio::test]
async fn a_service_that_starts_before_its_database_waits_for_it() -> Outcome {
    let broker = Broker::shared().await?;
    let database = prepared().await?;
    let way = Proxy::start(database.server().port()).await?;
    let settings = Settings::default()
        .reaching("MAIN", &database, way.port())
        .over(&broker.vhost().await?);
    way.cut();
    for role in ROLES {
        let service = Sluice::start(&[role], &settings).await?;
        let port = service.port().await?;
        answers(port, 503, "ledger of main").await?;
        way.restore();
        answers(port, 200, "").await?;
        way.cut();
        answers(port, 503, "ledger of main").await?;
        way.restore();
        answers(port, 200, "").await?;
        assert_eq!(service.terminate().await?, "exit status: 0", "{}", service.log());
        way.cut();
    }
    Ok(())
}

/// A backfiller and a verifier may be started before the planner has made the ledger.
#[tokio::test]
async fn workers_wait_for_the_ledger_that_the_planner_makes() -> Outcome {
    let broker = Broker::shared().await?;
    let database = Database::new(Server::shared().await?).await?;
    let settings = Settings::of(&database).over(&broker.vhost().await?);
    let backfiller = Sluice::start(&["backfiller"], &settings).await?;
    let verifier = Sluice::start(&["verifier"], &settings).await?;
    for worker in [&backfiller, &verifier] {
        answers(worker.port().await?, 503, "ledger of main").await?;
    }
    let planner = Sluice::start(&["planner"], &settings).await?;
    for service in [&planner, &backfiller, &verifier] {
        fleet::ready(service).await?;
    }
    Ok(())
}

/// A job of which every batch waits for its share of a low rate: there is always a chunk in hand.
async fn at_work(broker: &Broker) -> anyhow::Result<(Database<'static>, Settings, Fleet)> {
    let database = Database::new(Server::shared().await?).await?;
    tracks::load(&database, 20_000, Filling::Sparse).await?;
    let settings = Settings::of(&database).over(&broker.vhost().await?);
    let fleet = Fleet::start(&settings, 1).await?;
    let desk = Desk::new(&settings)?;
    let slow = "[backfill]\nmax_parallel = 2\nmax_rows_per_second = 1000\n";
    let spec = desk.write("spec.toml", &tracks::spec("slow", slow))?;
    desk.ok(&["submit", &spec, "--target", "main", "--as", "tester"])
        .await?;
    Watched::only(&database).await?.under_way(500, PATIENCE).await?;
    Ok((database, settings, fleet))
}

/// The first signal: what is in hand is given back at once, so that another worker need not wait for a lease to lapse.
#[tokio::test]
async fn a_backfiller_that_is_told_to_stop_gives_its_chunks_back_and_ends_with_0() -> Outcome {
    let (database, _, fleet) = at_work(Broker::shared().await?).await?;
    let status = fleet.backfillers[0].terminate().await?;
    assert_eq!(status, "exit status: 0", "{}", fleet.backfillers[0].log());
    let job = Watched::only(&database).await?;
    let leased: i64 = job
        .value("SELECT count(*) FROM sluice.task WHERE job = $1 AND kind = 'chunk' AND state = 'leased'")
        .await?;
    assert_eq!(leased, 0, "a lease is left behind");
    fleet.dismiss().await
}

/// The second signal ends it at once, even while the database keeps it waiting.
#[tokio::test]
async fn a_second_signal_ends_a_service_at_once() -> Outcome {
    let (database, _, fleet) = at_work(Broker::shared().await?).await?;
    let mut conn = database.superuser().await?;
    // Nothing can be given back past this lock.
    engine::sql::execute_script(
        &mut conn,
        "BEGIN; LOCK TABLE sluice.task IN ACCESS EXCLUSIVE MODE",
    )
    .await?;
    let backfiller = &fleet.backfillers[0];
    backfiller.signal(Signal::TERM)?;
    backfiller
        .logged("stopping: finishing what is in hand", PATIENCE)
        .await?;
    backfiller.signal(Signal::TERM)?;
    backfiller.ended(Duration::from_secs(10)).await?;
    let log = backfiller.log();
    assert!(log.contains("second signal: stopping at once"), "{log}");
    engine::sql::execute_script(&mut conn, "ROLLBACK").await?;
    fleet.dismiss().await
}

#[tokio::test]
async fn settings_that_cannot_be_used_are_named_all_at_once_without_their_secrets() -> Outcome {
    let settings = Settings::default()
        .with("SLUICE__TARGETS__MAIN__URL", "mysql://ann:s3cr3t-one@db/music")
        .with("SLUICE__BUS__KIND", "rabbitmq")
        .with("SLUICE__BUS__URL", "http://ann:s3cr3t-two@broker/")
        .with("SLUICE__PLANNER__TIKC", "1s");
    for role in ROLES {
        let service = Sluice::start(&[role], &settings).await?;
        let status = service.ended(PATIENCE).await?;
        assert_eq!(status, "exit status: 2", "{}", service.log());
        let log = service.log().to_lowercase();
        for part in ["targets.main.url", "bus.url", "tikc"] {
            assert!(log.contains(part), "{role} does not name {part}:\n{log}");
        }
        assert!(!log.contains("s3cr3t"), "{log}");
    }
    Ok(())
}
