//! The model of one dialect, for one script.

use classifier::script::Dialect;
use classifier::{Facts, Verdict, allow, mysql, postgres, sqlite_script};

/// What has been seen of a script so far.
pub(super) enum Session {
    Postgres(Box<postgres::Session>),
    Mysql(Box<mysql::Session>),
    Sqlite(Box<sqlite_script::Session>),
}

impl Session {
    /// Before the first statement.
    pub(super) fn new(dialect: Dialect, facts: Option<&Facts>) -> Self {
        let facts = facts.cloned();
        match dialect {
            Dialect::Postgres => Self::Postgres(Box::new(postgres::Session::new(facts))),
            Dialect::Mysql => Self::mysql(mysql::Flavor::MySql, facts),
            Dialect::Mariadb => Self::mysql(mysql::Flavor::MariaDb, facts),
            Dialect::Sqlite => Self::Sqlite(Box::new(sqlite_script::Session::new())),
        }
    }

    fn mysql(flavor: mysql::Flavor, facts: Option<Facts>) -> Self {
        Self::Mysql(Box::new(match facts {
            Some(facts) => mysql::Session::with_facts(flavor, facts),
            None => mysql::Session::new(flavor),
        }))
    }

    /// The verdict on the next statement, which begins in that line; what its author accepts need not count in it yet.
    pub(super) fn judge(&mut self, line: u64, statement: &str, allows: &[allow::Comment]) -> Verdict {
        match self {
            Self::Postgres(session) => {
                let line = u32::try_from(line).unwrap_or(u32::MAX);
                session.judge_allowing(line, statement, &|code| allow::reason(allows, code))
            }
            Self::Mysql(session) => session.judge(statement),
            Self::Sqlite(session) => session.judge(statement),
        }
    }

    /// The tool opens a transaction of its own.
    pub(super) fn begin(&mut self) {
        drop(self.judge(1, "BEGIN", &[]));
    }

    /// The tool ends the one that is open.
    pub(super) fn commit(&mut self) {
        drop(self.judge(1, "COMMIT", &[]));
    }
}
