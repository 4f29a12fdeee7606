//! `sluice parked`: the messages that nobody could handle, with the reason. They wait for a person.
//!
//! Looking at them takes them out and puts them back, which a broker counts. So whoever looks again publishes a copy and then
//! acknowledges what it took: crashed in between, a message is there twice, never not at all.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Subcommand;
use proto::Envelope;
use serde::Serialize;
use shared::bus::{Bus, Delivery, Letter, Queue, Settlement};
use shared::clock::{Clock, SystemClock, within};

use crate::error::{Error, Outcome};
use crate::place::PlaceArgs;
use crate::{broker, out};

/// How long the broker may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// After this long without another message the queue is taken for read.
const QUIET: Duration = Duration::from_secs(2);
/// Messages looked at in one run.
const MOST: u16 = 2_000;

/// Arguments of `sluice parked`.
#[derive(clap::Args)]
pub struct ParkedArgs {
    #[command(subcommand)]
    what: Option<What>,
    /// As one JSON object.
    #[arg(long, global = true)]
    json: bool,
    /// The settings file; ./sluice.toml if it is there.
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
}

#[derive(Clone, Subcommand)]
enum What {
    /// Every message, a line each; what `sluice parked` alone does.
    List,
    /// One message, whole.
    Show {
        /// Its id as the list shows it, or the beginning of it.
        id: String,
    },
    /// Back to the queue it came from.
    Requeue(Which),
    /// Away, for good.
    Drop(Which),
}

#[derive(Clone, clap::Args)]
#[group(required = true, multiple = false)]
struct Which {
    /// Its id as the list shows it, or the beginning of it.
    id: Option<String>,
    /// All of them.
    #[arg(long)]
    all: bool,
}

/// One message that lies there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Line {
    id: String,
    queue: String,
    reason: String,
    kind: Option<&'static str>,
    target: Option<String>,
    job: Option<String>,
    bytes: usize,
}

/// Carries it out.
///
/// # Errors
/// No broker is configured, it does not answer, or no message is meant.
pub async fn run(args: &ParkedArgs) -> Result<Outcome, Error> {
    let place = PlaceArgs {
        config: args.config.clone(),
        ..PlaceArgs::default()
    };
    let settings = place.settings()?;
    broker::required(&settings, "messages are parked in a broker")?;
    let clock = SystemClock::shared();
    let bus = broker::connect(&settings, "sluice parked", "looked at", &clock, PATIENCE).await?;
    let done = carry_out(args, &bus, &clock).await;
    bus.close().await;
    done
}

async fn carry_out(args: &ParkedArgs, bus: &Arc<dyn Bus>, clock: &Arc<dyn Clock>) -> Result<Outcome, Error> {
    let taken = take(bus, clock).await?;
    let lines: Vec<Line> = taken.iter().map(line).collect();
    match args.what.clone().unwrap_or(What::List) {
        What::List => {
            put_back(taken).await?;
            list(args, &lines);
        }
        What::Show { id } => {
            let found = chosen(&lines, Some(&id));
            let text = found
                .as_ref()
                .ok()
                .map(|places| show(&taken[places[0]], &lines[places[0]], args.json));
            put_back(taken).await?;
            found?;
            out::answer(&text.unwrap_or_default());
        }
        What::Requeue(which) => act(args, bus, taken, &lines, &which, true).await?,
        What::Drop(which) => act(args, bus, taken, &lines, &which, false).await?,
    }
    Ok(Outcome::Done)
}

/// Everything that lies there, in hand and not settled.
async fn take(bus: &Arc<dyn Bus>, clock: &Arc<dyn Clock>) -> Result<Vec<Delivery>, Error> {
    let mut waiting = bus.depth(&Queue::Parking).await?.ready.min(u64::from(MOST));
    let mut taken = Vec::new();
    if waiting == 0 {
        return Ok(taken);
    }
    let mut parked = bus.subscribe(&Queue::Parking, MOST).await?;
    while waiting > 0 {
        match within(&**clock, QUIET, parked.next()).await {
            Some(Some(delivery)) => taken.push(delivery),
            Some(None) | None => break,
        }
        waiting -= 1;
    }
    Ok(taken)
}

fn line(delivery: &Delivery) -> Line {
    let parked = delivery.parked.clone();
    let envelope = delivery.content.as_ref().ok();
    Line {
        id: envelope.map_or_else(
            || fingerprint(delivery.bytes()),
            |envelope| envelope.id.to_string(),
        ),
        queue: parked.as_ref().map_or_else(String::new, |p| p.queue.clone()),
        reason: parked.map_or_else(String::new, |p| p.reason),
        kind: envelope.map(|envelope| envelope.message.kind()),
        target: envelope.map(|envelope| envelope.target.to_string()),
        job: envelope
            .and_then(|envelope| envelope.job)
            .map(|job| job.to_string()),
        bytes: delivery.bytes().len(),
    }
}

/// What cannot be read has no id that could be read: it is called by its content.
fn fingerprint(bytes: &[u8]) -> String {
    format!(
        "unreadable-{}",
        uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_OID, bytes).simple()
    )
}

/// The places of what is meant: one, or all.
fn chosen(lines: &[Line], id: Option<&str>) -> Result<Vec<usize>, Error> {
    let Some(id) = id else {
        return Ok((0..lines.len()).collect());
    };
    let found: Vec<usize> = (0..lines.len())
        .filter(|at| lines[*at].id.starts_with(id))
        .collect();
    let same = found.iter().all(|at| lines[*at].id == lines[found[0]].id);
    match found.as_slice() {
        [] => Err(Error::Refused(format!(
            "no parked message has an id that begins with {id:?}; `sluice parked` lists them"
        ))),
        // The same message, parked more than once.
        _ if same => Ok(found),
        _ => Err(Error::Refused(format!(
            "{} parked messages have ids that begin with {id:?}; give more of it",
            found.len()
        ))),
    }
}

async fn act(
    args: &ParkedArgs,
    bus: &Arc<dyn Bus>,
    taken: Vec<Delivery>,
    lines: &[Line],
    which: &Which,
    requeue: bool,
) -> Result<(), Error> {
    let places = match chosen(lines, which.id.as_deref()) {
        Ok(places) => places,
        Err(error) => {
            put_back(taken).await?;
            return Err(error);
        }
    };
    let (mut done, mut left) = (Vec::new(), Vec::new());
    let mut refused = None;
    for (at, delivery) in taken.into_iter().enumerate() {
        if !places.contains(&at) {
            left.push(delivery);
            continue;
        }
        let published = if requeue {
            publish(bus, &delivery, &lines[at]).await
        } else {
            Ok(())
        };
        match published {
            Ok(()) => {
                if delivery.settle(Settlement::Done).await? {
                    done.push(&lines[at]);
                } else {
                    refused = Some(lost(&lines[at]));
                }
            }
            Err(error) => {
                refused.get_or_insert(error);
                left.push(delivery);
            }
        }
    }
    put_back(left).await?;
    let what = if requeue { "requeued" } else { "dropped" };
    if args.json {
        out::json(&serde_json::json!({ what: done }));
    } else {
        for line in done {
            out::answer(&format!("{what} {}  {}", line.id, line.queue));
        }
    }
    refused.map_or(Ok(()), Err)
}

/// The broker had given it back before we settled it.
fn lost(line: &Line) -> Error {
    Error::Refused(format!(
        "the connection to the broker was lost before {} was settled, so it is parked still; run the command again",
        line.id
    ))
}

/// A copy to where it came from; whoever waited for an answer may have one still.
async fn publish(bus: &Arc<dyn Bus>, delivery: &Delivery, line: &Line) -> Result<(), Error> {
    let queue = Queue::of_name(&line.queue).ok_or_else(|| {
        Error::Refused(format!(
            "{} came from {:?}, which is no queue of this version; `sluice parked show` has its content",
            line.id, line.queue
        ))
    })?;
    let letter = Letter {
        message_id: delivery
            .content
            .as_ref()
            .ok()
            .map(|envelope| envelope.id.to_string()),
        reply_to: delivery.reply_to.clone(),
        correlation_id: delivery.correlation_id.clone(),
        ..Letter::raw(delivery.bytes())
    };
    Ok(bus.send(&queue, letter).await?)
}

/// What was only looked at. One that was looked at before is replaced by a copy, because a broker gives up on what comes back too often.
async fn put_back(taken: Vec<Delivery>) -> Result<(), Error> {
    for delivery in taken {
        if delivery.redelivered {
            let reason = delivery
                .parked
                .as_ref()
                .map_or_else(String::new, |p| p.reason.clone());
            delivery.settle(Settlement::Park(reason)).await?;
        }
    }
    Ok(())
}

fn list(args: &ParkedArgs, lines: &[Line]) {
    if args.json {
        out::json(&serde_json::json!({ "parked": lines }));
        return;
    }
    if lines.is_empty() {
        out::answer("nothing is parked");
    }
    for line in lines {
        out::answer(&format!(
            "{}  {}  {}\n    {}",
            line.id,
            line.queue,
            line.kind.unwrap_or("unreadable"),
            line.reason
        ));
    }
}

fn show(delivery: &Delivery, line: &Line, json: bool) -> String {
    let content = String::from_utf8_lossy(delivery.bytes()).into_owned();
    let whole: serde_json::Value = delivery
        .content
        .as_ref()
        .ok()
        .and_then(|envelope: &Envelope| serde_json::from_slice(&envelope.encode()).ok())
        .unwrap_or_else(|| serde_json::Value::String(content.clone()));
    if json {
        let mut object = serde_json::to_value(line).unwrap_or_default();
        object["content"] = whole;
        return out::pretty(&object);
    }
    let shown = match &whole {
        serde_json::Value::String(text) => text.clone(),
        object => out::pretty(object),
    };
    format!("{}  {}\n{}\n\n{shown}", line.id, line.queue, line.reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines() -> Vec<Line> {
        ["aa11", "aa22", "bb33", "bb33"]
            .map(|id| Line {
                id: id.to_owned(),
                queue: "sluice.submit".to_owned(),
                reason: String::new(),
                kind: None,
                target: None,
                job: None,
                bytes: 1,
            })
            .to_vec()
    }

    #[test]
    fn a_beginning_of_an_id_names_one_message_however_often_it_lies_there() {
        let lines = lines();
        assert_eq!(chosen(&lines, Some("aa2")).unwrap(), [1]);
        assert_eq!(chosen(&lines, Some("bb")).unwrap(), [2, 3]);
        assert_eq!(chosen(&lines, None).unwrap(), [0, 1, 2, 3]);
        for (id, words) in [("aa", "give more"), ("cc", "no parked message")] {
            let why = chosen(&lines, Some(id)).unwrap_err().to_string();
            assert!(why.contains(words), "{why}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_called_by_its_content() {
        assert_eq!(fingerprint(b"x"), fingerprint(b"x"));
        assert_ne!(fingerprint(b"x"), fingerprint(b"y"));
    }
}
