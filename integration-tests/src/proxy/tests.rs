//! A scripted client and a scripted server with the proxy between them.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::amqp::frames;
use super::{Cut, Order, Protocol, Proxy, Toward};

/// What comes at all comes well within this.
const SOON: Duration = Duration::from_secs(10);
/// For what must not come: long beside what a loopback interface needs.
const NEVER: Duration = Duration::from_millis(150);

struct Ends {
    proxy: Proxy,
    client: TcpStream,
    server: TcpStream,
}

async fn connected(protocol: Protocol) -> Ends {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let proxy = Proxy::start_listening(port, protocol).await.unwrap();
    let client = TcpStream::connect(("127.0.0.1", proxy.port())).await.unwrap();
    let (server, _) = listener.accept().await.unwrap();
    Ends {
        proxy,
        client,
        server,
    }
}

async fn hears(end: &mut TcpStream, expected: &[u8]) {
    let mut bytes = vec![0; expected.len()];
    let heard = tokio::time::timeout(SOON, end.read_exact(&mut bytes)).await;
    heard.expect("nothing came").expect("the way was cut");
    assert_eq!(bytes, expected);
}

async fn hears_nothing(end: &mut TcpStream) {
    let mut bytes = [0; 64];
    let heard = tokio::time::timeout(NEVER, end.read(&mut bytes)).await;
    assert!(heard.is_err(), "something came: {heard:?} {bytes:?}");
}

async fn is_cut(end: &mut TcpStream) {
    let heard = tokio::time::timeout(SOON, end.read(&mut [0; 64]))
        .await
        .expect("the way is open still");
    assert!(matches!(heard, Ok(0) | Err(_)), "{heard:?}");
}

#[tokio::test]
async fn one_direction_stalls_and_what_waited_comes_later() {
    let mut ends = connected(Protocol::Nothing).await;
    ends.proxy.stall_toward(Toward::Client);
    ends.client.write_all(b"question").await.unwrap();
    hears(&mut ends.server, b"question").await;
    ends.server.write_all(b"answer").await.unwrap();
    hears_nothing(&mut ends.client).await;
    ends.proxy.flow();
    hears(&mut ends.client, b"answer").await;

    ends.proxy.stall_toward(Toward::Server);
    ends.client.write_all(b"question").await.unwrap();
    hears_nothing(&mut ends.server).await;
    ends.server.write_all(b"news").await.unwrap();
    hears(&mut ends.client, b"news").await;
    ends.proxy.flow();
    hears(&mut ends.server, b"question").await;
}

#[tokio::test]
async fn a_delayed_piece_comes_later_and_whole() {
    let mut ends = connected(Protocol::Nothing).await;
    ends.proxy.delay(2 * NEVER);
    ends.client.write_all(b"question").await.unwrap();
    hears_nothing(&mut ends.server).await;
    hears(&mut ends.server, b"question").await;
}

#[tokio::test]
async fn a_cut_ends_both_sides_and_a_half_open_way_only_the_servers() {
    let mut ends = connected(Protocol::Nothing).await;
    ends.proxy.abandon();
    is_cut(&mut ends.server).await;
    ends.client.write_all(b"question").await.unwrap();
    hears_nothing(&mut ends.client).await;
    ends.proxy.blink();
    is_cut(&mut ends.client).await;
}

fn key() -> String {
    "chunk".to_owned()
}

#[tokio::test]
async fn the_confirm_of_a_message_with_that_key_is_swallowed_once() {
    let mut ends = connected(Protocol::Amqp).await;
    ends.proxy.order(Order::SwallowConfirm { key: key() });
    let sent = [
        frames::opens(1),
        frames::publishes(1, "other", b"{}"),
        frames::publishes(1, "chunk", b"{}"),
        frames::publishes(1, "chunk", b"{}"),
    ]
    .concat();
    ends.client.write_all(&sent).await.unwrap();
    hears(&mut ends.server, &sent).await;
    for tag in 1..=3 {
        ends.server.write_all(&frames::acks(1, tag)).await.unwrap();
    }
    hears(
        &mut ends.client,
        &[frames::acks(1, 1), frames::acks(1, 3)].concat(),
    )
    .await;
    assert_eq!(ends.proxy.carried_out(), 1);
}

#[tokio::test]
async fn the_acknowledgement_of_a_delivery_is_swallowed_once() {
    let mut ends = connected(Protocol::Amqp).await;
    ends.proxy.order(Order::SwallowAck { key: key() });
    let sent = [
        frames::delivers(1, 1, "chunk", b"a"),
        frames::delivers(1, 2, "chunk", b"b"),
    ]
    .concat();
    ends.server.write_all(&sent).await.unwrap();
    hears(&mut ends.client, &sent).await;
    let acks = [frames::acks(1, 1), frames::acks(1, 2)].concat();
    ends.client.write_all(&acks).await.unwrap();
    hears(&mut ends.server, &frames::acks(1, 2)).await;
    assert_eq!(ends.proxy.carried_out(), 1);
}

#[tokio::test]
async fn a_held_message_comes_when_it_is_released_and_what_follows_it_before() {
    let mut ends = connected(Protocol::Amqp).await;
    ends.proxy.order(Order::HoldDelivery { key: key() });
    ends.proxy.order(Order::HoldPublish { key: key() });
    let late = frames::delivers(1, 1, "chunk", b"late");
    let sent = [late.clone(), frames::heartbeat()].concat();
    ends.server.write_all(&sent).await.unwrap();
    hears(&mut ends.client, &frames::heartbeat()).await;
    let published = frames::publishes(1, "chunk", b"late too");
    ends.client.write_all(&published).await.unwrap();
    hears_nothing(&mut ends.server).await;
    assert_eq!(ends.proxy.carried_out(), 2);
    ends.proxy.release();
    hears(&mut ends.client, &late).await;
    hears(&mut ends.server, &published).await;
}

#[tokio::test]
async fn a_connection_is_cut_on_either_side_of_a_commit() {
    const BATCH: &[u8] = b"P/* sluice:batch */ UPDATE";
    const COMMIT: &[u8] = b"Q\0\0\0\x0bCOMMIT\0";
    for cut in [Cut::BeforeCommit, Cut::AfterCommit] {
        let mut ends = connected(Protocol::Postgres).await;
        let mark = "sluice:batch";
        ends.proxy.order(Order::CutAtCommit { mark, cut });
        // Of another transaction.
        ends.client.write_all(COMMIT).await.unwrap();
        hears(&mut ends.server, COMMIT).await;
        ends.client.write_all(BATCH).await.unwrap();
        hears(&mut ends.server, BATCH).await;
        ends.client.write_all(COMMIT).await.unwrap();
        if cut == Cut::AfterCommit {
            hears(&mut ends.server, COMMIT).await;
            ends.server.write_all(b"CCOMMIT\0").await.unwrap();
        }
        is_cut(&mut ends.client).await;
        is_cut(&mut ends.server).await;
        assert_eq!(ends.proxy.carried_out(), 1);
    }
}
