//! What the database says of the tables that scripts name.

mod convert;

use std::time::Duration;

use classifier::Facts;
use engine::db::{Pool, Raw};
use engine::postgres::live_facts::{self, Names};
use shared::settings::DatabaseRole;

use super::record::Unreadable;
use super::walk::Source;
use super::words;
use crate::error::Error;
use crate::out;
use crate::place::Place;

pub use convert::for_classifier;

/// For so long writes are counted; short, because a person waits.
const WINDOW: Duration = Duration::from_secs(1);

/// Asks as the monitor role, which sees others' sessions; the time zone is that of the owner role, by which migrations run.
///
/// # Errors
/// The database cannot be asked, or it is no PostgreSQL.
pub async fn facts(place: &Place, sources: &[Result<Source, Unreadable>]) -> Result<Facts, Error> {
    let words = words::of(sources);
    let names = words.as_deref().map_or(Names::All, Names::Words);
    let monitor = place.pool(DatabaseRole::Monitor).await?;
    let mut live = asked(&monitor, async |conn| live_facts::read(conn, names, WINDOW).await).await?;
    let owner = place.pool(DatabaseRole::Owner).await?;
    live.timezone = asked(&owner, live_facts::timezone).await?;
    for unseen in &live.unseen {
        out::note(&format!("note: {}", unseen.advice()));
    }
    Ok(for_classifier(live))
}

async fn asked<T>(
    pool: &Pool,
    question: impl AsyncFnOnce(&mut sqlx::PgConnection) -> Result<T, engine::postgres::Error>,
) -> Result<T, Error> {
    let failed = engine::postgres::Error::query("connect to ask about the tables of the scripts");
    let mut conn = pool.acquire().await.map_err(failed)?;
    match conn.raw() {
        Raw::Postgres(conn) => Ok(question(conn).await?),
        Raw::Sqlite(_) => Err(Error::Usage(
            "a SQLite file has no locks on tables to ask about: leave the database out, with --dialect sqlite".to_owned(),
        )),
    }
}
