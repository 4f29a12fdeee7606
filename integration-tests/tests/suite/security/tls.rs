//! TLS to broker and database, with a certificate authority that only we trust: a whole job over it, and what is not believed.

use std::time::Duration;

use testbed::certificates::Authority;
use testbed::database::{Database, Role};
use testbed::desk::Desk;
use testbed::fleet::Fleet;
use testbed::postgres::{Durability, Server};
use testbed::process::Settings;
use testbed::rabbitmq::Broker;
use testbed::tracks::{self, Filling};
use testbed::watch::Watched;

use super::Outcome;

/// Where the servers are, and whom their certificates are for.
const HOST: &str = "localhost";

/// Each role's URL, with these parameters, at a host.
fn database_settings(database: &Database<'_>, host: &str, parameters: &str) -> Settings {
    [
        ("URL", Role::Data),
        ("ADMIN_URL", Role::Owner),
        ("MONITOR_URL", Role::Monitor),
        ("LEDGER_URL", Role::Ledger),
    ]
    .into_iter()
    .fold(Settings::default(), |settings, (key, role)| {
        let url = database.url(role).replace("127.0.0.1", host);
        settings.with(
            &format!("SLUICE__TARGETS__MAIN__{key}"),
            &format!("{url}?{parameters}"),
        )
    })
}

fn over(settings: Settings, url: &str, ca_file: Option<&str>) -> Settings {
    let settings = settings
        .with("SLUICE__BUS__KIND", "rabbitmq")
        .with("SLUICE__BUS__URL", url);
    match ca_file {
        Some(path) => settings.with("SLUICE__BUS__CA_FILE", path),
        None => settings,
    }
}

#[tokio::test]
async fn a_whole_job_runs_encrypted_and_verified() -> Outcome {
    let authority = Authority::new()?;
    let server = Server::start(Durability::ThrowAway).await?;
    let database = Database::new(&server).await?;
    tracks::load(&database, 20_000, Filling::Sparse).await?;
    server.only_over_tls(&authority.issue(HOST)?).await?;
    let broker = Broker::start_with_tls(&authority.issue(HOST)?).await?;
    let vhost = broker.vhost().await?;
    let verified = format!("sslmode=verify-full&sslrootcert={}", authority.file());
    let (certificate, key) = authority.files("client", &authority.issue("services.example")?)?;
    let settings = database_settings(&database, HOST, &verified);
    let settings = over(settings, &broker.tls_url(&vhost, HOST)?, Some(&authority.file()))
        .with("SLUICE__BUS__CERT_FILE", &certificate)
        .with("SLUICE__BUS__KEY_FILE", &key);
    let fleet = Fleet::start(&settings, 1).await?;
    let desk = Desk::new(&settings)?;
    let spec = desk.write("spec.toml", &tracks::spec("track-seconds", ""))?;
    let id = desk
        .ok(&["submit", &spec, "--target", "main", "--as", "tester"])
        .await?;
    let job = Watched::new(&database, &id)?;
    job.until("verified", Duration::from_secs(120)).await?;
    let plain: i64 = job
        .value(
            "SELECT count(*) FROM pg_stat_ssl AS s JOIN pg_stat_activity AS a USING (pid)
             WHERE NOT s.ssl AND a.client_addr IS NOT NULL AND $1::uuid IS NOT NULL",
        )
        .await?;
    assert_eq!(plain, 0);
    job.settled(tracks::EXPECTED).await?;
    fleet.dismiss().await
}

#[tokio::test]
async fn a_broker_that_cannot_prove_itself_is_refused_with_what_was_found() -> Outcome {
    let (authority, other) = (Authority::new()?, Authority::new()?);
    let broker = Broker::start_with_tls(&authority.issue(HOST)?).await?;
    let vhost = broker.vhost().await?;
    let right = broker.tls_url(&vhost, HOST)?;
    let (certificate, key) = authority.files("client", &authority.issue("services.example")?)?;
    let with = |url: &str, ca: Option<&str>| {
        over(Settings::default(), url, ca)
            .with("SLUICE__BUS__CERT_FILE", &certificate)
            .with("SLUICE__BUS__KEY_FILE", &key)
    };
    Desk::new(&with(&right, Some(&authority.file())))?
        .ok(&["queues"])
        .await?;
    let nobody = "/nowhere/ca.pem".to_owned();
    let cases: [(Settings, &[&str]); 6] = [
        // Neither the system's authorities signed it, nor another one.
        (with(&right, None), &["UnknownIssuer", "bus.ca_file"]),
        (
            with(&right, Some(&other.file())),
            &["UnknownIssuer", "bus.ca_file"],
        ),
        // The same broker under a name that its certificate is not for.
        (
            with(&broker.tls_url(&vhost, "127.0.0.1")?, Some(&authority.file())),
            &["127.0.0.1", "another host", "localhost"],
        ),
        // TLS at the port where there is none.
        (
            with(&vhost.url.replace("amqp://", "amqps://"), Some(&authority.file())),
            &["does not speak TLS", "5671"],
        ),
        // Who we are is asked for too.
        (
            over(Settings::default(), &right, Some(&authority.file())),
            &["bus.cert_file"],
        ),
        (with(&right, Some(&nobody)), &["bus.ca_file", "/nowhere/ca.pem"]),
    ];
    for (settings, words) in cases {
        Desk::new(&settings)?
            .run(&["queues"])
            .await?
            .exits(1)?
            .says(words)?;
    }
    Ok(())
}

#[tokio::test]
async fn a_database_that_cannot_prove_itself_is_refused_with_what_was_found() -> Outcome {
    let (authority, other) = (Authority::new()?, Authority::new()?);
    let server = Server::start(Durability::ThrowAway).await?;
    let database = Database::new(&server).await?;
    drop(testbed::target::connect(&database).await?);
    server.only_over_tls(&authority.issue(HOST)?).await?;
    let verified = |ca: &str| format!("sslmode=verify-full&sslrootcert={ca}");
    let status = ["status", "--target", "main"];
    let desk = |host: &str, parameters: &str| Desk::new(&database_settings(&database, host, parameters));
    desk(HOST, &verified(&authority.file()))?.ok(&status).await?;
    let cases: [(&str, String, &[&str]); 4] = [
        (
            HOST,
            "sslmode=verify-full".to_owned(),
            &["UnknownIssuer", "sslrootcert"],
        ),
        (HOST, verified(&other.file()), &["UnknownIssuer", "sslrootcert"]),
        (
            "127.0.0.1",
            verified(&authority.file()),
            &["another host", "localhost"],
        ),
        (HOST, "sslmode=disable".to_owned(), &["no encryption"]),
    ];
    for (host, parameters, words) in cases {
        desk(host, &parameters)?
            .run(&status)
            .await?
            .exits(1)?
            .says(words)?;
    }
    Ok(())
}
