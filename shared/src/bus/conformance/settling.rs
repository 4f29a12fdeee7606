//! Cases about one work queue: delivery, redelivery, settlement, prefetch.

use super::*;

pub(super) async fn delivered(harness: Arc<dyn Harness>) {
    let bus = harness.bus();
    // Published before anybody listens: it waits.
    let sent = envelope("hello");
    bus.publish(&chunk(), &sent).await.expect("publish");
    let mut subscription = subscribe(bus, &chunk(), 10).await;
    let delivery = next(&mut subscription).await;
    assert_eq!(delivery.content, Ok(sent));
    assert!(
        !delivery.redelivered
            && delivery.retries == 0
            && delivery.reply_to.is_none()
            && delivery.parked.is_none()
    );
    assert!(!delivery.session.is_cancelled());
    done(delivery).await;
    subscription.stop();
    assert!(subscription.next().await.is_none());
    // Nobody listens and nothing waits: it is gone.
    until_depth(bus, &chunk(), 0, 0).await;
}

pub(super) async fn dropped(harness: Arc<dyn Harness>) {
    let bus = harness.bus();
    publish(bus, &chunk(), "again").await;
    let mut subscription = subscribe(bus, &chunk(), 1).await;
    drop(next(&mut subscription).await);
    let again = next(&mut subscription).await;
    assert_eq!(reason(&again), "again");
    assert!(again.redelivered);
    done(again).await;
    drop(subscription);
    until_depth(bus, &chunk(), 0, 0).await;
}

pub(super) async fn stopped(harness: Arc<dyn Harness>) {
    let bus = harness.bus();
    let mut first = subscribe(bus, &chunk(), 10).await;
    for _ in 0..3 {
        publish(bus, &chunk(), "x").await;
    }
    let in_hand = next(&mut first).await;
    first.stop();
    let mut second = subscribe(bus, &chunk(), 10).await;
    for _ in 0..2 {
        done(next(&mut second).await).await;
    }
    drop(in_hand);
    done(next(&mut second).await).await;
    drop((first, second));
    until_depth(bus, &chunk(), 0, 0).await;
}

pub(super) async fn draining(harness: Arc<dyn Harness>) {
    let bus = harness.bus();
    publish(bus, &chunk(), "in hand").await;
    let mut subscription = subscribe(bus, &chunk(), 10).await;
    let in_hand = next(&mut subscription).await;
    drop(subscription);
    // Not seen by the count of consumers: a quorum queue counts a cancelled one until its last message is settled.
    let mut other = subscribe(bus, &chunk(), 10).await;
    for _ in 0..4 {
        publish(bus, &chunk(), "for the other").await;
        let delivery = next(&mut other).await;
        assert_eq!(reason(&delivery), "for the other");
        done(delivery).await;
    }
    drop(other);
    assert!(
        !in_hand.session.is_cancelled(),
        "stopping must not cancel what is in hand"
    );
    done(in_hand).await;
    until_depth(bus, &chunk(), 0, 0).await;
}

pub(super) async fn retried(harness: Arc<dyn Harness>) {
    let bus = harness.bus();
    bus.request(&Queue::Submit, &envelope("later"), "sluice.reply.x")
        .await
        .expect("publish");
    let mut subscription = subscribe(bus, &Queue::Submit, 1).await;
    let delay = Duration::from_secs(2);
    for retries in 0..2 {
        let delivery = next(&mut subscription).await;
        assert_eq!((reason(&delivery), delivery.retries), ("later", retries));
        assert!(
            delivery
                .settle(Settlement::RetryAfter(delay))
                .await
                .expect("settle")
        );
        // It waits elsewhere: neither ready nor in this consumer's hand.
        until_depth(bus, &Queue::Submit, 0, 1).await;
        harness.let_pass(delay).await;
    }
    let delivery = next(&mut subscription).await;
    assert_eq!((reason(&delivery), delivery.retries), ("later", 2));
    assert_eq!(
        delivery.reply_to.as_deref(),
        Some("sluice.reply.x"),
        "who asked is not forgotten"
    );
    done(delivery).await;
}

pub(super) async fn parked(harness: Arc<dyn Harness>) {
    let bus = harness.bus();
    let sent = envelope("broken");
    bus.publish(&Queue::Stage(target()), &sent)
        .await
        .expect("publish");
    let mut subscription = subscribe(bus, &Queue::Stage(target()), 1).await;
    let delivery = next(&mut subscription).await;
    assert!(
        delivery
            .settle(Settlement::Park("step 7 is not in the plan".to_owned()))
            .await
            .expect("settle")
    );
    drop(subscription);
    until_depth(bus, &Queue::Stage(target()), 0, 0).await;

    let mut parking = subscribe(bus, &Queue::Parking, 1).await;
    let mut delivery = next(&mut parking).await;
    for why in ["first look", "second look"] {
        let found = delivery.parked.clone().expect("parked");
        assert_eq!(found.queue, "sluice.main.stage");
        assert!(
            found.reason == "step 7 is not in the plan" || found.reason == "first look",
            "{found:?}"
        );
        assert_eq!(delivery.content, Ok(sent.clone()));
        // Parked again, it keeps where it came from.
        assert!(
            delivery
                .settle(Settlement::Park(why.to_owned()))
                .await
                .expect("settle")
        );
        delivery = next(&mut parking).await;
    }
    assert_eq!(delivery.parked.as_ref().expect("parked").reason, "second look");
    // What lies there can be put back.
    bus.send(&Queue::Stage(target()), Letter::raw(delivery.bytes()))
        .await
        .expect("put back");
    done(delivery).await;
    let mut subscription = subscribe(bus, &Queue::Stage(target()), 1).await;
    let back = next(&mut subscription).await;
    assert_eq!(back.content, Ok(sent));
    assert!(back.parked.is_none());
    done(back).await;
}

pub(super) async fn unreadable(harness: Arc<dyn Harness>) {
    let bus = harness.bus();
    let garbage: &[u8] = b"\xff{not json";
    bus.send(&chunk(), Letter::raw(garbage)).await.expect("send");
    bus.send(&chunk(), Letter::raw(&br#"{"version":99}"#[..]))
        .await
        .expect("send");
    publish(bus, &chunk(), "fine").await;
    let mut subscription = subscribe(bus, &chunk(), 1).await;
    let (mut fine, mut unreadable) = (0, Vec::new());
    for _ in 0..3 {
        let delivery = next(&mut subscription).await;
        match delivery.content.clone() {
            Ok(_) => {
                fine += 1;
                done(delivery).await;
            }
            Err(why) => {
                unreadable.push(why.clone());
                assert!(
                    delivery
                        .settle(Settlement::Park(why.to_string()))
                        .await
                        .expect("settle")
                );
            }
        }
    }
    assert_eq!((fine, unreadable.len()), (1, 2), "{unreadable:?}");
    assert!(unreadable.contains(&Unreadable::Version { found: 99 }));
    let mut parking = subscribe(bus, &Queue::Parking, 2).await;
    let parked = [next(&mut parking).await, next(&mut parking).await];
    assert!(
        parked.iter().any(|delivery| delivery.bytes() == garbage),
        "the original bytes are kept"
    );
    assert!(parked.iter().all(|delivery| {
        delivery
            .parked
            .as_ref()
            .is_some_and(|p| p.queue == "sluice.main.chunk")
    }));
}

pub(super) async fn prefetch(harness: Arc<dyn Harness>) {
    let (bus, queue) = (harness.bus(), chunk());
    for _ in 0..3 {
        publish(bus, &queue, "x").await;
    }
    let mut subscription = subscribe(bus, &queue, 2).await;
    let (first, second) = (next(&mut subscription).await, next(&mut subscription).await);
    tokio::select! {
        biased;
        third = subscription.next() => panic!("a third delivery with two unsettled and prefetch 2: {third:?}"),
        () = until_depth(bus, &queue, 1, 1) => {}
    }
    done(first).await;
    let third = next(&mut subscription).await;
    drop(second);
    let again = next(&mut subscription).await;
    assert!(again.redelivered);
    done(third).await;
    done(again).await;
}
