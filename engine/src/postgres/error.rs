//! What an error of the database means for whoever asked: try again, give up, or look at the row.
//!
//! The driver knows only a handful of kinds, so errors are told apart by SQLSTATE. A connection lost while
//! COMMIT was under way is the one case where nobody knows what happened: [`classify_commit`] says
//! so, and the ledger's row, not the error, then decides.

use super::ident::IdentError;

/// An error of the engine's functions over a connection.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A statement failed.
    #[error("could not {doing}")]
    Query {
        /// What was attempted, on what: "read the catalog of music.track".
        doing: String,
        /// What the driver or the server said.
        source: sqlx::Error,
    },
    /// The catalog answered in a shape this build does not know.
    #[error(
        "could not understand the server's answer while trying to {doing}; this server version may be newer than this build"
    )]
    Shape {
        /// What was attempted.
        doing: String,
        /// What the decoder said.
        source: serde_json::Error,
    },
    /// The role may not see what was asked, so "nothing" would be a guess.
    #[error("could not {doing}: {need}")]
    Blind {
        /// What was attempted.
        doing: &'static str,
        /// What the role needs, with the GRANT.
        need: &'static str,
    },
    /// A name that cannot be quoted.
    #[error("a name cannot be used")]
    Ident(#[from] IdentError),
}

impl Error {
    /// Wraps a driver error with what was attempted.
    pub fn query(doing: impl Into<String>) -> impl FnOnce(sqlx::Error) -> Self {
        let doing = doing.into();
        move |source| Self::Query { doing, source }
    }

    /// What it means; see [`Class`].
    #[must_use]
    pub fn class(&self) -> Class {
        match self {
            // The enum serves both engines; only the code of the error tells which one it came from.
            Self::Query { source, .. } => crate::sqlite::error::classify(source),
            Self::Blind { .. } => Class::Permission,
            Self::Shape { .. } | Self::Ident(_) => Class::Permanent,
        }
    }
}

/// What a database error means for a retry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// The same statement may succeed later: connection lost, serialization failure, out of some resource.
    Transient,
    /// `lock_timeout` passed while waiting for a lock.
    LockTimeout,
    /// `statement_timeout` passed, or somebody canceled the statement.
    StatementTimeout,
    /// Chosen as the victim of a deadlock.
    Deadlock,
    /// The server is a standby, or has become one: reconnect, and check who it is.
    ReadOnly,
    /// About the data of some row: bad value, violated constraint, a RAISE of a trigger.
    Data,
    /// The connection went away during COMMIT: it may have happened or not. Ask the ledger.
    UnknownOutcome,
    /// A missing privilege, or a refused login.
    Permission,
    /// Will fail again the same way.
    Permanent,
}

impl Class {
    /// Trying again later, unchanged, is sensible.
    #[must_use]
    pub fn is_retryable(self) -> bool {
        match self {
            Self::Transient
            | Self::LockTimeout
            | Self::StatementTimeout
            | Self::Deadlock
            | Self::ReadOnly
            | Self::UnknownOutcome => true,
            Self::Data | Self::Permission | Self::Permanent => false,
        }
    }
}

/// The SQLSTATE of an error, if the server sent one.
#[must_use]
pub fn sqlstate(error: &sqlx::Error) -> Option<String> {
    error
        .as_database_error()
        .and_then(|e| e.code())
        .map(|code| code.into_owned())
}

/// The server's own words, without the place in its source code that the driver adds; for other errors the driver's words.
/// They may hold values of a row (`Key (email)=(...)` is in the detail, which is left out, but a failed cast quotes its input): show them to an operator, do not log them.
#[must_use]
pub fn message(error: &sqlx::Error) -> String {
    error
        .as_database_error()
        .map_or_else(|| error.to_string(), |e| e.message().to_owned())
}

/// What an error of any statement except COMMIT means.
#[must_use]
pub fn classify(error: &sqlx::Error) -> Class {
    match error {
        sqlx::Error::Database(e) => e.code().map_or(Class::Permanent, |code| of_sqlstate(&code)),
        sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::WorkerCrashed => Class::Transient,
        // What the driver calls a protocol error is, in practice, a stream that ended in the middle.
        sqlx::Error::Protocol(_) => Class::Transient,
        _ => Class::Permanent,
    }
}

/// What an error of COMMIT itself means: a lost connection leaves the outcome unknown.
#[must_use]
pub fn classify_commit(error: &sqlx::Error) -> Class {
    let lost = match error {
        // A constraint or serialization failure raised by COMMIT is an answer: it did not happen.
        sqlx::Error::Database(e) => e
            .code()
            .is_none_or(|c| c.starts_with("08") || c.starts_with("57P")),
        sqlx::Error::Io(_) | sqlx::Error::Protocol(_) | sqlx::Error::WorkerCrashed => true,
        _ => false,
    };
    if lost {
        Class::UnknownOutcome
    } else {
        classify(error)
    }
}

/// The table behind [`classify`]. Codes: PostgreSQL's appendix "Error Codes".
fn of_sqlstate(code: &str) -> Class {
    match code {
        "40P01" => Class::Deadlock,
        "55P03" => Class::LockTimeout,
        "57014" => Class::StatementTimeout,
        "25006" => Class::ReadOnly,
        "42501" => Class::Permission,
        "08007" | "40003" => Class::UnknownOutcome,
        // The database was dropped: nothing to wait for.
        "57P04" => Class::Permanent,
        // Idle-in-transaction timeout; object in use.
        "25P03" | "55006" => Class::Transient,
        _ => match code.get(..2).unwrap_or_default() {
            "08" | "40" | "53" | "57" => Class::Transient,
            // P0: RAISE of a trigger; 44: a view's check option.
            "22" | "23" | "44" | "P0" => Class::Data,
            "28" => Class::Permission,
            _ => Class::Permanent,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sqlstate_of_the_fault_list_has_its_class() {
        for (code, expected) in [
            ("40001", Class::Transient),
            ("40P01", Class::Deadlock),
            ("55P03", Class::LockTimeout),
            ("57014", Class::StatementTimeout),
            ("57P01", Class::Transient),
            ("57P03", Class::Transient),
            ("57P04", Class::Permanent),
            ("08006", Class::Transient),
            ("08007", Class::UnknownOutcome),
            ("53100", Class::Transient),
            ("53300", Class::Transient),
            ("25006", Class::ReadOnly),
            ("25P03", Class::Transient),
            ("22001", Class::Data),
            ("23514", Class::Data),
            ("P0001", Class::Data),
            ("42501", Class::Permission),
            ("28P01", Class::Permission),
            ("42703", Class::Permanent),
            ("XX000", Class::Permanent),
            ("", Class::Permanent),
        ] {
            assert_eq!(of_sqlstate(code), expected, "{code}");
        }
    }

    #[test]
    fn a_connection_lost_in_commit_leaves_the_outcome_unknown() {
        let lost = sqlx::Error::Io(std::io::ErrorKind::ConnectionReset.into());
        assert_eq!(classify(&lost), Class::Transient);
        assert_eq!(classify_commit(&lost), Class::UnknownOutcome);
        assert_eq!(classify_commit(&sqlx::Error::PoolTimedOut), Class::Transient);
    }
}
