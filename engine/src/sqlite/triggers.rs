//! Compiles the two-way mirror of one table into two row triggers and every change they go through.
//!
//! The rules are those of [`crate::postgres::triggers`], argued in ARCHITECTURE.md, "Dual-write"; the SQL is another, because a
//! trigger of SQLite cannot assign to NEW, has no variables and cannot catch. So the row is written a second time, by an AFTER
//! trigger, and everything about one event is in one trigger (several on one event fire in no defined order). `body` says why the
//! second write comes to rest, whatever `recursive_triggers` says.
//!
//! What would break it: an expression that can raise (the application's write would fail; the planner admits none), a table named
//! `old` or `new` (the row before and after the write would be out of sight), and a ledger that is dropped while the triggers stand:
//! each write of the table would fail.

mod body;
mod count;
mod derive;
mod new;
mod old;
mod quarantine;
mod questions;
mod refuse;
mod restore;
mod row;
mod statements;
mod written;

pub use crate::mirror::{Authority, Down, Error, Hidden, Mirror, MirrorSql, OnDownError, Pair, Swap};

/// Turns a mirror into the SQL that installs it, changes its authority, hides what it replaces, removes it, and asks
/// how far that is. Each list of statements is one short `BEGIN IMMEDIATE` transaction of the caller.
///
/// `row` is the quoted name of the column that tells one row from all others: `rowid`, another name of it if a column is
/// called that, or the key of a table WITHOUT ROWID. The function's name in the mirror is not that of any object here; its tag is what
/// goes to the quarantine.
///
/// # Errors
/// [`Error`] for a name that SQLite cannot have, or a mirror without pairs.
pub fn compile(mirror: &Mirror, row: &str) -> Result<MirrorSql, Error> {
    if mirror.pairs.is_empty() {
        return Err(Error::Empty {
            table: mirror.table.name.clone(),
        });
    }
    let old = body::compile(mirror, row, Authority::Old, &[])?;
    let new = body::compile(mirror, row, Authority::New, &[])?;
    let mut sql = MirrorSql {
        install: statements::install(mirror, &old)?,
        installed: questions::installed(mirror, &old),
        remove: statements::remove(mirror)?,
        removed: questions::removed(mirror),
        lead: Swap {
            statements: statements::install(mirror, &new)?,
            done: questions::installed(mirror, &new),
        },
        hide: None,
        unhide: None,
        drop: None,
        counted: statements::counted(mirror),
    };
    if !mirror.hidden.is_empty() {
        let hidden = body::compile(mirror, row, Authority::New, &mirror.hidden)?;
        sql.hide = Some(Swap {
            statements: statements::hide(mirror, &hidden)?,
            done: questions::hidden(mirror, &hidden),
        });
        sql.unhide = Some(Swap {
            statements: statements::unhide(mirror, &new)?,
            done: questions::unhidden(mirror, &new),
        });
        sql.drop = Some(Swap {
            statements: statements::remove(mirror)?,
            done: questions::dropped(mirror),
        });
    }
    Ok(sql)
}

#[cfg(test)]
mod tests;
