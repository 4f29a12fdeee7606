//! What changes the session and not the database: transactions and settings.

/// Transaction control.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transaction {
    /// `BEGIN`, `START TRANSACTION`.
    Begin,
    /// `COMMIT`, `END`.
    Commit {
        /// `AND CHAIN`: the next one is open at once.
        chain: bool,
    },
    /// `ROLLBACK`, `ABORT`.
    Rollback {
        /// `AND CHAIN`.
        chain: bool,
    },
    /// `SAVEPOINT`.
    Savepoint(String),
    /// `RELEASE SAVEPOINT`.
    Release(String),
    /// `ROLLBACK TO SAVEPOINT`.
    RollbackTo(String),
    /// `PREPARE TRANSACTION`: what it locked stays locked.
    Prepare,
    /// `COMMIT PREPARED`, `ROLLBACK PREPARED`.
    FinishPrepared,
    /// `SET TRANSACTION`, `SET CONSTRAINTS`.
    Characteristics,
}

/// For how long a setting holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// `SET`, `SET SESSION`: until the session ends, unless the transaction is rolled back.
    Session,
    /// `SET LOCAL`: until the transaction ends.
    Local,
}

/// `SET` and `RESET`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Setting {
    /// `SET name = value`; `SET TIME ZONE` is `timezone`, `SET ROLE` is `role`, `SET SCHEMA` is `search_path`.
    Set {
        /// In lower case.
        name: String,
        /// Without quotes, each of a list; empty: `DEFAULT`.
        values: Vec<String>,
        /// For how long.
        scope: Scope,
    },
    /// `RESET name`.
    Reset {
        /// In lower case.
        name: String,
    },
    /// `RESET ALL`, `DISCARD ALL`.
    ResetAll,
    /// `DISCARD PLANS`, `SEQUENCES` or `TEMP`.
    Discard,
}
