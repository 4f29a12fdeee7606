//! DROP, of relations and of everything else.

use squawk_syntax::ast::{self, AstNode};
use squawk_syntax::{SyntaxKind, SyntaxNode};

use super::tree::{cascades, has_token, if_exists, name};
use crate::postgres::action::{Action, DropObjects, DropRelations, Name, Object, Relation};

/// `DROP TABLE` and of other relations.
pub(super) fn relations(relation: Relation, node: &SyntaxNode) -> Action {
    Action::DropRelations(DropRelations {
        relation,
        names: names(node),
        if_exists: if_exists(node),
        cascade: cascades(node),
        concurrently: has_token(node, SyntaxKind::CONCURRENTLY_KW),
    })
}

/// `DROP` of other objects.
pub(super) fn objects(object: Object, node: &SyntaxNode) -> Action {
    Action::DropObjects(DropObjects {
        object,
        names: names(node),
        if_exists: if_exists(node),
        cascade: cascades(node),
    })
}

/// Every name of the list.
fn names(node: &SyntaxNode) -> Vec<Name> {
    node.children().filter(is_name).flat_map(|it| each(&it)).collect()
}

/// Signatures of functions stand in a list of their own.
fn each(node: &SyntaxNode) -> Vec<Name> {
    let is_list = matches!(
        node.kind(),
        SyntaxKind::FUNCTION_SIG_LIST
            | SyntaxKind::PROCEDURE_SIG_LIST
            | SyntaxKind::ROUTINE_SIG_LIST
            | SyntaxKind::ROLE_REF_LIST
    );
    if is_list {
        node.children().map(|it| name(&it)).collect()
    } else {
        vec![name(node)]
    }
}

fn is_name(node: &SyntaxNode) -> bool {
    !ast::IfExists::can_cast(node.kind()) && !ast::DropBehavior::can_cast(node.kind())
}
