//! Queries of MySQL, MariaDB and SQLite: read whole by `sqlparser`, judged by few of their words.
//!
//! Which table, whether it has a WHERE, what it sets: words outside of parentheses say that. That the rest is a query at all is
//! the parser's to say, so that nothing is called harmless for the words that it begins with.

use sqlparser::dialect::Dialect;
use sqlparser::parser::Parser;

use crate::tokens::{Cursor, Fault, Kind, Name, Token, line_of, list};

/// What a query does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Query {
    Insert {
        table: Name,
        /// From a SELECT that reads a table.
        selects: bool,
    },
    Update {
        table: Name,
        /// Neither WHERE nor LIMIT, and no other table joined.
        whole: bool,
        /// `column = expression`, as written.
        set: Vec<(String, String)>,
    },
    Delete {
        table: Name,
        whole: bool,
    },
    /// MySQL: LOAD DATA.
    Load(Name),
    Select {
        locking: bool,
    },
}

/// Why a statement was not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unread {
    /// Line in the statement, from 1.
    pub(crate) line: usize,
    /// What stands there.
    pub(crate) what: String,
}

impl Unread {
    pub(crate) fn fault(sql: &str, fault: Fault) -> Self {
        Self {
            line: line_of(sql, fault.at),
            what: fault.what.to_owned(),
        }
    }

    pub(crate) fn token(sql: &str, token: Option<&Token<'_>>) -> Self {
        let what = match token {
            Some(token) => format!("not known here: {}", shortened(token.text)),
            None => "the statement ends too early".to_owned(),
        };
        let at = token.map_or(sql.trim_end().len(), |token| token.start);
        Self {
            line: line_of(sql, at),
            what,
        }
    }
}

/// A token could be a string of megabytes.
fn shortened(text: &str) -> String {
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{} ...", &text[..end]),
        None => text.to_owned(),
    }
}

const VERBS: &[&str] = &[
    "SELECT", "INSERT", "REPLACE", "UPDATE", "DELETE", "LOAD", "WITH", "VALUES", "TABLE",
];

/// It begins as a query does.
pub(crate) fn is_query(tokens: &[Token<'_>]) -> bool {
    let first = tokens.iter().find(|token| !token.is("("));
    first.is_some_and(|first| VERBS.iter().any(|verb| first.is(verb)))
}

/// Chains of operators become trees as deep as they are long, and to drop such a tree takes a stack as deep; longer ones are not given to
/// the parser.
const MOST_OPERATORS: usize = 2_000;

/// A query, whole. One that is too long for the parser is judged by its words alone.
pub(crate) fn read<'a>(
    sql: &'a str,
    tokens: &'a [Token<'a>],
    dialect: &dyn Dialect,
) -> Result<Query, Unread> {
    let load = tokens.first().is_some_and(|first| first.is("LOAD"));
    if !load && operators(tokens) <= MOST_OPERATORS {
        parsed(sql, dialect)?;
    }
    let verb = verb(tokens).ok_or_else(|| Unread::token(sql, tokens.last()))?;
    let mut cursor = Cursor::new(sql, &tokens[verb..]);
    action(&mut cursor).ok_or_else(|| Unread::token(sql, cursor.peek()))
}

/// Everything that is neither a value, a name nor a comma.
fn operators(tokens: &[Token<'_>]) -> usize {
    let words = [
        "AND",
        "OR",
        "XOR",
        "NOT",
        "IS",
        "IN",
        "LIKE",
        "BETWEEN",
        "UNION",
        "EXCEPT",
        "INTERSECT",
        "COLLATE",
        "DIV",
        "MOD",
        "RLIKE",
        "REGEXP",
        "GLOB",
        "MATCH",
    ];
    let operator = |token: &&Token<'_>| match token.kind {
        Kind::Symbol => !token.is(",") && !token.is("("),
        Kind::Word => words.iter().any(|word| token.is(word)),
        Kind::Quoted | Kind::Text | Kind::Number => false,
    };
    // Rows of values close as many parentheses as they have rows; only what stands between is a chain.
    tokens
        .iter()
        .filter(operator)
        .filter(|token| !token.is(")"))
        .count()
}

fn parsed(sql: &str, dialect: &dyn Dialect) -> Result<(), Unread> {
    match Parser::parse_sql(dialect, sql) {
        Ok(statements) if statements.len() == 1 => Ok(()),
        Ok(_) => Err(Unread {
            line: 1,
            what: "more than one statement".to_owned(),
        }),
        Err(error) => Err(unread(sql, &error.to_string())),
    }
}

/// The parser's message ends in ` at Line: 1, Column: 8`.
fn unread(sql: &str, message: &str) -> Unread {
    let message = message.strip_prefix("sql parser error: ").unwrap_or(message);
    let (what, place) = message.split_once(" at Line: ").unwrap_or((message, ""));
    let line = place.split(',').next().and_then(|line| line.trim().parse().ok());
    let what: String = what.chars().take(120).collect();
    Unread {
        line: line.unwrap_or_else(|| line_of(sql, sql.trim_end().len())),
        what,
    }
}

/// Where the verb is: the first one outside of parentheses, behind a WITH.
fn verb(tokens: &[Token<'_>]) -> Option<usize> {
    let mut depth = 0_usize;
    let opened = tokens.iter().take_while(|token| token.is("(")).count();
    if opened > 0 {
        return Some(opened);
    }
    let with = tokens.first().is_some_and(|first| first.is("WITH"));
    tokens.iter().position(|token| {
        depth += usize::from(token.is("("));
        depth = depth.saturating_sub(usize::from(token.is(")")));
        depth == 0 && VERBS.iter().any(|verb| token.is(verb)) && !(with && token.is("WITH"))
    })
}

fn action(cursor: &mut Cursor<'_>) -> Option<Query> {
    if cursor.eat_any(&["INSERT", "REPLACE"]).is_some() {
        modifiers(cursor, &["LOW_PRIORITY", "DELAYED", "HIGH_PRIORITY", "IGNORE"]);
        let _into = cursor.eat("INTO");
        let table = cursor.name()?;
        return Some(Query::Insert {
            table,
            selects: selects(cursor.rest()),
        });
    }
    if cursor.eat("UPDATE") {
        modifiers(cursor, &["LOW_PRIORITY", "IGNORE"]);
        return update(cursor);
    }
    if cursor.eat("DELETE") {
        modifiers(cursor, &["LOW_PRIORITY", "QUICK", "IGNORE"]);
        return delete(cursor);
    }
    if cursor.eat("LOAD") {
        while !cursor.eat_all(&["INTO", "TABLE"]) {
            cursor.next()?;
        }
        return cursor.name().map(Query::Load);
    }
    let locking = cursor
        .rest()
        .windows(2)
        .any(|pair| pair[0].is("FOR") && (pair[1].is("UPDATE") || pair[1].is("SHARE")));
    Some(Query::Select { locking })
}

fn modifiers(cursor: &mut Cursor<'_>, words: &[&'static str]) {
    // SQLite: `INSERT OR REPLACE`.
    if cursor.eat("OR") {
        cursor.next();
    }
    while cursor.eat_any(words).is_some() {}
}

/// A SELECT that reads a table: one with FROM.
fn selects(tokens: &[Token<'_>]) -> bool {
    let select = tokens
        .iter()
        .position(|token| token.is("SELECT") || token.is("TABLE"));
    select.is_some_and(|at| {
        tokens[at].is("TABLE")
            || tokens[at..]
                .iter()
                .any(|token| token.is("FROM") && !followed_by_dual(tokens, token))
    })
}

fn followed_by_dual(tokens: &[Token<'_>], from: &Token<'_>) -> bool {
    tokens
        .iter()
        .find(|token| token.start > from.start)
        .is_some_and(|next| next.is("DUAL"))
}

/// Words outside of parentheses.
fn top<'a, 'b>(tokens: &'b [Token<'a>]) -> impl Iterator<Item = (usize, &'b Token<'a>)> {
    let mut depth = 0_usize;
    tokens.iter().enumerate().filter(move |(_, token)| {
        depth += usize::from(token.is("("));
        depth = depth.saturating_sub(usize::from(token.is(")")));
        depth == 0
    })
}

fn limited(tokens: &[Token<'_>]) -> bool {
    top(tokens).any(|(_, token)| token.is("WHERE") || token.is("LIMIT"))
}

fn update(cursor: &mut Cursor<'_>) -> Option<Query> {
    let table = cursor.name()?;
    let rest = cursor.rest();
    let set = top(rest).find(|(_, token)| token.is("SET")).map(|(at, _)| at)?;
    // An alias, at most: a comma or JOIN restricts the rows to those that match.
    let joined = rest[..set]
        .iter()
        .any(|token| token.is(",") || token.is("JOIN") || token.is("PARTITION"));
    let joined = joined || top(&rest[set..]).any(|(_, token)| token.is("FROM"));
    let assignments = &rest[set + 1..];
    let end = top(assignments).find(|(_, token)| {
        token.is("WHERE")
            || token.is("FROM")
            || token.is("ORDER")
            || token.is("LIMIT")
            || token.is("RETURNING")
    });
    let assignments = &assignments[..end.map_or(assignments.len(), |(at, _)| at)];
    Some(Query::Update {
        table,
        whole: !joined && !limited(rest),
        set: list(assignments)
            .into_iter()
            .filter_map(|part| assignment(cursor, part))
            .collect(),
    })
}

fn assignment<'a>(cursor: &Cursor<'a>, part: &'a [Token<'a>]) -> Option<(String, String)> {
    let mut part = cursor.over(part);
    let column = part.name()?;
    part.eat("=")
        .then(|| (column.name, cursor.text(part.rest()).to_owned()))
}

fn delete(cursor: &mut Cursor<'_>) -> Option<Query> {
    let from = cursor.eat("FROM");
    let table = cursor.name()?;
    let rest = cursor.rest();
    let joined = !from
        || rest
            .iter()
            .any(|token| token.is("USING") || token.is("JOIN") || token.is("PARTITION"));
    Some(Query::Delete {
        table,
        whole: !joined && !limited(rest),
    })
}
