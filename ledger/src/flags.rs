//! Flags: which share of the entities reads and writes the new side.
//!
//! A flag's value is one row; who is inside its percentage follows from a hash, so that every client, in any language, and the
//! database itself (`sluice.is_on`) agree, and 1 % is inside 5 %. The hash is flagd's `fractional`: bucket =
//! (murmur3_x86_32(flag name + entity key) * 100) >> 32, the entity is in if bucket < percentage.
//!
//! The table refuses a flag that is turned up before its job is verified, and a write flag while old is the authority.

use engine::db::{self, Connection};
use jiff::Timestamp;
use proto::JobId;
use serde::Serialize;

use crate::error::Error;
use crate::open::Ledger;
use crate::plan::{Flip, Sides};

/// A flag as it is now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Flag {
    /// Its name: `track.seconds.read`.
    pub name: String,
    /// `read` or `write`.
    pub side: String,
    /// How many percent of the entities use new.
    pub percentage: u8,
    /// Since when.
    pub updated_at: Timestamp,
}

/// The bucket of an entity, 0 to 99.
#[must_use]
pub fn bucket(flag: &str, entity: &str) -> u8 {
    let mut text = String::with_capacity(flag.len() + entity.len());
    text.push_str(flag);
    text.push_str(entity);
    share(text.as_bytes(), 100)
}

/// Whether an entity is inside a percentage of a flag.
#[must_use]
pub fn is_on(flag: &str, entity: &str, percentage: u8) -> bool {
    bucket(flag, entity) < percentage
}

fn share(bytes: &[u8], of: u64) -> u8 {
    u8::try_from((u64::from(hash(bytes)) * of) >> 32).unwrap_or(u8::MAX)
}

fn hash(mut bytes: &[u8]) -> u32 {
    murmur3::murmur3_32(&mut bytes, 0).expect("reading from memory cannot fail")
}

/// Makes the flags of a new job, at 0 %. A name is free again once its job has ended and nobody follows it any more: a release
/// that goes by a flag at 100 % would be sent back to a path that is gone.
///
/// # Errors
/// [`Error::FlagBusy`] if another job has one of them.
pub(crate) async fn claim(conn: &mut Connection, job: JobId, flip: &Flip) -> Result<(), Error> {
    let mut names = vec![(flip.read_flag(), "read")];
    if flip.sides == Sides::ReadsAndWrites {
        names.push((flip.write_flag(), "write"));
    }
    for (name, side) in names {
        let claimed = db::query(
            "/* ledger.flag_claim */
            INSERT INTO sluice.flag AS f (name, job, side)
            VALUES ($1, $2, $3)
            ON CONFLICT (name) DO UPDATE
            SET job = excluded.job, side = excluded.side, percentage = 0, updated_at = now()
            WHERE f.percentage = 0
                AND EXISTS (SELECT 1 FROM sluice.job j WHERE j.id = f.job AND j.state IN ('done', 'rolled-back'))",
        )
        .bind(&name)
        .bind(job.0)
        .bind(side)
        .execute(&mut *conn)
        .await
        .map_err(Error::of("ledger.flag_claim"))?;
        if claimed.rows_affected() == 0 {
            let other: uuid::Uuid =
                db::scalar("/* ledger.flag_other */ SELECT job FROM sluice.flag WHERE name = $1")
                    .bind(&name)
                    .fetch_one(&mut *conn)
                    .await
                    .map_err(Error::of("ledger.flag_other"))?;
            return Err(Error::FlagBusy {
                flag: name,
                other: JobId(other),
            });
        }
    }
    Ok(())
}

/// Turns a flag, in the transaction that stores why.
///
/// # Errors
/// What the database says; it refuses a flag that may not be on. [`Error::FlagGone`] if somebody deleted it.
pub async fn set(conn: &mut Connection, job: JobId, name: &str, percentage: u8) -> Result<(), Error> {
    let set = db::query(
        "/* ledger.flag_set */
        UPDATE sluice.flag SET percentage = $3, updated_at = now() WHERE name = $1 AND job = $2",
    )
    .bind(name)
    .bind(job.0)
    .bind(i32::from(percentage))
    .execute(conn)
    .await
    .map_err(Error::of("ledger.flag_set"))?;
    if set.rows_affected() == 0 {
        return Err(Error::FlagGone(name.to_owned()));
    }
    Ok(())
}

impl Ledger {
    /// The flags of a job, by name.
    ///
    /// # Errors
    /// What the database says.
    pub async fn flags(&self, job: JobId) -> Result<Vec<Flag>, Error> {
        let rows = db::query(
            "/* ledger.flags */ SELECT name, side, percentage, updated_at FROM sluice.flag WHERE job = $1 ORDER BY name",
        )
        .bind(job.0)
        .fetch_all(&self.pool)
        .await
        .map_err(Error::of("ledger.flags"))?;
        rows.iter()
            .map(|row| {
                let at: jiff_sqlx::Timestamp = row.try_get("updated_at")?;
                let percentage: i32 = row.try_get("percentage")?;
                Ok(Flag {
                    name: row.try_get("name")?,
                    side: row.try_get("side")?,
                    percentage: u8::try_from(percentage).unwrap_or(100),
                    updated_at: at.to_jiff(),
                })
            })
            .collect::<Result<_, sqlx::Error>>()
            .map_err(Error::of("ledger.flags"))
    }

    /// The database's clock, which every soak counts on.
    ///
    /// # Errors
    /// What the database says.
    pub async fn now(&self) -> Result<Timestamp, Error> {
        let now: jiff_sqlx::Timestamp = db::scalar("/* ledger.now */ SELECT clock_timestamp()")
            .fetch_one(&self.pool)
            .await
            .map_err(Error::of("ledger.now"))?;
        Ok(now.to_jiff())
    }
}

/// Records which side is the truth, in the transaction that replaces the trigger functions (owner role).
///
/// # Errors
/// What the database says.
pub async fn record_authority(
    conn: &mut Connection,
    job: JobId,
    authority: engine::postgres::triggers::Authority,
) -> Result<(), Error> {
    db::query("/* ledger.authority */ UPDATE sluice.job SET authority = $2 WHERE id = $1")
        .bind(job.0)
        .bind(authority.as_str())
        .execute(conn)
        .await
        .map_err(Error::of("ledger.authority"))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// flagd's published vectors, weights 50, 20 and 30.
    #[test]
    fn entities_fall_where_flagd_puts_them() {
        for (text, hash, bucket) in [
            ("headerColoruser-123", 662_163_860, 15),
            ("headerColoruser-456", 3_246_031_276, 75),
            ("myflaga", 1_847_277_438, 43),
            ("myflag", 2_361_268_182, 54),
        ] {
            assert_eq!(super::hash(text.as_bytes()), hash, "{text}");
            assert_eq!(share(text.as_bytes(), 100), bucket, "{text}");
        }
    }

    #[test]
    fn a_smaller_percentage_is_inside_a_larger_one() {
        let inside = |percentage| {
            (0..10_000).filter(move |n: &u32| is_on("track.seconds.read", &n.to_string(), percentage))
        };
        assert!(inside(1).all(|n| is_on("track.seconds.read", &n.to_string(), 5)));
        assert!((60..140).contains(&inside(1).count()));
        assert_eq!((inside(0).count(), inside(100).count()), (0, 10_000));
    }
}
