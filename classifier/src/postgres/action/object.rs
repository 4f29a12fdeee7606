//! Whatever is neither a relation nor rows: functions, types, schemas, roles, and what belongs to a table without being one.

use super::{Constraint, Expression, Name, Relation};

/// A kind of object of the database or of the whole server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Object {
    /// A table or another relation, or a column of one (in COMMENT and SECURITY LABEL).
    Relation(Relation),
    /// A column.
    Column,
    /// A constraint of a table.
    Constraint,
    /// A constraint of a domain.
    DomainConstraint,
    /// A trigger.
    Trigger,
    /// A rewrite rule.
    Rule,
    /// A policy of row-level security.
    Policy,
    /// An aggregate.
    Aggregate,
    /// A function.
    Function,
    /// A procedure.
    Procedure,
    /// A function or a procedure.
    Routine,
    /// A type: an enum, a composite, a range, a base type.
    Type,
    /// A domain.
    Domain,
    /// A cast.
    Cast,
    /// A collation.
    Collation,
    /// A conversion between encodings.
    Conversion,
    /// An operator.
    Operator,
    /// An operator class.
    OperatorClass,
    /// An operator family.
    OperatorFamily,
    /// An extension.
    Extension,
    /// A schema.
    Schema,
    /// Extended statistics.
    Statistics,
    /// A publication.
    Publication,
    /// A subscription.
    Subscription,
    /// An event trigger.
    EventTrigger,
    /// An access method.
    AccessMethod,
    /// A language of functions.
    Language,
    /// A transform.
    Transform,
    /// A text search configuration, dictionary, parser or template.
    TextSearch,
    /// A foreign data wrapper.
    ForeignDataWrapper,
    /// A foreign server.
    Server,
    /// A user mapping.
    UserMapping,
    /// A foreign schema that is imported.
    ForeignSchema,
    /// A large object.
    LargeObject,
    /// A database.
    Database,
    /// A tablespace.
    Tablespace,
    /// A role, user or group.
    Role,
    /// All that a role owns: `DROP OWNED`, `REASSIGN OWNED`.
    Owned,
    /// A setting of the whole server: `ALTER SYSTEM`.
    System,
}

/// What happens to an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ObjectChange {
    /// `CREATE`.
    Create {
        /// `OR REPLACE`.
        replace: bool,
    },
    /// `RENAME TO`.
    Rename {
        /// Its name from now on.
        to: String,
    },
    /// `SET SCHEMA`.
    SetSchema {
        /// Where it goes.
        schema: String,
    },
    /// `OWNER TO`.
    Owner,
    /// `DROP`.
    Drop {
        /// `IF EXISTS`.
        if_exists: bool,
        /// `CASCADE`.
        cascade: bool,
    },
    /// Tables or schemas taken from a publication, members from an extension, functions from an operator family.
    Remove,
    /// Tables or schemas added to it.
    Add,
    /// Anything else: options, definitions.
    Define,
}

/// `DROP` of objects that are not relations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DropObjects {
    /// What kind.
    pub object: Object,
    /// Which, as far as they have a name.
    pub names: Vec<Name>,
    /// `IF EXISTS`.
    pub if_exists: bool,
    /// `CASCADE`: with all that depends on them.
    pub cascade: bool,
}

/// What `ALTER TYPE` asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AlterType {
    /// `ADD VALUE`.
    AddValue {
        /// The label.
        value: String,
        /// `IF NOT EXISTS`.
        if_not_exists: bool,
    },
    /// `RENAME VALUE`.
    RenameValue {
        /// The label so far.
        from: String,
        /// The label from now on.
        to: String,
    },
    /// `RENAME TO`.
    Rename {
        /// Its name from now on.
        to: String,
    },
    /// `SET SCHEMA`.
    SetSchema {
        /// Where it goes.
        schema: String,
    },
    /// `OWNER TO`.
    Owner,
    /// `ADD ATTRIBUTE`, `ALTER ATTRIBUTE`, `DROP ATTRIBUTE`, `RENAME ATTRIBUTE`.
    Attributes {
        /// One is dropped, renamed or changes its type.
        breaking: bool,
        /// `CASCADE`: tables of this type, too.
        cascade: bool,
    },
    /// `SET (...)` of a base type.
    SetProperties,
}

/// What `ALTER DOMAIN` asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DomainChange {
    /// `SET DEFAULT`.
    SetDefault(Expression),
    /// `DROP DEFAULT`.
    DropDefault,
    /// `SET NOT NULL`.
    SetNotNull,
    /// `DROP NOT NULL`.
    DropNotNull,
    /// `ADD CONSTRAINT`.
    AddConstraint(Constraint),
    /// `DROP CONSTRAINT`.
    DropConstraint {
        /// The constraint.
        constraint: String,
    },
    /// `VALIDATE CONSTRAINT`.
    ValidateConstraint {
        /// The constraint.
        constraint: String,
    },
    /// `RENAME CONSTRAINT`.
    RenameConstraint,
    /// `RENAME TO`.
    Rename {
        /// Its name from now on.
        to: String,
    },
    /// `SET SCHEMA`.
    SetSchema {
        /// Where it goes.
        schema: String,
    },
    /// `OWNER TO`.
    Owner,
}
