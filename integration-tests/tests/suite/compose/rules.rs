//! What holds of the files whoever starts them: nothing is open to other machines, no password has a default, every service is looked
//! after, and every setting is one.

use std::collections::{BTreeMap, HashMap};

use anyhow::Context;
use serde_json::Value;
use shared::settings::{Settings, Sources};

use super::Outcome;
use super::file::{Compose, interpolate, top};

/// Whether a service is one of ours.
fn is_ours(service: &Value) -> bool {
    service["image"] == "sluice:local"
}

#[test]
fn every_published_port_is_on_the_loopback_interface() -> Outcome {
    let compose = Compose::read()?;
    let mut found = 0;
    for (name, service) in compose.services()? {
        for port in service["ports"].as_array().into_iter().flatten() {
            let port = port.as_str().context("a port is no text")?;
            assert!(port.starts_with("127.0.0.1:"), "{name} publishes {port}");
            found += 1;
        }
        assert!(
            service["network_mode"].is_null(),
            "{name} shares the host's network"
        );
    }
    assert!(found > 0);
    Ok(())
}

/// The text of every string in a value, with where it is.
fn strings(at: &str, value: &Value, found: &mut Vec<(String, String)>) {
    match value {
        Value::String(text) => found.push((at.to_owned(), text.clone())),
        Value::Array(list) => list.iter().for_each(|value| strings(at, value, found)),
        Value::Object(entries) => entries
            .iter()
            .for_each(|(key, value)| strings(&format!("{at}.{key}"), value, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[test]
fn every_password_must_be_set_and_none_is_written_down() -> Outcome {
    let compose = Compose::read()?;
    let mut found = Vec::new();
    strings("", &compose.root, &mut found);
    let mut named = 0;
    for (at, text) in &found {
        let key = at.rsplit('.').next().unwrap_or_default();
        if key.contains("PASS") {
            assert!(
                text.starts_with("${") && text.contains("_PASSWORD:?"),
                "{at} is {text:?}"
            );
        }
        let credentials = text
            .split_once('@')
            .and_then(|(before, _)| Some(before.split_once("://")?.1));
        if let Some((_, password)) = credentials.and_then(|credentials| credentials.split_once(':')) {
            assert!(password.starts_with("${"), "{at} holds a password");
        }
        named += text.matches("_PASSWORD:?set ").count();
        // Left out, each is named in the refusal.
        for name in compose
            .variables
            .keys()
            .filter(|name| text.contains(&format!("${{{name}:?")))
        {
            let why = interpolate(text, &BTreeMap::new()).unwrap_err().to_string();
            assert!(why.contains("_PASSWORD"), "{name}: {why}");
        }
    }
    assert!(named > 8, "{named}");
    Ok(())
}

#[test]
fn every_service_is_looked_after_and_runs_a_named_release() -> Outcome {
    let compose = Compose::read()?;
    let services = compose.services()?;
    for (name, service) in &services {
        let image = service["image"]
            .as_str()
            .with_context(|| format!("no image of {name}"))?;
        let (_, tag) = image
            .split_once(':')
            .with_context(|| format!("{image} has no tag"))?;
        assert!(!tag.is_empty() && tag != "latest", "{name} runs {image}");
        if service["profiles"].is_array() {
            // Started by hand, ends by itself.
            assert_eq!(service["restart"], "no", "{name}");
            assert_eq!(service["healthcheck"]["disable"], true, "{name}");
        } else {
            assert_eq!(service["restart"], "unless-stopped", "{name}");
            compose.healthcheck(name)?;
            assert!(service["stop_grace_period"].is_string(), "{name}");
        }
        for (other, how) in service["depends_on"].as_object().into_iter().flatten() {
            assert!(
                services.iter().any(|(known, _)| known == other),
                "{name} waits for {other}"
            );
            assert_eq!(how["condition"], "service_healthy", "{name} waits for {other}");
            compose.healthcheck(other)?;
        }
        for entry in service["configs"].as_array().into_iter().flatten() {
            compose.config(entry["source"].as_str().context("a config has no source")?)?;
        }
        for volume in service["volumes"].as_array().into_iter().flatten() {
            let volume = volume.as_str().context("a volume is no text")?;
            let source = volume.split(':').next().unwrap_or_default();
            let known = match source.strip_prefix("./") {
                Some(folder) => top(folder).is_dir(),
                None => compose.root["volumes"].get(source).is_some(),
            };
            assert!(known, "{name} mounts {volume}");
        }
    }
    assert_eq!(compose.replicas("planner")?, 2);
    Ok(())
}

#[test]
fn every_variable_of_our_services_is_a_setting() -> Outcome {
    let compose = Compose::read()?;
    for (name, service) in compose.services()? {
        if !is_ours(service) {
            continue;
        }
        let environment: HashMap<String, String> = compose.environment(name)?.into_iter().collect();
        for key in environment.keys() {
            assert!(
                key.starts_with("SLUICE__"),
                "{name} has {key}, which nobody reads"
            );
        }
        let settings = Settings::load(&Sources {
            environment: Some(environment),
            ..Sources::default()
        })
        .with_context(|| name.to_owned())?;
        assert_eq!(settings.targets.len(), 1);
        let target = &settings.targets[&"main".into()];
        assert_eq!(target.replicas, ["replica_a"]);
        assert_eq!(service["read_only"], true, "{name}");
        assert_eq!(service["cap_drop"], serde_json::json!(["ALL"]), "{name}");
    }
    Ok(())
}

/// What a page grants is what the file grants: one place drifts from the other otherwise.
#[test]
fn the_roles_have_the_documented_grants() -> Outcome {
    let roles = Compose::read()?.config("roles")?;
    let page = std::fs::read_to_string(top("docs/privileges.md"))?;
    let block = page.split("```sql\n").nth(1).context("no grants")?;
    let block = block.split("```").next().unwrap_or_default();
    let grants: Vec<&str> = block.lines().filter(|line| line.starts_with("GRANT")).collect();
    assert!(grants.len() > 6, "{grants:?}");
    for grant in grants {
        // Tables of a user's own come later, so the default privileges stand for this one.
        let grant = if grant.contains("ON TABLE public.track") {
            "IN SCHEMA public GRANT SELECT, UPDATE ON TABLES TO sluice_data;"
        } else {
            grant
        };
        assert!(roles.contains(grant), "{grant} is not in compose.yaml");
    }
    Ok(())
}

#[test]
fn the_image_runs_one_binary_as_nobody_in_particular() -> Outcome {
    let text = std::fs::read_to_string(top("Dockerfile"))?;
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    let after = |word: &str| {
        lines
            .iter()
            .filter_map(|line| line.strip_prefix(word))
            .collect::<Vec<_>>()
    };
    let bases = after("FROM ");
    assert_eq!(bases.len(), 2, "{bases:?}");
    for base in bases {
        let tag = base
            .split(' ')
            .next()
            .and_then(|image| image.split_once(':'))
            .map(|(_, tag)| tag);
        assert!(
            tag.is_some_and(|tag| tag.contains("bookworm")),
            "{base}: both stages are of one Debian release, for one C library"
        );
    }
    let user: u32 = after("USER ").first().context("no user")?.parse()?;
    assert!(user > 0 && text.contains(&format!("--uid {user} ")));
    assert_eq!(after("ENTRYPOINT "), ["[\"sluice\"]"]);
    assert!(after("HEALTHCHECK").is_empty(), "compose.yaml has it");
    let copied = after("COPY --from=build ");
    assert_eq!(copied, ["/usr/local/bin/sluice /usr/local/bin/sluice"]);
    let manifest = std::fs::read_to_string(top("Cargo.toml"))?;
    let release = manifest
        .lines()
        .find_map(|line| line.strip_prefix("rust-version = \""))
        .context("no rust-version")?;
    let release = release.trim_end_matches('"');
    assert!(
        text.contains(&format!("FROM rust:{release}-")),
        "Rust {release} is what the workspace needs"
    );
    Ok(())
}
