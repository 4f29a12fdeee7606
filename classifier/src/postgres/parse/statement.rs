//! Which family reads which statement.

use squawk_syntax::ast::{self, AstNode, Stmt as S};

use super::tree::word_of;
use super::{alter, drops, indexes, objects, privileges, rows, settings, tables, triggers, views};
use crate::postgres::action::{Action, Object, Relation, Transaction};

/// The action of a statement that has no syntax error. None: it is of a kind that is run and not read.
pub(super) fn action(statement: &S) -> Option<Action> {
    of_relations(statement)
        .or_else(|| of_rows(statement))
        .or_else(|| of_session(statement))
        .or_else(|| created(statement))
        .or_else(|| altered(statement))
        .or_else(|| dropped(statement))
}

fn of_relations(statement: &S) -> Option<Action> {
    let node = statement.syntax();
    match statement {
        S::CreateTable(_) | S::CreateForeignTable(_) => tables::create(node),
        S::CreateTableAs(it) => tables::create_as(it),
        S::SelectInto(it) => tables::select_into(it),
        S::AlterTable(_) => alter::table(Relation::Table, node),
        S::AlterForeignTable(_) => alter::table(Relation::ForeignTable, node),
        S::AlterView(_) => alter::view(Relation::View, node),
        S::AlterMaterializedView(_) => alter::view(Relation::MaterializedView, node),
        S::AlterSequence(it) => alter::sequence(it),
        S::CreateIndex(it) => indexes::create(it),
        S::AlterIndex(it) => indexes::alter(it),
        S::Reindex(it) => indexes::reindex(it),
        S::CreateView(it) => views::create(it),
        S::CreateMaterializedView(it) => views::create_materialized(it),
        S::Refresh(it) => views::refresh(it),
        S::CreateSequence(it) => views::create_sequence(it),
        S::CreateTrigger(it) => triggers::create(it),
        S::CreateRule(_) | S::CreatePolicy(_) => triggers::create_on_table(node),
        S::AlterTrigger(_) | S::AlterRule(_) | S::AlterPolicy(_) => triggers::alter(node),
        S::DropTrigger(_) | S::DropRule(_) | S::DropPolicy(_) => triggers::drop(node),
        S::DropTable(_) => Some(drops::relations(Relation::Table, node)),
        S::DropForeignTable(_) => Some(drops::relations(Relation::ForeignTable, node)),
        S::DropView(_) => Some(drops::relations(Relation::View, node)),
        S::DropMaterializedView(_) => Some(drops::relations(Relation::MaterializedView, node)),
        S::DropIndex(_) => Some(drops::relations(Relation::Index, node)),
        S::DropSequence(_) => Some(drops::relations(Relation::Sequence, node)),
        S::Truncate(it) => Some(tables::truncate(it)),
        S::Lock(it) => Some(tables::lock(it)),
        _ => None,
    }
}

fn of_rows(statement: &S) -> Option<Action> {
    let node = statement.syntax();
    match statement {
        S::Select(_) | S::CompoundSelect(_) | S::ParenSelect(_) | S::Values(_) | S::Table(_) => {
            Some(rows::select(node))
        }
        S::Declare(_) | S::Prepare(_) => Some(Action::Query(super::queries::query(node))),
        S::Insert(it) => rows::insert(it),
        S::Update(it) => rows::update(it),
        S::Delete(it) => rows::delete(it),
        S::Merge(it) => rows::merge(it),
        S::Copy(it) => rows::copy(it),
        S::Explain(it) => rows::explain(it),
        S::Vacuum(it) => Some(rows::vacuum(it)),
        S::Analyze(it) => Some(rows::analyze(it)),
        S::Cluster(it) => Some(rows::cluster(it)),
        _ => None,
    }
}

fn of_session(statement: &S) -> Option<Action> {
    let node = statement.syntax();
    match statement {
        S::Begin(_) => Some(Action::Transaction(Transaction::Begin)),
        S::Commit(it) => Some(settings::commit(it)),
        S::Rollback(it) => Some(settings::rollback(it)),
        S::SavepointCreate(_) => {
            word_of::<ast::Savepoint>(node).map(|it| Action::Transaction(Transaction::Savepoint(it)))
        }
        S::ReleaseSavepoint(_) => {
            word_of::<ast::SavepointRef>(node).map(|it| Action::Transaction(Transaction::Release(it)))
        }
        S::PrepareTransaction(_) => Some(Action::Transaction(Transaction::Prepare)),
        S::SetTransaction(_) | S::SetConstraints(_) => {
            Some(Action::Transaction(Transaction::Characteristics))
        }
        S::Set(it) => settings::set(it),
        S::SetRole(_) | S::SetSessionAuth(_) => Some(settings::set_role(node)),
        S::Reset(it) => settings::reset(it),
        S::ResetRole(_) | S::ResetSessionAuth(_) => {
            Some(Action::Setting(crate::postgres::action::Setting::Reset {
                name: "role".to_owned(),
            }))
        }
        S::Discard(it) => settings::discard(it),
        S::Show(_)
        | S::Listen(_)
        | S::Unlisten(_)
        | S::Notify(_)
        | S::Checkpoint(_)
        | S::Close(_)
        | S::Fetch(_)
        | S::Move(_)
        | S::Deallocate(_)
        | S::Load(_)
        | S::EmptyStmt(_) => Some(Action::Nothing),
        S::Grant(_) => Some(privileges::grant(false, node)),
        S::Revoke(_) => Some(privileges::grant(true, node)),
        S::AlterDefaultPrivileges(it) => Some(privileges::default_privileges(it)),
        S::CommentOn(_) | S::SecurityLabel(_) => privileges::comment(node),
        _ => None,
    }
}

fn created(statement: &S) -> Option<Action> {
    let object = match statement {
        S::CreateSchema(it) => return objects::create_schema(it),
        S::CreateAggregate(_) => Object::Aggregate,
        S::CreateFunction(_) => Object::Function,
        S::CreateProcedure(_) => Object::Procedure,
        S::CreateType(_) => Object::Type,
        S::CreateDomain(_) => Object::Domain,
        S::CreateCast(_) => Object::Cast,
        S::CreateCollation(_) => Object::Collation,
        S::CreateConversion(_) => Object::Conversion,
        S::CreateOperator(_) => Object::Operator,
        S::CreateOperatorClass(_) => Object::OperatorClass,
        S::CreateOperatorFamily(_) => Object::OperatorFamily,
        S::CreateExtension(_) => Object::Extension,
        S::CreateStatistics(_) => Object::Statistics,
        S::CreatePublication(_) => Object::Publication,
        S::CreateSubscription(_) => Object::Subscription,
        S::CreateEventTrigger(_) => Object::EventTrigger,
        S::CreateAccessMethod(_) => Object::AccessMethod,
        S::CreateLanguage(_) => Object::Language,
        S::CreateTransform(_) => Object::Transform,
        S::CreateTextSearchConfiguration(_)
        | S::CreateTextSearchDictionary(_)
        | S::CreateTextSearchParser(_)
        | S::CreateTextSearchTemplate(_) => Object::TextSearch,
        S::CreateForeignDataWrapper(_) => Object::ForeignDataWrapper,
        S::CreateServer(_) => Object::Server,
        S::CreateUserMapping(_) => Object::UserMapping,
        S::ImportForeignSchema(_) => Object::ForeignSchema,
        S::CreateDatabase(_) => Object::Database,
        S::CreateTablespace(_) => Object::Tablespace,
        S::CreateRole(_) | S::CreateUser(_) | S::CreateGroup(_) => Object::Role,
        _ => return None,
    };
    Some(objects::create(object, statement.syntax()))
}

fn altered(statement: &S) -> Option<Action> {
    let object = match statement {
        S::AlterType(it) => return objects::alter_type(it),
        S::AlterDomain(it) => return objects::alter_domain(it),
        S::AlterAggregate(_) => Object::Aggregate,
        S::AlterFunction(_) => Object::Function,
        S::AlterProcedure(_) => Object::Procedure,
        S::AlterRoutine(_) => Object::Routine,
        S::AlterCollation(_) => Object::Collation,
        S::AlterConversion(_) => Object::Conversion,
        S::AlterOperator(_) => Object::Operator,
        S::AlterOperatorClass(_) => Object::OperatorClass,
        S::AlterOperatorFamily(_) => Object::OperatorFamily,
        S::AlterExtension(_) => Object::Extension,
        S::AlterSchema(_) => Object::Schema,
        S::AlterStatistics(_) => Object::Statistics,
        S::AlterPublication(_) => Object::Publication,
        S::AlterSubscription(_) => Object::Subscription,
        S::AlterEventTrigger(_) => Object::EventTrigger,
        S::AlterLanguage(_) => Object::Language,
        S::AlterTextSearchConfiguration(_)
        | S::AlterTextSearchDictionary(_)
        | S::AlterTextSearchParser(_)
        | S::AlterTextSearchTemplate(_) => Object::TextSearch,
        S::AlterForeignDataWrapper(_) => Object::ForeignDataWrapper,
        S::AlterServer(_) => Object::Server,
        S::AlterUserMapping(_) => Object::UserMapping,
        S::AlterLargeObject(_) => Object::LargeObject,
        S::AlterDatabase(_) => Object::Database,
        S::AlterTablespace(_) => Object::Tablespace,
        S::AlterRole(_) | S::AlterUser(_) | S::AlterGroup(_) => Object::Role,
        S::AlterSystem(_) => Object::System,
        S::Reassign(_) => Object::Owned,
        _ => return None,
    };
    Some(objects::alter(object, statement.syntax()))
}

fn dropped(statement: &S) -> Option<Action> {
    let object = match statement {
        S::DropAggregate(_) => Object::Aggregate,
        S::DropFunction(_) => Object::Function,
        S::DropProcedure(_) => Object::Procedure,
        S::DropRoutine(_) => Object::Routine,
        S::DropType(_) => Object::Type,
        S::DropDomain(_) => Object::Domain,
        S::DropCast(_) => Object::Cast,
        S::DropCollation(_) => Object::Collation,
        S::DropConversion(_) => Object::Conversion,
        S::DropOperator(_) => Object::Operator,
        S::DropOperatorClass(_) => Object::OperatorClass,
        S::DropOperatorFamily(_) => Object::OperatorFamily,
        S::DropExtension(_) => Object::Extension,
        S::DropSchema(_) => Object::Schema,
        S::DropStatistics(_) => Object::Statistics,
        S::DropPublication(_) => Object::Publication,
        S::DropSubscription(_) => Object::Subscription,
        S::DropEventTrigger(_) => Object::EventTrigger,
        S::DropAccessMethod(_) => Object::AccessMethod,
        S::DropLanguage(_) => Object::Language,
        S::DropTransform(_) => Object::Transform,
        S::DropTextSearchConfig(_)
        | S::DropTextSearchDict(_)
        | S::DropTextSearchParser(_)
        | S::DropTextSearchTemplate(_) => Object::TextSearch,
        S::DropForeignDataWrapper(_) => Object::ForeignDataWrapper,
        S::DropServer(_) => Object::Server,
        S::DropUserMapping(_) => Object::UserMapping,
        S::DropDatabase(_) => Object::Database,
        S::DropTablespace(_) => Object::Tablespace,
        S::DropRole(_) | S::DropUser(_) | S::DropGroup(_) => Object::Role,
        S::DropOwned(_) => Object::Owned,
        _ => return None,
    };
    Some(drops::objects(object, statement.syntax()))
}
