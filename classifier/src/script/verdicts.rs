//! What is said of a piece of a script that no dialect's model can judge: it is not SQL, or not all of it is there.

use super::{Dialect, Kind, LONGEST, Statement};
use crate::{Code, Effect, Finding, Page, Phase, Risk, Verdict, rule};

/// A statement of which not all is there.
pub const UNREADABLE: Page = Page {
    code: Code(2005),
    title: "A statement that cannot be read to its end",
    risk: Risk::Critical,
    why: "A string, a quoted name or a comment is opened and never closed, or the statement is longer than 4 MiB. Where it ends, and so what it \
does, cannot be told; a database would refuse the first and run the second. Close what is open, or cut the statement into smaller ones.",
    example: "SELECT 'it''s open;\nALTER TABLE customer DROP COLUMN fax;",
    safer: "SELECT 'it''s closed';",
    needs_facts: false,
};

/// A line for the client that runs SQL which is not in the file.
pub const UNREAD_COMMAND: Page = Page {
    code: Code(2006),
    title: "A client's command that runs what is not in this file",
    risk: Risk::Critical,
    why: "`\\i`, `\\gexec`, `\\copy`, `.read` and the like run another file, a shell, or SQL that a query makes. What that is cannot be read \
here, so nothing can be said of it. Classify the other file as well, or write the SQL out. Commands that only set or print something are \
not reported.",
    example: "\\i more.sql",
    safer: "SELECT 1;",
    needs_facts: false,
};

/// SQL that the code of a migration makes.
pub const MADE_BY_CODE: Page = Page {
    code: Code(2007),
    title: "SQL that is made while the migration runs",
    risk: Risk::High,
    why: "The migration calls code that makes the SQL when it runs: an operation of Alembic such as `op.add_column`, or `op.execute` of something \
that is not a plain string. What it will be depends on the library's version and on the database. Let the tool write it down, and classify \
that: `alembic upgrade head --sql > upgrade.sql`.",
    example: "op.add_column(\"customer\", sa.Column(\"fax\", sa.Text()))",
    safer: "op.execute(\"ALTER TABLE customer ADD COLUMN fax text\")",
    needs_facts: false,
};

/// A file of which nothing, or nothing more, can be read.
pub const UNREADABLE_FILE: Page = Page {
    code: Code(2008),
    title: "A file that cannot be read",
    risk: Risk::Critical,
    why: "The file is not there, may not be read, or is not UTF-8. Statements before the place are reported, what is after it is unknown. \
Convert the file with `iconv`; a database would take its bytes for other characters than you see, or refuse them.",
    example: "SELECT 'caf\\xE9';",
    safer: "SELECT 'café';",
    needs_facts: false,
};

/// What is said of a statement that is not to be judged by a session; None: it is SQL, and whole enough.
#[must_use]
pub fn without_session(statement: &Statement, dialect: Dialect) -> Option<Verdict> {
    match statement.kind {
        Kind::Sql | Kind::Rows => None,
        Kind::Cut => Some(unknown(
            UNREADABLE.found(format!("the statement is longer than {} MiB", LONGEST >> 20)),
        )),
        Kind::Unclosed(what, line) => Some(unknown(
            UNREADABLE.found(format!("the {what} that begins in line {line} is never closed")),
        )),
        Kind::Command if is_harmless(&statement.text, dialect) => Some(settled(Phase::Neutral, Vec::new())),
        Kind::Command => {
            let name = command_name(&statement.text);
            Some(unknown(
                UNREAD_COMMAND.found(format!("what `{name}` runs is not read here")),
            ))
        }
    }
}

/// What is said of a call whose SQL is made when it runs.
#[must_use]
pub fn made_by_code(call: &str) -> Verdict {
    unknown(MADE_BY_CODE.found(format!("the SQL of `{call}` is made when the migration runs")))
}

fn unknown(finding: Finding) -> Verdict {
    settled(Phase::Unknown, vec![finding])
}

fn settled(phase: Phase, findings: Vec<Finding>) -> Verdict {
    let effect = Effect::nothing(phase);
    Verdict {
        risk: rule::risk(&effect, &findings),
        effect,
        expected_lock_seconds: None,
        findings,
    }
}

fn command_name(text: &str) -> &str {
    text.split(char::is_whitespace).next().unwrap_or_default()
}

/// Commands that set, print or connect; everything else runs something.
fn is_harmless(text: &str, dialect: Dialect) -> bool {
    let name = command_name(text);
    match dialect {
        Dialect::Postgres => {
            // With an argument, `\g` writes to a file or a program.
            if name.starts_with("\\g") && name != "\\gexec" {
                return matches!(text, "\\g" | "\\gx" | "\\gset" | "\\gdesc") || text.starts_with("\\gset ");
            }
            let name = name.trim_start_matches('\\').trim_end_matches('+');
            // The whole family of `\d` only shows.
            name.starts_with('d')
                || matches!(
                    name,
                    "." | "a"
                        | "c"
                        | "C"
                        | "bind"
                        | "conninfo"
                        | "connect"
                        | "copyright"
                        | "echo"
                        | "elif"
                        | "else"
                        | "encoding"
                        | "endif"
                        | "errverbose"
                        | "f"
                        | "H"
                        | "h"
                        | "help"
                        | "html"
                        | "if"
                        | "l"
                        | "list"
                        | "p"
                        | "print"
                        | "prompt"
                        | "pset"
                        | "q"
                        | "qecho"
                        | "quit"
                        | "r"
                        | "reset"
                        | "restrict"
                        | "set"
                        | "t"
                        | "T"
                        | "timing"
                        | "unrestrict"
                        | "unset"
                        | "warn"
                        | "x"
                        | "z"
                        | "?"
                )
        }
        Dialect::Sqlite => !matches!(
            name,
            ".clone"
                | ".import"
                | ".load"
                | ".read"
                | ".recover"
                | ".restore"
                | ".session"
                | ".shell"
                | ".system"
        ),
        Dialect::Mysql | Dialect::Mariadb => false,
    }
}
