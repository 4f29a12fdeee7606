//! Expressions: what they call and mention, how often they must be evaluated, what they prove.

use squawk_syntax::ast::{self, AstNode};
use squawk_syntax::{SyntaxKind, SyntaxNode};

use super::tree::{below, from_parts, parts, text, word};
use crate::postgres::action::{Expression, Name, Volatility};
use crate::postgres::functions;

/// Reads an expression.
pub(super) fn expression(expr: &ast::Expr) -> Expression {
    let node = expr.syntax();
    let mut volatility = Volatility::Constant;
    let mut unknown_functions = Vec::new();
    for function in called(node) {
        let one = functions::volatility(&function);
        volatility = volatility.max(one);
        if one == Volatility::Unknown && !unknown_functions.contains(&function) {
            unknown_functions.push(function);
        }
    }
    let mut columns = Vec::new();
    for name in below::<ast::NameRef>(node).filter(|it| !is_callee(it.syntax())) {
        match functions::keyword(name.syntax()) {
            Some(one) => volatility = volatility.max(one),
            None => columns.push(word(name.syntax())),
        }
    }
    Expression {
        text: text(node),
        volatility,
        unknown_functions,
        columns,
    }
}

/// The functions that are called below a node.
pub(super) fn called(node: &SyntaxNode) -> Vec<Name> {
    let callee = |call: ast::CallExpr| {
        let first = call.syntax().children().next()?;
        match first.kind() {
            SyntaxKind::NAME_REF => Some(Name::bare(&word(&first))),
            SyntaxKind::FIELD_EXPR => Some(from_parts(dotted(&first))),
            _ => None,
        }
    };
    below::<ast::CallExpr>(node).filter_map(callee).collect()
}

/// The parts of `a.b.c`, which is a tree of field accesses here.
fn dotted(node: &SyntaxNode) -> Vec<String> {
    below::<ast::NameRef>(node).map(|it| word(it.syntax())).collect()
}

/// The name of a function that is called, and not of a column.
fn is_callee(name: &SyntaxNode) -> bool {
    let outermost = name
        .ancestors()
        .take_while(|it| it == name || it.kind() == SyntaxKind::FIELD_EXPR);
    let Some(top) = outermost.last() else { return false };
    let Some(call) = top.parent().filter(|it| it.kind() == SyntaxKind::CALL_EXPR) else {
        return false;
    };
    call.children().next() == Some(top)
}

/// Columns that cannot be null where the expression is true: `c IS NOT NULL`, alone or as a part of an AND.
pub(super) fn proves_not_null(expr: &ast::Expr) -> Vec<String> {
    match expr {
        ast::Expr::ParenExpr(inner) => inner.expr().map(|it| proves_not_null(&it)).unwrap_or_default(),
        ast::Expr::BinExpr(both) => from_both(both),
        ast::Expr::PostfixExpr(test) if matches!(test.op(), Some(ast::PostfixOp::NotNull(_))) => {
            let operand = test.syntax().children().find_map(ast::Expr::cast);
            operand.and_then(|it| column(&it)).into_iter().collect()
        }
        _ => Vec::new(),
    }
}

fn from_both(both: &ast::BinExpr) -> Vec<String> {
    let (Some(left), Some(right)) = (both.lhs(), both.rhs()) else {
        return Vec::new();
    };
    match both.op() {
        Some(ast::BinOp::And(_)) => [proves_not_null(&left), proves_not_null(&right)].concat(),
        Some(ast::BinOp::IsNot(_)) if text(right.syntax()).eq_ignore_ascii_case("null") => {
            column(&left).into_iter().collect()
        }
        _ => Vec::new(),
    }
}

/// A column by its name, in parentheses or not.
fn column(expr: &ast::Expr) -> Option<String> {
    match expr {
        ast::Expr::NameRef(name) => Some(word(name.syntax())),
        ast::Expr::FieldExpr(field) => parts_of_field(field.syntax()),
        ast::Expr::ParenExpr(inner) => inner.expr().and_then(|it| column(&it)),
        _ => None,
    }
}

fn parts_of_field(node: &SyntaxNode) -> Option<String> {
    dotted(node).pop().or_else(|| parts(node).pop())
}
