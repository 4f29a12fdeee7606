//! Reading `compose.yaml` as Docker Compose does: anchors, merge keys, and variables in its texts.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde_json::Value;

/// A file at the top of the repository.
pub(super) fn top(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name)
}

/// The file, with the variables it is started with.
#[derive(Debug)]
pub(super) struct Compose {
    pub(super) root: Value,
    pub(super) variables: BTreeMap<String, String>,
}

impl Compose {
    /// Every password is set to a text of its own.
    pub(super) fn read() -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(top("compose.yaml"))?;
        let root: Value = serde_saphyr::from_str(&text).context("compose.yaml")?;
        let passwords = ["POSTGRES", "SLUICE", "REPLICATION", "RABBITMQ"];
        let variables = passwords
            .into_iter()
            .map(|name| (format!("{name}_PASSWORD"), format!("{:016x}", fastrand::u64(..))));
        Ok(Self {
            root,
            variables: variables.collect(),
        })
    }

    /// Its services, by name.
    pub(super) fn services(&self) -> anyhow::Result<Vec<(&str, &Value)>> {
        let services = self.root["services"].as_object().context("no services")?;
        Ok(services
            .iter()
            .map(|(name, service)| (name.as_str(), service))
            .collect())
    }

    /// One service.
    pub(super) fn service(&self, name: &str) -> anyhow::Result<&Value> {
        let service = &self.root["services"][name];
        anyhow::ensure!(service.is_object(), "no service {name}");
        Ok(service)
    }

    /// What a service has in its environment.
    pub(super) fn environment(&self, service: &str) -> anyhow::Result<BTreeMap<String, String>> {
        let Some(environment) = self.service(service)?["environment"].as_object() else {
            return Ok(BTreeMap::new());
        };
        environment
            .iter()
            .map(|(key, value)| {
                let value = value.as_str().with_context(|| format!("{key} is no text"))?;
                Ok((key.clone(), interpolate(value, &self.variables)?))
            })
            .collect()
    }

    /// A list of texts of a service, such as its command.
    pub(super) fn list(&self, service: &str, key: &str) -> anyhow::Result<Vec<String>> {
        texts(&self.service(service)?[key], &self.variables).with_context(|| format!("{key} of {service}"))
    }

    /// The health check's program with its arguments.
    pub(super) fn healthcheck(&self, service: &str) -> anyhow::Result<Vec<String>> {
        let test = texts(&self.service(service)?["healthcheck"]["test"], &self.variables)?;
        match test.split_first() {
            Some((first, command)) if first == "CMD" && !command.is_empty() => Ok(command.to_vec()),
            _ => bail!("the health check of {service} is {test:?}"),
        }
    }

    /// The content of an inline file.
    pub(super) fn config(&self, name: &str) -> anyhow::Result<String> {
        let content = self.root["configs"][name]["content"].as_str();
        interpolate(
            content.with_context(|| format!("no config {name}"))?,
            &self.variables,
        )
    }

    /// How many containers of a service start.
    pub(super) fn replicas(&self, service: &str) -> anyhow::Result<u64> {
        Ok(self.service(service)?["deploy"]["replicas"].as_u64().unwrap_or(1))
    }
}

fn texts(list: &Value, variables: &BTreeMap<String, String>) -> anyhow::Result<Vec<String>> {
    let list = list.as_array().context("not a list")?;
    list.iter()
        .map(|text| interpolate(text.as_str().context("not a text")?, variables))
        .collect()
}

/// `$$`, `${NAME:?why it must be set}` and `${NAME:-otherwise}`, which is all that the file uses.
pub(super) fn interpolate(text: &str, variables: &BTreeMap<String, String>) -> anyhow::Result<String> {
    let mut done = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        done.push_str(before);
        if let Some(after) = after.strip_prefix('$') {
            done.push('$');
            rest = after;
            continue;
        }
        let (inside, after) = after
            .strip_prefix('{')
            .and_then(|after| after.split_once('}'))
            .with_context(|| format!("a lone $ in {text:?}"))?;
        let (name, otherwise) = inside
            .split_once(':')
            .with_context(|| format!("{inside:?} says not what to do without it"))?;
        match (variables.get(name), otherwise.split_at_checked(1)) {
            (Some(value), _) => done.push_str(value),
            (None, Some(("-", value))) => done.push_str(value),
            (None, Some(("?", why))) => bail!("{name} is not set: {why}"),
            (None, _) => bail!("{inside:?} is not understood"),
        }
        rest = after;
    }
    done.push_str(rest);
    Ok(done)
}

#[test]
fn a_variable_is_its_value_or_what_stands_for_it() {
    let variables = BTreeMap::from([("A".to_owned(), "1".to_owned())]);
    let cases = [
        ("x", Some("x")),
        ("${A:?set A}-${B:-2}", Some("1-2")),
        ("$$PGDATA", Some("$PGDATA")),
        ("${B:?set B}", None),
        ("$B", None),
        ("${A}", None),
    ];
    for (text, expected) in cases {
        assert_eq!(interpolate(text, &variables).ok().as_deref(), expected, "{text}");
    }
}
