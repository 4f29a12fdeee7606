//! What a person reads of a database's error: never a row value.

use engine::error::Class;

/// Messages about data quote it ("invalid input syntax for type integer: ..."): of those only
/// the condition and the constraint are told.
pub(crate) fn words(class: Class, error: &sqlx::Error) -> String {
    let Some(database) = error.as_database_error() else {
        return error.to_string();
    };
    if class != Class::Data {
        return database.message().to_owned();
    }
    let condition = match database.code().as_deref() {
        Some("22001") => "a value is too long for its type",
        Some("22003") => "a number is out of range",
        Some("22007" | "22008") => "a date or time cannot be read",
        Some("22012") => "division by zero",
        Some("22P02") => "a text cannot be read as the type",
        Some("23502") => "NULL where NOT NULL is required",
        Some("23503") => "a foreign key has no match",
        Some("23505") => "a value that must be unique is there twice",
        Some("23514") => "a check refuses the row",
        // SQLite's own codes.
        Some("1299") => "NULL where NOT NULL is required",
        Some("787") => "a foreign key has no match",
        Some("1555" | "2067" | "2579") => "a value that must be unique is there twice",
        Some("275") => "a check refuses the row",
        Some("1811") => "a trigger refuses the row",
        Some("P0001") => "a trigger or function raised an exception",
        Some(_) | None => "a row cannot be written",
    };
    match database.constraint() {
        Some(constraint) => format!("{condition} (constraint {constraint:?})"),
        None => condition.to_owned(),
    }
}
