//! The skeleton with a clock that tests move, over a real socket.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};

use super::signals::two_steps;
use super::*;
use crate::clock::ManualClock;

fn service(clock: Arc<ManualClock>) -> Service {
    Service {
        name: "test",
        settings: ServiceSettings::default(),
        readiness: Readiness::new(),
        metrics: Metrics::detached(),
        clock,
    }
}

async fn get(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn readiness_shows_the_reasons_of_its_parts() {
    let service = service(ManualClock::new(jiff::Timestamp::UNIX_EPOCH));
    let readiness = service.readiness.clone();
    let bound = service.bind().await.unwrap();
    let address = bound.address();
    let shutdown = Shutdown::new();
    let stopping = shutdown.stopping.clone();
    let (finish, finished) = oneshot::channel::<()>();
    let running = tokio::spawn(async move { bound.run(shutdown, async { finished.await.is_ok() }).await });

    assert!(get(address, "/healthz").await.starts_with("HTTP/1.1 200"));
    assert!(get(address, "/readyz").await.contains("\"ready\":true"));
    let part = readiness.part("bus");
    let answer = get(address, "/readyz").await;
    assert!(
        answer.starts_with("HTTP/1.1 503") && answer.contains("\"bus\":\"starting\""),
        "{answer}"
    );
    part.ready();
    assert!(get(address, "/readyz").await.starts_with("HTTP/1.1 200"));
    assert!(
        get(address, "/metrics")
            .await
            .contains("text/plain; version=0.0.4")
    );

    stopping.cancel();
    let answer = get(address, "/readyz").await;
    assert!(
        answer.starts_with("HTTP/1.1 503") && answer.contains("\"service\":\"stopping\""),
        "{answer}"
    );
    assert!(
        get(address, "/healthz").await.starts_with("HTTP/1.1 200"),
        "alive until the work has ended"
    );
    finish.send(()).unwrap();
    assert_eq!(running.await.unwrap().unwrap(), Ended::Finished(true));
}

#[tokio::test]
async fn a_part_that_died_stays_not_ready_and_one_that_retired_does_not() {
    let readiness = Readiness::new();
    let (left, died) = (readiness.part("left"), readiness.part("died"));
    left.ready();
    died.ready();
    readiness.until_ready().await;
    left.retire();
    assert!(readiness.is_ready());
    drop(died);
    readiness.until_not_ready().await;
    assert_eq!(readiness.reasons()["died"], "ended unexpectedly");
}

#[tokio::test]
async fn the_first_signal_stops_and_the_second_aborts() {
    let (shutdown, clock) = (Shutdown::new(), ManualClock::default());
    let (heard, signals) = mpsc::channel(2);
    let steps = two_steps(signals, shutdown.clone(), Duration::from_secs(30), &clock);
    let test = async {
        heard.send("SIGTERM").await.unwrap();
        shutdown.stopping.cancelled().await;
        assert!(!shutdown.abort.is_cancelled());
        heard.send("SIGTERM").await.unwrap();
        shutdown.abort.cancelled().await;
    };
    tokio::join!(steps, test);
}

#[tokio::test]
async fn the_end_of_the_budget_aborts() {
    let (shutdown, clock) = (Shutdown::new(), ManualClock::default());
    let (_heard, signals) = mpsc::channel(1);
    shutdown.stopping.cancel();
    let steps = two_steps(signals, shutdown.clone(), Duration::from_secs(30), &clock);
    let test = async {
        clock.wait_for_sleepers(1).await;
        clock.advance(Duration::from_secs(29));
        assert!(!shutdown.abort.is_cancelled());
        clock.advance(Duration::from_secs(1));
    };
    tokio::join!(steps, test);
    assert!(shutdown.abort.is_cancelled());
}

#[tokio::test]
async fn work_that_does_not_end_is_left_a_moment_after_abort() {
    let clock = ManualClock::new(jiff::Timestamp::UNIX_EPOCH);
    let shutdown = Shutdown::new();
    shutdown.abort.cancel();
    let driving = tokio::spawn({
        let (shutdown, clock) = (shutdown.clone(), clock.clone());
        async move { drive(&shutdown, &*clock, std::future::pending::<()>()).await }
    });
    clock.wait_for_sleepers(1).await;
    clock.advance(ABORT_GRACE);
    assert_eq!(driving.await.unwrap(), Ended::Aborted);
}

#[tokio::test]
async fn tasks_in_hand_are_waited_for_after_the_work_returned() {
    let clock = ManualClock::default();
    let shutdown = Shutdown::new();
    let (finish, finished) = oneshot::channel::<()>();
    shutdown.tasks.spawn({
        let stopping = shutdown.stopping.clone();
        async move {
            stopping.cancelled().await;
            finished.await.unwrap();
        }
    });
    let driving = drive(&shutdown, &clock, async { 7 });
    tokio::pin!(driving);
    tokio::select! {
        biased;
        _ = &mut driving => panic!("it did not wait for the task in hand"),
        () = shutdown.stopping.cancelled() => {}
    }
    finish.send(()).unwrap();
    assert_eq!(driving.await, Ended::Finished(7));
}

#[tokio::test]
async fn an_address_that_is_taken_is_named() {
    let first = service(ManualClock::new(jiff::Timestamp::UNIX_EPOCH))
        .bind()
        .await
        .unwrap();
    let mut second = service(ManualClock::new(jiff::Timestamp::UNIX_EPOCH));
    second.settings.listen = first.address();
    let error = second.bind().await.unwrap_err().to_string();
    assert!(
        error.contains(&first.address().to_string()) && error.contains("service.listen"),
        "{error}"
    );
}
