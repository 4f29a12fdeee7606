//! Whose SQL a script is in.

/// A dialect of SQL, with the client program that would run the script.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dialect {
    /// PostgreSQL, as psql reads it.
    #[default]
    Postgres,
    /// MySQL, as mysql reads it.
    Mysql,
    /// MariaDB, likewise.
    Mariadb,
    /// SQLite, as sqlite3 reads it.
    Sqlite,
}

impl Dialect {
    /// MySQL or what came of it.
    pub(super) fn is_mysql(self) -> bool {
        match self {
            Self::Mysql | Self::Mariadb => true,
            Self::Postgres | Self::Sqlite => false,
        }
    }
}
