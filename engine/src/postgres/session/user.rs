//! As whom a URL without a user connects: `PGUSER`, else the operating system's user, as every client of PostgreSQL does it.
//! The driver asks its own way for the latter and, where that is not built in, connects as "anonymous".

use std::os::unix::fs::MetadataExt;

/// The URL with a user: the one it names, or the default.
pub(super) fn with_user(url: &str) -> String {
    match default_user() {
        Some(user) if !names_a_user(url) => add(url, &user),
        Some(_) | None => url.to_owned(),
    }
}

fn default_user() -> Option<String> {
    // The number is the process's own, so it is right under sudo and in containers, where variables often are not.
    let number = std::fs::metadata("/proc/self").ok().map(|process| process.uid());
    let accounts = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    chosen(|name| std::env::var(name).ok(), number, &accounts)
}

fn chosen(variable: impl Fn(&str) -> Option<String>, number: Option<u32>, accounts: &str) -> Option<String> {
    let set = |name: &str| variable(name).filter(|user| !user.is_empty());
    set("PGUSER")
        .or_else(|| number.and_then(|number| account(accounts, number)))
        .or_else(|| set("USER"))
        .or_else(|| set("LOGNAME"))
}

/// The name of a user in the text of `/etc/passwd`: `name:x:1000:...`.
fn account(accounts: &str, number: u32) -> Option<String> {
    accounts.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, third) = (fields.next()?, fields.nth(1)?);
        (third.parse() == Ok(number) && !name.is_empty()).then(|| name.to_owned())
    })
}

/// Whether a user stands before the host or among the parameters.
fn names_a_user(url: &str) -> bool {
    let Some((_, rest)) = url.split_once("://") else {
        return true;
    };
    let (place, parameters) = rest.split_once('?').unwrap_or((rest, ""));
    let authority = place.split('/').next().unwrap_or_default();
    let before = authority.rsplit_once('@').map_or("", |(before, _)| before);
    let user = before.split(':').next().unwrap_or_default();
    !user.is_empty() || parameters.split('&').any(|one| one.starts_with("user="))
}

/// As a parameter: a URL without a host has no place for it before the host.
fn add(url: &str, user: &str) -> String {
    let encoded: String = user
        .bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'-' | b'.' => char::from(byte).to_string(),
            other => format!("%{other:02X}"),
        })
        .collect();
    let sign = if url.contains('?') { '&' } else { '?' };
    format!("{url}{sign}user={encoded}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACCOUNTS: &str = "root:x:0:0:root:/root:/bin/sh\nann:x:1000:1000::/home/ann:/bin/sh\n";

    #[test]
    fn the_variable_comes_first_then_the_account_then_what_the_shell_says() {
        let check = |variables: &[(&str, &str)], number: Option<u32>, expected: Option<&str>| {
            let variable = |name: &str| {
                let found = variables.iter().find(|(key, _)| *key == name);
                found.map(|(_, value)| (*value).to_owned())
            };
            assert_eq!(
                chosen(variable, number, ACCOUNTS).as_deref(),
                expected,
                "{variables:?}"
            );
        };
        check(&[("PGUSER", "eve"), ("USER", "bob")], Some(1000), Some("eve"));
        check(&[("PGUSER", ""), ("USER", "bob")], Some(1000), Some("ann"));
        check(&[("USER", "bob"), ("LOGNAME", "joe")], Some(7), Some("bob"));
        check(&[("LOGNAME", "joe")], None, Some("joe"));
        check(&[], Some(7), None);
    }

    #[test]
    fn only_a_url_without_a_user_gets_one() {
        for named in [
            "postgres://eve@db/music",
            "postgres://eve:pw@db/music",
            "postgres://db/music?user=eve",
            "postgres:///music?host=/run&user=eve",
        ] {
            assert!(names_a_user(named), "{named}");
        }
        for unnamed in [
            "postgres://localhost/music",
            "postgres://:pw@db/m@il",
            "postgres:///music?host=/run",
        ] {
            assert!(!names_a_user(unnamed), "{unnamed}");
        }
        assert_eq!(add("postgres://db/music", "ann"), "postgres://db/music?user=ann");
        assert_eq!(
            add("postgres://db/m?a=b", "a n&n"),
            "postgres://db/m?a=b&user=a%20n%26n"
        );
    }

    #[test]
    fn the_driver_takes_the_user_that_was_added() {
        for url in ["postgres://localhost/music", "postgres:///music?host=/run"] {
            let parsed: sqlx::postgres::PgConnectOptions = add(url, "a n").parse().unwrap();
            assert_eq!(
                (parsed.get_username(), parsed.get_database()),
                ("a n", Some("music"))
            );
        }
    }
}
