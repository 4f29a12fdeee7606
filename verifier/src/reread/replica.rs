//! Re-reading on a replica, which takes that load off the primary.
//!
//! A position of the primary is taken *after* the chunk's last batch was committed: the chunk is done in the ledger, which is in the same
//! database. Once the replica has replayed that position, what it shows is what a read on the primary would have shown then, or later. Until then
//! we wait, but not for long: nothing here may hold a job up, so whatever does not hold leads to the primary.
//!
//! A replica that could not be used is left alone for a while ([`Trust`]), so that its absence costs one wait and not one a chunk,
//! and is told once a reason.

use std::ops::Range;
use std::time::Duration;

use engine::db::{Pool, Raw};
use engine::postgres::replayed::{self, Mark, Standing};
use engine::postgres::session::{Home, Route, SessionOptions, connect_replica_pool};
use ledger::Target;
use ledger::role::site::Site;
use shared::clock::within;
use shared::service::chain;
use shared::settings::RereadReplica;
use tokio::sync::Mutex;

use super::AT_ONCE;
use crate::read::{Found, Place, Reader};

/// Longest wait for a replica to replay what the primary had written.
const REPLAYED_WITHIN: Duration = Duration::from_secs(10);
/// How often it is asked meanwhile.
const ASK_AGAIN: Duration = Duration::from_millis(100);
/// Longest time for all of it, connecting and reading too: beyond, the other end is gone, or too slow to be of use.
const LIMIT: Duration = Duration::from_secs(60);
/// One that could not be used is asked again after this.
const LEFT_ALONE: Duration = Duration::from_secs(15);

/// The replica of a target on which its chunks are re-read.
pub(super) struct Replica {
    settings: RereadReplica,
    pool: Mutex<Option<Pool>>,
    trust: Mutex<Trust>,
}

/// What came of an attempt.
enum Tried {
    /// Every row is right.
    Clean(Found),
    /// The replica did its part; what it shows is for the primary to say.
    AskPrimary,
    /// Nothing: the verifier is to stop.
    GivenUp,
}

impl Replica {
    /// The one that the target's settings name.
    pub(super) fn of(target: &Target) -> Option<Self> {
        target.reread_replica.clone().map(|settings| Self {
            settings,
            pool: Mutex::default(),
            trust: Mutex::default(),
        })
    }

    /// The rows of a chunk, if each is right on the replica; None: the primary must be read.
    pub(super) async fn clean(&self, reader: &Reader<'_>, range: &Range<u64>) -> Option<Found> {
        let clock = &*reader.site.clock;
        if !self.trust.lock().await.may_be_asked(clock.monotonic()) {
            return None;
        }
        let tried = within(clock, LIMIT, self.attempt(reader, range)).await;
        let tried = tried.unwrap_or_else(|| Err(format!("it was not read within {} s", LIMIT.as_secs())));
        let (name, target) = (&self.settings.name, &reader.site.target.name);
        match tried {
            Ok(Tried::GivenUp) => None,
            Ok(tried @ (Tried::Clean(_) | Tried::AskPrimary)) => {
                if self.trust.lock().await.served() {
                    tracing::info!(target_name = %target, "chunks are re-read on replica {name}");
                }
                match tried {
                    Tried::Clean(found) => Some(found),
                    Tried::AskPrimary | Tried::GivenUp => None,
                }
            }
            Err(why) => {
                // Its connections may be those of a server that is not wanted any more.
                self.pool.lock().await.take();
                if self.trust.lock().await.failed(clock.monotonic(), &why) {
                    tracing::warn!(target_name = %target, "chunks are re-read on the primary, not on replica {name}: {why}");
                }
                None
            }
        }
    }

    async fn attempt(&self, reader: &Reader<'_>, range: &Range<u64>) -> Result<Tried, String> {
        let mark = mark(reader.site).await?;
        let pool = self.pool(reader.site).await?;
        if !replayed(reader.site, &pool, &mark).await? {
            return Ok(Tried::GivenUp);
        }
        let place = Place::Replica {
            pool: &pool,
            mark: &mark,
        };
        let there = Reader { place, ..*reader };
        let clean = there.clean(range).await?;
        Ok(clean.map_or(Tried::AskPrimary, Tried::Clean))
    }

    async fn pool(&self, site: &Site) -> Result<Pool, String> {
        let mut kept = self.pool.lock().await;
        if let Some(pool) = &*kept {
            return Ok(pool.clone());
        }
        let options = SessionOptions {
            application_name: format!("sluice {}", site.worker.as_str()),
            max_connections: AT_ONCE as u32,
            route: Route::Pooled,
            // Who it is, is asked in each transaction.
            home: Home::default(),
        };
        let pool = connect_replica_pool(&self.settings.url, &options)
            .await
            .map_err(|e| chain(&e))?;
        let pool = Pool::Postgres(pool);
        *kept = Some(pool.clone());
        Ok(pool)
    }
}

/// The primary as it is now.
async fn mark(site: &Site) -> Result<Mark, String> {
    let failed = |why: String| format!("the primary could not be asked for its position: {why}");
    let mut conn = site
        .target
        .ledger
        .pool()
        .acquire()
        .await
        .map_err(|e| failed(e.to_string()))?;
    let Raw::Postgres(conn) = conn.raw() else {
        return Err(failed("it is a file".to_owned()));
    };
    let mark = replayed::mark(conn).await.map_err(|e| failed(chain(&e)))?;
    mark.map_err(failed)
}

/// Waits until the mark has been replayed. False: the verifier is to stop meanwhile.
async fn replayed(site: &Site, pool: &Pool, mark: &Mark) -> Result<bool, String> {
    let began = site.clock.monotonic();
    loop {
        match standing(pool, mark).await? {
            Standing::Arrived => return Ok(true),
            Standing::Stranger(why) => return Err(why),
            Standing::NotYet => {}
        }
        if site.is_stopping() {
            return Ok(false);
        }
        if site.clock.monotonic() - began >= REPLAYED_WITHIN {
            let seconds = REPLAYED_WITHIN.as_secs();
            return Err(format!(
                "it has not replayed within {seconds} s what the primary had written"
            ));
        }
        site.rest(ASK_AGAIN).await;
    }
}

/// In a transaction because the way there may be pooled.
async fn standing(pool: &Pool, mark: &Mark) -> Result<Standing, String> {
    let mut tx = pool.begin_reading().await.map_err(|e| e.to_string())?;
    let Raw::Postgres(conn) = tx.raw() else {
        return Err("it is a file".to_owned());
    };
    let standing = replayed::look(conn, mark).await.map_err(|e| chain(&e))?;
    tx.rollback().await.map_err(|e| e.to_string())?;
    Ok(standing)
}

/// Whether the replica is asked, and what was told of it last.
#[derive(Debug, Default)]
struct Trust {
    left_alone_until: Option<Duration>,
    told: Option<Told>,
}

#[derive(Debug, PartialEq, Eq)]
enum Told {
    Serves,
    Fails(String),
}

impl Trust {
    fn may_be_asked(&self, now: Duration) -> bool {
        self.left_alone_until.is_none_or(|until| now >= until)
    }

    /// Whether that is news.
    fn served(&mut self) -> bool {
        self.left_alone_until = None;
        self.tell(Told::Serves)
    }

    /// Likewise.
    fn failed(&mut self, now: Duration, why: &str) -> bool {
        self.left_alone_until = Some(now + LEFT_ALONE);
        self.tell(Told::Fails(why.to_owned()))
    }

    fn tell(&mut self, what: Told) -> bool {
        let news = self.told.as_ref() != Some(&what);
        self.told = Some(what);
        news
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replica_that_failed_is_left_alone_for_a_while() {
        let mut trust = Trust::default();
        assert!(trust.may_be_asked(Duration::ZERO));
        trust.failed(Duration::from_secs(5), "away");
        for (second, expected) in [(5, false), (19, false), (20, true)] {
            assert_eq!(
                trust.may_be_asked(Duration::from_secs(second)),
                expected,
                "{second}"
            );
        }
        trust.served();
        assert!(trust.may_be_asked(Duration::from_secs(6)));
    }

    #[test]
    fn what_becomes_of_it_is_told_once_a_change() {
        let mut trust = Trust::default();
        let now = Duration::ZERO;
        assert!(trust.served());
        assert!(!trust.served());
        assert!(trust.failed(now, "away"));
        assert!(!trust.failed(now, "away"));
        assert!(trust.failed(now, "promoted"));
        assert!(trust.served());
        assert!(trust.failed(now, "promoted"));
    }
}
