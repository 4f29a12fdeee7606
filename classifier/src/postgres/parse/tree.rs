//! Looking at the syntax tree: what all families of statements need.

use squawk_syntax::ast::{self, AstNode};
use squawk_syntax::{SyntaxKind, SyntaxNode};

use crate::postgres::action::Name;

/// The first direct child of a kind.
pub(super) fn child<N: AstNode>(node: &SyntaxNode) -> Option<N> {
    node.children().find_map(N::cast)
}

/// Everything of a kind below, in the order of the text.
pub(super) fn below<N: AstNode>(node: &SyntaxNode) -> impl Iterator<Item = N> {
    node.descendants().filter_map(N::cast)
}

/// It has such a node among its direct children.
pub(super) fn has<N: AstNode>(node: &SyntaxNode) -> bool {
    child::<N>(node).is_some()
}

/// It has such a token of its own.
pub(super) fn has_token(node: &SyntaxNode, kind: SyntaxKind) -> bool {
    node.children_with_tokens()
        .any(|element| element.into_token().is_some_and(|token| token.kind() == kind))
}

/// A name without dots, folded and unquoted.
pub(super) fn word(node: &SyntaxNode) -> String {
    ast::normalize_name_node(node)
}

/// Every part of the first dotted name at or below the node, or the node itself if it is a name without dots.
pub(super) fn parts(node: &SyntaxNode) -> Vec<String> {
    let is_path = |kind| matches!(kind, SyntaxKind::PATH | SyntaxKind::PATH_REF);
    let is_segment = |kind| matches!(kind, SyntaxKind::PATH_SEGMENT | SyntaxKind::PATH_SEGMENT_REF);
    match node.descendants().find(|it| is_path(it.kind())) {
        Some(path) => path
            .descendants()
            .filter(|it| is_segment(it.kind()))
            .map(|it| word(&it))
            .collect(),
        None => vec![word(node)],
    }
}

/// The name at or below the node.
pub(super) fn name(node: &SyntaxNode) -> Name {
    from_parts(parts(node))
}

/// The last part, and the one before it.
pub(super) fn from_parts(mut parts: Vec<String>) -> Name {
    let name = parts.pop().unwrap_or_default();
    Name {
        schema: parts.pop(),
        name,
    }
}

/// The name of a direct child of this kind.
pub(super) fn name_of<N: AstNode>(node: &SyntaxNode) -> Option<Name> {
    child::<N>(node).map(|it| name(it.syntax()))
}

/// The name without dots of a direct child of this kind.
pub(super) fn word_of<N: AstNode>(node: &SyntaxNode) -> Option<String> {
    child::<N>(node).map(|it| from_parts(parts(it.syntax())).name)
}

/// A table and a column: `schema.table.column`.
pub(super) fn table_and_column(node: &SyntaxNode) -> Option<(Name, String)> {
    let mut parts = parts(node);
    let column = parts.pop()?;
    (!parts.is_empty()).then(|| (from_parts(parts), column))
}

/// As it stands there.
pub(super) fn text(node: &SyntaxNode) -> String {
    node.text().to_string().trim().to_owned()
}

/// `CASCADE`.
pub(super) fn cascades(node: &SyntaxNode) -> bool {
    node.children().any(|it| it.kind() == SyntaxKind::CASCADE)
}

/// `IF EXISTS`.
pub(super) fn if_exists(node: &SyntaxNode) -> bool {
    has::<ast::IfExists>(node)
}
