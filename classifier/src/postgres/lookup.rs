//! Functions in what the database said.

use super::action::{Expression, Name, Volatility};
use crate::Facts;

/// How often an expression must be evaluated; what the database does not know either stays unknown.
pub(crate) fn volatility(facts: Option<&Facts>, expression: &Expression) -> Volatility {
    if expression.volatility != Volatility::Unknown {
        return expression.volatility;
    }
    let of = |function| of_function(facts, function);
    let worst = expression.unknown_functions.iter().map(of).max();
    worst.unwrap_or(Volatility::Unknown)
}

/// The same of one function that is not built in.
pub(crate) fn of_function(facts: Option<&Facts>, function: &Name) -> Volatility {
    match facts.and_then(|facts| {
        facts
            .functions
            .get(&function.name)
            .or_else(|| facts.functions.get(&function.to_string()))
    }) {
        Some('i') => Volatility::Constant,
        Some('s') => Volatility::Stable,
        Some(_) => Volatility::Volatile,
        None => Volatility::Unknown,
    }
}
