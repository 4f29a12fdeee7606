//! The five roles of a test's database, and the GRANTs that make them.
//!
//! These are the GRANTs of the documentation: a test that needs more has found a missing line there.

/// One of the roles of a target, or the application beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Owns the tables: DDL, triggers.
    Owner,
    /// Runs batches.
    Data,
    /// Reads signals.
    Monitor,
    /// Owns the ledger.
    Ledger,
    /// The application, which knows nothing of Sluice.
    App,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 5] = [Self::Owner, Self::Data, Self::Monitor, Self::Ledger, Self::App];

    pub(super) fn of(self, database: &str) -> String {
        let suffix = match self {
            Self::Owner => "owner",
            Self::Data => "data",
            Self::Monitor => "monitor",
            Self::Ledger => "ledger",
            Self::App => "app",
        };
        format!("{database}_{suffix}")
    }
}

/// Makes the roles; before the database exists.
pub(super) fn create(database: &str, password: &str) -> String {
    let login = |role: Role| format!("CREATE ROLE {} LOGIN PASSWORD '{password}';\n", role.of(database));
    let mut script: String = Role::ALL.into_iter().map(login).collect();
    script += &format!("GRANT pg_monitor TO {};\n", Role::Monitor.of(database));
    script
}

/// Lets them into the database, and nobody else; run inside it.
pub(super) fn admit(database: &str) -> String {
    let [owner, data, monitor, ledger, app] = Role::ALL.map(|role| role.of(database));
    format!(
        "REVOKE ALL ON DATABASE {database} FROM PUBLIC;
         REVOKE ALL ON SCHEMA public FROM PUBLIC;
         GRANT CONNECT ON DATABASE {database} TO {owner}, {data}, {monitor}, {ledger}, {app};
         GRANT TEMPORARY ON DATABASE {database} TO {owner}, {data};
         GRANT CREATE ON DATABASE {database} TO {ledger};
         GRANT USAGE, CREATE ON SCHEMA public TO {owner};
         GRANT USAGE ON SCHEMA public TO {data}, {app};"
    )
}

/// On one table: what batches need, and what the application needs.
pub(super) fn grant(database: &str, table: &str) -> String {
    let [data, app] = [Role::Data, Role::App].map(|role| role.of(database));
    format!(
        "GRANT SELECT, UPDATE ON TABLE {table} TO {data};
         GRANT SELECT, INSERT, UPDATE, DELETE ON TABLE {table} TO {app};"
    )
}

/// A further schema, as an administrator makes it for the owner.
pub(super) fn schema(database: &str, schema: &str) -> String {
    let [owner, data, app] = [Role::Owner, Role::Data, Role::App].map(|role| role.of(database));
    format!("CREATE SCHEMA {schema} AUTHORIZATION {owner}; GRANT USAGE ON SCHEMA {schema} TO {data}, {app};")
}

/// Removes them; after the database is gone, so that they own nothing.
pub(super) fn remove(database: &str) -> String {
    Role::ALL
        .map(|role| format!("DROP ROLE {};", role.of(database)))
        .concat()
}
