//! Showing a URL without its secrets.

use url::Url;

const HIDDEN: &str = "***";

/// The URL with its password, and every query parameter that may hold one, replaced by `***`. What is not a
/// URL is not shown at all: a password with an unescaped `@` would otherwise end up in a log.
#[must_use]
pub fn redact_url(text: &str) -> String {
    let Ok(mut url) = Url::parse(text) else {
        return "(not a readable URL; not shown)".to_owned();
    };
    // Without an authority (`mailto:x`, or `host:5432/db?password=x` read as scheme `host`) there is
    // no telling which part is secret.
    if !url.has_authority() {
        return format!("{}:(not shown)", url.scheme());
    }
    if url.password().is_some() && url.set_password(Some(HIDDEN)).is_err() {
        return format!("{}:(not shown)", url.scheme());
    }
    if url.query().is_some() {
        let shown: Vec<(String, String)> = url
            .query_pairs()
            .map(|(key, value)| match is_secret(&key) {
                true => (key.into_owned(), HIDDEN.to_owned()),
                false => (key.into_owned(), value.into_owned()),
            })
            .collect();
        url.query_pairs_mut().clear().extend_pairs(shown);
    }
    url.to_string()
}

fn is_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    ["pass", "secret", "token", "key", "auth"]
        .iter()
        .any(|part| key.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_secret_survives() {
        for (url, shown) in [
            (
                "postgres://ada:hunter2@db:5432/app",
                "postgres://ada:***@db:5432/app",
            ),
            ("postgres://ada@db/app", "postgres://ada@db/app"),
            ("postgres://:hunter2@db/app", "postgres://:***@db/app"),
            (
                "postgres://db/app?user=ada&password=hunter2",
                "postgres://db/app?user=ada&password=***",
            ),
            (
                "postgres:///app?host=/run/pg&sslpassword=hunter2",
                "postgres:///app?host=%2Frun%2Fpg&sslpassword=***",
            ),
            (
                "amqps://ada:hunter2@mq/%2f?heartbeat=10",
                "amqps://ada:***@mq/%2f?heartbeat=10",
            ),
            ("postgres://ada:hunter2@a,b/app", "postgres://ada:***@a,b/app"),
            (
                "postgres://ada:hunter2@db:port/app",
                "(not a readable URL; not shown)",
            ),
            ("host=db password=hunter2", "(not a readable URL; not shown)"),
            ("ada:hunter2@db", "ada:(not shown)"),
            ("", "(not a readable URL; not shown)"),
        ] {
            let found = redact_url(url);
            assert_eq!(found, shown, "{url}");
            assert!(!found.contains("hunter2"), "{url}");
        }
    }
}
