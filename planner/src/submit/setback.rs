//! Setbacks: why a submission is neither accepted nor refused on its merits, and whether trying again can help.

use shared::service::chain;

/// Why a submission is neither accepted nor refused on its merits.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Setback {
    /// Trying again can help.
    Passing(String),
    /// It will fail again in the same way, so the submitter hears it now.
    Lasting(String),
}

impl From<ledger::Error> for Setback {
    fn from(error: ledger::Error) -> Self {
        // A pool that is closed belongs to a service that stops; another one takes the message.
        let stopping = matches!(
            &error,
            ledger::Error::Statement {
                source: sqlx::Error::PoolClosed,
                ..
            }
        );
        let words = chain(&error);
        if stopping || error.is_transient() {
            Self::Passing(words)
        } else {
            Self::Lasting(words)
        }
    }
}

impl From<engine::postgres::error::Error> for Setback {
    fn from(error: engine::postgres::error::Error) -> Self {
        let words = chain(&error);
        if error.class().is_retryable() {
            Self::Passing(words)
        } else {
            Self::Lasting(words)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_pass_is_tried_again() {
        let statement = |source| ledger::Error::Statement {
            statement: "planner.submit",
            source,
        };
        let passing = [
            statement(sqlx::Error::PoolTimedOut),
            statement(sqlx::Error::PoolClosed),
        ];
        for error in passing {
            assert!(matches!(Setback::from(error), Setback::Passing(_)));
        }
        let lasting = [statement(sqlx::Error::RowNotFound), ledger::Error::Absent];
        for error in lasting {
            assert!(matches!(Setback::from(error), Setback::Lasting(_)));
        }
    }
}
