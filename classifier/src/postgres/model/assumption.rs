//! What the model did not know.

/// What the model could not know and took for granted: the worse, except where it says otherwise.
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
    /// Whether a constraint is a foreign key, which would lock the other table too, is not known. It is taken not to be one.
    ConstraintUnknown {
        /// The table.
        table: String,
        /// The constraint.
        constraint: String,
    },
    /// What else depends on a table or a type, and is locked, dropped or read too, is not known. Nothing is taken to.
    DependentsUnknown {
        /// The table or the type.
        table: String,
    },
    /// Whether a type is a domain with a constraint, which would be checked on every row, is not known. It is taken not to be one.
    TypeUnknown {
        /// The type.
        type_name: String,
    },
    /// Whether the columns of a key are NOT NULL, so that nothing is read, is not known. They are taken to be.
    NotNullUnknown {
        /// The table.
        table: String,
    },
}
