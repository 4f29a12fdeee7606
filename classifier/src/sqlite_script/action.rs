//! What a statement of SQLite asks for: closed sets, so that a statement without an answer does not compile.

use crate::tokens::Name;

/// A statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    CreateTable {
        table: Name,
        temporary: bool,
        /// Filled from a SELECT.
        filled: bool,
        without_rowid: bool,
        strict: bool,
    },
    AddColumn {
        table: Name,
        column: Column,
    },
    DropColumn {
        table: Name,
        column: String,
    },
    RenameColumn {
        table: Name,
        from: String,
        to: String,
    },
    RenameTable {
        table: Name,
        to: String,
    },
    /// An ALTER that the engine does not know, or not before 3.53: its words, as `ALTER COLUMN`.
    Unsupported {
        table: Name,
        words: &'static str,
        since: Option<&'static str>,
    },
    CreateIndex {
        table: Name,
        unique: bool,
        partial: bool,
        columns: String,
    },
    DropIndex,
    DropTable(Name),
    /// A view, trigger or virtual table.
    Create {
        what: &'static str,
        temporary: bool,
    },
    /// A view or trigger.
    Drop {
        what: &'static str,
        name: String,
    },
    /// VACUUM; `into` another file: only reads.
    Vacuum {
        into: bool,
    },
    Reindex {
        name: Option<String>,
    },
    Analyze,
    Insert {
        table: Name,
        selects: bool,
    },
    Update(Change),
    Delete(Change),
    Select,
    Pragma {
        name: String,
        value: Option<String>,
    },
    Begin {
        immediate: bool,
    },
    End,
    Savepoint,
    /// ATTACH and DETACH.
    Attach,
    /// EXPLAIN.
    Explain,
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

/// The definition of a column.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) type_name: String,
    pub(crate) not_null: bool,
    pub(crate) default: DefaultValue,
    pub(crate) unique: bool,
    pub(crate) primary: bool,
    pub(crate) check: bool,
    pub(crate) references: bool,
    pub(crate) generated: Option<Generated>,
}

/// What DEFAULT says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum DefaultValue {
    /// None, or NULL.
    #[default]
    Null,
    Constant,
    /// CURRENT_TIME and the like, or an expression in parentheses.
    Changing,
}

/// GENERATED ALWAYS AS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Generated {
    Virtual,
    Stored,
}
