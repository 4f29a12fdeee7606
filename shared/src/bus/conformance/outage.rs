//! Cases for transports whose broker can go away.

use super::*;

pub(super) async fn readiness(harness: Arc<dyn Breakable>) {
    let readiness = harness.bus().readiness();
    let _subscription = subscribe(harness.bus(), &chunk(), 1).await;
    tokio::time::timeout(PATIENCE, readiness.until_ready())
        .await
        .expect("not ready at first");
    harness.cut().await;
    tokio::time::timeout(PATIENCE, readiness.until_not_ready())
        .await
        .expect("still ready without a broker");
    assert!(!readiness.reasons().is_empty());
    harness.restore().await;
    let again = tokio::time::timeout(PATIENCE, readiness.until_ready()).await;
    assert!(again.is_ok(), "not ready again: {:?}", readiness.reasons());
}

pub(super) async fn in_hand(harness: Arc<dyn Breakable>) {
    let bus = harness.bus();
    publish(bus, &chunk(), "x").await;
    let mut subscription = subscribe(bus, &chunk(), 1).await;
    let in_hand = next(&mut subscription).await;
    harness.blink().await;
    tokio::time::timeout(PATIENCE, in_hand.session.cancelled())
        .await
        .expect("the worker was never told");
    assert!(
        !in_hand.settle(Settlement::Done).await.expect("settle"),
        "a late acknowledgement counted"
    );
    // The same subscription goes on by itself.
    let again = next(&mut subscription).await;
    assert_eq!(reason(&again), "x");
    assert!(again.redelivered && !again.session.is_cancelled());
    done(again).await;
}

pub(super) async fn publishing(harness: Arc<dyn Breakable>) {
    let (bus, queue) = (harness.bus(), chunk());
    let mut subscription = subscribe(bus, &queue, 1).await;
    publish(bus, &queue, "before").await;
    done(next(&mut subscription).await).await;
    harness.cut().await;
    let restored = async {
        bus.readiness().until_not_ready().await;
        harness.restore().await;
    };
    tokio::join!(publish(bus, &queue, "during"), restored);
    let mut delivery = next(&mut subscription).await;
    if reason(&delivery) == "before" {
        // Its settlement may still have been on its way when the connection was cut: at least once.
        assert!(delivery.redelivered, "a second delivery is marked as such");
        done(delivery).await;
        delivery = next(&mut subscription).await;
    }
    assert_eq!(reason(&delivery), "during");
    done(delivery).await;
}

pub(super) async fn given_up(harness: Arc<dyn Breakable>) {
    let bus = harness.bus();
    publish(bus, &chunk(), "before").await;
    harness.cut().await;
    let publishing = async { bus.publish(&chunk(), &envelope("during")).await };
    let found = tokio::time::timeout(PATIENCE, publishing)
        .await
        .expect("the publisher waits for ever");
    let error = found.expect_err("published without a broker");
    assert!(error.is_transient(), "{error}");
    harness.restore().await;
    tokio::time::timeout(PATIENCE, bus.readiness().until_ready())
        .await
        .expect("not ready again");
    publish(bus, &chunk(), "after").await;
}

pub(super) async fn blinking(harness: Arc<dyn Breakable>) {
    const COUNT: usize = 60;
    let bus = harness.bus();
    let mut subscription = subscribe(bus, &chunk(), 5).await;
    let publishing = async {
        for number in 0..COUNT {
            // The publisher's own attempts bridge a blink; the ledger's reconciler would do the same.
            while let Err(error) = bus.publish(&chunk(), &envelope(&number.to_string())).await {
                assert!(error.is_transient(), "{error}");
            }
            if number % 20 == 10 {
                harness.blink().await;
            }
        }
    };
    let consuming = async {
        let mut seen = std::collections::BTreeSet::new();
        while seen.len() < COUNT {
            let delivery = next(&mut subscription).await;
            seen.insert(reason(&delivery).parse::<usize>().expect("a number"));
            // An error or `false` means it comes again, which a set does not mind.
            let _ = delivery.settle(Settlement::Done).await;
        }
    };
    tokio::join!(publishing, consuming);
}

pub(super) async fn exclusive(harness: Arc<dyn Breakable>) {
    let bus = harness.bus();
    let reply = Queue::new_reply();
    let mut waiting = subscribe(bus, &reply, 1).await;
    let mut control = subscribe(bus, &Queue::Control, 1).await;
    harness.blink().await;
    tokio::time::timeout(PATIENCE, bus.readiness().until_not_ready())
        .await
        .expect("the blink was not noticed");
    tokio::time::timeout(PATIENCE, bus.readiness().until_ready())
        .await
        .expect("not ready again");
    publish(bus, &reply, "answer").await;
    publish(bus, &Queue::Control, "wake").await;
    assert_eq!(reason(&next(&mut waiting).await), "answer");
    assert_eq!(reason(&next(&mut control).await), "wake");
}

pub(super) async fn subscribing(harness: Arc<dyn Breakable>) {
    let bus = harness.bus();
    harness.cut().await;
    tokio::time::timeout(PATIENCE, bus.readiness().until_not_ready())
        .await
        .expect("the cut was not noticed");
    let mut subscription = subscribe(bus, &chunk(), 1).await;
    assert!(!bus.readiness().is_ready());
    harness.restore().await;
    tokio::time::timeout(PATIENCE, bus.readiness().until_ready())
        .await
        .expect("not ready again");
    publish(bus, &chunk(), "x").await;
    done(next(&mut subscription).await).await;
}
