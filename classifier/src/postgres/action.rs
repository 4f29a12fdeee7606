//! What a statement asks for: the closed set that the lock model and the rules match on.
//!
//! Between the parser's syntax tree, which follows PostgreSQL's grammar and changes with its version, and what we know about
//! statements, which follows what the server does. A statement is here once, whichever way it was spelled: `ALTER TABLE v RENAME` on a view
//! is still an [`AlterTable`], as the server, too, looks up only later what the name means.
//! What would break it: guessing. What has a syntax error is [`Action::Unread`], a kind that is not modelled is [`Action::Opaque`].

mod alter;
mod column;
mod constraint;
mod name;
mod object;
mod relation;
mod rows;
mod setting;
mod sql_type;

pub use alter::{Alter, AlterTable, Switch, TriggerState, Triggers};
pub use column::{Column, Expression, Generated, Volatility};
pub use constraint::{Constraint, ConstraintKind, ForeignKey};
pub use name::Name;
pub use object::{AlterType, DomainChange, DropObjects, Object, ObjectChange};
pub use relation::{
    CreateIndex, CreateTable, CreateTrigger, CreateView, DropRelations, IndexChange, PartitionBound,
    Persistence, Refresh, Reindex, ReindexTarget, Relation,
};
pub use rows::{Copy, Delete, Insert, Maintenance, Merge, Query, Update};
pub use setting::{Scope, Setting, Transaction};
pub use sql_type::SqlType;

use crate::Lock;

/// One statement of PostgreSQL 12 to 18.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// `CREATE TABLE`, `CREATE FOREIGN TABLE`, `CREATE TABLE AS`, `SELECT INTO`.
    CreateTable(Box<CreateTable>),
    /// `ALTER TABLE`, also for foreign tables, and for what views, indexes and materialized views share with tables.
    AlterTable(AlterTable),
    /// `ALTER TABLE | INDEX | MATERIALIZED VIEW ALL IN TABLESPACE a SET TABLESPACE b`.
    MoveAllInTablespace,
    /// `DROP TABLE`, `VIEW`, `MATERIALIZED VIEW`, `INDEX`, `SEQUENCE`, `FOREIGN TABLE`.
    DropRelations(DropRelations),
    /// `CREATE INDEX`.
    CreateIndex(CreateIndex),
    /// `ALTER INDEX`.
    AlterIndex {
        /// The index.
        index: Name,
        /// What is asked of it.
        change: IndexChange,
    },
    /// `REINDEX`.
    Reindex(Reindex),
    /// `CREATE VIEW`, `CREATE MATERIALIZED VIEW`.
    CreateView(CreateView),
    /// `REFRESH MATERIALIZED VIEW`.
    Refresh(Refresh),
    /// `CREATE SEQUENCE`.
    CreateSequence {
        /// The sequence.
        sequence: Name,
        /// The table and column that own it.
        owned_by: Option<(Name, String)>,
    },
    /// `ALTER SEQUENCE` with options; a rename, an owner, a schema are [`Action::AlterTable`].
    AlterSequence {
        /// The sequence.
        sequence: Name,
        /// The table and column that own it from now on.
        owned_by: Option<(Name, String)>,
    },
    /// `CREATE TRIGGER`.
    CreateTrigger(CreateTrigger),
    /// `CREATE`, `ALTER` or `DROP` of something that belongs to one table: a rule, a policy, a trigger that is altered or dropped.
    OnTable {
        /// Rule, policy or trigger.
        object: Object,
        /// Its name.
        name: String,
        /// The table it belongs to.
        table: Name,
        /// What happens to it.
        change: ObjectChange,
    },
    /// `ALTER TYPE` of an enum or of a composite type.
    AlterType {
        /// The type.
        name: Name,
        /// What is asked of it.
        change: AlterType,
    },
    /// `ALTER DOMAIN`.
    AlterDomain {
        /// The domain.
        name: Name,
        /// What is asked of it.
        change: DomainChange,
    },
    /// `CREATE`, possibly `OR REPLACE`, of anything that is neither a relation nor part of one.
    CreateObject {
        /// What.
        object: Object,
        /// Its name; empty where it has none.
        name: Name,
        /// `OR REPLACE`.
        replace: bool,
        /// Tables that the statement names: those of a publication, or of extended statistics.
        tables: Vec<Name>,
    },
    /// `ALTER` of such an object.
    AlterObject {
        /// What.
        object: Object,
        /// Its name.
        name: Name,
        /// What happens to it.
        change: ObjectChange,
        /// Tables that the statement names: those of a publication.
        tables: Vec<Name>,
    },
    /// `DROP` of such objects.
    DropObjects(DropObjects),
    /// `COMMENT ON`, `SECURITY LABEL`.
    Comment {
        /// What kind of object the comment is on.
        object: Object,
        /// The table, view, index or sequence that is named, also when the comment is on a column, constraint, trigger, rule or policy of it.
        relation: Option<Name>,
    },
    /// `GRANT`, `REVOKE`, `ALTER DEFAULT PRIVILEGES`, roles given to roles.
    Privileges {
        /// `REVOKE`, or the same of default privileges.
        revoke: bool,
        /// Tables named one by one.
        tables: Vec<Name>,
    },
    /// `TRUNCATE`.
    Truncate {
        /// The tables.
        tables: Vec<Name>,
        /// `CASCADE`: tables with foreign keys to these, too.
        cascade: bool,
    },
    /// `LOCK TABLE`.
    LockTable {
        /// The tables.
        tables: Vec<Name>,
        /// The mode, `ACCESS EXCLUSIVE` where none is named.
        mode: Lock,
        /// `NOWAIT`.
        nowait: bool,
    },
    /// `SELECT`, `VALUES`, `TABLE`, `EXPLAIN` of any, `DECLARE CURSOR`.
    Query(Query),
    /// `INSERT`.
    Insert(Insert),
    /// `UPDATE`.
    Update(Update),
    /// `DELETE`.
    Delete(Delete),
    /// `MERGE`.
    Merge(Merge),
    /// `COPY`.
    Copy(Copy),
    /// `VACUUM`, `ANALYZE`, `CLUSTER`.
    Maintenance(Maintenance),
    /// `BEGIN`, `COMMIT`, `SAVEPOINT` and the like.
    Transaction(Transaction),
    /// `SET`, `RESET`, `DISCARD`.
    Setting(Setting),
    /// What touches no table and no schema: `SHOW`, `LISTEN`, `FETCH`, `CHECKPOINT`, an empty statement.
    Nothing,
    /// Runs something that is not read (`DO`, `CALL`, `EXECUTE`), or is of a kind that is not modelled.
    Opaque {
        /// The first words, as `DO` or `EXECUTE`.
        what: String,
    },
    /// It did not parse.
    Unread {
        /// Line within the statement, from 1.
        line: u32,
        /// What stands there; empty at the end of the text.
        token: String,
        /// What the parser says.
        message: String,
    },
}
