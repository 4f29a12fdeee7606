//! `verify_on`: the replica of a target on which chunks are re-read.
//!
//! It is one of `[targets.*.throttle.replicas]`, so that how far it is behind is known and limited. That URL is the monitor role's, which
//! may read no table; rows are read as the data role, which a replica knows by the same name and password as the primary. So no further URL has to
//! be kept in step: where comes from the replica's, as whom from the target's.

use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::TargetSettings;

/// A replica on which chunks are re-read.
#[derive(Clone, Debug)]
pub struct RereadReplica {
    /// Its name in the settings.
    pub name: String,
    /// Where, as the data role.
    pub url: SecretString,
}

/// Parameters of a URL that say as whom, and not where.
const AS_WHOM: [&str; 2] = ["user", "password"];

impl TargetSettings {
    /// The replica on which chunks are re-read, if the operator wants that.
    #[must_use]
    pub fn reread_replica(&self) -> Option<RereadReplica> {
        let name = self.verify_on.as_ref()?;
        let place = self.throttle.replicas.get(name)?;
        Some(RereadReplica {
            name: name.clone(),
            url: as_data_role(place, &self.url)?,
        })
    }

    /// What `verify_on` should be instead, if it names nothing to read on.
    pub(super) fn cannot_verify_on(&self) -> Option<String> {
        self.verify_on.as_ref()?;
        if self.reread_replica().is_some() {
            return None;
        }
        let names: Vec<&str> = self.throttle.replicas.keys().map(String::as_str).collect();
        Some(match names.as_slice() {
            [] => "a replica that [targets.NAME.throttle.replicas] names, and none is there".to_owned(),
            names => format!(
                "one of {} in [targets.NAME.throttle.replicas], whose url names its host",
                names.join(", ")
            ),
        })
    }
}

/// The replica's place with the data role's user and password.
fn as_data_role(place: &SecretString, data: &SecretString) -> Option<SecretString> {
    let data = Url::parse(data.expose_secret()).ok()?;
    let mut url = Url::parse(place.expose_secret()).ok()?;
    url.set_username(data.username()).ok()?;
    url.set_password(data.password()).ok()?;
    let owned = |(key, value): (std::borrow::Cow<'_, str>, std::borrow::Cow<'_, str>)| {
        (key.into_owned(), value.into_owned())
    };
    let is_whom = |key: &str| AS_WHOM.contains(&key);
    let kept = url.query_pairs().map(owned).filter(|(key, _)| !is_whom(key));
    let taken = data.query_pairs().map(owned).filter(|(key, _)| is_whom(key));
    let pairs: Vec<(String, String)> = kept.chain(taken).collect();
    url.set_query(None);
    if !pairs.is_empty() {
        url.query_pairs_mut().extend_pairs(pairs);
    }
    Some(SecretString::from(String::from(url)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(place: &str, data: &str, expected: Option<&str>) {
        let secret = |text: &str| SecretString::from(text.to_owned());
        let found = as_data_role(&secret(place), &secret(data));
        let found = found.as_ref().map(|url| url.expose_secret().to_owned());
        assert_eq!(found.as_deref(), expected, "{place} {data}");
    }

    #[test]
    fn where_is_the_replicas_and_as_whom_is_the_targets() {
        check(
            "postgres://monitor:m@replica-a:5442/app",
            "postgres://data:p%40ss@pooler:6432/app",
            Some("postgres://data:p%40ss@replica-a:5442/app"),
        );
        check(
            "postgres://monitor:m@replica-a/app?sslmode=verify-full&password=m",
            "postgres://pooler/app?user=data&password=d&sslmode=disable",
            Some("postgres://replica-a/app?sslmode=verify-full&user=data&password=d"),
        );
        check(
            "postgres:///app?host=/run/a",
            "postgres://data:d@pooler/app",
            None,
        );
    }
}
