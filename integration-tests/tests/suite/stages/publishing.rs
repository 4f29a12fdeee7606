//! What goes out to the queues, when one of them takes nothing.

use std::sync::Arc;

use async_trait::async_trait;
use shared::bus::{Bus, Depth, Error, Letter, Queue, Subscription};
use shared::service::Readiness;
use testbed::database::Role;
use testbed::embedded::{ALL, Embedded};

use super::ground::{Outcome, SECONDS, database, tracks, until};

/// A broker whose queue of chunks is full.
#[derive(Debug)]
struct Full(Arc<dyn Bus>);

#[async_trait]
impl Bus for Full {
    async fn send(&self, queue: &Queue, letter: Letter) -> Result<(), Error> {
        match queue {
            Queue::Chunk(_) => Err(Error::Full { queue: queue.name() }),
            _ => self.0.send(queue, letter).await,
        }
    }

    async fn subscribe(&self, queue: &Queue, prefetch: u16) -> Result<Subscription, Error> {
        self.0.subscribe(queue, prefetch).await
    }

    async fn depth(&self, queue: &Queue) -> Result<Depth, Error> {
        self.0.depth(queue).await
    }

    fn readiness(&self) -> Readiness {
        self.0.readiness()
    }

    async fn close(&self) {
        self.0.close().await;
    }
}

#[tokio::test]
async fn a_queue_that_takes_nothing_holds_up_no_other() -> Outcome {
    let database = database().await?;
    tracks(&database, 2000).await?;
    database
        .execute_as(
            Role::Owner,
            "CREATE TABLE album (id bigint PRIMARY KEY, length integer NOT NULL)",
        )
        .await?;
    database.grant_data_privileges(&["album"]).await?;
    let mut embedded = Embedded::connect(&database).await?;
    embedded.bus = Arc::new(Full(embedded.bus.clone()));
    embedded.start_parts(&ALL);
    embedded.submit(&database, SECONDS).await?;
    let refused = "SELECT EXISTS (SELECT FROM sluice.task WHERE kind = 'chunk' AND published_at IS NULL)";
    until(
        &database,
        "a chunk waits for its queue",
        refused,
        "SELECT string_agg(state, ', ') FROM sluice.job",
    )
    .await?;
    // Its steps are younger than the chunk that goes nowhere.
    let album = SECONDS
        .replace("\"track\"", "\"album\"")
        .replace("track-seconds", "album-seconds")
        .replace("milliseconds", "length");
    embedded.submit(&database, &album).await?;
    let stepped = "SELECT state = 'backfilling' FROM sluice.job WHERE name = 'album-seconds'";
    until(
        &database,
        "the other job's steps are done",
        stepped,
        "SELECT string_agg(name || ' ' || state, ', ') FROM sluice.job",
    )
    .await
}
