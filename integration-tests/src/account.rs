//! Whom a server runs as, and the throw-away folder it owns.
//!
//! PostgreSQL, PgBouncer and RabbitMQ refuse to run as root, or should. When the tests run as root
//! (a container, a CI machine) a server runs as its own system account, or as `nobody`.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;

use anyhow::Context;
use tempfile::TempDir;

/// A user id with its group, to switch to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Account {
    /// User.
    pub uid: u32,
    /// Group.
    pub gid: u32,
}

impl Account {
    /// The account for a server whose package makes the user `preferred`; None when we are not root,
    /// and so can and need only be ourselves.
    ///
    /// # Errors
    /// The accounts of this system cannot be read, or there is not even a `nobody`.
    pub fn for_server(preferred: &str) -> anyhow::Result<Option<Self>> {
        if !rustix::process::geteuid().is_root() {
            return Ok(None);
        }
        let accounts = fs::read_to_string("/etc/passwd").context("cannot read /etc/passwd")?;
        let found = [preferred, "nobody"]
            .into_iter()
            .find_map(|name| find(&accounts, name));
        found
            .map(Some)
            .with_context(|| format!("neither {preferred} nor nobody is an account of this system"))
    }
}

fn find(accounts: &str, name: &str) -> Option<Account> {
    accounts.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next()? == name).then_some(())?;
        let (uid, gid) = (fields.nth(1)?.parse().ok()?, fields.next()?.parse().ok()?);
        Some(Account { uid, gid })
    })
}

/// A new, private folder that belongs to `owner`; removed when dropped, or by the keeper it is handed to.
///
/// # Errors
/// It cannot be created or given away.
pub fn folder(name: &str, owner: Option<Account>) -> anyhow::Result<TempDir> {
    let folder = tempfile::Builder::new()
        .prefix(&format!("sluice-{name}-"))
        .tempdir()
        .context("cannot create a folder for a server")?;
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700))?;
    give(folder.path(), owner)?;
    Ok(folder)
}

/// Writes a file that only `owner` can read.
///
/// # Errors
/// It cannot be written or given away.
pub fn file(path: &Path, content: &str, owner: Option<Account>) -> anyhow::Result<()> {
    fs::write(path, content).with_context(|| format!("cannot write {}", path.display()))?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    give(path, owner)
}

fn give(path: &Path, owner: Option<Account>) -> anyhow::Result<()> {
    match owner {
        Some(Account { uid, gid }) => {
            chown(path, Some(uid), Some(gid)).with_context(|| format!("cannot give {} away", path.display()))
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_found_by_its_whole_name() {
        let accounts = "postgresql:x:7:8::/:/bin/sh\npostgres:x:101:104:,,,:/var/lib/postgresql:/bin/bash\n";
        assert_eq!(find(accounts, "postgres"), Some(Account { uid: 101, gid: 104 }));
        assert_eq!(find(accounts, "nobody"), None);
    }
}
