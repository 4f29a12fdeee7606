//! `sluice detach`: a database without Sluice again. Triggers, their functions and the ledger go, in one transaction; what steps added to
//! the application's tables stays as it is.
//!
//! On PostgreSQL that is one DROP SCHEMA ... CASCADE by the owner of the schema: triggers hang on the functions, which are in it. What
//! else hangs on it was made by somebody else, and is asked for before ([`dependents`]).

use std::time::Duration;

use engine::catalog::EngineKind;
use engine::db::{self, Connection, Pool};
use engine::error::{Class, classify};
use shared::clock::Clock;

use super::Found;
use crate::error::Error;
use crate::migrations;

/// What was taken away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Removed {
    /// `sluice_0123456789_1 on public.track`.
    pub triggers: Vec<String>,
}

/// How long the tables are tried to be had alone, a moment at a time.
const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(500);
/// Dropping a trigger needs its table alone; whoever comes after that waits behind it.
const LOCK_TIMEOUT: &str = "/* ledger.detach_wait */ SET LOCAL lock_timeout = '500ms'";

/// What somebody else has made that uses an object of ours, and would go with it: a view over flags, a policy that asks one.
///
/// # Errors
/// What the database says.
pub async fn dependents(found: &Found) -> Result<Vec<String>, Error> {
    let pool = found.ledger.pool();
    match pool.engine() {
        // A view over a table that is gone fails when it is used, and is not dropped.
        EngineKind::Sqlite => Ok(Vec::new()),
        EngineKind::Postgresql => db::scalar(DEPENDENTS)
            .fetch_all(pool)
            .await
            .map_err(Error::of("ledger.dependents")),
    }
}

const DEPENDENTS: &str = "/* ledger.dependents */
    WITH schema AS (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = 'sluice'),
    ours AS (
        SELECT 'pg_catalog.pg_class'::regclass AS class, c.oid FROM pg_catalog.pg_class c JOIN schema s ON s.oid = c.relnamespace
        UNION ALL SELECT 'pg_catalog.pg_proc'::regclass, p.oid FROM pg_catalog.pg_proc p JOIN schema s ON s.oid = p.pronamespace
        UNION ALL SELECT 'pg_catalog.pg_type'::regclass, t.oid FROM pg_catalog.pg_type t JOIN schema s ON s.oid = t.typnamespace
        UNION ALL SELECT 'pg_catalog.pg_constraint'::regclass, k.oid FROM pg_catalog.pg_constraint k JOIN schema s ON s.oid = k.connamespace
        UNION ALL SELECT 'pg_catalog.pg_attrdef'::regclass, a.oid
            FROM pg_catalog.pg_attrdef a JOIN pg_catalog.pg_class c ON c.oid = a.adrelid JOIN schema s ON s.oid = c.relnamespace
        UNION ALL SELECT 'pg_catalog.pg_rewrite'::regclass, r.oid
            FROM pg_catalog.pg_rewrite r JOIN pg_catalog.pg_class c ON c.oid = r.ev_class JOIN schema s ON s.oid = c.relnamespace
        UNION ALL SELECT 'pg_catalog.pg_trigger'::regclass, t.oid
            FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid JOIN schema s ON s.oid = c.relnamespace
        UNION ALL SELECT 'pg_catalog.pg_trigger'::regclass, t.oid FROM pg_catalog.pg_trigger t WHERE t.tgname LIKE 'sluice\\_%')
    SELECT DISTINCT coalesce(
        -- A view by its name, not by that of its rule.
        (SELECT pg_catalog.pg_describe_object('pg_catalog.pg_class'::regclass, r.ev_class, 0) FROM pg_catalog.pg_rewrite r
            WHERE d.classid = 'pg_catalog.pg_rewrite'::regclass AND r.oid = d.objid),
        pg_catalog.pg_describe_object(d.classid, d.objid, d.objsubid)) AS what
    FROM pg_catalog.pg_depend d
    JOIN ours o ON o.class = d.refclassid AND o.oid = d.refobjid
    WHERE d.deptype = 'n'
        AND NOT EXISTS (SELECT FROM ours x WHERE x.class = d.classid AND x.oid = d.objid)
    ORDER BY what";

/// Takes triggers, functions and the ledger away. Waits for the tables a moment at a time.
///
/// # Errors
/// What the database says; then nothing was taken away. [`Error::MigrationBlocked`] if the tables never come free.
pub async fn detach(found: &Found, clock: &dyn Clock) -> Result<Removed, Error> {
    let begun = clock.monotonic();
    loop {
        match once(found.ledger.pool()).await {
            Err(Error::Statement { source, .. })
                if matches!(classify(&source), Class::LockTimeout | Class::Deadlock) => {}
            outcome => return outcome,
        }
        if clock.monotonic().saturating_sub(begun) > PATIENCE {
            return Err(Error::MigrationBlocked(PATIENCE.as_secs()));
        }
        clock.sleep(PAUSE).await;
    }
}

async fn once(pool: &Pool) -> Result<Removed, Error> {
    let failed = || Error::of("ledger.detach");
    let mut tx = pool.begin().await.map_err(failed())?;
    let removed = match tx.engine() {
        EngineKind::Postgresql => {
            tx.execute_script(LOCK_TIMEOUT).await.map_err(failed())?;
            let triggers = names(&mut tx, TRIGGERS).await?;
            tx.execute_script("/* ledger.detach */ DROP SCHEMA sluice CASCADE")
                .await
                .map_err(failed())?;
            Removed { triggers }
        }
        EngineKind::Sqlite => from_file(&mut tx).await?,
    };
    tx.commit().await.map_err(failed())?;
    Ok(removed)
}

const TRIGGERS: &str = "/* ledger.detach_triggers */
    SELECT format('%s on %s.%s', t.tgname, n.nspname, c.relname)
    FROM pg_catalog.pg_trigger t
    JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid
    JOIN pg_catalog.pg_namespace s ON s.oid = p.pronamespace
    JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE s.nspname = 'sluice'
        AND NOT t.tgisinternal
        AND t.tgparentid = 0
        AND c.relnamespace <> s.oid
    ORDER BY 1";

/// The last table first: earlier ones are referenced by later ones.
async fn from_file(conn: &mut Connection) -> Result<Removed, Error> {
    const OURS: &str = "/* ledger.detach_triggers */ SELECT name FROM sqlite_schema WHERE type = 'trigger' AND name LIKE 'sluice\\_%' ESCAPE '\\' ORDER BY name";
    const WHERE: &str = "/* ledger.detach_triggers */ SELECT name || ' on ' || tbl_name FROM sqlite_schema WHERE type = 'trigger' AND name LIKE 'sluice\\_%' ESCAPE '\\' AND tbl_name NOT LIKE 'sluice\\_%' ESCAPE '\\' ORDER BY name";
    const TABLES: &str = "/* ledger.detach_tables */ SELECT name FROM sqlite_schema WHERE type = 'table' AND name LIKE 'sluice\\_%' ESCAPE '\\' ORDER BY rowid DESC";
    let triggers = names(conn, WHERE).await?;
    let quote = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
    let known = migrations::tables_of_a_file();
    let mut script = String::from("/* ledger.detach */ ");
    for trigger in names(conn, OURS).await? {
        script.push_str(&format!("DROP TRIGGER {}; ", quote(&trigger)));
    }
    for table in names(conn, TABLES).await? {
        // A table of the application's own may begin like ours.
        if known.contains(&table.as_str()) {
            script.push_str(&format!("DROP TABLE {}; ", quote(&table)));
        }
    }
    conn.execute_script(script)
        .await
        .map_err(Error::of("ledger.detach"))?;
    Ok(Removed { triggers })
}

async fn names(conn: &mut Connection, question: &'static str) -> Result<Vec<String>, Error> {
    db::scalar(question)
        .fetch_all(conn)
        .await
        .map_err(Error::of("ledger.detach"))
}
