//! Where the broker is, and what can be said about that without its password.

use std::sync::Arc;

use lapin::ErrorKind;
use secrecy::{ExposeSecret, SecretString};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use url::Url;

use super::Error;
use super::call::LIMIT;
use super::link::chain;
use super::tls::{Tls, advice};
use crate::clock::{Clock, within};
use crate::settings::redact_url;

/// The broker's default of 60 s would mean two minutes of blindness.
const HEARTBEAT_SECONDS: &str = "10";

/// Where the broker is and how we call ourselves there.
#[derive(Clone, Debug)]
pub(super) struct Address {
    pub(super) url: SecretString,
    /// For logs: without the password.
    pub(super) shown: String,
    host: String,
    port: u16,
    encrypted: bool,
    pub(super) tls: Tls,
    pub(super) name: String,
}

/// The virtual host of a broker's URL, `/` if it names none.
#[must_use]
pub fn vhost(url: &str) -> String {
    url.parse::<lapin::uri::AMQPUri>()
        .map_or_else(|_| "/".to_owned(), |uri| uri.vhost)
}

impl Address {
    pub(super) fn new(url: &SecretString, name: &str) -> Result<Self, Error> {
        let shown = redact_url(url.expose_secret());
        let fault = |why: &str| Error::Url(format!("{shown}: {why}"));
        let mut parsed = Url::parse(url.expose_secret()).map_err(|e| fault(&e.to_string()))?;
        let encrypted = match parsed.scheme() {
            "amqp" => false,
            "amqps" => true,
            _ => return Err(fault("it must begin with amqp:// or amqps://")),
        };
        let host = parsed
            .host_str()
            .ok_or_else(|| fault("it names no host"))?
            .to_owned();
        let port = parsed.port().unwrap_or(if encrypted { 5671 } else { 5672 });
        if !parsed.query_pairs().any(|(key, _)| key == "heartbeat") {
            parsed
                .query_pairs_mut()
                .append_pair("heartbeat", HEARTBEAT_SECONDS);
        }
        Ok(Self {
            url: SecretString::from(parsed.to_string()),
            shown: redact_url(parsed.as_str()),
            host,
            port,
            encrypted,
            tls: Tls::default(),
            name: name.to_owned(),
        })
    }

    pub(super) fn with(self, tls: Tls) -> Self {
        Self { tls, ..self }
    }

    pub(super) fn named(&self, purpose: &str) -> Self {
        Self {
            name: format!("{} {purpose}", self.name),
            ..self.clone()
        }
    }

    /// Whether something there begins the AMQP handshake. Under TLS, only whether it accepts.
    pub(super) async fn answers(&self, clock: &dyn Clock) -> bool {
        let ask = async {
            let mut stream = TcpStream::connect((self.host.as_str(), self.port)).await?;
            if !self.encrypted {
                stream.write_all(b"AMQP\x00\x00\x09\x01").await?;
                stream.read_exact(&mut [0; 1]).await?;
            }
            std::io::Result::Ok(())
        };
        matches!(within(clock, LIMIT, ask).await, Some(Ok(())))
    }

    /// What the broker refuses by name (a login, a virtual host) is a fault of the URL, and so is a broker that cannot prove that it is
    /// the one that the URL names.
    pub(super) fn not_connected(&self, error: lapin::Error) -> Error {
        let said = chain(&error);
        if let Some(advice) = self.encrypted.then(|| advice(&said)).flatten() {
            return Error::Url(format!("{}: {advice}; found: {said}", self.shown));
        }
        match error.kind() {
            ErrorKind::ProtocolError(refusal) => Error::Url(format!(
                "{}: the broker refuses it: {}; check user, password and virtual host",
                self.shown,
                refusal.get_message()
            )),
            _ => Error::Transport {
                doing: format!("connecting to {}", self.shown),
                source: Arc::new(error),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_virtual_host_is_decoded_and_the_default_is_a_slash() {
        for (url, expected) in [
            ("amqp://ada:x@mq:5672/shop", "shop"),
            ("amqp://ada:x@mq/a%2Fb?heartbeat=10", "a/b"),
            ("amqp://mq", "/"),
            ("amqp://mq:5672/%2f", "/"),
        ] {
            assert_eq!(vhost(url), expected, "{url}");
        }
    }

    #[test]
    fn an_address_never_shows_its_password() {
        let url = |text: &str| SecretString::from(text.to_owned());
        let address = Address::new(&url("amqp://ada:hunter2@mq/sluice"), "planner").unwrap();
        assert_eq!((address.host.as_str(), address.port), ("mq", 5672));
        assert!(address.url.expose_secret().ends_with("/sluice?heartbeat=10"));
        assert!(!format!("{address:?}").contains("hunter2"));
        for bad in ["http://ada:hunter2@mq", "amqp:ada:hunter2@mq", "ada:hunter2@mq"] {
            let error = Address::new(&url(bad), "planner").unwrap_err().to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
