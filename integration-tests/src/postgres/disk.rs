//! A server with a small disk that can be filled: a tmpfs under one tablespace.
//!
//! The tmpfs is mounted in a namespace of the server's own, so that it is gone with the server, whatever ends it or us. The
//! write-ahead log is elsewhere: a server that cannot write that one stops, which is another fault.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::PathBuf;

use anyhow::{Context, bail};

use super::server::{initialize, order};
use super::{Durability, SUPERUSER, Server};
use crate::account::{Account, folder};
use crate::database::Database;
use crate::keeper::{Kept, Order};
use crate::{ports, postgres};

const TABLESPACE: &str = "small";

/// A server and its small disk; both end when dropped.
#[derive(Debug)]
pub struct SmallDisk {
    server: Server,
    folder: PathBuf,
}

impl SmallDisk {
    /// Why there cannot be one here, if so.
    #[must_use]
    pub fn obstacle() -> Option<&'static str> {
        (!rustix::process::geteuid().is_root()).then_some("mounting a tmpfs takes root")
    }

    /// Starts the server; the disk has so many mebibytes.
    ///
    /// # Errors
    /// There is an [`Self::obstacle`], a program is missing, or the server does not start.
    pub async fn start(mebibytes: u32) -> anyhow::Result<Self> {
        let account =
            Account::for_server(SUPERUSER)?.context(Self::obstacle().unwrap_or("there is no account"))?;
        let (port, home) = (ports::free()?, folder("postgres", Some(account))?);
        let password = format!("{:016x}", fastrand::u64(..));
        initialize(home.path(), &password, Durability::ThrowAway, Some(account)).await?;
        let disk = home.path().join(TABLESPACE);
        fs::create_dir(&disk)?;
        let order = order(home, port, "postgres", Some(account))?;
        let kept = Kept::start(mounting(order, account, mebibytes)?).await?;
        let server = Server::once_it_answers(kept, port, password, Some(account)).await?;
        let mut conn = server.superuser("postgres").await?;
        let make = format!("CREATE TABLESPACE {TABLESPACE} LOCATION '{}'", disk.display());
        engine::sql::execute_script(&mut conn, make).await?;
        Ok(Self { server, folder: disk })
    }

    /// The server.
    #[must_use]
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Puts a database on the disk, its ledger included. Nobody may be connected to it.
    ///
    /// # Errors
    /// The server refuses.
    pub async fn hold(&self, database: &Database<'_>) -> anyhow::Result<()> {
        let mut conn = self.server.superuser("postgres").await?;
        let admit = format!(
            "GRANT CREATE ON TABLESPACE {TABLESPACE} TO PUBLIC; ALTER DATABASE {} SET TABLESPACE {TABLESPACE}",
            database.name()
        );
        for statement in admit.split("; ") {
            engine::sql::execute_script(&mut conn, statement.to_owned()).await?;
        }
        Ok(())
    }

    /// Takes all space that is left, as a log of another program might.
    ///
    /// # Errors
    /// The server is gone.
    pub fn fill(&self) -> anyhow::Result<()> {
        let mut ballast = File::create(self.ballast()?)?;
        let piece = vec![0; 4096];
        loop {
            match ballast.write_all(&piece) {
                Ok(()) => {}
                Err(error) if error.kind() == std::io::ErrorKind::StorageFull => return Ok(()),
                Err(error) => bail!("the disk cannot be filled: {error}"),
            }
        }
    }

    /// Gives the space back.
    ///
    /// # Errors
    /// The server is gone.
    pub fn free(&self) -> anyhow::Result<()> {
        Ok(fs::remove_file(self.ballast()?)?)
    }

    /// Seen from outside the server's namespace.
    fn ballast(&self) -> anyhow::Result<PathBuf> {
        let pid = self.server.kept().pid().context("the server is gone")?;
        let root = PathBuf::from(format!("/proc/{pid}/root"));
        Ok(root.join(self.folder.strip_prefix("/")?).join("ballast"))
    }
}

/// Mounts, becomes the account, and then is the server: one process all along.
fn mounting(order: Order, Account { uid, gid }: Account, mebibytes: u32) -> anyhow::Result<Order> {
    let disk = order.folder.path().join(TABLESPACE);
    let steps = format!(
        "mount -t tmpfs -o size={mebibytes}m,uid={uid},gid={gid},mode=700 sluice-test '{}' \
         && exec setpriv --reuid={uid} --regid={gid} --clear-groups -- \"$@\"",
        disk.display()
    );
    let mut args: Vec<OsString> = ["--mount", "--", "sh", "-c"].map(OsString::from).into();
    args.extend([steps.into(), "sh".into(), order.program.into_os_string()]);
    args.extend(order.args);
    Ok(Order {
        program: postgres::installed("unshare")?,
        args,
        account: None,
        ..order
    })
}
