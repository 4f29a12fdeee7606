//! The name of a table or another object, as the server would look it up.

use std::fmt;

/// Without quotes; folded to lower case where it had none, as PostgreSQL does.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name {
    /// If the statement says it.
    pub schema: Option<String>,
    /// The last part.
    pub name: String,
}

impl Name {
    /// Without a schema.
    #[must_use]
    pub fn bare(name: &str) -> Self {
        Self {
            schema: None,
            name: name.to_owned(),
        }
    }

    /// With its schema.
    #[must_use]
    pub fn qualified(schema: &str, name: &str) -> Self {
        Self {
            schema: Some(schema.to_owned()),
            name: name.to_owned(),
        }
    }

    /// The same object under another name: it stays in its schema.
    #[must_use]
    pub fn renamed(&self, to: &str) -> Self {
        Self {
            schema: self.schema.clone(),
            name: to.to_owned(),
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.schema {
            Some(schema) => write!(f, "{schema}.{}", self.name),
            None => f.write_str(&self.name),
        }
    }
}
