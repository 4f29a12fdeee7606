//! Which version of its row in the catalog each of our triggers has.
//!
//! Disabling a trigger, enabling it again, or making it anew writes that row; nothing that an application does every day writes it. So two
//! equal versions say that it was in place all the time between, and not only at both looks.

use std::collections::BTreeMap;

use sqlx::postgres::PgConnection;

use crate::postgres::error::Error;
use crate::sql;

const VERSIONS: &str = "/* sluice:triggers.versions */ \
    SELECT tgrelid::pg_catalog.int8, tgname::pg_catalog.text, tgrelid::pg_catalog.regclass::pg_catalog.text, xmin::pg_catalog.text \
    FROM pg_catalog.pg_trigger WHERE tgname = ANY ($1)";

/// A moment's versions, table by table: partitions have triggers of their own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Versions(BTreeMap<(i64, String), (String, String)>);

impl Versions {
    /// These, and those of triggers that have come since.
    #[must_use]
    pub fn with_new(mut self, now: Self) -> Self {
        for (key, version) in now.0 {
            self.0.entry(key).or_insert(version);
        }
        self
    }

    /// The first trigger that is there now as it was then, in another version: its name and its table. One that is gone, or new with a
    /// partition, is somebody else's question.
    #[must_use]
    pub fn changed_since(&self, before: &Self) -> Option<String> {
        let changed = self
            .0
            .iter()
            .find(|(key, (_, version))| before.0.get(*key).is_some_and(|(_, earlier)| earlier != version));
        changed.map(|((_, trigger), (table, _))| format!("{trigger} of {table}"))
    }
}

/// The versions of triggers of these names, on every table that has one (owner role).
///
/// # Errors
/// What the server said.
pub async fn versions(conn: &mut PgConnection, names: &[String]) -> Result<Versions, Error> {
    let rows: Vec<(i64, String, String, String)> = sql::query_as(VERSIONS)
        .bind(names)
        .fetch_all(conn)
        .await
        .map_err(Error::query("read the versions of our triggers"))?;
    let versions = rows
        .into_iter()
        .map(|(table, trigger, shown, version)| ((table, trigger), (shown, version)));
    Ok(Versions(versions.collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(rows: &[(i64, &str)]) -> Versions {
        let row = |(table, version): &(i64, &str)| {
            let key = (*table, "sluice_1".to_owned());
            (key, (format!("t{table}"), (*version).to_owned()))
        };
        Versions(rows.iter().map(row).collect())
    }

    #[test]
    fn another_version_is_a_change_and_another_partition_is_none() {
        let before = of(&[(1, "700"), (2, "700"), (3, "700")]);
        assert_eq!(before.changed_since(&before), None);
        assert_eq!(
            of(&[(1, "700"), (3, "700"), (4, "900")]).changed_since(&before),
            None
        );
        let changed = of(&[(1, "700"), (2, "901")]).changed_since(&before);
        assert_eq!(changed.as_deref(), Some("sluice_1 of t2"));
        let later = before.with_new(of(&[(1, "999"), (4, "900")]));
        assert_eq!(of(&[(1, "700"), (4, "900")]).changed_since(&later), None);
        let changed = of(&[(4, "901")]).changed_since(&later);
        assert_eq!(changed.as_deref(), Some("sluice_1 of t4"));
    }
}
