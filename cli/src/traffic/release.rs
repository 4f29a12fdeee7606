//! What an application knows of the migration: nothing, or the flags, which it caches.

use std::time::Duration;

use engine::db::{self, Connection};
use ledger::flags;
use shared::clock::{Clock, SystemClock};

use super::table::Side;

/// A release of the application.
#[derive(Clone, Debug)]
pub enum Release {
    /// It knows only the old side.
    Old,
    /// It asks the flags which side to use, and goes on with the answer for a while.
    Following {
        /// Where the flags can be read.
        url: String,
        /// `FLAG.read` and `FLAG.write` are asked.
        flag: String,
        /// For how long it goes on with an answer.
        cache: Duration,
    },
}

/// What a writer goes by.
#[derive(Debug)]
pub(super) struct Compass {
    followed: Option<Followed>,
    clock: SystemClock,
}

#[derive(Debug)]
struct Followed {
    conn: Connection,
    read: String,
    write: String,
    cache: Duration,
    asked: Option<Duration>,
    read_share: u8,
    write_share: u8,
}

/// Off while there is no ledger.
const FLAGS: &str = "SELECT percentage FROM sluice.flag WHERE name = $1";

impl Compass {
    pub(super) async fn of(release: &Release) -> Result<Self, sqlx::Error> {
        let followed = match release {
            Release::Old => None,
            Release::Following { url, flag, cache } => Some(Followed {
                conn: db::connect_alone(url, "application flags").await?,
                read: format!("{flag}.read"),
                write: format!("{flag}.write"),
                cache: *cache,
                asked: None,
                read_share: 0,
                write_share: 0,
            }),
        };
        Ok(Self {
            followed,
            clock: SystemClock::new(),
        })
    }

    /// Which side this row is read from; None: this release does not look.
    pub(super) async fn reads(&mut self, key: i64) -> Option<Side> {
        let followed = self.fresh().await?;
        Some(side(&followed.read, key, followed.read_share))
    }

    /// Which side this row is written to.
    pub(super) async fn writes(&mut self, key: i64) -> Side {
        match self.fresh().await {
            Some(followed) => side(&followed.write, key, followed.write_share),
            None => Side::Old,
        }
    }

    async fn fresh(&mut self) -> Option<&Followed> {
        let now = self.clock.monotonic();
        let followed = self.followed.as_mut()?;
        if followed
            .asked
            .is_none_or(|asked| now.saturating_sub(asked) >= followed.cache)
        {
            followed.read_share = share(&mut followed.conn, &followed.read).await;
            followed.write_share = share(&mut followed.conn, &followed.write).await;
            followed.asked = Some(now);
        }
        Some(followed)
    }
}

fn side(flag: &str, key: i64, share: u8) -> Side {
    if flags::is_on(flag, &key.to_string(), share) {
        Side::New
    } else {
        Side::Old
    }
}

/// The default in the code is the old path, also where the flag cannot be read.
async fn share(conn: &mut Connection, flag: &str) -> u8 {
    let found = db::query(FLAGS).bind(flag).fetch_optional(conn).await;
    let percentage: i32 = found
        .ok()
        .flatten()
        .and_then(|row| row.try_get(0).ok())
        .unwrap_or_default();
    u8::try_from(percentage).unwrap_or_default()
}
