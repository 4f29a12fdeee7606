//! A private RabbitMQ node: own folder, own name, own cookie, own port mapper (epmd), free ports of
//! the loopback interface.
//!
//! The port mapper is started by us, in the foreground: one that the node started itself would be a
//! daemon that nobody stops. Virtual hosts are made through the management plugin, because each call
//! of `rabbitmqctl` costs a second or two of starting Erlang.

mod management;
mod node;

use std::time::Duration;

use anyhow::{Context, bail};
use tokio::sync::OnceCell;

use crate::account::Account;
use crate::certificates::Certificate;
use crate::keeper::{Kept, Signal};
use crate::postgres::output;
use crate::{ports, wait};
use management::Management;
pub use node::Consumers;
use node::Ports;

/// A node on a busy machine takes this long at worst to start.
const PATIENCE: Duration = Duration::from_secs(120);
/// Starts with other ports when one of the chosen was taken meanwhile.
const TRIES: u32 = 3;

/// A private broker.
#[derive(Debug)]
pub struct Broker {
    // Dropped in this order: the node says goodbye to its port mapper.
    node: Kept,
    _epmd: Kept,
    ports: Ports,
    account: Option<Account>,
    management: Management,
}

/// A virtual host of a test's own, with a user that may use only it.
#[derive(Debug, Clone)]
pub struct Vhost {
    /// Its name, which is also its user's.
    pub name: String,
    /// `amqp://...`, with the user and its password.
    pub url: String,
    /// `http://...` of the management API, with the same user and password.
    pub management_url: String,
}

impl Vhost {
    /// The URL with so many seconds between heartbeats: twice that, and a silent peer counts as gone.
    #[must_use]
    pub fn with_heartbeat(&self, seconds: u32) -> Self {
        Self {
            url: format!("{}?heartbeat={seconds}", self.url),
            ..self.clone()
        }
    }

    /// The URL of another user.
    #[must_use]
    pub fn url_of(&self, user: &str, password: &str) -> String {
        let (_, after) = self.url.rsplit_once('@').expect("the broker made this URL");
        format!("amqp://{user}:{password}@{after}")
    }

    /// The URL through another port: a proxy's.
    #[must_use]
    pub fn url_through(&self, port: u16) -> String {
        let (before, after) = (self.url.rsplit_once(':'), self.url.rsplit_once('/'));
        let (before, after) = before.zip(after).expect("the broker made this URL");
        format!("{}:{port}/{}", before.0, after.1)
    }
}

impl Broker {
    /// The one broker that the tests of this process share, started when first asked for.
    ///
    /// A test that kills or freezes a broker starts its own.
    ///
    /// # Errors
    /// RabbitMQ is not installed or does not start; says what it logged.
    pub async fn shared() -> anyhow::Result<&'static Self> {
        static SHARED: OnceCell<Broker> = OnceCell::const_new();
        SHARED.get_or_try_init(Self::start).await
    }

    /// A broker of the caller's own; it stops when dropped.
    ///
    /// # Errors
    /// As [`Self::shared`].
    pub async fn start() -> anyhow::Result<Self> {
        Self::start_as(Consumers::Patiently, None).await
    }

    /// The same, with another patience for consumers that do not acknowledge.
    ///
    /// # Errors
    /// As [`Self::shared`].
    pub async fn start_treating(consumers: Consumers) -> anyhow::Result<Self> {
        Self::start_as(consumers, None).await
    }

    /// A broker of the caller's own that speaks TLS as well, and believes only clients with a certificate of the same authority.
    ///
    /// # Errors
    /// As [`Self::shared`].
    pub async fn start_with_tls(issued: &Certificate) -> anyhow::Result<Self> {
        Self::start_as(Consumers::Patiently, Some(issued)).await
    }

    async fn start_as(consumers: Consumers, issued: Option<&Certificate>) -> anyhow::Result<Self> {
        let mut last = None;
        for _ in 0..TRIES {
            match Self::start_once(consumers, issued).await {
                Ok(broker) => return Ok(broker),
                Err(error) => last = Some(error),
            }
        }
        Err(last.context("no attempt to start RabbitMQ")?)
    }

    async fn start_once(consumers: Consumers, issued: Option<&Certificate>) -> anyhow::Result<Self> {
        let account = Account::for_server("rabbitmq")?;
        let ports = Ports {
            amqp: ports::free()?,
            amqps: ports::free()?,
            http: ports::free()?,
            dist: ports::free()?,
            epmd: ports::free()?,
        };
        let password = format!("{:016x}", fastrand::u64(..));
        let epmd = Kept::start(node::epmd(&ports, account)?).await?;
        let node = Kept::start(node::node(&ports, &password, consumers, account, issued)?).await?;
        let management = Management::new(ports.http, password);
        let broker = Self {
            node,
            _epmd: epmd,
            ports,
            account,
            management,
        };
        broker.answers().await?;
        Ok(broker)
    }

    /// The URL of a virtual host over TLS, by a name of this machine.
    ///
    /// # Errors
    /// Its URL is not one of this broker.
    pub fn tls_url(&self, vhost: &Vhost, host: &str) -> anyhow::Result<String> {
        let (credentials, _) = vhost.url.split_once('@').context("no credentials")?;
        let credentials = credentials.replace("amqp://", "amqps://");
        Ok(format!(
            "{credentials}@{host}:{}/{}",
            self.ports.amqps, vhost.name
        ))
    }

    /// A new virtual host with its own user.
    ///
    /// # Errors
    /// The broker refuses.
    pub async fn vhost(&self) -> anyhow::Result<Vhost> {
        let name = format!("test-{:012x}", fastrand::u64(..) >> 16);
        let password = format!("{:016x}", fastrand::u64(..));
        self.management.put(&format!("/api/vhosts/{name}"), "{}").await?;
        self.user(&name, &password, "management").await?;
        self.permit(&name, &name, [".*", ".*", ".*"]).await?;
        let at = |port: u16| format!("{name}:{password}@127.0.0.1:{port}");
        Ok(Vhost {
            url: format!("amqp://{}/{name}", at(self.ports.amqp)),
            management_url: format!("http://{}", at(self.management.port())),
            name,
        })
    }

    /// Removes a virtual host and what is in it: what happens to queues when an operator wipes a broker.
    ///
    /// # Errors
    /// The broker refuses.
    pub async fn wipe(&self, vhost: &Vhost) -> anyhow::Result<()> {
        self.management
            .delete(&format!("/api/vhosts/{}", vhost.name))
            .await?;
        self.management
            .put(&format!("/api/vhosts/{}", vhost.name), "{}")
            .await?;
        self.permit(&vhost.name, &vhost.name, [".*", ".*", ".*"]).await
    }

    /// A user, with tags such as `management`. It may nothing yet.
    ///
    /// # Errors
    /// The broker refuses.
    pub async fn user(&self, name: &str, password: &str, tags: &str) -> anyhow::Result<()> {
        let user = serde_json::json!({ "password": password, "tags": tags });
        self.management
            .put(&format!("/api/users/{name}"), &user.to_string())
            .await
    }

    /// What a user may configure, write and read in a virtual host.
    ///
    /// # Errors
    /// The broker refuses.
    pub async fn permit(&self, vhost: &str, user: &str, may: [&str; 3]) -> anyhow::Result<()> {
        let [configure, write, read] = may;
        let may = serde_json::json!({ "configure": configure, "write": write, "read": read });
        let vhost = vhost.replace('/', "%2F");
        self.management
            .put(&format!("/api/permissions/{vhost}/{user}"), &may.to_string())
            .await
    }

    /// Runs one of the node's own programs, such as `rabbitmqctl`, on it; gives what it printed.
    ///
    /// # Errors
    /// It ends with a failure.
    pub async fn tool(&self, program: &str, args: &[&str]) -> anyhow::Result<String> {
        let mut command = node::tool(program, &self.ports, self.node.folder())?;
        command.args(args);
        output(command, self.account).await
    }

    /// Publishes bytes as they are, as a foreign or a broken client would.
    ///
    /// # Errors
    /// The broker refuses, or no queue takes them.
    pub async fn publish_raw(
        &self,
        vhost: &Vhost,
        exchange: &str,
        key: &str,
        payload: &str,
    ) -> anyhow::Result<()> {
        let body = serde_json::json!({
            "properties": {}, "routing_key": key, "payload": payload, "payload_encoding": "string",
        });
        let path = format!("/api/exchanges/{}/{exchange}/publish", vhost.name);
        let answer = self.management.post(&path, &body.to_string()).await?;
        anyhow::ensure!(answer.contains("\"routed\":true"), "nobody took it: {answer}");
        Ok(())
    }

    /// Up to 100 messages of a queue with their headers, as JSON, left where they are.
    ///
    /// # Errors
    /// There is no such queue.
    pub async fn peek(&self, vhost: &Vhost, queue: &str) -> anyhow::Result<Vec<serde_json::Value>> {
        let body = r#"{"count":100,"ackmode":"ack_requeue_true","encoding":"auto"}"#;
        let path = format!("/api/queues/{}/{queue}/get", vhost.name);
        Ok(serde_json::from_str(&self.management.post(&path, body).await?)?)
    }

    /// Imports a definitions file, as `rabbitmqctl import_definitions` does.
    ///
    /// # Errors
    /// The broker refuses something of it.
    pub async fn import(&self, definitions: &serde_json::Value) -> anyhow::Result<()> {
        self.management
            .post("/api/definitions", &definitions.to_string())
            .await
            .map(drop)
    }

    /// What the broker tells of something, such as `queues/VHOST/NAME`.
    ///
    /// # Errors
    /// There is no such thing.
    pub async fn describe(&self, what: &str) -> anyhow::Result<serde_json::Value> {
        Ok(serde_json::from_str(
            &self.management.get(&format!("/api/{what}")).await?,
        )?)
    }

    /// Makes a queue, as an operator might by hand.
    ///
    /// # Errors
    /// The broker refuses.
    pub async fn make_queue(
        &self,
        vhost: &Vhost,
        name: &str,
        arguments: &serde_json::Value,
    ) -> anyhow::Result<()> {
        let body = serde_json::json!({ "durable": true, "arguments": arguments });
        self.management
            .put(&format!("/api/queues/{}/{name}", vhost.name), &body.to_string())
            .await
    }

    /// Removes one queue with what is in it.
    ///
    /// # Errors
    /// There is no such queue.
    pub async fn delete_queue(&self, vhost: &Vhost, queue: &str) -> anyhow::Result<()> {
        self.management
            .delete(&format!("/api/queues/{}/{queue}", vhost.name))
            .await
    }

    /// Lets a queue hold at most so many messages; it refuses more.
    ///
    /// # Errors
    /// The broker refuses.
    pub async fn limit_queue(&self, vhost: &Vhost, queue: &str, messages: u32) -> anyhow::Result<()> {
        let body = serde_json::json!({
            "pattern": format!("^{}$", queue.replace('.', "\\.")), "apply-to": "queues", "priority": 100,
            "definition": { "max-length": messages },
        });
        let path = format!("/api/policies/{}/limit", vhost.name);
        self.management.put(&path, &body.to_string()).await
    }

    /// `rabbitmqctl ARGS...`: what only an operator on the machine can do. Takes a second or two.
    ///
    /// # Errors
    /// It fails.
    pub async fn control(&self, args: &[&str]) -> anyhow::Result<String> {
        self.tool("rabbitmqctl", args).await
    }

    /// The node's first process, while it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.node.pid()
    }

    /// Its AMQP port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.ports.amqp
    }

    /// The management API's port on 127.0.0.1.
    #[must_use]
    pub fn management_port(&self) -> u16 {
        self.management.port()
    }

    /// SIGKILL.
    ///
    /// # Errors
    /// It does not end.
    pub async fn kill(&self) -> anyhow::Result<()> {
        self.node.end(Signal::KILL).await.map(drop)
    }

    /// Starts it again after [`Self::kill`], on the same ports, with what it had on disk.
    ///
    /// # Errors
    /// It does not come back.
    pub async fn restart(&self) -> anyhow::Result<()> {
        if self.node.pid().is_some() {
            self.kill().await?;
        }
        self.node.start_again().await?;
        self.answers().await
    }

    /// SIGSTOP: connections stay open, and nothing answers.
    ///
    /// # Errors
    /// Its keeper is gone.
    pub fn freeze(&self) -> anyhow::Result<()> {
        self.node.signal(Signal::STOP)
    }

    /// SIGCONT after [`Self::freeze`].
    ///
    /// # Errors
    /// Its keeper is gone.
    pub fn thaw(&self) -> anyhow::Result<()> {
        self.node.signal(Signal::CONT)
    }

    /// Waits until the node answers; gives up at once when its process has ended.
    async fn answers(&self) -> anyhow::Result<()> {
        let answers = wait::until("RabbitMQ answers", PATIENCE, || async {
            if self.node.pid().is_none() {
                return Ok(Some(false));
            }
            self.management.get("/api/health/checks/local-alarms").await?;
            tokio::net::TcpStream::connect(("127.0.0.1", self.ports.amqp)).await?;
            Ok::<_, anyhow::Error>(Some(true))
        });
        match answers.await {
            Ok(true) => Ok(()),
            Ok(false) => bail!(
                "RabbitMQ ended: {:?}\n{}",
                self.node.state(),
                self.node.log_tail()
            ),
            Err(error) => bail!("{error:#}\n{}", self.node.log_tail()),
        }
    }
}
