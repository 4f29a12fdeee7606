//! The statements of a read, as text. Built from the plan's SQL and from quoted names; pure.

use std::ops::Range;

use engine::postgres::ident::{self, IdentError};
use engine::sqlite;
use ledger::plan::Fill;

/// Live rows, and those that are wrong.
pub(super) fn count(fill: &Fill, leaf: &str, range: &Range<u64>) -> String {
    format!(
        "/* sluice:verifier.count */ SELECT count(*), count(*) FILTER (WHERE {}) FROM {} WHERE {}",
        fill.wrong,
        fill.only(leaf),
        fill.within(range)
    )
}

/// Key, block, and per column what is found and what is expected, of wrong rows.
pub(super) fn wrong_rows(
    fill: &Fill,
    leaf: &str,
    range: &Range<u64>,
    limit: usize,
) -> Result<String, IdentError> {
    Ok(format!(
        "/* sluice:verifier.wrong_rows */ SELECT {}, {}, {} FROM {} WHERE {} AND ({}) LIMIT {limit}",
        fill.key,
        block(fill),
        detail(fill)?,
        fill.only(leaf),
        fill.within(range),
        fill.wrong
    ))
}

/// Place and key of every row of a block.
pub(super) fn rows_of_block(fill: &Fill, leaf: &str, block: u64) -> String {
    format!(
        "/* sluice:verifier.rows */ SELECT {}, {} FROM {} WHERE {}",
        place(fill),
        fill.key,
        fill.only(leaf),
        fill.within(&(block..block + 1))
    )
}

/// What is wrong with the row at a place; no row if nothing is.
pub(super) fn one_row(fill: &Fill, leaf: &str, place: &str) -> Result<String, IdentError> {
    let here = match &fill.row {
        None => format!("{}.ctid = {}::tid", fill.alias, ident::literal(place)),
        Some(row) => format!(
            "{}.{row} = CAST({} AS INTEGER)",
            fill.alias,
            ident::literal(place)
        ),
    };
    Ok(format!(
        "/* sluice:verifier.row */ SELECT {} FROM {} WHERE {here} AND ({})",
        detail(fill)?,
        fill.only(leaf),
        fill.wrong
    ))
}

/// Where a row is, as text.
fn place(fill: &Fill) -> String {
    match &fill.row {
        None => format!("{}.ctid::text", fill.alias),
        Some(row) => format!("CAST({}.{row} AS TEXT)", fill.alias),
    }
}

/// The block that a row is in.
fn block(fill: &Fill) -> String {
    match &fill.row {
        None => format!("({}.ctid::text::point)[0]::int8", fill.alias),
        Some(row) => format!(
            "max({}.{row}, 0) / {}",
            fill.alias,
            engine::relation::ROWIDS_A_BLOCK
        ),
    }
}

/// Is the row of this key wrong? `$1` is the key as `jsonb`; over the root, through the key's index. No row: it is gone.
pub(crate) fn by_key(fill: &Fill, key_columns: &[String]) -> Result<String, IdentError> {
    if fill.row.is_some() {
        return by_key_on_sqlite(fill, key_columns);
    }
    let root = ident::table(&fill.table)?;
    let matches = key_columns
        .iter()
        .map(|column| ident::quote(column).map(|c| format!("{}.{c} = sluice_key.{c}", fill.alias)))
        .collect::<Result<Vec<_>, _>>()?
        .join(" AND ");
    Ok(format!(
        "/* sluice:verifier.by_key */ SELECT ({}) FROM {root} AS {alias}, jsonb_populate_record(NULL::{root}, $1) AS sluice_key \
         WHERE {matches}",
        // Names in the expression that are not qualified would be ambiguous between the two: a subselect over one.
        format_args!(
            "SELECT {} FROM (SELECT {}.*) AS {}",
            fill.wrong, fill.alias, fill.alias
        ),
        alias = fill.alias
    ))
}

fn by_key_on_sqlite(fill: &Fill, key_columns: &[String]) -> Result<String, IdentError> {
    let root = sqlite::ident::table(&fill.table)?;
    let matches = key_columns
        .iter()
        .map(|column| {
            let path = ident::literal(&format!("$.{}", serde_json::Value::from(column.as_str())));
            sqlite::ident::quote(column).map(|c| format!("{}.{c} = json_extract($1, {path})", fill.alias))
        })
        .collect::<Result<Vec<_>, _>>()?
        .join(" AND ");
    Ok(format!(
        "/* sluice:verifier.by_key */ SELECT ({}) FROM {} WHERE {matches}",
        fill.wrong,
        fill.only(&root)
    ))
}

fn detail(fill: &Fill) -> Result<String, IdentError> {
    if fill.row.is_some() {
        return detail_on_sqlite(fill);
    }
    let columns = fill
        .columns
        .iter()
        .map(|c| {
            Ok(format!(
                "{}, jsonb_build_object('found', {}.{}::text, 'expected', CAST(({}) AS {})::text)",
                ident::literal(&c.column),
                fill.alias,
                ident::quote(&c.column)?,
                c.up,
                c.type_name
            ))
        })
        .collect::<Result<Vec<_>, IdentError>>()?;
    Ok(format!("jsonb_build_object({})", columns.join(", ")))
}

fn detail_on_sqlite(fill: &Fill) -> Result<String, IdentError> {
    let columns = fill
        .columns
        .iter()
        .map(|c| {
            Ok(format!(
                "{}, json_object('found', CAST({}.{} AS TEXT), 'expected', CAST(({}) AS TEXT))",
                ident::literal(&c.column),
                fill.alias,
                sqlite::ident::quote(&c.column)?,
                c.up
            ))
        })
        .collect::<Result<Vec<_>, IdentError>>()?;
    Ok(format!("json_object({})", columns.join(", ")))
}

#[cfg(test)]
mod tests {
    use engine::catalog::TableName;
    use ledger::plan::FilledColumn;

    use super::*;

    fn fill() -> Fill {
        Fill {
            id: 0,
            table: TableName {
                schema: "music".into(),
                name: "track".into(),
            },
            alias: "\"track\"".into(),
            row: None,
            set: "\"seconds\" = (milliseconds / 1000)".into(),
            wrong: "ROW(\"seconds\") *<> ROW(CAST((milliseconds / 1000) AS integer))".into(),
            unrelated: "false".into(),
            key: "jsonb_build_object('id', \"track\".\"id\")".into(),
            columns: vec![FilledColumn {
                column: "seconds".into(),
                type_name: "integer".into(),
                up: "milliseconds / 1000".into(),
            }],
        }
    }

    #[test]
    fn a_read_names_its_leaf_alone_and_its_range() {
        let text = count(&fill(), "\"music\".\"track_1\"", &(3..9));
        assert!(
            text.contains(
                "FROM ONLY \"music\".\"track_1\" AS \"track\" WHERE \"track\".ctid >= '(3,0)'::tid"
            ),
            "{text}"
        );
        let text = wrong_rows(&fill(), "\"music\".\"track_1\"", &(3..9), 100).unwrap();
        assert!(
            text.contains("'expected', CAST((milliseconds / 1000) AS integer)::text"),
            "{text}"
        );
        assert!(text.ends_with("LIMIT 100"), "{text}");
    }

    #[test]
    fn a_row_is_found_by_every_column_of_its_key() {
        let text = by_key(&fill(), &["id".into(), "Odd \"One\"".into()]).unwrap();
        let matches = "WHERE \"track\".\"id\" = sluice_key.\"id\" AND \"track\".\"Odd \"\"One\"\"\" = sluice_key.\"Odd \"\"One\"\"\"";
        assert!(text.ends_with(matches), "{text}");
    }
}
