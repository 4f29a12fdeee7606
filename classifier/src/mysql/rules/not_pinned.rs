//! SL2605: what is promised here can be a copy on another server, and nothing would say so.

use super::{Rule, Seen};
use crate::mysql::Flavor;
use crate::mysql::action::{Algorithm, Alter, LockClause};
use crate::mysql::online::Online;
use crate::{Code, Finding, Page, Risk};

const PAGE: Page = Page {
    code: Code(2605),
    title: "Nothing makes the server refuse a copy",
    risk: Risk::Low,
    why: "The server takes the cheapest way that the table allows, and a compressed row format, a FULLTEXT index, many earlier INSTANT \
          changes or an older version turn that into a copy without a word. With ALGORITHM and LOCK written it refuses instead.",
    example: "SET SESSION lock_wait_timeout = 5;\nALTER TABLE orders ADD COLUMN note text;",
    safer: "SET SESSION lock_wait_timeout = 5;\nALTER TABLE orders ADD COLUMN note text, ALGORITHM=INSTANT;",
    needs_facts: false,
};

pub(super) const RULE: Rule = Rule { page: PAGE, judge };

fn judge(seen: &Seen<'_>) -> Option<Finding> {
    let (alter, online) = seen.carried_out()?;
    let pinned = alter.algorithm.is_some() || alter.lock.is_some();
    if pinned || online.lock != LockClause::None || alter.clauses.is_empty() {
        return None;
    }
    let clauses = clauses(alter, online, seen.flavor);
    let message = format!(
        "is {} on {}, but nothing makes the server refuse when the table allows only a copy",
        online.algorithm.as_str(),
        alter.table
    );
    Some(
        PAGE.found(message)
            .instead(format!("{}{clauses};", seen.statement)),
    )
}

/// MySQL takes no LOCK beside INSTANT; index statements take no comma.
fn clauses(alter: &Alter, online: Online, flavor: Flavor) -> String {
    let algorithm = match (alter.index_statement, online.algorithm) {
        // `CREATE INDEX` and `DROP INDEX` know only these.
        (true, Algorithm::Instant | Algorithm::NoCopy) => Algorithm::Inplace,
        (_, algorithm) => algorithm,
    };
    let separator = if alter.index_statement { " " } else { ", " };
    let lock = match (algorithm, flavor) {
        (Algorithm::Instant, Flavor::MySql) => String::new(),
        _ => format!("{separator}LOCK=NONE"),
    };
    format!("{separator}ALGORITHM={}{lock}", algorithm.as_str())
}
