//! The statements: each list is one short transaction.
//!
//! **Why a swap begins with the table's lock.** Replacing a function locks nothing but its row of the catalog. A writer that is in
//! the middle of a statement may go on with the old body in its session's cache after the swap has committed, and put `up(old)`
//! over a new value that somebody wrote meanwhile under the new body. SHARE ROW EXCLUSIVE conflicts with what every INSERT, UPDATE and
//! DELETE holds until its transaction ends, so when we have it, every writer that may still run the old body has ended. It is held
//! until our commit, and whoever takes a table's lock afterwards reads the catalog's invalidations first: every later writer
//! sees the new body. (CREATE TRIGGER takes the same lock; that it comes first here makes the swap wait before it has done anything.)
//!
//! **Why a rename begins with a stronger one.** It needs ACCESS EXCLUSIVE in the end. Whoever raises a lock from SHARE ROW EXCLUSIVE can
//! deadlock with a transaction of the application that has read the table and is about to write it, and the server
//! chooses the victim.

use super::alone::WHEN;
use super::{Hidden, Mirror, SCHEMA};
use crate::postgres::ident::{self, IdentError};
use crate::postgres::session::PINNED;

/// The mirror's names, quoted and qualified.
struct Names {
    table: String,
    trigger: String,
    function: String,
    counter: String,
}

impl Names {
    fn of(mirror: &Mirror) -> Result<Self, IdentError> {
        let schema = ident::quote(SCHEMA)?;
        Ok(Self {
            table: ident::table(&mirror.table)?,
            trigger: ident::quote(&mirror.trigger)?,
            function: format!("{schema}.{}", ident::quote(&mirror.function)?),
            counter: format!("{schema}.{}", ident::quote(&mirror.counter)?),
        })
    }

    /// `mode` as `LOCK TABLE` spells it. Partitions are locked with their root.
    fn lock(&self, mode: &str) -> String {
        format!("LOCK TABLE {} IN {mode} MODE", self.table)
    }
}

/// Puts a body in place, whatever was there before: nothing, another body, a trigger that somebody disabled.
pub(super) fn install(mirror: &Mirror, body: &str) -> Result<Vec<String>, IdentError> {
    let names = Names::of(mirror)?;
    let (table, trigger, function, counter) = (&names.table, &names.trigger, &names.function, &names.counter);
    Ok(vec![
        format!("CREATE SEQUENCE IF NOT EXISTS {counter}"),
        format!("REVOKE ALL ON SEQUENCE {counter} FROM PUBLIC"),
        create_function(function, body, &mirror.search_path)?,
        format!("REVOKE ALL ON FUNCTION {function}() FROM PUBLIC"),
        // OR REPLACE: after a drift the step runs again, and the trigger may be there, disabled.
        format!(
            "CREATE OR REPLACE TRIGGER {trigger} BEFORE INSERT OR UPDATE ON {table} FOR EACH ROW WHEN ({WHEN}) EXECUTE FUNCTION {function}()"
        ),
        // Fires for what a logical subscription or `session_replication_role = replica` writes, too: such rows
        // would otherwise stay wrong without anybody noticing.
        format!("ALTER TABLE {table} ENABLE ALWAYS TRIGGER {trigger}"),
    ])
}

/// Takes everything away. After a swap the same statements do: they name no body.
pub(super) fn remove(mirror: &Mirror) -> Result<Vec<String>, IdentError> {
    let names = Names::of(mirror)?;
    Ok(vec![
        format!("DROP TRIGGER IF EXISTS {} ON {}", names.trigger, names.table),
        // CASCADE: somebody may have renamed the table, and then the statement above finds nothing. Only our own
        // trigger can depend on the function.
        format!("DROP FUNCTION IF EXISTS {}() CASCADE", names.function),
        format!("DROP SEQUENCE IF EXISTS {}", names.counter),
    ])
}

/// New becomes the authority.
pub(super) fn lead(mirror: &Mirror, body: &str) -> Result<Vec<String>, IdentError> {
    let mut statements = vec![Names::of(mirror)?.lock("SHARE ROW EXCLUSIVE")];
    statements.extend(install(mirror, body)?);
    Ok(statements)
}

/// The old columns are renamed, and the body that knows their hidden names comes with them: any body that names a column
/// which is not there fails every write of the table.
pub(super) fn hide(mirror: &Mirror, body: &str) -> Result<Vec<String>, IdentError> {
    renamed(mirror, body, |h| (&h.column, &h.name))
}

/// The names come back, and the body that knows them.
pub(super) fn unhide(mirror: &Mirror, body: &str) -> Result<Vec<String>, IdentError> {
    renamed(mirror, body, |h| (&h.name, &h.column))
}

fn renamed(
    mirror: &Mirror,
    body: &str,
    direction: impl Fn(&Hidden) -> (&String, &String),
) -> Result<Vec<String>, IdentError> {
    let names = Names::of(mirror)?;
    let mut statements = vec![names.lock("ACCESS EXCLUSIVE")];
    for hidden in &mirror.hidden {
        let (from, to) = direction(hidden);
        statements.push(rename(&names.table, from, to)?);
    }
    statements.extend(install(mirror, body)?);
    Ok(statements)
}

/// Renames a column unless that has happened: a drift is repaired by the same swap, and then the columns are hidden already.
fn rename(table: &str, from: &str, to: &str) -> Result<String, IdentError> {
    let has = |name: &str| {
        format!(
            "EXISTS (SELECT FROM pg_catalog.pg_attribute AS a WHERE a.attrelid = {}::pg_catalog.regclass \
             AND a.attname = {} AND NOT a.attisdropped)",
            ident::literal(table),
            ident::literal(name),
        )
    };
    let block = format!(
        "\nBEGIN\n    IF {} AND NOT {} THEN\n        ALTER TABLE {table} RENAME COLUMN {} TO {};\n    END IF;\nEND\n",
        has(from),
        has(to),
        ident::quote(from)?,
        ident::quote(to)?,
    );
    let quote = dollar_quote(&block);
    Ok(format!("DO {quote}{block}{quote}"))
}

/// The mirror goes, and the hidden columns with it. There is no way back from here.
pub(super) fn drop(mirror: &Mirror) -> Result<Vec<String>, IdentError> {
    let names = Names::of(mirror)?;
    let mut statements = vec![names.lock("ACCESS EXCLUSIVE")];
    statements.extend(remove(mirror)?);
    for hidden in &mirror.hidden {
        statements.push(format!(
            "ALTER TABLE {} DROP COLUMN IF EXISTS {}",
            names.table,
            ident::quote(&hidden.name)?
        ));
    }
    Ok(statements)
}

/// Reads the sequence itself: a function that answers NULL for one that is gone would make a lost counter look like silence.
pub(super) fn counted(mirror: &Mirror) -> Result<String, IdentError> {
    Ok(format!(
        "SELECT CASE WHEN c.is_called THEN c.last_value ELSE 0 END FROM {} AS c",
        Names::of(mirror)?.counter
    ))
}

fn create_function(function: &str, body: &str, schemas: &[String]) -> Result<String, IdentError> {
    // A replaced function keeps its owner and grants; ours has none but the owner's.
    let mut text = format!(
        "CREATE OR REPLACE FUNCTION {function}() RETURNS trigger\nLANGUAGE plpgsql\nSECURITY DEFINER\n"
    );
    text.push_str(&format!("SET search_path = {}\n", ident::search_path(schemas)?));
    for (name, value) in PINNED {
        text.push_str(&format!("SET {name} = {}\n", ident::literal(value)));
    }
    let quote = dollar_quote(body);
    text.push_str(&format!("AS {quote}{body}{quote}"));
    Ok(text)
}

/// A dollar quote that does not occur in the text: expressions may hold dollar quotes of their own.
fn dollar_quote(text: &str) -> String {
    (0_u32..)
        .map(|n| {
            if n == 0 {
                "$sluice$".to_owned()
            } else {
                format!("$sluice{n}$")
            }
        })
        .find(|quote| !text.contains(quote.as_str()))
        .expect("a finite text cannot contain infinitely many different tags")
}
