//! Types, in the form in which `format_type` spells them.

use squawk_syntax::ast::{self, AstNode};

use super::tree::text;
use crate::postgres::action::SqlType;

/// Reads a type.
pub(super) fn sql_type(node: &ast::Type) -> SqlType {
    SqlType::read(&text(node.syntax()))
}
