//! What ALTER TABLE can be asked for.

use super::{Column, Constraint, Expression, Name, Relation, SqlType};

/// `ALTER TABLE name change, change`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlterTable {
    /// `TABLE`, `VIEW`, `MATERIALIZED VIEW`, `FOREIGN TABLE`, `SEQUENCE`: as the statement calls it.
    pub relation: Relation,
    /// The table.
    pub table: Name,
    /// `IF EXISTS`.
    pub if_exists: bool,
    /// `ONLY`: not its children.
    pub only: bool,
    /// In the order written; one or more.
    pub changes: Vec<Alter>,
}

/// One change of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Alter {
    /// `ADD COLUMN`.
    AddColumn {
        /// The column.
        column: Box<Column>,
        /// `IF NOT EXISTS`.
        if_not_exists: bool,
    },
    /// `DROP COLUMN`.
    DropColumn {
        /// The column.
        column: String,
        /// `IF EXISTS`.
        if_exists: bool,
        /// `CASCADE`.
        cascade: bool,
    },
    /// `RENAME COLUMN`.
    RenameColumn {
        /// Its name so far.
        from: String,
        /// Its name from now on.
        to: String,
    },
    /// `RENAME TO`.
    Rename {
        /// Its name from now on.
        to: String,
    },
    /// `RENAME CONSTRAINT`.
    RenameConstraint {
        /// Its name so far.
        from: String,
        /// Its name from now on.
        to: String,
    },
    /// `SET SCHEMA`.
    SetSchema {
        /// Where it goes.
        schema: String,
    },
    /// `ALTER COLUMN ... SET DEFAULT`.
    SetDefault {
        /// The column.
        column: String,
        /// Its default from now on.
        default: Expression,
    },
    /// `ALTER COLUMN ... DROP DEFAULT`.
    DropDefault {
        /// The column.
        column: String,
    },
    /// `ALTER COLUMN ... SET NOT NULL`.
    SetNotNull {
        /// The column.
        column: String,
    },
    /// `ALTER COLUMN ... DROP NOT NULL`.
    DropNotNull {
        /// The column.
        column: String,
    },
    /// `ALTER COLUMN ... TYPE`.
    SetType {
        /// The column.
        column: String,
        /// Its type from now on.
        to: SqlType,
        /// `COLLATE`.
        collation: Option<Name>,
        /// `USING`.
        using: Option<Expression>,
    },
    /// `ALTER COLUMN ... SET EXPRESSION AS`, 17 and later.
    SetExpression {
        /// The generated column.
        column: String,
        /// Its expression from now on.
        expression: Expression,
    },
    /// `ALTER COLUMN ... DROP EXPRESSION`.
    DropExpression {
        /// The generated column.
        column: String,
    },
    /// `ALTER COLUMN ... ADD GENERATED AS IDENTITY`.
    AddIdentity {
        /// The column.
        column: String,
    },
    /// `ALTER COLUMN ... SET GENERATED`, `RESTART` and other options of an identity.
    SetIdentity {
        /// The column.
        column: String,
    },
    /// `ALTER COLUMN ... DROP IDENTITY`.
    DropIdentity {
        /// The column.
        column: String,
    },
    /// `ALTER COLUMN ... SET STATISTICS`.
    SetStatistics {
        /// The column, or its number within an index.
        column: String,
    },
    /// `ALTER COLUMN ... SET (n_distinct = ...)` or `RESET`.
    SetColumnOptions {
        /// The column.
        column: String,
    },
    /// `ALTER COLUMN ... SET STORAGE`.
    SetStorage {
        /// The column.
        column: String,
    },
    /// `ALTER COLUMN ... SET COMPRESSION`, 14 and later.
    SetCompression {
        /// The column.
        column: String,
    },
    /// `ADD CONSTRAINT`.
    AddConstraint(Constraint),
    /// `ALTER CONSTRAINT`: deferrable, enforced, inherited.
    AlterConstraint {
        /// The constraint.
        constraint: String,
        /// `ENFORCED`, 18 and later: the rows are checked.
        enforced: bool,
    },
    /// `VALIDATE CONSTRAINT`.
    ValidateConstraint {
        /// The constraint.
        constraint: String,
    },
    /// `DROP CONSTRAINT`.
    DropConstraint {
        /// The constraint.
        constraint: String,
        /// `IF EXISTS`.
        if_exists: bool,
        /// `CASCADE`.
        cascade: bool,
    },
    /// `ENABLE` or `DISABLE TRIGGER`.
    SetTrigger {
        /// Which.
        triggers: Triggers,
        /// What it is from now on.
        state: TriggerState,
    },
    /// `ENABLE` or `DISABLE RULE`.
    SetRule {
        /// The rule.
        rule: String,
        /// What it is from now on.
        state: TriggerState,
    },
    /// `ENABLE`, `DISABLE`, `FORCE` or `NO FORCE ROW LEVEL SECURITY`.
    RowSecurity(Switch),
    /// `FORCE` or `NO FORCE ROW LEVEL SECURITY`: for the owner, too.
    ForceRowSecurity(Switch),
    /// `CLUSTER ON index`: remembered, nothing is moved.
    ClusterOn {
        /// The index.
        index: String,
    },
    /// `SET WITHOUT CLUSTER`.
    SetWithoutCluster,
    /// `SET WITHOUT OIDS`: nothing, since 12.
    SetWithoutOids,
    /// `SET ACCESS METHOD`, 15 and later.
    SetAccessMethod {
        /// None: `DEFAULT`.
        method: Option<String>,
    },
    /// `SET TABLESPACE`.
    SetTablespace {
        /// Where it goes.
        tablespace: String,
    },
    /// `SET LOGGED`.
    SetLogged,
    /// `SET UNLOGGED`.
    SetUnlogged,
    /// `SET (name = value)` or `RESET (name)`.
    SetParameters {
        /// Names of the parameters, as `fillfactor`.
        names: Vec<String>,
    },
    /// `INHERIT parent`.
    Inherit {
        /// The parent.
        parent: Name,
    },
    /// `NO INHERIT parent`.
    NoInherit {
        /// The parent.
        parent: Name,
    },
    /// `OF type`.
    OfType {
        /// The composite type.
        type_name: Name,
    },
    /// `NOT OF`.
    NotOf,
    /// `OWNER TO`.
    Owner {
        /// The role.
        role: String,
    },
    /// `REPLICA IDENTITY`.
    ReplicaIdentity,
    /// `ATTACH PARTITION`.
    AttachPartition {
        /// The table that becomes a partition.
        partition: Name,
        /// `DEFAULT` instead of bounds.
        default: bool,
        /// `FOR VALUES ...` as written.
        bounds: String,
    },
    /// `DETACH PARTITION`.
    DetachPartition {
        /// The partition.
        partition: Name,
        /// `CONCURRENTLY`, 14 and later.
        concurrently: bool,
        /// `FINALIZE`: the end of one that was interrupted.
        finalize: bool,
    },
    /// Options of a foreign table, a view, or one of their columns.
    SetOptions,
    /// One that is not modelled.
    Other {
        /// As written.
        text: String,
    },
}

/// On or off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Switch {
    /// On.
    On,
    /// Off.
    Off,
}

/// Which triggers are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Triggers {
    /// One by name.
    Named(String),
    /// `ALL`: those of constraints, too.
    All,
    /// `USER`.
    User,
}

/// When a trigger or a rule fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TriggerState {
    /// `ENABLE`.
    Enabled,
    /// `ENABLE ALWAYS`.
    Always,
    /// `ENABLE REPLICA`.
    Replica,
    /// `DISABLE`.
    Disabled,
}
