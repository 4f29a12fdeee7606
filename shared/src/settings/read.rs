//! From the merged tree to [`Settings`]: one function a table, in the order of the example file.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

use config::Value;
use proto::TargetName;
use secrecy::{ExposeSecret, SecretString};
use tracing_subscriber::EnvFilter;

use super::table::Table;
use super::{
    BackfillerSettings, BusSettings, BusTls, Error, Fault, LogFormat, PlannerSettings, ServiceSettings,
    Settings, TargetBudget, TargetSettings, TargetThrottle, TelemetrySettings, VerifierSettings, is_file,
};

pub(super) const DATABASE: &[&str] = &["postgres", "postgresql", "sqlite"];

/// Reads everything, on top of the faults found before.
pub(super) fn settings(merged: HashMap<String, Value>, faults: Vec<Fault>) -> Result<Settings, Error> {
    let faults = RefCell::new(faults);
    let mut root = Table::root(merged, &faults);
    let settings = Settings {
        targets: targets(root.table("targets")),
        bus: bus(root.table("bus")),
        telemetry: telemetry(root.table("telemetry")),
        service: service(root.table("service")),
        backfiller: backfiller(root.table("backfiller")),
        verifier: verifier(root.table("verifier")),
        planner: planner(root.table("planner")),
    };
    root.finish();
    match faults.into_inner() {
        faults if faults.is_empty() => Ok(settings),
        faults => Err(Error::Faults(faults)),
    }
}

fn targets(table: Table<'_>) -> BTreeMap<TargetName, TargetSettings> {
    let mut targets = BTreeMap::new();
    for (name, table) in table.into_named() {
        let name = TargetName::from(name.as_str());
        if !name.is_valid() {
            table.fault(
                "",
                &format!("the target name {:?}", name.as_str()),
                "1 to 40 of a-z, 0-9, _ and - (it becomes part of queue names)",
            );
        }
        if let Some(target) = target(table) {
            targets.insert(name, target);
        }
    }
    targets
}

fn target(mut table: Table<'_>) -> Option<TargetSettings> {
    let missing = !table.has("url");
    let url = table.url("url", DATABASE);
    if missing {
        table.fault(
            "url",
            "nothing",
            "the data role's URL, postgres://user:password@host:5432/database, or sqlite:FILE",
        );
    }
    let admin_url = table.url("admin_url", DATABASE);
    let monitor_url = table.url("monitor_url", DATABASE);
    let ledger_url = table.url("ledger_url", DATABASE);
    let replicas = table.list("replicas");
    let acknowledge_publications = table.list("acknowledge_publications");
    let budget = budget(table.table("budget"), url.as_ref());
    let throttle = throttle(table.table("throttle"), url.as_ref());
    let verify_on = table.parsed("verify_on", "the name of a replica", |text| {
        (!text.is_empty()).then(|| text.to_owned())
    });
    let target = url.map(|url| TargetSettings {
        url,
        admin_url,
        monitor_url,
        ledger_url,
        replicas,
        acknowledge_publications,
        budget,
        throttle,
        verify_on,
    });
    if let Some(key) = target.as_ref().and_then(TargetSettings::beside_a_file) {
        let expected = "no key here: on SQLite there is one file, and every role has it by url";
        table.fault(key, "a URL of its own", expected);
    }
    if let Some(expected) = target.as_ref().and_then(TargetSettings::cannot_verify_on) {
        table.fault("verify_on", "a replica that is not there", &expected);
    }
    table.finish();
    target
}

fn budget(mut table: Table<'_>, url: Option<&SecretString>) -> TargetBudget {
    let rate = |text: &str| text.parse::<u64>().ok().filter(|rate| *rate > 0);
    let budget = TargetBudget {
        max_parallel: table.parsed("max_parallel", "a whole number from 1 to 1024", |text| {
            text.parse::<u32>().ok().filter(|n| (1..=1024).contains(n))
        }),
        max_rows_per_second: table.parsed("max_rows_per_second", "a whole number from 1", rate),
        max_wal_bytes_per_second: table.parsed(
            "max_wal_bytes_per_second",
            "a whole number of bytes from 1",
            rate,
        ),
        vacuum_at_dead_percent: table.parsed(
            "vacuum_at_dead_percent",
            "a whole number of percent from 0 to 100",
            |text| text.parse::<u32>().ok().filter(|percent| *percent <= 100),
        ),
    };
    if budget.vacuum_at_dead_percent.is_some() && url.is_some_and(|url| is_file(url.expose_secret())) {
        table.fault(
            "vacuum_at_dead_percent",
            "a share of dead rows",
            "no key here: a fill leaves no dead rows in a file",
        );
    }
    if budget.max_wal_bytes_per_second.is_some() && url.is_some_and(|url| is_file(url.expose_secret())) {
        let expected =
            "no key here: how much a file's write-ahead log grows cannot be asked; limit max_rows_per_second";
        table.fault("max_wal_bytes_per_second", "a limit for a file", expected);
    }
    table.finish();
    budget
}

fn throttle(table: Table<'_>, url: Option<&SecretString>) -> TargetThrottle {
    if url.is_some_and(|url| is_file(url.expose_secret())) && !table.is_empty() {
        let expected = "no table here: a file has no server whose pressure could be read";
        table.fault("", "signals of a file", expected);
    }
    super::throttle::read(table)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum BusKind {
    Local,
    RabbitMq,
}

fn bus(mut table: Table<'_>) -> BusSettings {
    let (named, given) = (table.has("kind"), table.has("url"));
    let kind = table.parsed("kind", "\"local\" or \"rabbitmq\"", |text| match text {
        "local" => Some(BusKind::Local),
        "rabbitmq" => Some(BusKind::RabbitMq),
        _ => None,
    });
    let url = table.url("url", &["amqp", "amqps"]);
    let management = table.url("management", &["http", "https"]);
    let tls = bus_tls(&mut table, url.as_ref());
    match (kind, given) {
        (Some(BusKind::RabbitMq), false) => {
            table.fault(
                "url",
                "nothing",
                "the broker's URL, amqp://user:password@host:5672/vhost, because bus.kind is \"rabbitmq\"",
            );
        }
        // Forgetting the kind would silently cut the roles off from each other.
        (Some(BusKind::Local), true) => table.fault(
            "kind",
            "\"local\" beside a bus.url",
            "kind = \"rabbitmq\", or no url",
        ),
        (None, true) if !named => table.fault(
            "kind",
            "nothing beside a bus.url",
            "kind = \"rabbitmq\", or no url",
        ),
        (Some(BusKind::Local), false) | (Some(BusKind::RabbitMq), true) | (None, _) => {}
    }
    table.finish();
    match (kind, url) {
        (Some(BusKind::RabbitMq), Some(url)) => BusSettings::RabbitMq { url, management, tls },
        _ => BusSettings::Local,
    }
}

fn bus_tls(table: &mut Table<'_>, url: Option<&SecretString>) -> BusTls {
    let mut path = |key: &'static str| {
        let path = table.parsed(key, "the path of a PEM file", |text| {
            (!text.is_empty()).then(|| PathBuf::from(text))
        });
        // Beside an URL that encrypts nothing it would be a protection that is not there.
        if path.is_some() && url.is_some_and(|url| !url.expose_secret().starts_with("amqps:")) {
            table.fault(
                key,
                "a certificate beside an amqp:// URL",
                "bus.url to begin with amqps://",
            );
        }
        path
    };
    let ca_file = path("ca_file");
    let (certificate, key) = (path("cert_file"), path("key_file"));
    match (&certificate, &key) {
        (Some(_), None) => table.fault("key_file", "nothing", "the key of bus.cert_file"),
        (None, Some(_)) => table.fault("cert_file", "nothing", "the certificate of bus.key_file"),
        (Some(_), Some(_)) | (None, None) => {}
    }
    BusTls {
        ca_file,
        identity: certificate.zip(key),
    }
}

fn telemetry(mut table: Table<'_>) -> TelemetrySettings {
    let default = TelemetrySettings::default();
    let format = table.parsed("format", "\"human\" or \"json\"", |text| match text {
        "human" => Some(LogFormat::Human),
        "json" => Some(LogFormat::Json),
        _ => None,
    });
    let filter = table.parsed(
        "filter",
        "a filter such as \"info\" or \"info,planner=debug\"",
        |text| EnvFilter::builder().parse(text).ok().map(|_| text.to_owned()),
    );
    table.finish();
    TelemetrySettings {
        format: format.unwrap_or(default.format),
        filter: filter.unwrap_or(default.filter),
    }
}

fn service(mut table: Table<'_>) -> ServiceSettings {
    let default = ServiceSettings::default();
    let listen = table.parsed(
        "listen",
        "an address with its port, such as 127.0.0.1:8080 or 0.0.0.0:0",
        |text| text.parse().ok(),
    );
    let shutdown_budget = table.duration("shutdown_budget");
    table.finish();
    ServiceSettings {
        listen: listen.unwrap_or(default.listen),
        shutdown_budget: shutdown_budget.unwrap_or(default.shutdown_budget),
    }
}

fn backfiller(mut table: Table<'_>) -> BackfillerSettings {
    let default = BackfillerSettings::default();
    let slots = table.parsed("slots", "a whole number from 1 to 64", |text| {
        text.parse::<u16>().ok().filter(|slots| (1..=64).contains(slots))
    });
    let name = table.parsed(
        "name",
        "1 to 40 letters, digits, dots, _ and - (it is shown in pg_stat_activity)",
        |text| {
            let safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
            ((1..=40).contains(&text.len()) && text.chars().all(safe)).then(|| text.to_owned())
        },
    );
    table.finish();
    BackfillerSettings {
        slots: slots.unwrap_or(default.slots),
        name,
    }
}

fn verifier(table: Table<'_>) -> VerifierSettings {
    table.finish();
    VerifierSettings {}
}

fn planner(mut table: Table<'_>) -> PlannerSettings {
    let tick = table.duration("tick");
    table.finish();
    PlannerSettings {
        tick: tick.unwrap_or(PlannerSettings::default().tick),
    }
}
