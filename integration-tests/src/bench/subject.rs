//! The two tables, the change, and the statements around it.

use crate::database::{Database, Role, Template};

use super::ground::{Ground, REPLAYS};
use super::order::Kind;

/// What the change adds.
pub(super) const COLUMN: &str = "email_lower";
/// How it is computed.
pub(super) const UP: &str = "lower(email)";
/// True for a row that is not as it should be.
pub(super) const WRONG: &str = "email_lower IS DISTINCT FROM lower(email)";

impl Kind {
    pub(super) fn table(self) -> &'static str {
        match self {
            Self::Seq => "users_seq",
            Self::Uuid => "users_uuid",
        }
    }

    /// The key's type.
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::Seq => "bigint",
            Self::Uuid => "uuid",
        }
    }

    /// Below every key.
    pub(super) fn lowest(self) -> &'static str {
        match self {
            Self::Seq => "0",
            Self::Uuid => "00000000-0000-0000-0000-000000000000",
        }
    }

    /// The key of the row with a number from 1 on, so that a writer draws rows and keeps no keys.
    pub(super) fn key_of(self, number: &str) -> String {
        match self {
            Self::Seq => format!("{number}::bigint"),
            Self::Uuid => format!("md5({number}::bigint::text)::uuid"),
        }
    }

    fn make(self, rows: u64) -> String {
        let (table, key_type, key) = (self.table(), self.key(), self.key_of("i"));
        format!(
            "CREATE TABLE {table} (
                 id {key_type} PRIMARY KEY,
                 created timestamptz NOT NULL,
                 visits integer NOT NULL,
                 email text NOT NULL,
                 about text NOT NULL);
             INSERT INTO {table}
             SELECT {key}, timestamptz '2024-01-01' + i * interval '1 second', 0,
                 'User.' || i || '@Example.org', md5(i::text) || md5((-i)::text)
             FROM generate_series(1, {rows}) AS i;"
        )
    }
}

/// One table of so many rows in a database of its own, as it was before anything was done to it.
#[derive(Debug)]
pub(super) struct Subject<'g> {
    pub(super) kind: Kind,
    pub(super) rows: u64,
    pub(super) database: Database<'g>,
    template: Template,
    ground: &'g Ground,
}

impl<'g> Subject<'g> {
    /// Makes it; frozen and analyzed, so that no run pays for what another one did not.
    pub(super) async fn make(ground: &'g Ground, kind: Kind, rows: u64) -> anyhow::Result<Self> {
        let database = Database::new(&ground.server).await?;
        database.execute_as(Role::Owner, &kind.make(rows)).await?;
        database
            .execute_as(Role::Owner, &format!("VACUUM (FREEZE, ANALYZE) {}", kind.table()))
            .await?;
        database.grant_data_privileges(&[kind.table()]).await?;
        let template = database.keep().await?;
        Ok(Self {
            kind,
            rows,
            database,
            template,
            ground,
        })
    }

    /// The same bytes again, on disk, and on the replica too.
    pub(super) async fn restore(&self) -> anyhow::Result<()> {
        self.database.restore(&self.template).await?;
        let mut conn = self.ground.server.superuser("postgres").await?;
        engine::sql::execute_script(&mut conn, "CHECKPOINT").await?;
        self.ground
            .replica
            .caught_up_within(&self.ground.server, REPLAYS)
            .await
    }

    /// Bytes of the table, without its indexes.
    pub(super) async fn heap(&self) -> anyhow::Result<i64> {
        let size = format!("SELECT pg_relation_size('{}')", self.kind.table());
        self.database.value(Role::Owner, &size).await
    }

    /// Adds the column as whoever fills it by hand does.
    pub(super) async fn add_column(&self) -> anyhow::Result<()> {
        let add = format!("ALTER TABLE {} ADD COLUMN {COLUMN} text", self.kind.table());
        self.database.execute_as(Role::Owner, &add).await.map(drop)
    }

    /// Whether rows are gone or have come, in words.
    pub(super) async fn missing(&self) -> anyhow::Result<Option<String>> {
        let count = format!("SELECT count(*) FROM {}", self.kind.table());
        let rows: i64 = self.database.value(Role::Owner, &count).await?;
        let fault = || format!("{rows} rows at the end, {} at the start", self.rows);
        Ok((rows.cast_unsigned() != self.rows).then(fault))
    }

    /// What is wrong with the table after a fill, if something is.
    pub(super) async fn fault(&self) -> anyhow::Result<Option<String>> {
        if let Some(fault) = self.missing().await? {
            return Ok(Some(fault));
        }
        let wrong = format!("SELECT count(*) FROM {} WHERE {WRONG}", self.kind.table());
        let wrong: i64 = self.database.value(Role::Owner, &wrong).await?;
        Ok((wrong > 0).then(|| format!("{wrong} of {} rows are wrong", self.rows)))
    }
}

/// How hard a job may push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pace {
    /// So many chunks at a time, and nothing holds it back.
    Full { parallel: u16 },
    /// What a spec gets that says nothing.
    Default,
}

/// The job's name.
pub(super) const NAME: &str = "bench";

/// The spec: `down` too, so that the triggers mirror both ways and cost what they cost at most.
pub(super) fn spec(kind: Kind, pace: Pace) -> String {
    let table = kind.table();
    let change = format!(
        "name = \"{NAME}\"\n\n[[change]]\nkind = \"add_column\"\ntable = \"{table}\"\ncolumn = \"{COLUMN}\"\ntype = \"text\"\n\
         up = \"{UP}\"\ndown = \"{COLUMN}\"\n"
    );
    match pace {
        Pace::Full { parallel } => {
            format!(
                "{change}\n[backfill]\nmax_parallel = {parallel}\n\n[throttle]\nmax_replica_lag = \"1d\"\n"
            )
        }
        Pace::Default => change,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spec_is_one_that_sluice_takes() {
        for kind in [Kind::Seq, Kind::Uuid] {
            for pace in [Pace::Full { parallel: 4 }, Pace::Default] {
                let text = spec(kind, pace);
                assert!(
                    planner::spec::Spec::from_toml(&text, "spec.toml").is_ok(),
                    "{text}"
                );
            }
        }
    }

    #[test]
    fn a_key_is_computed_from_the_number_of_its_row() {
        assert_eq!(Kind::Seq.key_of("$1"), "$1::bigint");
        assert!(Kind::Uuid.make(7).contains("md5(i::bigint::text)::uuid"));
        assert_eq!(Kind::Uuid.key_of("$1"), "md5($1::bigint::text)::uuid");
    }
}
