//! A table like `track` of the Chinook database, multiplied: what a migration under load works on.
//!
//! With a folder of dumps in [`DUMPS`] it is the real one, copied over and over; without it the same columns are
//! generated.

use std::path::PathBuf;

use anyhow::Context;

use crate::database::{Database, Role};
use crate::oracle;
use crate::traffic::{Column, Table};
use crate::watch::Expected;

/// The environment variable that names a folder of SQL dumps.
pub const DUMPS: &str = "SLUICE_TEST_DUMPS";

/// What the migration of [`spec`] must have made of every row.
pub const EXPECTED: Expected<'static> = Expected {
    table: "track",
    wrong: "seconds IS DISTINCT FROM milliseconds / 1000",
};

/// Its two columns.
pub const SIDES: oracle::Sides<'static> = oracle::Sides {
    old: "milliseconds",
    new: "seconds",
};

/// How full blocks are at first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filling {
    /// As full as they get: updated rows move to the end.
    Full,
    /// A tenth: few rows make many blocks, and so several chunks.
    Sparse,
}

/// The PostgreSQL dump of the folder, if there is one.
#[must_use]
pub fn dump() -> Option<PathBuf> {
    let folder = std::env::var_os(DUMPS).filter(|value| !value.is_empty())?;
    Some(PathBuf::from(folder).join("Chinook_PostgreSql.sql"))
}

/// Makes `track` with so many rows, audited, with the documented grants.
///
/// # Errors
/// The server refuses.
pub async fn load(database: &Database<'_>, rows: u32, filling: Filling) -> anyhow::Result<()> {
    let real = match dump() {
        Some(file) if filling == Filling::Full => {
            database.load(Role::Owner, &file).await?;
            database.execute_as(Role::Owner, ALONE).await?;
            true
        }
        Some(_) | None => {
            database.execute_as(Role::Owner, LIKE_IT).await?;
            false
        }
    };
    if filling == Filling::Sparse {
        database
            .execute_as(Role::Owner, "ALTER TABLE track SET (fillfactor = 10)")
            .await?;
    }
    let fill = if real { COPIES } else { GENERATED }.replace("ROWS", &rows.to_string());
    database
        .execute_as(Role::Owner, &fill)
        .await
        .context("cannot multiply track")?;
    database.execute_as(Role::Owner, "ANALYZE track").await?;
    database.grant_data_privileges(&["track"]).await?;
    oracle::audit_sides(database, "track", "track_id", SIDES).await
}

/// `milliseconds` becomes `seconds`, with these further sections.
#[must_use]
pub fn spec(name: &str, sections: &str) -> String {
    format!(
        "name = \"{name}\"\n\n[[change]]\nkind = \"add_column\"\ntable = \"track\"\ncolumn = \"seconds\"\n\
         type = \"integer\"\nup = \"milliseconds / 1000\"\ndown = \"seconds * 1000\"\nreplaces = \"milliseconds\"\n\n{sections}"
    )
}

/// The table as application traffic sees it.
#[must_use]
pub fn traffic() -> Table {
    Table::new(
        "track",
        "track_id",
        Column::integer("milliseconds"),
        Column::text("composer"),
    )
    .with("name", "'Untitled'")
    .with("media_type_id", "1")
    .with("unit_price", "0.99")
}

const LIKE_IT: &str = "
    CREATE TABLE track (
        track_id INT NOT NULL,
        name VARCHAR(200) NOT NULL,
        album_id INT,
        media_type_id INT NOT NULL,
        genre_id INT,
        composer VARCHAR(220),
        milliseconds INT NOT NULL,
        bytes INT,
        unit_price NUMERIC(10,2) NOT NULL,
        CONSTRAINT track_pkey PRIMARY KEY (track_id)
    );
    CREATE INDEX track_album_id_idx ON track (album_id)";

const GENERATED: &str = "
    INSERT INTO track
    SELECT n, 'Track ' || n, 1 + n % 347, 1 + n % 5, 1 + n % 25, 'Composer ' || n % 800,
        1071 + (n::bigint * 7919) % 5285882, n * 7, 0.99
    FROM generate_series(1, ROWS) AS n";

/// Keys rise by 10,000 a copy; the dump's are below that.
const COPIES: &str = "
    INSERT INTO track
    SELECT t.track_id + 10000 * n, t.name, t.album_id, t.media_type_id, t.genre_id, t.composer, t.milliseconds, t.bytes,
        t.unit_price
    FROM generate_series(1, ROWS / (SELECT count(*)::int FROM track) + 1) AS n
    CROSS JOIN (SELECT * FROM track) AS t
    LIMIT ROWS - (SELECT count(*) FROM track)";

/// The traffic deletes rows and changes keys, so nothing may refer to them.
const ALONE: &str = "
    DO $$ DECLARE one record; BEGIN
        FOR one IN SELECT conrelid::regclass AS relation, conname FROM pg_constraint
            WHERE contype = 'f' AND (confrelid = 'track'::regclass OR conrelid = 'track'::regclass)
        LOOP
            EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', one.relation, one.conname);
        END LOOP;
    END $$";
