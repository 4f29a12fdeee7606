//! When a mirror need not look at what a batch writes.
//!
//! A batch writes `new = up(old)`, computed from the row as it locks it: for such a row the body of the old authority does nothing, and
//! calling it is most of what a fill costs. So a batch declares itself by a setting of its transaction, and the trigger's WHEN looks there
//! first. (WHEN holds nothing of the author's: what raises there fails the application's write.)
//!
//! That is safe only if the batch's statement is all that writes the table in its transaction. A trigger of the application may write other
//! rows of it, and what such a trigger changes in the row itself comes after the batch has computed; so may a rule, and a foreign
//! key that follows an update. Where there is any of these on the table, the batch declares nothing, and its rows go the long way.
//! It asks once it has the table's lock: none can be created before it ends, because that needs a stronger one.
//!
//! A batch runs under the old authority only. Whoever makes new the authority replaces the body under a lock that waits for every batch,
//! and the next batch finds another fingerprint.
//!
//! The setting lasts as long as the transaction. Whoever may set it elsewhere may write the table, and could break its own rows with
//! less trouble; the checks find them.

use sqlx::postgres::PgConnection;

use crate::postgres::error::Error;
use crate::sql;

/// The condition of the trigger: true for every write but a declared batch's.
pub(super) const WHEN: &str = "pg_catalog.current_setting('sluice.batch', true) IS DISTINCT FROM 'alone'";

/// The same as the server spells it: the schema is left out unless somebody has a function of that name in front of it.
pub(super) const SPELLED: [&str; 2] = [
    "(current_setting('sluice.batch'::text, true) IS DISTINCT FROM 'alone'::text)",
    "(pg_catalog.current_setting('sluice.batch'::text, true) IS DISTINCT FROM 'alone'::text)",
];

/// Declares, for this transaction, that a batch over `leaf` of `root` is all that writes there, if that is so; whether it is. The caller
/// has the leaf's lock.
///
/// # Errors
/// What the server said.
pub async fn declare(conn: &mut PgConnection, root: u32, leaf: u32) -> Result<bool, Error> {
    const SQL: &str = "/* sluice:engine.batch_alone */
        WITH tables AS (SELECT $1::pg_catalog.int8::pg_catalog.oid AS oid UNION SELECT $2::pg_catalog.int8::pg_catalog.oid)
        SELECT pg_catalog.set_config('sluice.batch', CASE WHEN
            EXISTS (SELECT FROM pg_catalog.pg_trigger AS t
                JOIN pg_catalog.pg_proc AS p ON p.oid = t.tgfoid
                JOIN pg_catalog.pg_namespace AS s ON s.oid = p.pronamespace
                WHERE t.tgrelid IN (SELECT oid FROM tables) AND t.tgenabled <> 'D' AND s.nspname <> 'sluice'
                    AND NOT (t.tgisinternal AND t.tgconstraint <> 0))
            OR EXISTS (SELECT FROM pg_catalog.pg_rewrite AS r WHERE r.ev_class IN (SELECT oid FROM tables) AND r.ev_enabled <> 'D')
            OR EXISTS (SELECT FROM pg_catalog.pg_constraint AS k
                WHERE k.confrelid IN (SELECT oid FROM tables) AND k.contype = 'f' AND k.confupdtype IN ('c', 'n', 'd'))
            THEN '' ELSE 'alone' END, true)";
    let set: String = sql::scalar(SQL)
        .bind(i64::from(root))
        .bind(i64::from(leaf))
        .fetch_one(conn)
        .await
        .map_err(Error::query("ask what else writes when a batch does"))?;
    Ok(set == "alone")
}
