//! Replicas that are configured by URL: each is asked itself what has arrived of the pulse that is written on the primary.
//!
//! The pulse has a task of its own, which beats more often than anybody looks, so that the lag is known to a quarter of a second. A replica
//! is asked over one connection that is kept; what does not answer is dropped and connected anew the next time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use engine::db::Raw;
use engine::postgres::identity;
use engine::postgres::session::{Home, Route, SessionOptions, connect};
use engine::postgres::signals::pulse::{Primary, Pulse, Seen, look};
use engine::signal::{Kind, Reading};
use futures_util::future::join_all;
use ledger::role::site::Site;
use proto::LeaseId;
use secrecy::SecretString;
use shared::clock::within;
use shared::service::chain;
use sqlx::postgres::PgConnection;
use tokio::sync::Mutex;
use tokio_util::task::AbortOnDropHandle;

use super::SAMPLE_LIMIT;

/// From one beat to the next.
const BEAT: Duration = Duration::from_millis(250);

/// The replicas of a target, and the pulse.
pub(super) struct Replicas {
    connections: BTreeMap<String, Option<PgConnection>>,
    pulse: Arc<Mutex<Pulse>>,
    _beating: Option<AbortOnDropHandle<()>>,
}

impl Replicas {
    /// Begins to beat, if there is anybody to be asked.
    pub(super) fn begin(site: &Arc<Site>, lease: LeaseId) -> Self {
        let names = site.target.throttle.replicas.keys();
        let connections: BTreeMap<_, _> = names.map(|name| (name.clone(), None)).collect();
        // A series of its own each time: beats of an earlier one on a replica say nothing about this one.
        let pulse = Arc::new(Mutex::new(Pulse::new(LeaseId::random().0)));
        let beating = (!connections.is_empty())
            .then(|| AbortOnDropHandle::new(tokio::spawn(beat(site.clone(), lease, pulse.clone()))));
        Self {
            connections,
            pulse,
            _beating: beating,
        }
    }

    /// The lag of each; `now` is monotonic and from before.
    pub(super) async fn sample(&mut self, site: &Site, now: Duration) -> Vec<Reading> {
        if self.connections.is_empty() {
            return Vec::new();
        }
        let silent = || format!("no answer within {} s", SAMPLE_LIMIT.as_secs());
        let asked = within(&*site.clock, SAMPLE_LIMIT, who(site)).await;
        let primary = match asked.unwrap_or_else(|| Err(silent())) {
            Ok(primary) => primary,
            Err(why) => {
                let why = format!("the primary could not be asked who it is: {why}");
                let names = self.connections.keys();
                return names
                    .map(|name| Reading::problem(Kind::ReplicaLag, name, why.clone()))
                    .collect();
            }
        };
        let asking = self.connections.iter_mut().map(async |(name, kept)| {
            // Taken out: what is dropped in the middle of an answer is not used again.
            let conn = kept.take();
            let asking = ask(site, name, conn, &primary);
            match within(&*site.clock, SAMPLE_LIMIT, asking).await {
                Some(Ok((conn, seen))) => {
                    *kept = Some(conn);
                    (name, Ok(seen))
                }
                Some(Err(why)) => (name, Err(why)),
                None => (name, Err(silent())),
            }
        });
        let answers = join_all(asking).await;
        let pulse = self.pulse.lock().await;
        let judged = answers.into_iter().map(|(name, answer)| match answer {
            Ok(seen) => pulse.judge(now, name, &primary, &seen),
            Err(why) => Reading::problem(Kind::ReplicaLag, name, why),
        });
        judged.collect()
    }
}

/// Who the primary is, as it says now.
async fn who(site: &Site) -> Result<Primary, String> {
    let mut conn = site.target.ledger.pool().acquire().await.map_err(|e| chain(&e))?;
    let Raw::Postgres(conn) = conn.raw() else {
        return Err("it is a file".to_owned());
    };
    let identity = identity::read(conn).await.map_err(|e| chain(&e))?;
    Ok(Primary {
        system_identifier: identity.system_identifier?,
        timeline: identity.timeline.ok_or("it is a standby")?,
    })
}

async fn ask(
    site: &Site,
    name: &str,
    conn: Option<PgConnection>,
    primary: &Primary,
) -> Result<(PgConnection, Seen), String> {
    let mut conn = match conn {
        Some(conn) => conn,
        None => {
            let url: &SecretString = site
                .target
                .throttle
                .replicas
                .get(name)
                .ok_or("it is not configured")?;
            let options = SessionOptions {
                application_name: format!("sluice {}", site.worker.as_str()),
                max_connections: 1,
                route: Route::Direct,
                home: Home::default(),
            };
            connect(url, &options).await.map_err(|e| chain(&e))?
        }
    };
    let seen = look(&mut conn, primary).await.map_err(|e| chain(&e))?;
    Ok((conn, seen))
}

/// Beats for as long as it is polled.
async fn beat(site: Arc<Site>, lease: LeaseId, pulse: Arc<Mutex<Pulse>>) {
    let series = pulse.lock().await.series();
    loop {
        let now = site.clock.monotonic();
        let beat = pulse.lock().await.next(now);
        let writing = site.target.ledger.write_pulse(lease, series, beat);
        match within(&*site.clock, SAMPLE_LIMIT, writing).await {
            Some(Ok(_)) => {}
            Some(Err(error)) => {
                tracing::debug!(target_name = %site.target.name, error = %chain(&error), "a beat could not be written");
            }
            None => tracing::debug!(target_name = %site.target.name, "a beat could not be written in time"),
        }
        site.rest(BEAT).await;
    }
}
