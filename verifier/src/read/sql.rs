//! The statements of a read, as text. Built from the plan's SQL and from quoted names; pure.

use std::ops::Range;

use engine::postgres::ident::{self, IdentError};
use ledger::plan::Fill;

fn within(fill: &Fill, range: &Range<u64>) -> String {
    let alias = &fill.alias;
    format!(
        "{alias}.ctid >= '({},0)'::tid AND {alias}.ctid < '({},0)'::tid",
        range.start, range.end
    )
}

/// Live rows, and those that are wrong.
pub(super) fn count(fill: &Fill, leaf: &str, range: &Range<u64>) -> String {
    format!(
        "/* sluice:verifier.count */ SELECT count(*), count(*) FILTER (WHERE {}) FROM ONLY {leaf} AS {} WHERE {}",
        fill.wrong,
        fill.alias,
        within(fill, range)
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
        "/* sluice:verifier.wrong_rows */ SELECT {}, ({}.ctid::text::point)[0]::int8, {} FROM ONLY {leaf} AS {} \
         WHERE {} AND ({}) LIMIT {limit}",
        fill.key,
        fill.alias,
        detail(fill)?,
        fill.alias,
        within(fill, range),
        fill.wrong
    ))
}

/// Place and key of every row of a block.
pub(super) fn rows_of_block(fill: &Fill, leaf: &str, block: u64) -> String {
    format!(
        "/* sluice:verifier.rows */ SELECT {alias}.ctid::text, {} FROM ONLY {leaf} AS {alias} WHERE {}",
        fill.key,
        within(fill, &(block..block + 1)),
        alias = fill.alias
    )
}

/// What is wrong with the row at a place; no row if nothing is.
pub(super) fn one_row(fill: &Fill, leaf: &str, ctid: &str) -> Result<String, IdentError> {
    Ok(format!(
        "/* sluice:verifier.row */ SELECT {} FROM ONLY {leaf} AS {alias} WHERE {alias}.ctid = {}::tid AND ({})",
        detail(fill)?,
        ident::literal(ctid),
        fill.wrong,
        alias = fill.alias
    ))
}

/// Is the row of this key wrong? `$1` is the key as `jsonb`; over the root, through the key's index. No row: it is gone.
pub(crate) fn by_key(fill: &Fill, key_columns: &[String]) -> Result<String, IdentError> {
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

fn detail(fill: &Fill) -> Result<String, IdentError> {
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
