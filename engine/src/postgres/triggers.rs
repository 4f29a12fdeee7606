//! Compiles the two-way mirror of one table into a trigger function and its triggers.
//!
//! The rules are argued in ARCHITECTURE.md, "Dual-write". This file turns a [`Mirror`] into SQL text;
//! the text goes into the plan and is never derived again.

mod body;

use sha2::{Digest, Sha256};

use super::ident::{self, IdentError};
use super::session::PINNED;
use crate::catalog::TableName;

/// What is mirrored on one table: every pair of every change of the plan, in one function, so that
/// there is one trigger a table and one order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mirror {
    /// The root table.
    pub table: TableName,
    /// Name of the function (in schema `sluice`) and of its trigger; unquoted, `sluice_<tag>_<n>`.
    pub function: String,
    /// Name of the trigger: sorts after every user trigger on the table.
    pub trigger: String,
    /// Key columns that name a row in the quarantine; empty: no key, the whole row is named.
    pub key: Vec<String>,
    /// Schemas the function is pinned to.
    pub search_path: Vec<String>,
    /// The pairs.
    pub pairs: Vec<Pair>,
}

/// One new column and how it relates to the old side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// The new column.
    pub new: String,
    /// Its type with modifier.
    pub new_type: String,
    /// New from old, the author's SQL over the table's columns.
    pub up: String,
    /// The columns that `up` reads: the old side.
    pub reads: Vec<String>,
    /// Old from new, if there is a way back: the column it restores, and the author's SQL.
    pub down: Option<Down>,
    /// `up` cannot raise (the identity of a rename): no subtransaction is needed.
    pub cannot_raise: bool,
}

/// The way back of a pair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Down {
    /// The old column it restores.
    pub column: String,
    /// Its type with modifier.
    pub column_type: String,
    /// The author's SQL over the table's columns.
    pub expression: String,
}

/// SQL text for a [`Mirror`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MirrorSql {
    /// CREATE FUNCTION, REVOKE, CREATE TRIGGER: one short transaction.
    pub install: Vec<String>,
    /// One boolean query: function and trigger are in place, enabled, and exactly ours.
    pub installed: String,
    /// DROP TRIGGER, DROP FUNCTION: one short transaction.
    pub remove: Vec<String>,
    /// One boolean query: neither is there.
    pub removed: String,
}

/// Why a mirror cannot be compiled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A name that cannot be quoted.
    #[error("a name in the mirror cannot be used")]
    Ident(#[from] IdentError),
    /// Nothing to mirror.
    #[error("the mirror of table {table:?} has no pair; there is nothing to install")]
    Empty {
        /// The table.
        table: String,
    },
}

/// The schema of the ledger and of every function we install.
const SCHEMA: &str = "sluice";

/// Turns a mirror into the SQL that installs it, removes it, and asks whether it is there.
///
/// The function's name begins with the tag of the plan, which is also what it writes to the quarantine.
///
/// # Errors
/// [`Error`] for a name that PostgreSQL cannot have, or a mirror without pairs.
pub fn compile(mirror: &Mirror) -> Result<MirrorSql, Error> {
    if mirror.pairs.is_empty() {
        return Err(Error::Empty {
            table: mirror.table.name.clone(),
        });
    }
    let body = body::compile(mirror)?;
    let function = format!("{}.{}", ident::quote(SCHEMA)?, ident::quote(&mirror.function)?);
    let table = ident::table(&mirror.table)?;
    let trigger = ident::quote(&mirror.trigger)?;
    Ok(MirrorSql {
        install: vec![
            create_function(&function, &body, &mirror.search_path)?,
            format!("REVOKE ALL ON FUNCTION {function}() FROM PUBLIC"),
            // OR REPLACE: after a drift the step runs again, and the trigger may be there, disabled.
            format!(
                "CREATE OR REPLACE TRIGGER {trigger} BEFORE INSERT OR UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION {function}()"
            ),
            // Fires for what a logical subscription or `session_replication_role = replica` writes, too: such rows
            // would otherwise stay wrong without anybody noticing.
            format!("ALTER TABLE {table} ENABLE ALWAYS TRIGGER {trigger}"),
        ],
        installed: installed(mirror, &body),
        remove: vec![
            format!("DROP TRIGGER IF EXISTS {trigger} ON {table}"),
            format!("DROP FUNCTION IF EXISTS {function}()"),
        ],
        removed: format!(
            "SELECT NOT EXISTS ({}) AND NOT EXISTS ({})",
            trigger_query(mirror),
            function_query(mirror)
        ),
    })
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

fn trigger_query(mirror: &Mirror) -> String {
    format!(
        "SELECT FROM pg_catalog.pg_trigger AS t \
         JOIN pg_catalog.pg_class AS c ON c.oid = t.tgrelid \
         JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace \
         WHERE n.nspname = {} AND c.relname = {} AND t.tgname = {}",
        ident::literal(&mirror.table.schema),
        ident::literal(&mirror.table.name),
        ident::literal(&mirror.trigger),
    )
}

fn function_query(mirror: &Mirror) -> String {
    format!(
        "SELECT FROM pg_catalog.pg_proc AS p \
         JOIN pg_catalog.pg_namespace AS s ON s.oid = p.pronamespace \
         WHERE s.nspname = {} AND p.proname = {} AND p.pronargs = 0",
        ident::literal(SCHEMA),
        ident::literal(&mirror.function),
    )
}

/// Trigger enabled ALWAYS, as we install it ('O' tells that somebody disabled and enabled it; 7: each row, before,
/// insert; 16: update), on our function, whose body is exactly ours; on every partition too, where it can be disabled
/// alone; and nowhere a trigger that fires after it (3: each row, before; 20: insert, update; names compare as bytes)
/// and could change a row behind the mirror. Asks the catalog's own tables only: `pg_partition_tree` would wait for
/// whoever has locked a partition.
fn installed(mirror: &Mirror, body: &str) -> String {
    let digest: String = Sha256::digest(body.as_bytes())
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect();
    let function = function_query(mirror);
    format!(
        "SELECT EXISTS ({} AND t.tgenabled = 'A' AND t.tgtype = 23 AND t.tgqual IS NULL AND t.tgattr = '' \
         AND EXISTS ({function} AND p.oid = t.tgfoid AND p.prosecdef \
         AND pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(p.prosrc, 'UTF8')), 'hex') = '{digest}') \
         AND NOT EXISTS (WITH RECURSIVE family AS (SELECT t.tgrelid AS relid UNION \
         SELECT i.inhrelid FROM family AS f JOIN pg_catalog.pg_inherits AS i ON i.inhparent = f.relid) \
         SELECT FROM family AS f WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_trigger AS own \
         WHERE own.tgrelid = f.relid AND own.tgname = t.tgname AND own.tgfoid = t.tgfoid AND own.tgenabled = 'A') \
         OR EXISTS (SELECT FROM pg_catalog.pg_trigger AS later \
         WHERE later.tgrelid = f.relid AND later.tgname > t.tgname AND later.tgtype & 3 = 3 \
         AND later.tgtype & 20 <> 0 AND later.tgenabled <> 'D')))",
        trigger_query(mirror),
    )
}

#[cfg(test)]
mod tests;
