//! The ground on PostgreSQL: a schema of its own in somebody's database.

use engine::db::{self, Connection, Raw};
use engine::postgres::error::Error as EngineError;
use engine::postgres::identity;

use super::{JOBS, Texts};
use crate::error::Error;
use crate::out;

/// How PostgreSQL says it.
pub(super) const TEXTS: Texts = Texts {
    table: "sluice_demo.customer",
    schema: "sluice_demo",
    values: VALUES,
    fill: "SELECT id, {values} FROM generate_series($1, $2) AS made (id)",
    shape: SHAPE,
    removed: "removing schemas sluice_demo and sluice",
    by_hand: "DROP SCHEMA IF EXISTS sluice_demo, sluice CASCADE",
};

const TAKEN: &str = "/* sluice:demo.taken */ SELECT nspname::text FROM pg_namespace
    WHERE nspname IN ('sluice', 'sluice_demo') ORDER BY nspname DESC";

const MAKE: &str = "/* sluice:demo.make */ CREATE SCHEMA sluice_demo;
    COMMENT ON SCHEMA sluice_demo IS 'made by `sluice demo`, which removes it at its end';
    CREATE TABLE sluice_demo.customer (
        id bigint PRIMARY KEY, name text, email text, fax text, updated_at timestamptz NOT NULL DEFAULT now())";

const VALUES: [(&str, &str); 4] = [
    ("name", "'Customer ' || id"),
    ("email", "'customer' || id || '@example.com'"),
    ("fax", "'+41 44 ' || lpad((id % 10000000)::text, 7, '0')"),
    (
        "updated_at",
        "timestamptz '2026-01-01 00:00:00+00' + id * interval '1 second'",
    ),
];

/// Everything that a rollback could leave behind on the table, in the words of the catalog.
const SHAPE: &str = "/* sluice:demo.shape */ SELECT coalesce(string_agg(what, E'\\n' ORDER BY what), '') FROM (
    SELECT format('table %s %s %s', c.oid::regclass, c.relkind, c.reloptions) AS what
    FROM pg_class AS c WHERE c.relnamespace = 'sluice_demo'::regnamespace
    UNION ALL
    SELECT format('column %s.%s %s %s %s %s', a.attrelid::regclass, a.attname, format_type(a.atttypid, a.atttypmod),
        a.attnotnull, pg_get_expr(d.adbin, d.adrelid), a.attacl)
    FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid
    LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE c.relnamespace = 'sluice_demo'::regnamespace AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped
    UNION ALL
    SELECT format('constraint %s on %s %s', conname, conrelid::regclass, pg_get_constraintdef(oid))
    FROM pg_constraint WHERE connamespace = 'sluice_demo'::regnamespace
    UNION ALL
    SELECT pg_get_indexdef(i.indexrelid) FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indrelid
    WHERE c.relnamespace = 'sluice_demo'::regnamespace
    UNION ALL
    SELECT pg_get_triggerdef(t.oid) FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid
    WHERE c.relnamespace = 'sluice_demo'::regnamespace AND NOT t.tgisinternal
    UNION ALL
    SELECT format('function %s', oid::regprocedure) FROM pg_proc WHERE pronamespace = 'sluice_demo'::regnamespace
) AS found";

/// Makes the schema with an empty table, unless one of the names is taken.
pub(super) async fn make(conn: &mut Connection) -> Result<(), Error> {
    if let Raw::Postgres(raw) = conn.raw() {
        identity::read(raw)
            .await?
            .suitable()
            .map_err(|why| Error::Refused(why.to_string()))?;
    }
    let taken: Vec<String> = db::scalar(TAKEN)
        .fetch_all(&mut *conn)
        .await
        .map_err(EngineError::query("look for schemas of the demo's names"))?;
    if !taken.is_empty() {
        return Err(Error::Refused(words(&taken)));
    }
    conn.execute_script(MAKE)
        .await
        .map_err(EngineError::query("make schema sluice_demo"))?;
    Ok(())
}

/// Removes both schemas; the ledger only if every job in it is ours.
pub(super) async fn remove(conn: &mut Connection) -> Result<(), Error> {
    let foreign = foreign_jobs(conn).await?;
    let ledger = if foreign == 0 {
        "DROP SCHEMA IF EXISTS sluice CASCADE"
    } else {
        out::note(&format!(
            "demo: schema sluice stays: {foreign} jobs in it are not the demo's"
        ));
        ""
    };
    // The table goes first, and its triggers with it: nothing then uses the functions in `sluice`.
    let text = format!(
        "/* sluice:demo.clear */ SET lock_timeout = '20s'; SET client_min_messages = warning;
         DROP SCHEMA IF EXISTS sluice_demo CASCADE; {ledger}"
    );
    conn.execute_script(text)
        .await
        .map_err(EngineError::query("drop the demo's schemas"))?;
    Ok(())
}

/// Jobs of somebody else in the ledger that the demonstration made.
async fn foreign_jobs(conn: &mut Connection) -> Result<i64, Error> {
    let there: bool = db::scalar("SELECT to_regclass('sluice.job') IS NOT NULL")
        .fetch_one(&mut *conn)
        .await
        .map_err(EngineError::query("look for the demo's ledger"))?;
    if !there {
        return Ok(0);
    }
    Ok(
        db::scalar("SELECT count(*) FROM sluice.job WHERE name <> ALL ($1)")
            .bind(JOBS.as_slice())
            .fetch_one(conn)
            .await
            .map_err(EngineError::query("look for jobs of others"))?,
    )
}

fn words(taken: &[String]) -> String {
    let mut text = format!(
        "this database has a schema {} already, and the demo touches nothing that it has not made: give it another database \
         (CREATE DATABASE sluice_demo)",
        taken.join(" and a schema ")
    );
    if taken.iter().any(|name| name == "sluice_demo") {
        text.push_str(&format!(
            "; if a demo that was killed left this behind, remove it first: DROP SCHEMA {} CASCADE",
            taken.join(", ")
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_demo_may_have_left_is_offered_for_removal() {
        let ledger = words(&["sluice".to_owned()]);
        assert!(
            ledger.contains("a schema sluice already") && !ledger.contains("DROP"),
            "{ledger}"
        );
        let left = words(&["sluice_demo".to_owned(), "sluice".to_owned()]);
        assert!(left.contains("DROP SCHEMA sluice_demo, sluice CASCADE"), "{left}");
    }
}
