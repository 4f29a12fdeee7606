//! From a table's name in a spec to a table of the catalog, by SQL's own rules.

use engine::catalog::{Catalog, EngineKind, Table, TableName};

use engine::sqlite::ident::MAIN;

use super::lexer::{Kind, significant};
use super::{dialect, sqlite};
use crate::spec::nearest;

/// `track`, `music.track`, `"Odd Name"`: names without quotes fold to lower case. None if it is not a name.
pub(crate) fn parts(text: &str) -> Option<(Option<String>, String)> {
    let words = significant(text);
    let name = |at: usize| match words[at].kind {
        Kind::Word | Kind::Quoted => words[at].name(),
        Kind::Space | Kind::Text | Kind::Number | Kind::Symbol => None,
    };
    match words.len() {
        1 => Some((None, name(0)?)),
        3 if words[1].is(".") => Some((Some(name(0)?), name(2)?)),
        _ => None,
    }
}

/// The table, or a sentence that says what was looked for and what is similar.
pub(crate) fn table_of<'a>(catalog: &'a Catalog, text: &str) -> Result<&'a Table, String> {
    let parts = match catalog.engine {
        EngineKind::Postgresql => parts(text),
        EngineKind::Sqlite => sqlite::words::parts(text),
    };
    let Some((schema, name)) = parts else {
        return Err(format!(
            "{text:?} is not a table's name; write `table` or `schema.table`, odd names in double quotes"
        ));
    };
    let schemas: Vec<&str> = match &schema {
        Some(schema) => vec![schema],
        None => searched(catalog),
    };
    let is_same = |one: &str, other: &str| dialect::is_same(catalog.engine, one, other);
    let found = schemas.into_iter().find_map(|schema| {
        let mut tables = catalog.tables.iter();
        tables.find(|t| is_same(&t.name.schema, schema) && is_same(&t.name.name, &name))
    });
    found.ok_or_else(|| {
        let similar = nearest(&name, catalog.tables.iter().map(|t| t.name.name.as_str()))
            .map_or_else(String::new, |similar| format!("; did you mean `{similar}`?"));
        format!(
            "there is no table {text:?} in this catalog (database `{}`){similar}",
            catalog.database
        )
    })
}

/// The schemas in which a name without one is looked for, in order. A file of SQLite has one.
fn searched(catalog: &Catalog) -> Vec<&str> {
    match catalog.engine {
        EngineKind::Postgresql => catalog.search_path.iter().map(String::as_str).collect(),
        EngineKind::Sqlite => vec![MAIN],
    }
}

/// For messages: `track`, or `music.track` where the schema is not the first one searched.
pub(crate) fn shown(catalog: &Catalog, table: &TableName) -> String {
    if searched(catalog).first() == Some(&table.schema.as_str()) {
        table.name.clone()
    } else {
        format!("{}.{}", table.schema, table.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_s_name_is_read_as_sql_reads_it() {
        let check = |text: &str, expected: Option<(Option<&str>, &str)>| {
            let expected = expected.map(|(schema, name)| (schema.map(str::to_owned), name.to_owned()));
            assert_eq!(parts(text), expected, "{text}");
        };
        check("Track", Some((None, "track")));
        check("Music.\"Odd.\"\"Name\"", Some((Some("music"), "Odd.\"Name")));
        check("a.b.c", None);
        check("a b", None);
        check("'a'", None);
        check("", None);
    }
}
