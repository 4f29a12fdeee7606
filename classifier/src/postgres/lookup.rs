//! Names and functions in what the database said.

use super::action::{Expression, Name, Volatility};
use crate::{Facts, facts};

/// The table by its name, along the search path where the name has no schema; with its name in the catalog.
pub(crate) fn table<'a>(facts: &'a Facts, name: &Name) -> Option<(&'a str, &'a facts::Table)> {
    let found = |schema: &str| {
        facts
            .tables
            .get_key_value(&format!("{schema}.{}", name.name))
            .map(|(key, table)| (key.as_str(), table))
    };
    match &name.schema {
        Some(schema) => found(schema),
        None => facts.search_path.iter().find_map(|schema| found(schema)),
    }
}

/// How often an expression must be evaluated; what the database does not know either stays unknown.
pub(crate) fn volatility(facts: Option<&Facts>, expression: &Expression) -> Volatility {
    let Some(facts) = facts.filter(|_| expression.volatility == Volatility::Unknown) else {
        return expression.volatility;
    };
    let of = |function: &Name| match facts.functions.get(&function.name) {
        Some('i') => Volatility::Constant,
        Some('s') => Volatility::Stable,
        Some(_) => Volatility::Volatile,
        None => Volatility::Unknown,
    };
    expression
        .unknown_functions
        .iter()
        .map(of)
        .max()
        .unwrap_or(Volatility::Unknown)
}
