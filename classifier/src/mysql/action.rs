//! What a statement of MySQL or MariaDB asks for: closed sets, so that a clause without an answer does not compile.

use crate::tokens::Name;

/// A statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// ALTER TABLE, CREATE INDEX and DROP INDEX, which is the same to the server.
    Alter(Alter),
    CreateTable {
        table: Name,
        temporary: bool,
        /// Filled from a SELECT.
        filled: bool,
        /// Where its foreign keys point.
        references: Vec<Name>,
    },
    DropTable {
        tables: Vec<Name>,
        temporary: bool,
    },
    RenameTable(Vec<(Name, Name)>),
    Truncate(Name),
    /// OPTIMIZE TABLE.
    Optimize(Vec<Name>),
    /// ANALYZE or CHECK TABLE: reads, beside everybody.
    Inspect(Vec<Name>),
    /// REPAIR TABLE.
    Repair(Vec<Name>),
    /// A view, routine, event, user, role or database; `replace` changes what exists.
    Create {
        what: &'static str,
        replace: bool,
    },
    /// The same, dropped.
    Drop {
        what: &'static str,
        name: String,
    },
    CreateTrigger(Name),
    /// The name of its table is not in the statement.
    DropTrigger,
    Insert {
        table: Name,
        /// From a SELECT that reads a table.
        selects: bool,
    },
    Update(Change),
    Delete(Change),
    Load(Name),
    Select {
        locking: bool,
    },
    /// LOCK TABLES: each with whether it is for writing.
    LockTables(Vec<(Name, bool)>),
    /// SET: names in lower case, without what stands before the point; and the values as they are written.
    Set(Vec<(String, String)>),
    Begin,
    /// COMMIT or ROLLBACK.
    End,
    /// Its body is run, and cannot be read here.
    Opaque(&'static str),
    /// Changes nothing that an application sees.
    Neutral,
}

/// An UPDATE or DELETE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) table: Name,
    /// Neither WHERE nor LIMIT, and no other table joined.
    pub(crate) whole: bool,
    /// `column = expression`, as written, of an UPDATE.
    pub(crate) set: Vec<(String, String)>,
}

/// ALTER TABLE with all its clauses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Alter {
    pub(crate) table: Name,
    pub(crate) clauses: Vec<Clause>,
    /// The clauses as they are written, without ALGORITHM and LOCK: what the online tools take.
    pub(crate) text: String,
    pub(crate) algorithm: Option<Algorithm>,
    pub(crate) lock: Option<LockClause>,
    /// CREATE INDEX or DROP INDEX: takes its ALGORITHM and LOCK without a comma.
    pub(crate) index_statement: bool,
}

/// How the server does it, cheapest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// The definition changes, no row does.
    Instant,
    /// MariaDB: in place, without rewriting the rows.
    NoCopy,
    /// Inside the storage engine; it may rewrite the rows.
    Inplace,
    /// Row by row into a new table.
    Copy,
}

impl Algorithm {
    /// As the clause spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Instant => "INSTANT",
            Self::NoCopy => "NOCOPY",
            Self::Inplace => "INPLACE",
            Self::Copy => "COPY",
        }
    }
}

/// What others may do meanwhile, weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LockClause {
    /// Everything.
    None,
    /// Read.
    Shared,
    /// Nothing.
    Exclusive,
}

impl LockClause {
    /// As the clause spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "NONE",
            Self::Shared => "SHARED",
            Self::Exclusive => "EXCLUSIVE",
        }
    }
}

/// One clause of an ALTER TABLE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Clause {
    AddColumn {
        column: Column,
        /// FIRST or AFTER.
        placed: bool,
    },
    DropColumn(String),
    RenameColumn {
        from: String,
        to: String,
    },
    /// MODIFY, or CHANGE with the name it had.
    ModifyColumn {
        from: String,
        column: Column,
        placed: bool,
    },
    /// ALTER COLUMN SET DEFAULT or DROP DEFAULT.
    Default {
        column: String,
        drops: bool,
    },
    /// ALTER COLUMN SET VISIBLE or INVISIBLE.
    Visibility,
    AddIndex {
        kind: IndexKind,
        name: Option<String>,
        parts: String,
    },
    AddPrimaryKey,
    DropPrimaryKey,
    DropIndex(String),
    RenameIndex,
    /// ALTER INDEX VISIBLE, INVISIBLE, IGNORED, NOT IGNORED.
    IndexVisibility,
    AddForeignKey {
        references: Name,
    },
    DropForeignKey(String),
    AddCheck,
    /// DROP CHECK or DROP CONSTRAINT.
    DropConstraint(String),
    /// ALTER CHECK ENFORCED or NOT ENFORCED.
    EnforceCheck {
        enforced: bool,
    },
    /// CONVERT TO CHARACTER SET.
    Convert,
    /// ROW_FORMAT, KEY_BLOCK_SIZE, FORCE, ENGINE: the rows are written anew. The engine, if it is another than InnoDB.
    Rebuild {
        engine: Option<String>,
    },
    /// ORDER BY.
    Order,
    Rename(Name),
    /// COMMENT, AUTO_INCREMENT, STATS_*, DEFAULT CHARACTER SET and other options that only the definition knows.
    Option(String),
    /// An operation on partitions: `ADD PARTITION`, `PARTITION BY` and so on.
    Partition {
        words: &'static str,
        loses_rows: bool,
    },
    /// DISABLE KEYS or ENABLE KEYS, without effect on InnoDB.
    Keys,
    /// DISCARD or IMPORT TABLESPACE.
    Tablespace {
        discards: bool,
    },
}

/// What kind of index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IndexKind {
    Plain,
    Unique,
    Fulltext,
    Spatial,
}

/// The definition of a column.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Column {
    pub(crate) name: String,
    /// Lower case, one blank between words, none in parentheses.
    pub(crate) type_name: String,
    pub(crate) not_null: bool,
    pub(crate) auto_increment: bool,
    pub(crate) default: DefaultValue,
    pub(crate) generated: Option<Generated>,
    /// PRIMARY KEY or UNIQUE.
    pub(crate) key: Option<IndexKey>,
    pub(crate) check: bool,
    pub(crate) references: Option<Name>,
    /// Anything is written behind the type.
    pub(crate) attributes: bool,
}

/// What DEFAULT says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum DefaultValue {
    #[default]
    None,
    /// A literal, or the time.
    Constant,
    /// An expression in parentheses, or a function: another value for each row.
    Expression,
}

/// GENERATED ALWAYS AS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Generated {
    Virtual,
    Stored,
}

/// A key that a column brings along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IndexKey {
    Primary,
    Unique,
}
