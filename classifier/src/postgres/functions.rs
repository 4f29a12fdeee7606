//! How often a built-in function must be evaluated.
//!
//! The list is that of PostgreSQL 15's catalog (`pg_proc.provolatile`, the worst of all overloads), with what later versions added, what only
//! the grammar knows, and the functions of uuid-ossp and pgcrypto that serve as defaults. What is not in it may be anything.

use std::collections::HashMap;
use std::sync::LazyLock;

use squawk_syntax::SyntaxNode;

use super::action::{Name, Volatility};

static BUILT_IN: LazyLock<HashMap<&'static str, Volatility>> = LazyLock::new(|| {
    let mut all = HashMap::new();
    let mut volatility = Volatility::Volatile;
    for line in include_str!("functions.txt").lines() {
        match line {
            "# immutable" => volatility = Volatility::Constant,
            "# stable" => volatility = Volatility::Stable,
            "# volatile" => volatility = Volatility::Volatile,
            names => all.extend(names.split_whitespace().map(|name| (name, volatility))),
        }
    }
    all
});

/// A function by its name; one in a schema of its own is not a built-in one.
pub(super) fn volatility(function: &Name) -> Volatility {
    let built_in = function
        .schema
        .as_deref()
        .is_none_or(|schema| schema == "pg_catalog");
    if let Some(one) = by_keyword(&function.name).filter(|_| built_in) {
        return one;
    }
    let found = BUILT_IN.get(function.name.as_str()).filter(|_| built_in);
    found.copied().unwrap_or(Volatility::Unknown)
}

/// A function that is called without parentheses, if the name is one and is not quoted.
pub(super) fn keyword(name: &SyntaxNode) -> Option<Volatility> {
    let token = name.first_token()?;
    by_keyword(&token.text().to_ascii_lowercase())
}

fn by_keyword(word: &str) -> Option<Volatility> {
    matches!(
        word,
        "current_catalog"
            | "current_date"
            | "current_role"
            | "current_schema"
            | "current_time"
            | "current_timestamp"
            | "current_user"
            | "localtime"
            | "localtimestamp"
            | "session_user"
            | "system_user"
            | "user"
    )
    .then_some(Volatility::Stable)
}
