//! Installs the servers that the tests start privately, without starting any service of the system.
//!
//! On Debian and Ubuntu a package starts its service when it is installed. `policy-rc.d` forbids that;
//! it is ours only while we install, and removed afterwards. PostgreSQL's packages also make a cluster,
//! unless `createcluster.conf` says no. What breaks it: a machine where we may not install. Then it
//! says exactly what to install, and stops.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

use crate::command;

const POLICY: &str = "/usr/sbin/policy-rc.d";
/// 101: "action forbidden by policy". The comment tells a left-over of ours from somebody else's.
const FORBID: &str = "#!/bin/sh\n# Written by `cargo xtask test` while it installs packages.\nexit 101\n";
const CLUSTERS: &str = "/etc/postgresql-common/createcluster.conf";

/// A program that the tests run, and the package that has it.
struct Need {
    program: &'static str,
    package: &'static str,
}

const NEEDS: &[Need] = &[
    Need {
        program: "initdb",
        package: "postgresql",
    },
    Need {
        program: "pg_dump",
        package: "postgresql",
    },
    Need {
        program: "psql",
        package: "postgresql",
    },
    Need {
        program: "pgbouncer",
        package: "pgbouncer",
    },
    Need {
        program: "rabbitmq-server",
        package: "rabbitmq-server",
    },
    Need {
        program: "epmd",
        package: "rabbitmq-server",
    },
];

/// What the tests of the examples in other languages need besides.
const LANGUAGES: &[Need] = &[Need {
    program: "npm",
    package: "npm",
}];

/// Makes sure that everything is there, and what other languages need if their tests are to run.
///
/// # Errors
/// Something is missing and cannot be installed by us: says how a person installs it.
pub fn ensure(languages: bool) -> anyhow::Result<()> {
    let missing = missing(languages);
    if missing.is_empty() {
        return Ok(());
    }
    let advice = format!(
        "install them: apt-get install --no-install-recommends {}",
        missing.join(" ")
    );
    if !Path::new("/usr/bin/apt-get").exists() {
        bail!(
            "the tests need PostgreSQL (14 or newer, server and client programs), PgBouncer and RabbitMQ (3.10 or \
             newer), and this is not a Debian or Ubuntu where they can be installed for you. Missing here: {}",
            missing.join(", ")
        );
    }
    if !is_root() {
        bail!("the tests need packages that are not installed, and only root may install them; {advice}");
    }
    eprintln!("installing {}", missing.join(", "));
    install(&missing)?;
    let still = self::missing(languages);
    if !still.is_empty() {
        bail!("still missing after the installation: {}", still.join(", "));
    }
    Ok(())
}

/// Packages of which a program is missing.
fn missing(languages: bool) -> Vec<&'static str> {
    let more = if languages { LANGUAGES } else { &[] };
    let absent = NEEDS.iter().chain(more).filter(|need| !present(need.program));
    let mut packages: Vec<&str> = absent.map(|need| need.package).collect();
    if languages && !python_makes_environments() {
        packages.push("python3-venv");
    }
    packages.dedup();
    packages
}

/// On Debian `python3` comes without the part that fills a virtual environment.
fn python_makes_environments() -> bool {
    let asked = Command::new("python3")
        .args(["-c", "import ensurepip, venv"])
        .status();
    asked.is_ok_and(|status| status.success())
}

fn present(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let versions = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten();
    let chosen = std::env::var_os("SLUICE_TEST_POSTGRES_BIN").map(PathBuf::from);
    std::env::split_paths(&path)
        .chain(versions.map(|version| version.path().join("bin")))
        .chain(["/usr/sbin".into(), "/usr/lib/rabbitmq/bin".into()])
        .chain(chosen)
        .any(|folder| folder.join(program).is_file())
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output();
    id.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

fn install(packages: &[&str]) -> anyhow::Result<()> {
    let _policy = Policy::forbid_services()?;
    forbid_clusters()?;
    end_interrupted()?;
    if apt_install(packages).is_ok() {
        return Ok(());
    }
    // The lists of packages may be missing or old.
    command::run(apt(&["update"]))?;
    apt_install(packages)
}

/// An installation that was cut off (a machine that went down, a run that was ended) leaves packages unpacked, and every
/// later one then refuses to begin.
fn end_interrupted() -> anyhow::Result<()> {
    let audit = Command::new("dpkg").arg("--audit").output();
    let interrupted = audit.is_ok_and(|said| !said.stdout.trim_ascii().is_empty());
    let journal = fs::read_dir("/var/lib/dpkg/updates").is_ok_and(|mut entries| entries.next().is_some());
    if !interrupted && !journal {
        return Ok(());
    }
    eprintln!("an earlier installation was interrupted; ending it first");
    let mut configure = Command::new("dpkg");
    configure
        .args(["--force-confold", "--force-confdef", "--configure", "-a"])
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdin(std::process::Stdio::null());
    command::run(configure)
}

fn apt_install(packages: &[&str]) -> anyhow::Result<()> {
    let mut command = apt(&["install", "-y", "--no-install-recommends"]);
    // Keeps the configuration that `forbid_clusters` wrote, and asks nobody.
    command.args([
        "-o",
        "Dpkg::Options::=--force-confold",
        "-o",
        "Dpkg::Options::=--force-confdef",
    ]);
    command.args(packages);
    command::run(command)
}

fn apt(args: &[&str]) -> Command {
    let mut command = Command::new("apt-get");
    command
        .args(args)
        // Somebody else's installation (a nightly upgrade) is waited for.
        .args(["-o", "DPkg::Lock::Timeout=300"])
        .env("DEBIAN_FRONTEND", "noninteractive")
        .env("UCF_FORCE_CONFFOLD", "1")
        .stdin(std::process::Stdio::null());
    command
}

/// Tells PostgreSQL's packages to make no cluster of their own; a file that exists is left as it is.
fn forbid_clusters() -> anyhow::Result<()> {
    let path = Path::new(CLUSTERS);
    if path.exists() {
        return Ok(());
    }
    fs::create_dir_all(path.parent().expect("the path has a folder"))?;
    fs::write(path, "create_main_cluster = false\n").with_context(|| format!("cannot write {CLUSTERS}"))
}

/// While it lives, packages may start no service. Somebody else's policy is respected.
struct Policy {
    ours: bool,
}

impl Policy {
    fn forbid_services() -> anyhow::Result<Self> {
        let path = Path::new(POLICY);
        // One of ours may have been left behind by an interrupted run.
        let ours = !path.exists() || fs::read_to_string(path).is_ok_and(|text| text == FORBID);
        if ours {
            fs::write(path, FORBID).with_context(|| format!("cannot write {POLICY}"))?;
            fs::set_permissions(path, fs::Permissions::from_mode(0o755))?;
        }
        Ok(Self { ours })
    }
}

impl Drop for Policy {
    fn drop(&mut self) {
        if self.ours {
            let _ = fs::remove_file(POLICY);
        }
    }
}
