//! The same as a definitions file of RabbitMQ: for a broker that is to have everything before anybody connects, and for roles that may not
//! configure.
//!
//! Beside what is declared it has the limits, as policies: they can be changed on a live queue, and an operator's own policy of a higher
//! priority replaces them.

use proto::TargetName;
use serde_json::{Value, json};

use super::{Argument, Kind, Topology};

/// Messages of a task that kills whoever takes it go to the parking queue after so many deliveries.
const DELIVERIES: u64 = 20;
/// Submissions beyond that are refused until planners have caught up.
const SUBMISSIONS: u64 = 1_000;
/// Tasks and events of a target; the planner keeps a few outstanding a job.
const WORK: u64 = 10_000;
/// What waits for a person.
const PARKED: u64 = 100_000;

/// What planners, backfillers and verifiers of these targets need of a broker, as RabbitMQ imports it (`rabbitmqctl import_definitions`, or
/// `load_definitions` in its configuration). No users, no permissions: see docs/privileges.md.
#[must_use]
pub fn definitions(vhost: &str, targets: &[TargetName]) -> Value {
    let whole = Topology::whole(targets);
    let exchanges: Vec<Value> = whole
        .exchanges
        .iter()
        .map(|exchange| {
            let kind = match exchange.kind {
                Kind::Direct => "direct",
                Kind::Fanout => "fanout",
                Kind::Topic => "topic",
            };
            json!({
                "name": exchange.name, "vhost": vhost, "type": kind,
                "durable": true, "auto_delete": false, "internal": false, "arguments": {},
            })
        })
        .collect();
    let queues: Vec<Value> = whole
        .queues
        .iter()
        .map(|queue| {
            let arguments: serde_json::Map<String, Value> = queue
                .arguments
                .iter()
                .map(|(key, value)| {
                    let value = match value {
                        Argument::Text(text) => json!(text),
                        Argument::Number(number) => json!(number),
                    };
                    ((*key).to_owned(), value)
                })
                .collect();
            json!({
                "name": queue.name, "vhost": vhost, "durable": true, "auto_delete": false, "arguments": arguments,
            })
        })
        .collect();
    let bindings: Vec<Value> = whole
        .bindings
        .iter()
        .map(|binding| {
            json!({
                "source": binding.exchange, "vhost": vhost, "destination": binding.queue, "destination_type": "queue",
                "routing_key": binding.key, "arguments": {},
            })
        })
        .collect();
    json!({
        "vhosts": [{ "name": vhost }],
        "exchanges": exchanges,
        "queues": queues,
        "bindings": bindings,
        "policies": [
            policy(vhost, "sluice-submit", r"^sluice\.submit$", &json!({ "delivery-limit": DELIVERIES, "max-length": SUBMISSIONS })),
            policy(vhost, "sluice-work", r"^sluice\.[a-z0-9_-]+\.(stage|chunk|check|events\.planner|events\.verifier)$",
                &json!({ "delivery-limit": DELIVERIES, "max-length": WORK })),
            policy(vhost, "sluice-parking", r"^sluice\.dead\.parking$",
                &json!({ "max-length": PARKED, "overflow": "reject-publish" })),
        ],
    })
}

fn policy(vhost: &str, name: &str, pattern: &str, definition: &Value) -> Value {
    json!({
        "vhost": vhost, "name": name, "pattern": pattern, "apply-to": "queues", "priority": 0, "definition": definition,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The file in the examples is what this version declares for a target called `main`.
    #[test]
    fn the_example_is_what_is_declared() {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../examples/rabbitmq-definitions.json"
        );
        let text = serde_json::to_string_pretty(&definitions("/", &["main".into()])).unwrap() + "\n";
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(path, &text).unwrap();
        }
        assert_eq!(
            std::fs::read_to_string(path).unwrap_or_default(),
            text,
            "if it should be: UPDATE_GOLDEN=1 cargo test -p shared"
        );
    }

    #[test]
    fn every_work_queue_has_a_limit_and_no_waiting_one_has() {
        let found = definitions("/", &["main".into()]);
        let texts = |list: &str, key: &str| -> Vec<String> {
            let list = found[list].as_array().cloned().unwrap_or_default();
            list.iter()
                .filter_map(|entry| entry[key].as_str().map(str::to_owned))
                .collect()
        };
        let patterns = texts("policies", "pattern");
        for queue in texts("queues", "name") {
            let escaped = queue.replace("main", "[a-z0-9_-]+").replace('.', r"\.");
            let named = patterns.iter().filter(|pattern| {
                **pattern == format!("^{escaped}$")
                    || pattern.contains('|')
                        && queue.starts_with("sluice.main.")
                        && pattern.contains(&escaped[r"sluice\.[a-z0-9_-]+\.".len()..])
            });
            assert_eq!(
                named.count(),
                usize::from(!queue.starts_with("sluice.retry.")),
                "{queue}"
            );
        }
    }
}
