//! From a name as a spec has it (`track`, `music.track`, `"Odd Name"`) to the table it means.
//!
//! The server's own rules apply: unquoted names fold to lower case, unqualified ones are searched for along the
//! search path. Who mistyped is told what was probably meant.

use sqlx::Connection as _;
use sqlx::postgres::PgConnection;

use crate::catalog::TableName;
use crate::postgres::error::{Class, Error, classify, sqlstate};
use crate::postgres::ident;
use crate::sql;

/// Why a name is not a table that Sluice can change.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    /// Not a name at all.
    #[error(
        "{found:?} is not a table name; write table, schema.table, or \"Quoted Name\" for anything but lower-case letters, digits and _"
    )]
    NotAName {
        /// What was given.
        found: String,
    },
    /// More than `schema.table`.
    #[error("{found:?} has {parts} parts; write table or schema.table, the database is chosen by the target")]
    TooManyParts {
        /// What was given.
        found: String,
        /// How many.
        parts: usize,
    },
    /// Nothing of that name.
    #[error("there is no table {found:?}{}", or_similar(similar, search_path))]
    NotFound {
        /// What was given.
        found: String,
        /// Existing tables with a similar name, nearest first, as they would have to be written.
        similar: Vec<String>,
        /// The schemas that were searched.
        search_path: Vec<String>,
    },
    /// An index, a sequence or the like.
    #[error("{found:?} is not a table but {kind}")]
    NotATable {
        /// What was given.
        found: String,
        /// What it is: "a sequence".
        kind: &'static str,
    },
    /// The question could not be asked.
    #[error("could not look the table up")]
    Database(#[source] Error),
}

fn or_similar(similar: &[String], search_path: &[String]) -> String {
    if similar.is_empty() {
        format!(
            " (searched: {}); check the name, or qualify it with its schema",
            search_path.join(", ")
        )
    } else {
        format!("; did you mean {}?", similar.join(" or "))
    }
}

/// The table that `text` means in this session.
///
/// # Errors
/// [`ResolveError`], worded for the author of a spec.
pub async fn resolve(conn: &mut PgConnection, text: &str) -> Result<TableName, ResolveError> {
    // A transaction, because the route may be pooled; within one of the caller's a savepoint, because a name that the
    // server refuses must not end it.
    let failed = |e| ResolveError::Database(Error::query(format!("look for table {text:?}"))(e));
    let mut tx = conn.begin().await.map_err(failed)?;
    let resolved = look(&mut tx, text).await;
    tx.rollback().await.map_err(failed)?;
    resolved
}

async fn look(conn: &mut PgConnection, text: &str) -> Result<TableName, ResolveError> {
    let parts = parts(&mut *conn, text).await?;
    // Quoted again, the name goes through the server's own search, without its folding a second time.
    let quoted: Result<Vec<_>, _> = parts.iter().map(|p| ident::quote(p)).collect();
    let quoted = quoted
        .map_err(|_| ResolveError::NotAName {
            found: text.to_owned(),
        })?
        .join(".");
    const SQL: &str = "/* sluice:engine.resolve */ \
        SELECT n.nspname::text, c.relname::text, c.relkind::text \
        FROM pg_catalog.pg_class AS c \
        JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace \
        WHERE c.oid = to_regclass($1)";
    let failed = |e| ResolveError::Database(Error::query(format!("look for table {text:?}"))(e));
    let mut savepoint = conn.begin().await.map_err(failed)?;
    let asked: Result<Option<(String, String, String)>, _> = sql::query_as(SQL)
        .bind(quoted)
        .fetch_optional(&mut *savepoint)
        .await;
    savepoint.rollback().await.map_err(failed)?;
    let found = match asked {
        Ok(Some(found)) => Some(found),
        Ok(None) => hidden(conn, &parts).await.map_err(failed)?,
        Err(e) if classify(&e) == Class::Permission => hidden(conn, &parts).await.map_err(failed)?,
        Err(e) => return Err(failed(e)),
    };
    let Some((schema, name, kind)) = found else {
        return Err(not_found(conn, text, &parts).await?);
    };
    match not_a_table(&kind) {
        Some(kind) => Err(ResolveError::NotATable {
            found: text.to_owned(),
            kind,
        }),
        None => Ok(TableName { schema, name }),
    }
}

/// A table in a schema that this role may not use, which the server's own search passes over. It is what the name
/// means all the same: whoever goes on is told which privilege is missing, instead of that there is no such table.
async fn hidden(
    conn: &mut PgConnection,
    parts: &[String],
) -> Result<Option<(String, String, String)>, sqlx::Error> {
    const SQL: &str = "/* sluice:engine.resolve_hidden */ \
        WITH searched AS ( \
            SELECT place, CASE btrim(item) WHEN '\"$user\"' THEN current_user ELSE btrim(item, ' \"') END AS schema \
            FROM unnest(CASE WHEN $1::text IS NOT NULL THEN ARRAY[$1::text] ELSE string_to_array(current_setting('search_path'), ',') END) \
                WITH ORDINALITY AS path (item, place) \
        ) \
        SELECT n.nspname::text, c.relname::text, c.relkind::text \
        FROM searched AS s \
        JOIN pg_catalog.pg_namespace AS n ON n.nspname = s.schema \
        JOIN pg_catalog.pg_class AS c ON c.relnamespace = n.oid AND c.relname = $2 \
        WHERE NOT has_schema_privilege(n.oid, 'USAGE') \
        ORDER BY s.place LIMIT 1";
    let (schema, name) = match parts {
        [name] => (None, name),
        [schema, name] => (Some(schema), name),
        _ => return Ok(None),
    };
    sql::query_as(SQL)
        .bind(schema)
        .bind(name)
        .fetch_optional(conn)
        .await
}

/// What a `pg_class.relkind` is if it is nothing like a table. Views and foreign tables pass: the planner refuses them in its own words.
fn not_a_table(kind: &str) -> Option<&'static str> {
    match kind {
        "i" | "I" => Some("an index"),
        "S" => Some("a sequence"),
        "c" => Some("a composite type"),
        "t" => Some("the storage of another table"),
        _ => None,
    }
}

async fn parts(conn: &mut PgConnection, text: &str) -> Result<Vec<String>, ResolveError> {
    const SQL: &str = "/* sluice:engine.parse_ident */ SELECT parse_ident($1)";
    let parsed: Result<Vec<String>, _> = sql::scalar(SQL).bind(text).fetch_one(conn).await;
    match parsed {
        Ok(parts) if parts.len() > 2 => Err(ResolveError::TooManyParts {
            found: text.to_owned(),
            parts: parts.len(),
        }),
        Ok(parts) => Ok(parts),
        // 22: not an identifier, or a character that this database cannot hold.
        Err(e) if sqlstate(&e).is_some_and(|code| code.starts_with("22")) => Err(ResolveError::NotAName {
            found: text.to_owned(),
        }),
        Err(e) => Err(ResolveError::Database(Error::query(format!(
            "read the name {text:?}"
        ))(e))),
    }
}

async fn not_found(
    conn: &mut PgConnection,
    text: &str,
    parts: &[String],
) -> Result<ResolveError, ResolveError> {
    let failed = |e| ResolveError::Database(Error::query("list the tables")(e));
    let names: Vec<String> = sql::scalar(include_str!("names.sql"))
        .fetch_all(&mut *conn)
        .await
        .map_err(failed)?;
    const PATH: &str = "/* sluice:engine.search_path */ SELECT current_schemas(false)::text[]";
    let search_path: Vec<String> = sql::scalar(PATH).fetch_one(conn).await.map_err(failed)?;
    Ok(ResolveError::NotFound {
        found: text.to_owned(),
        similar: nearest(&parts.join("."), &names),
        search_path,
    })
}

/// The three candidates (as `schema.table`, quoted where needed) nearest to `wanted`, none that differs in more than a
/// third of its letters. A right table in a wrong schema is near.
pub(crate) fn nearest(wanted: &str, candidates: &[String]) -> Vec<String> {
    let wanted = wanted.to_lowercase();
    let last = |name: &str| name.rsplit('.').next().unwrap_or_default().to_owned();
    let length = last(&wanted).chars().count();
    let mut near: Vec<(usize, &String)> = candidates
        .iter()
        .filter_map(|candidate| {
            let plain = candidate.replace('"', "").to_lowercase();
            let distance = edit_distance(&wanted, &plain).min(edit_distance(&last(&wanted), &last(&plain)));
            (distance < length && distance <= length.div_ceil(3)).then_some((distance, candidate))
        })
        .collect();
    near.sort();
    near.into_iter().take(3).map(|(_, name)| name.clone()).collect()
}

/// Levenshtein's distance: single characters inserted, removed or replaced.
fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, cb) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(ca != *cb);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistyped_table_is_told_what_was_probably_meant() {
        let tables = [
            "music.track",
            "music.playlist_track",
            "public.\"Tracks\"",
            "music.artist",
        ]
        .map(str::to_owned);
        for (wanted, expected) in [
            ("trak", vec!["music.track", "public.\"Tracks\""]),
            ("music.trcak", vec!["music.track"]),
            ("tracks", vec!["public.\"Tracks\"", "music.track"]),
            ("invoice", vec![]),
        ] {
            assert_eq!(nearest(wanted, &tables), expected, "{wanted}");
        }
    }

    #[test]
    fn the_message_says_where_was_searched_when_nothing_is_near() {
        let error = ResolveError::NotFound {
            found: "invoice".into(),
            similar: vec![],
            search_path: vec!["music".into(), "public".into()],
        };
        assert_eq!(
            error.to_string(),
            "there is no table \"invoice\" (searched: music, public); check the name, or qualify it with its schema"
        );
    }
}
