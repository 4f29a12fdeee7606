//! What a statement does on the server.

/// What the model could not know and took for granted, always the worse way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Assumption {
    /// The type that a column has now is not known, so its change is taken to rewrite the table.
    OldTypeUnknown {
        /// The table.
        table: String,
        /// The column.
        column: String,
    },
    /// A function's volatility is not known, so it is taken to be volatile.
    FunctionUnknown {
        /// The function.
        function: String,
    },
    /// Which table an index belongs to is not known, so the lock is given on the index's name.
    TableOfIndexUnknown {
        /// The index.
        index: String,
    },
    /// Whether a constraint is a foreign key, which would lock the other table too, is not known.
    ConstraintUnknown {
        /// The table.
        table: String,
        /// The constraint.
        constraint: String,
    },
    /// What else depends on the table, and is locked or dropped too, is not known.
    DependentsUnknown {
        /// The table.
        table: String,
    },
    /// Whether a type is a domain with a constraint, which would be checked on every row, is not known.
    TypeUnknown {
        /// The type.
        type_name: String,
    },
}
