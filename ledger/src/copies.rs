//! Copies: a ledger that was restored, cloned or moved, and what a person makes of it.
//!
//! A copy holds running jobs and live triggers (PITFALLS 25), and nobody works on it until somebody says what it is to be: the home of this
//! ledger from now on ([`adopt`]), or an ordinary database again ([`detach`]).

mod adopt;
mod detach;

use engine::db::Pool;
use proto::TargetName;

use crate::error::Error;
use crate::jobs::Job;
use crate::open::Ledger;
use crate::standing::{self, Here, Standing};

pub use adopt::{ADOPTED, Adopted, adopt};
pub use detach::{Removed, dependents, detach};

/// A ledger as it was found, at home or not.
#[derive(Debug)]
pub struct Found {
    /// To be read.
    pub ledger: Ledger,
    /// Why it is not at home; None: it is, as far as the database tells.
    pub elsewhere: Option<Error>,
    /// Jobs that have not ended for good: their triggers may be in place.
    pub jobs: Vec<Job>,
    here: Here,
}

/// Looks at whatever ledger is there.
///
/// # Errors
/// [`Error::Absent`], [`Error::TooNew`], and [`Error::Standby`] or [`Error::ReadOnly`] where nothing can be written; what the database says.
pub async fn find(pool: Pool, target: TargetName) -> Result<Found, Error> {
    let mut conn = pool.acquire().await.map_err(Error::of("ledger.connect"))?;
    let entry = crate::open::known(&mut conn).await?.ok_or(Error::Absent)?;
    let (here, _) = standing::here(&mut conn).await?;
    if here.timeline.is_none() {
        return Err(Error::Standby);
    }
    if here.read_only {
        return Err(Error::ReadOnly);
    }
    let elsewhere = standing::judge(pool.engine(), &entry, &here).err();
    drop(conn);
    let ledger = Ledger::bare(pool, entry.id, target, Standing::AtHome);
    let mut jobs = ledger.unfinished_jobs().await?;
    jobs.retain(|job| !job.state.is_final());
    Ok(Found {
        ledger,
        elsewhere,
        jobs,
        here,
    })
}
