//! What only RabbitMQ's management API tells: how many messages of a queue somebody has in hand.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use crate::service::chain;

/// How long it may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Deserialize)]
struct Found {
    /// Missing until the broker has counted for the first time.
    #[serde(default)]
    messages_unacknowledged: u64,
}

/// Messages of a queue that are in hand. The URL carries the credentials; an error never does.
///
/// # Errors
/// Why it is not known, for people.
pub async fn unacknowledged(base: &SecretString, vhost: &str, queue: &str) -> Result<u64, String> {
    let mut url =
        url::Url::parse(base.expose_secret()).map_err(|error| format!("bus.management: {error}"))?;
    url.path_segments_mut()
        .map_err(|()| "bus.management is no URL of a server".to_owned())?
        .pop_if_empty()
        .extend(["api", "queues", vhost, queue]);
    let answer = reqwest::Client::builder()
        .timeout(PATIENCE)
        .build()
        .map_err(plain)?
        .get(url)
        .send()
        .await
        .map_err(plain)?
        .error_for_status()
        .map_err(plain)?;
    let found: Found = answer.json().await.map_err(plain)?;
    Ok(found.messages_unacknowledged)
}

fn plain(error: reqwest::Error) -> String {
    let error = error.without_url();
    format!("the management API at bus.management: {}", chain(&error))
}
