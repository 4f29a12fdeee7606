//! Options of a table, and the clauses that stand alone: what is only a definition, and what writes every row anew.

use super::super::action::Clause;
use crate::tokens::{Cursor, Kind};

/// Options that only the definition knows.
const DEFINITION: &[&str] = &[
    "COMMENT",
    "AUTO_INCREMENT",
    "STATS_PERSISTENT",
    "STATS_AUTO_RECALC",
    "STATS_SAMPLE_PAGES",
    "AVG_ROW_LENGTH",
    "CHECKSUM",
    "DELAY_KEY_WRITE",
    "MAX_ROWS",
    "MIN_ROWS",
    "PASSWORD",
    "CONNECTION",
    "INSERT_METHOD",
    "SECONDARY_ENGINE",
    "ENGINE_ATTRIBUTE",
    "SECONDARY_ENGINE_ATTRIBUTE",
];

/// Options with which every row is written anew.
const REBUILD: &[&str] = &[
    "ROW_FORMAT",
    "KEY_BLOCK_SIZE",
    "ENCRYPTION",
    "COMPRESSION",
    "PACK_KEYS",
    "PAGE_COMPRESSED",
    "PAGE_COMPRESSION_LEVEL",
    "ENCRYPTED",
    "ENCRYPTION_KEY_ID",
    "PAGE_CHECKSUM",
    "TRANSACTIONAL",
];

/// One clause.
pub(crate) fn clause(cursor: &mut Cursor<'_>) -> Option<Clause> {
    if cursor.eat("FORCE") {
        return Some(Clause::Rebuild { engine: None });
    }
    if cursor.eat_all(&["DISABLE", "KEYS"]) || cursor.eat_all(&["ENABLE", "KEYS"]) {
        return Some(Clause::Keys);
    }
    if cursor.eat_all(&["DISCARD", "TABLESPACE"]) {
        return Some(Clause::Tablespace { discards: true });
    }
    if cursor.eat_all(&["IMPORT", "TABLESPACE"]) {
        return Some(Clause::Tablespace { discards: false });
    }
    if cursor.eat_all(&["CONVERT", "TO"]) {
        charset_word(cursor)?;
        cursor.next()?;
        let _collation = cursor.eat("COLLATE") && cursor.next().is_some();
        return Some(Clause::Convert);
    }
    if cursor.eat("ENGINE") {
        let engine = option_value(cursor)?;
        let other = !engine.eq_ignore_ascii_case("innodb");
        return Some(Clause::Rebuild {
            engine: other.then_some(engine),
        });
    }
    if cursor.eat("TABLESPACE") {
        option_value(cursor)?;
        return Some(Clause::Rebuild { engine: None });
    }
    default_charset(cursor).or_else(|| listed(cursor))
}

fn charset_word(cursor: &mut Cursor<'_>) -> Option<()> {
    (cursor.eat_all(&["CHARACTER", "SET"]) || cursor.eat("CHARSET")).then_some(())
}

/// `DEFAULT CHARACTER SET = x COLLATE y`: the columns keep theirs.
fn default_charset(cursor: &mut Cursor<'_>) -> Option<Clause> {
    let mut ahead = cursor.clone();
    let _default = ahead.eat("DEFAULT");
    if charset_word(&mut ahead).is_none() && !ahead.eat("COLLATE") {
        return None;
    }
    option_value(&mut ahead)?;
    *cursor = ahead;
    Some(Clause::Option("DEFAULT CHARACTER SET".to_owned()))
}

fn listed(cursor: &mut Cursor<'_>) -> Option<Clause> {
    if let Some(option) = cursor.eat_any(DEFINITION) {
        option_value(cursor)?;
        return Some(Clause::Option(option.to_owned()));
    }
    cursor.eat_any(REBUILD)?;
    option_value(cursor)?;
    Some(Clause::Rebuild { engine: None })
}

/// `= value` or `value`.
fn option_value(cursor: &mut Cursor<'_>) -> Option<String> {
    let _equals = cursor.eat("=");
    let token = cursor.next()?;
    match token.kind {
        Kind::Symbol => None,
        Kind::Word | Kind::Number => Some(token.text.to_owned()),
        Kind::Quoted | Kind::Text => Some(token.text.trim_matches(['\'', '"', '`']).to_owned()),
    }
}
