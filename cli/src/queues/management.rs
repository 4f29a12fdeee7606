//! What only RabbitMQ's management API tells.

use std::collections::BTreeMap;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Deserialize)]
struct Found {
    name: String,
    /// Missing until the broker has counted for the first time.
    #[serde(default)]
    messages_unacknowledged: u64,
}

/// Messages in hand, by queue of a virtual host. The URL carries the credentials; an error never does.
pub(super) async fn unacknowledged(
    base: &SecretString,
    vhost: &str,
) -> Result<BTreeMap<String, u64>, String> {
    let mut url =
        url::Url::parse(base.expose_secret()).map_err(|error| format!("bus.management: {error}"))?;
    url.path_segments_mut()
        .map_err(|()| "bus.management is no URL of a server".to_owned())?
        .pop_if_empty()
        .extend(["api", "queues", vhost]);
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
    let found: Vec<Found> = answer.json().await.map_err(plain)?;
    Ok(found
        .into_iter()
        .map(|queue| (queue.name, queue.messages_unacknowledged))
        .collect())
}

fn plain(error: reqwest::Error) -> String {
    let error = error.without_url();
    format!(
        "the management API at bus.management: {}",
        crate::error::chain(&error)
    )
}
