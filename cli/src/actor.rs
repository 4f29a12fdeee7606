//! Who commands. Until tokens exist it is what the caller says: the ledger records it as unauthenticated.

use crate::error::Error;

/// The flag that names a person.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct ActorArgs {
    /// Who commands, for the audit trail; the system user if it is left out. Recorded as unauthenticated.
    #[arg(long = "as", value_name = "NAME")]
    pub name: Option<String>,
}

impl ActorArgs {
    /// The name that the ledger gets.
    ///
    /// # Errors
    /// [`Error::Usage`] if nobody is named: an audit trail that says "unknown" is none.
    pub fn actor(&self) -> Result<String, Error> {
        let named = self
            .name
            .clone()
            .or_else(|| ["USER", "LOGNAME"].iter().find_map(|v| std::env::var(v).ok()))
            .or_else(user_number);
        named.filter(|name| !name.trim().is_empty()).ok_or_else(|| {
            Error::Usage(
                "who commands? neither --as NAME nor the environment (USER, LOGNAME) says it".to_owned(),
            )
        })
    }
}

/// Services and containers often have no name in the environment, but always a number.
fn user_number() -> Option<String> {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self")
        .ok()
        .map(|process| format!("uid {}", process.uid()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blank_name_is_nobody() {
        assert!(
            ActorArgs {
                name: Some(" ".to_owned())
            }
            .actor()
            .is_err()
        );
        assert_eq!(
            ActorArgs {
                name: Some("ada".to_owned())
            }
            .actor()
            .unwrap(),
            "ada"
        );
    }
}
