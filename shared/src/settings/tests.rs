//! Settings as an operator writes them, rightly and wrongly.

use super::*;

fn load(toml: &str, environment: &[(&str, &str)], overrides: &[(&str, &str)]) -> Result<Settings, Error> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sluice.toml");
    std::fs::write(&path, toml).unwrap();
    let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    Settings::load(&Sources {
        file: Some(path),
        environment: Some(environment.iter().map(owned).collect()),
        overrides: overrides.iter().map(owned).collect(),
    })
}

fn faults(toml: &str, environment: &[(&str, &str)]) -> Vec<String> {
    let error = load(toml, environment, &[]).unwrap_err();
    error
        .faults()
        .iter()
        .map(|f| format!("{}: {} / {}", f.key, f.found, f.expected))
        .collect()
}

#[test]
fn the_example_file_is_valid_and_names_every_key() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sluice.example.toml");
    let sources = Sources {
        file: Some(path.clone()),
        environment: Some(HashMap::new()),
        overrides: Vec::new(),
    };
    let text = std::fs::read_to_string(&path).unwrap();
    for key in [
        "url",
        "admin_url",
        "monitor_url",
        "ledger_url",
        "replicas",
        "acknowledge_publications",
        "verify_on",
        "sql",
        "max",
        "low",
        "kind",
        "management",
        "ca_file",
        "cert_file",
        "key_file",
        "format",
        "filter",
        "listen",
        "shutdown_budget",
        "slots",
        "name",
        "tick",
    ] {
        let written = [format!("\n{key} = "), format!("\n# {key} = ")];
        assert!(
            written.iter().any(|line| text.contains(line)),
            "{key} is not in the example"
        );
    }
    let as_it_is = Settings::load(&sources).unwrap();
    // Every service of a machine takes the same copy: nothing in it may be for one of them alone.
    assert_eq!(as_it_is.service, ServiceSettings::default());
    assert_eq!(as_it_is.backfiller, BackfillerSettings::default());
    let main = &as_it_is.targets[&TargetName::from("main")];
    assert!(main.replicas.is_empty() && main.throttle.is_empty());

    let settings = load(
        &with_every_key(&text).replace("\"amqp://", "\"amqps://"),
        &[],
        &[],
    )
    .unwrap();
    let main = &settings.targets[&TargetName::from("main")];
    assert_eq!(main.replicas, ["replica_a"]);
    assert_eq!(main.acknowledge_publications, ["warehouse"]);
    let reread = main.reread_replica().unwrap();
    assert_eq!(
        (reread.name.as_str(), reread.url.expose_secret()),
        ("replica_a", "postgres://sluice_data:change-me@127.0.0.1:5442/app")
    );
    let throttle = &main.throttle;
    assert_eq!(throttle.queries["jobs_waiting"].low, 500);
    assert!(throttle.replicas.contains_key("replica_a") && throttle.checks.contains_key("freno"));
    assert!(main.admin_url.is_some() && main.monitor_url.is_some() && main.ledger_url.is_some());
    assert!(matches!(
        settings.bus,
        BusSettings::RabbitMq {
            management: Some(_),
            tls: BusTls {
                ca_file: Some(_),
                identity: Some(_),
            },
            ..
        }
    ));
    assert_eq!(settings.telemetry, TelemetrySettings::default());
    assert_eq!(settings.service.listen.port(), 9180);
    assert_eq!(
        settings.service.shutdown_budget,
        ServiceSettings::default().shutdown_budget
    );
    assert_eq!(settings.backfiller.slots, BackfillerSettings::default().slots);
    assert_eq!(settings.backfiller.name.as_deref(), Some("backfiller-1"));
    assert_eq!(settings.planner, PlannerSettings::default());
}

/// The example without the `# ` before keys that are commented out.
fn with_every_key(text: &str) -> String {
    let is_key = |line: &str| {
        line.split_once(" = ")
            .is_some_and(|(key, _)| key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'))
    };
    let is_line = |line: &&str| is_key(line) || line.starts_with("[targets.");
    text.lines()
        .map(|line| line.strip_prefix("# ").filter(is_line).unwrap_or(line))
        .flat_map(|line| [line, "\n"])
        .collect()
}

#[test]
fn certificates_belong_to_a_url_that_encrypts_and_a_certificate_to_its_key() {
    let plain = "[bus]\nkind = \"rabbitmq\"\nurl = \"amqp://mq/sluice\"\nca_file = \"ca.pem\"";
    assert_eq!(
        faults(plain, &[]),
        ["bus.ca_file: a certificate beside an amqp:// URL / bus.url to begin with amqps://"]
    );
    let half = "[bus]\nkind = \"rabbitmq\"\nurl = \"amqps://mq/sluice\"\ncert_file = \"us.pem\"";
    assert_eq!(
        faults(half, &[]),
        ["bus.key_file: nothing / the key of bus.cert_file"]
    );
    let whole = format!("{half}\nkey_file = \"us.key\"");
    assert!(load(&whole, &[], &[]).is_ok());
}

#[test]
fn nothing_configured_gives_the_documented_defaults() {
    let settings = load("", &[], &[]).unwrap();
    assert!(settings.targets.is_empty());
    assert!(matches!(settings.bus, BusSettings::Local));
    assert_eq!(settings.service.listen.to_string(), "127.0.0.1:0");
    assert_eq!(settings.planner.tick, Duration::from_millis(500));
}

#[test]
fn the_environment_wins_over_the_file_and_flags_win_over_both() {
    let file =
        "[targets.main]\nurl = \"postgres://file/db\"\n[backfiller]\nslots = 3\n[planner]\ntick = \"1s\"";
    let environment = [
        ("SLUICE__TARGETS__MAIN__URL", "postgres://environment/db"),
        ("SLUICE__TARGETS__MAIN__REPLICAS", "a, b"),
        ("SLUICE__BACKFILLER__SLOTS", "4"),
        ("SLUICE__PLANNER__TICK", ""),
        ("SLUICE_CRASH_AT", "not ours"),
    ];
    let settings = load(file, &environment, &[("backfiller.slots", "5")]).unwrap();
    let main = &settings.targets[&TargetName::from("main")];
    assert_eq!(main.url.expose_secret(), "postgres://environment/db");
    assert_eq!(main.replicas, ["a", "b"]);
    assert_eq!(settings.backfiller.slots, 5);
    assert_eq!(
        settings.planner.tick,
        Duration::from_secs(1),
        "an empty variable counts as not set"
    );
}

#[test]
fn all_faults_are_reported_at_once_and_unknown_keys_are_refused() {
    let file = r#"
        bsu = 1
        [targets.Main]
        url = "mysql://ada:hunter2@db/app"
        [targets.second]
        replicas = ["a", 7]
        [targets.third]
        url = 7
        [bus]
        kind = "kafka"
        [service]
        listen = "localhost"
        shutdown_budget = "30"
        [backfiller]
        slots = 0
        [planner]
        tick = "0s"
        tock = "1s"
        [verifier]
        eyes = 2
        [telemetry]
        filter = "info,=[,"
    "#;
    let found = faults(file, &[("SLUICE__TELEMETRY__FORMAT", "xml")]);
    let expected = [
        "targets.Main: the target name \"Main\"",
        "targets.Main.url: mysql://ada:***@db/app / a URL that begins with postgres://",
        "targets.second.url: nothing",
        "targets.second.replicas: the number 7 in the list",
        "targets.third.url: the number 7",
        "bus.kind: \"kafka\" / \"local\" or \"rabbitmq\"",
        "telemetry.format: \"xml\" / \"human\" or \"json\"",
        "telemetry.filter: \"info,=[,\"",
        "service.listen: \"localhost\"",
        "service.shutdown_budget: \"30\"",
        "backfiller.slots: \"0\"",
        "verifier.eyes: an unknown key / no key here",
        "planner.tick: \"0s\"",
        "planner.tock: an unknown key / one of tick",
        "bsu: an unknown key / one of targets, bus,",
    ];
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (found, expected) in found.iter().zip(expected) {
        assert!(
            found.starts_with(expected),
            "{found}\n  should begin with\n{expected}"
        );
    }
    let shown = load(file, &[], &[]).unwrap_err().to_string();
    assert!(
        shown.contains("14 faults in the settings:\n  targets.Main") && shown.contains("sluice.toml"),
        "{shown}"
    );
    assert!(!shown.contains("hunter2"));
}

#[test]
fn a_bus_that_would_silently_be_another_is_refused() {
    assert_eq!(faults("[bus]\nurl = \"amqp://mq\"", &[]).len(), 1);
    assert_eq!(
        faults("[bus]\nkind = \"local\"\nurl = \"amqp://mq\"", &[]).len(),
        1
    );
    assert!(faults("[bus]\nkind = \"rabbitmq\"", &[])[0].starts_with("bus.url: nothing"));
    assert!(faults("bus = 3", &[])[0].starts_with("bus: the number 3 / a table"));
    assert!(faults("", &[("SLUICE__BUS", "x")])[0].starts_with("bus: a text / a table"));
}

#[test]
fn no_secret_is_shown_by_debug_or_by_an_error() {
    let file = "[targets.main]\nurl = \"postgres://ada:hunter2@db/app?sslpassword=hunter2\"\n\
                [bus]\nkind = \"rabbitmq\"\nurl = \"amqp://ada:hunter2@mq\"\nmanagement = \"http://ada:hunter2@mq\"";
    let settings = load(file, &[], &[]).unwrap();
    let shown = format!("{settings:?} {settings:#?}");
    assert!(
        shown.contains("postgres://ada:***@db/app") && !shown.contains("hunter2"),
        "{shown}"
    );

    let broken = load(
        "[targets.main]\nurl = \"postgres://ada:hunter2@db/app\n",
        &[],
        &[],
    )
    .unwrap_err();
    let shown = format!("{broken} {broken:?}");
    assert!(shown.contains("line 2") && !shown.contains("hunter2"), "{shown}");

    for bad in ["postgres://ada:hunter2@db:port/app", "host=db password=hunter2"] {
        let error = load("", &[("SLUICE__TARGETS__MAIN__URL", bad)], &[])
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("the environment") && !error.contains("hunter2"),
            "{error}"
        );
    }
}

#[test]
fn a_file_that_was_named_must_exist() {
    let sources = Sources {
        file: Some("no/such/sluice.toml".into()),
        environment: None,
        overrides: Vec::new(),
    };
    let error = Settings::load(&sources).unwrap_err();
    assert!(
        matches!(&error, Error::File { .. }) && error.to_string().contains("no/such/sluice.toml"),
        "{error}"
    );
}

#[test]
fn each_role_falls_back_to_the_next_mightier_url() {
    let url = |text: &str| SecretString::from(text.to_owned());
    let shown = |target: &TargetSettings| {
        [
            DatabaseRole::Data,
            DatabaseRole::Owner,
            DatabaseRole::Monitor,
            DatabaseRole::Ledger,
        ]
        .map(|role| target.url_for(role).expose_secret().to_owned())
    };
    let mut target = TargetSettings::new(url("data"));
    assert_eq!(shown(&target), ["data", "data", "data", "data"]);
    target.admin_url = Some(url("owner"));
    assert_eq!(shown(&target), ["data", "owner", "owner", "owner"]);
    target.ledger_url = Some(url("ledger"));
    target.monitor_url = Some(url("monitor"));
    assert_eq!(shown(&target), ["data", "owner", "monitor", "ledger"]);
}

#[test]
fn a_target_may_be_a_file_which_every_role_has_by_one_url() {
    for url in [
        "sqlite:music.db",
        "sqlite://music.db",
        "sqlite:///var/lib/my music.db",
    ] {
        let settings = load(&format!("[targets.main]\nurl = \"{url}\""), &[], &[]).unwrap();
        let main = &settings.targets[&TargetName::from("main")];
        assert_eq!(main.url_for(DatabaseRole::Ledger).expose_secret(), url);
    }
    for (file, fault) in [
        ("url = \"sqlite:\"", "targets.main.url: sqlite:(not shown)"),
        (
            "url = \"sqlite::memory:\"",
            "targets.main.url: sqlite:(not shown)",
        ),
        (
            "url = \"sqlite:a?mode=ro\"",
            "targets.main.url: sqlite:(not shown)",
        ),
        (
            "url = \"sqlite:a\"\nledger_url = \"sqlite:b\"",
            "targets.main.ledger_url: a URL of its own",
        ),
        (
            "url = \"postgres://db/a\"\nmonitor_url = \"sqlite:b\"",
            "targets.main.monitor_url: a URL of its own",
        ),
    ] {
        let found = faults(&format!("[targets.main]\n{file}"), &[]);
        assert!(found.len() == 1 && found[0].starts_with(fault), "{found:?}");
    }
}

#[test]
fn chunks_are_reread_on_a_replica_that_is_there_or_the_settings_are_refused() {
    let target = "[targets.main]\nurl = \"postgres://data@db/app\"\nverify_on = \"b\"\n";
    let replica = "[targets.main.throttle.replicas.a]\nurl = \"postgres://monitor@replica/app\"\n";
    assert_eq!(
        faults(target, &[]),
        [
            "targets.main.verify_on: a replica that is not there / a replica that [targets.NAME.throttle.replicas] names, and none \
             is there"
        ]
    );
    assert_eq!(
        faults(&format!("{target}{replica}"), &[]),
        [
            "targets.main.verify_on: a replica that is not there / one of a in [targets.NAME.throttle.replicas], whose url names \
             its host"
        ]
    );
    let file = "[targets.main]\nurl = \"sqlite:app.db\"\nverify_on = \"b\"\n";
    assert!(faults(file, &[])[0].starts_with("targets.main.verify_on"));
}

#[test]
fn signals_of_the_settings_say_what_is_missing_and_keep_their_secrets() {
    let target = "[targets.main]\nurl = \"postgres://data@db/app\"\n";
    let wrong = format!(
        "{target}[targets.main.throttle.queries.q]\nsql = \"SELECT 1\"\n\
         [targets.main.throttle.queries.p]\nsql = \"SELECT 1\"\nmax = 3\nlow = 4\n\
         [targets.main.throttle.checks.c]\nurl = \"https://freno/check\"\n[targets.main.throttle.replicas.r]\n"
    );
    let found = faults(&wrong, &[]);
    for part in [
        "throttle.queries.q.max: nothing",
        "throttle.queries.p.low: a number above `max`",
        "throttle.checks.c.url",
        "throttle.replicas.r.url: nothing",
    ] {
        assert!(
            found.iter().any(|fault| fault.contains(part)),
            "{part}: {found:#?}"
        );
    }
    let file = "[targets.main]\nurl = \"sqlite:app.db\"\n[targets.main.throttle.queries.q]\nsql = \"SELECT 1\"\nmax = 1\n";
    assert!(faults(file, &[])[0].contains("targets.main.throttle: signals of a file"));
    let right = format!(
        "{target}[targets.main.throttle.replicas.r]\nurl = \"postgres://monitor:secret@replica/app\"\n\
         [targets.main.throttle.queries.q]\nsql = \"SELECT 1\"\nmax = 10\n"
    );
    let settings = load(&right, &[], &[]).unwrap();
    let throttle = &settings.targets[&TargetName::from("main")].throttle;
    assert_eq!(throttle.queries["q"].low, 8);
    assert!(!format!("{throttle:?}").contains("secret"), "{throttle:?}");
}
