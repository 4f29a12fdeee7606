//! How a node and its port mapper are started.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use tokio::process::Command;

use crate::account::{Account, file, folder};
use crate::certificates::Certificate;
use crate::keeper::{Order, Signal};
use crate::postgres::installed;

/// The ports of a node.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ports {
    /// For clients.
    pub(super) amqp: u16,
    /// For clients over TLS, if it has a certificate.
    pub(super) amqps: u16,
    /// For the management API.
    pub(super) http: u16,
    /// For other Erlang nodes, of which there are none.
    pub(super) dist: u16,
    /// Of the port mapper.
    pub(super) epmd: u16,
}

/// The port mapper, in the foreground.
pub(super) fn epmd(ports: &Ports, account: Option<Account>) -> anyhow::Result<Order> {
    Ok(Order {
        name: "epmd".to_owned(),
        program: installed("epmd")?,
        args: ["-port", &ports.epmd.to_string(), "-address", "127.0.0.1"]
            .map(OsString::from)
            .into(),
        env: vec![],
        folder: folder("epmd", account)?,
        account,
        stop: Signal::TERM,
    })
}

/// How a node treats consumers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Consumers {
    /// As installed: half an hour to acknowledge.
    #[default]
    Patiently,
    /// Closes the channel of one that has not acknowledged for so long, looking every second.
    ClosedAfter(Duration),
}

/// The node. SIGKILL stops it at the end: its folder goes away, so there is nothing to save.
pub(super) fn node(
    ports: &Ports,
    password: &str,
    consumers: Consumers,
    account: Option<Account>,
    issued: Option<&Certificate>,
) -> anyhow::Result<Order> {
    let folder = folder("rabbitmq", account)?;
    let at = folder.path();
    let mut settings = configuration(ports, password);
    if let Some(issued) = issued {
        let parts = [
            ("ca.pem", &issued.authority),
            ("server.pem", &issued.certificate),
            ("server.key", &issued.key),
        ];
        for (name, pem) in parts {
            file(&at.join(name), pem, account)?;
        }
        settings += &encrypted(ports, at);
    }
    file(&at.join("rabbitmq.conf"), &settings, account)?;
    file(&at.join("enabled_plugins"), "[rabbitmq_management].\n", account)?;
    file(
        &at.join(".erlang.cookie"),
        &format!("{:032X}", fastrand::u128(..)),
        account,
    )?;
    Ok(Order {
        name: "rabbitmq".to_owned(),
        program: script("rabbitmq-server")?,
        args: vec![],
        env: environment(ports, at, consumers),
        folder,
        account,
        stop: Signal::KILL,
    })
}

fn configuration(ports: &Ports, password: &str) -> String {
    format!(
        "listeners.tcp.1 = 127.0.0.1:{}\n\
         management.tcp.ip = 127.0.0.1\n\
         management.tcp.port = {}\n\
         default_user = testbed\n\
         default_pass = {password}\n\
         # Queues are counted by tests: no waiting for the usual five seconds.\n\
         collect_statistics_interval = 500\n\
         # A full disk is not what these tests are about.\n\
         disk_free_limit.absolute = 50MB\n\
         log.console = true\n\
         log.console.level = info\n\
         log.file = false\n",
        ports.amqp, ports.http
    )
}

fn encrypted(ports: &Ports, folder: &Path) -> String {
    let folder = folder.display();
    format!(
        "listeners.ssl.1 = 127.0.0.1:{}\n\
         ssl_options.cacertfile = {folder}/ca.pem\n\
         ssl_options.certfile = {folder}/server.pem\n\
         ssl_options.keyfile = {folder}/server.key\n\
         ssl_options.verify = verify_peer\n\
         ssl_options.fail_if_no_peer_cert = true\n",
        ports.amqps
    )
}

/// Everything that would otherwise come from the system's configuration, or be shared with another node.
fn environment(ports: &Ports, folder: &Path, consumers: Consumers) -> Vec<(OsString, OsString)> {
    let inside = |name: &str| folder.join(name).into_os_string();
    let name = format!("sluice{}x{}@localhost", std::process::id(), ports.amqp);
    let impatient = match consumers {
        Consumers::Patiently => String::new(),
        Consumers::ClosedAfter(patience) => format!(
            " -rabbit consumer_timeout {} -rabbit channel_tick_interval 1000",
            patience.as_millis()
        ),
    };
    let erlang = format!(
        "-kernel inet_dist_use_interface {{127,0,0,1}} +S 2:2 +sbwt none +sbwtdcpu none +sbwtdio none{impatient}"
    );
    let pairs: [(&str, OsString); 14] = [
        ("HOME", folder.into()),
        ("ERL_EPMD_PORT", ports.epmd.to_string().into()),
        ("RABBITMQ_NODENAME", name.into()),
        ("RABBITMQ_DIST_PORT", ports.dist.to_string().into()),
        ("RABBITMQ_CONF_ENV_FILE", inside("no-such-file")),
        ("RABBITMQ_CONFIG_FILE", inside("rabbitmq")),
        ("RABBITMQ_ADVANCED_CONFIG_FILE", inside("advanced")),
        ("RABBITMQ_ENABLED_PLUGINS_FILE", inside("enabled_plugins")),
        ("RABBITMQ_MNESIA_BASE", inside("mnesia")),
        ("RABBITMQ_FEATURE_FLAGS_FILE", inside("feature_flags")),
        ("RABBITMQ_LOG_BASE", inside("logs")),
        ("RABBITMQ_SCHEMA_DIR", inside("schema")),
        ("RABBITMQ_PID_FILE", inside("pid")),
        ("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", erlang.into()),
    ];
    pairs
        .into_iter()
        .map(|(name, value)| (name.into(), value))
        .collect()
}

/// One of the node's own programs, such as `rabbitmqctl`, for the node in this folder.
pub(super) fn tool(program: &str, ports: &Ports, folder: &Path) -> anyhow::Result<Command> {
    let mut command = Command::new(script(program)?);
    command
        .current_dir(folder)
        .envs(environment(ports, folder, Consumers::Patiently))
        .env(
            "RABBITMQ_CTL_ERL_ARGS",
            "-kernel inet_dist_use_interface {127,0,0,1}",
        );
    Ok(command)
}

/// The server's own scripts: those in the search path of a Debian system switch users by themselves.
fn script(name: &str) -> anyhow::Result<PathBuf> {
    let debian = Path::new("/usr/lib/rabbitmq/bin").join(name);
    if debian.is_file() {
        return Ok(debian);
    }
    installed(name).context("RabbitMQ is needed")
}
