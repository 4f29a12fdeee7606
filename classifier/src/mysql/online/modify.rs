//! MODIFY and CHANGE: everything depends on what the column is now, which the statement does not say.
//!
//! Without knowing, a copy is assumed. With the catalog's word for the type, the few changes that touch no row are told from the rest.

use super::super::Flavor;
use super::super::action::{Column, Generated};
use super::Online;
use crate::facts;

pub(super) fn modify(now: Option<&facts::Column>, column: &Column, placed: bool, flavor: Flavor) -> Online {
    let Some(now) = now else {
        return Online {
            assumed: true,
            ..Online::COPY
        };
    };
    if column.check || column.generated == Some(Generated::Stored) || column.references.is_some() {
        return Online::COPY;
    }
    let mut online = change_of_type(&now.type_name.to_ascii_lowercase(), &column.type_name, flavor);
    if now.not_null != column.not_null {
        online = online.and(Online::REBUILD);
    }
    if placed && flavor == Flavor::MySql {
        online = online.and(Online::REBUILD);
    }
    online
}

fn change_of_type(from: &str, to: &str, flavor: Flavor) -> Online {
    if plain(from) == plain(to) {
        return Online::INSTANT;
    }
    if let (Some(from), Some(to)) = (length(from, "varchar"), length(to, "varchar")) {
        return match flavor {
            Flavor::MariaDb if to > from => Online::INSTANT,
            // The length is kept in one byte up to 255 bytes, in two beyond; a character of utf8mb4 takes four.
            Flavor::MySql if to > from && (to * 4 <= 255 || from * 4 > 255) => Online::definition(flavor),
            Flavor::MariaDb | Flavor::MySql => Online::COPY,
        };
    }
    if let (Some(from), Some(to)) = (values(from), values(to)) {
        return if to.starts_with(from) {
            Online::INSTANT
        } else {
            Online::COPY
        };
    }
    Online::COPY
}

/// Without the width that old servers show, which means nothing.
fn plain(type_name: &str) -> String {
    let integer = ["tinyint(", "smallint(", "mediumint(", "int(", "bigint("]
        .iter()
        .any(|width| type_name.starts_with(width));
    let word = type_name.replace(", ", ",");
    match (integer, word.split_once('('), word.split_once(')')) {
        (true, Some((before, _)), Some((_, after))) => format!("{before}{after}"),
        _ => word.replace("integer", "int").replace("numeric", "decimal"),
    }
}

fn length(type_name: &str, of: &str) -> Option<u64> {
    type_name
        .strip_prefix(of)?
        .strip_prefix('(')?
        .strip_suffix(')')?
        .trim()
        .parse()
        .ok()
}

/// What stands in the parentheses of an ENUM; appending keeps the beginning.
fn values(type_name: &str) -> Option<&str> {
    let inside = type_name
        .strip_prefix("enum(")
        .or_else(|| type_name.strip_prefix("set("))?;
    inside.strip_suffix(')')
}
