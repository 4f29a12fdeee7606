//! Cases about who gets what, and about using queues as they are meant.

use super::*;

pub(super) async fn control(harness: Arc<dyn Harness>) {
    let bus = harness.bus();
    publish(bus, &Queue::Control, "nobody hears it").await;
    let mut first = subscribe(bus, &Queue::Control, 10).await;
    let mut second = subscribe(bus, &Queue::Control, 10).await;
    publish(bus, &Queue::Control, "wake").await;
    for subscription in [&mut first, &mut second] {
        let delivery = next(subscription).await;
        assert_eq!(reason(&delivery), "wake");
        done(delivery).await;
    }
}

pub(super) async fn events(harness: Arc<dyn Harness>) {
    let bus = harness.bus();
    publish(bus, &Queue::Events(target()), "done").await;
    for queue in [Queue::EventsPlanner(target()), Queue::EventsVerifier(target())] {
        let mut subscription = subscribe(bus, &queue, 10).await;
        let delivery = next(&mut subscription).await;
        assert_eq!(reason(&delivery), "done");
        done(delivery).await;
        drop(subscription);
        until_depth(bus, &queue, 0, 0).await;
    }
}

pub(super) async fn answers(harness: Arc<dyn Harness>) {
    let bus = harness.bus();
    let reply = Queue::new_reply();
    let mut waiting = subscribe(bus, &reply, 1).await;
    bus.request(&Queue::Submit, &envelope("question"), &reply.name())
        .await
        .expect("request");
    let mut planner = subscribe(bus, &Queue::Submit, 1).await;
    let question = next(&mut planner).await;
    let back = Queue::Reply(question.reply_to.clone().expect("reply_to"));
    assert_eq!(question.correlation_id, None);
    bus.answer(&back, &envelope("answer"), "question 1")
        .await
        .expect("answer");
    done(question).await;
    let answer = next(&mut waiting).await;
    assert_eq!(reason(&answer), "answer");
    assert_eq!(answer.correlation_id.as_deref(), Some("question 1"));
    done(answer).await;

    drop(waiting);
    // The queue goes when its listener goes; until then an answer is taken and lost, which is no error.
    let gone = async {
        loop {
            match bus.publish(&back, &envelope("too late")).await {
                Err(Error::Unroutable { .. }) => return,
                Ok(()) => tokio::time::sleep(Duration::from_millis(20)).await,
                Err(other) => panic!("{other:?}"),
            }
        }
    };
    tokio::time::timeout(PATIENCE, gone)
        .await
        .expect("answers to nobody were taken for ever");
}

pub(super) async fn targets(harness: Arc<dyn Harness>) {
    let bus = harness.bus();
    let other = TargetName::from("other");
    publish(bus, &Queue::Chunk(other.clone()), "other").await;
    publish(bus, &Queue::Events(other.clone()), "other").await;
    publish(bus, &chunk(), "main").await;
    publish(bus, &Queue::Events(target()), "main").await;
    for (queue, expected) in [
        (chunk(), "main"),
        (Queue::EventsPlanner(target()), "main"),
        (Queue::Chunk(other.clone()), "other"),
        (Queue::EventsPlanner(other), "other"),
    ] {
        let mut subscription = subscribe(bus, &queue, 10).await;
        let delivery = next(&mut subscription).await;
        assert_eq!(reason(&delivery), expected, "{queue}");
        done(delivery).await;
        drop(subscription);
        until_depth(bus, &queue, 0, 0).await;
    }
}

pub(super) async fn many(harness: Arc<dyn Harness>) {
    const COUNT: usize = 200;
    let bus = harness.bus();
    let mut consumers = vec![
        subscribe(bus, &chunk(), 4).await,
        subscribe(bus, &chunk(), 1).await,
        subscribe(bus, &chunk(), 50).await,
    ];
    let publishing = async {
        let all = (0..COUNT).map(|n| async move { publish(bus, &chunk(), &n.to_string()).await });
        futures_util::future::join_all(all).await;
    };
    let consuming = async {
        let mut seen = std::collections::BTreeSet::new();
        while seen.len() < COUNT {
            let [a, b, c] = consumers.as_mut_slice() else {
                unreachable!("there are three")
            };
            let delivery = tokio::select! { d = next(a) => d, d = next(b) => d, d = next(c) => d };
            // Every seventh is dropped once: at least once, in no order.
            let number: usize = reason(&delivery).parse().expect("a number");
            if number.is_multiple_of(7) && !delivery.redelivered {
                continue;
            }
            seen.insert(number);
            done(delivery).await;
        }
    };
    tokio::join!(publishing, consuming);
    drop(consumers);
    until_depth(bus, &chunk(), 0, 0).await;
}

pub(super) async fn misuse(harness: Arc<dyn Harness>) {
    let bus = harness.bus();
    for queue in [Queue::Parking, Queue::Reply("sluice.main.chunk".to_owned())] {
        let found = bus.publish(&queue, &envelope("x")).await;
        assert!(matches!(found, Err(Error::Misused { .. })), "{queue}: {found:?}");
    }
    for queue in [Queue::Events(target()), Queue::Reply("mine".to_owned())] {
        let found = bus.subscribe(&queue, 1).await;
        assert!(matches!(found, Err(Error::Misused { .. })), "{queue}: {found:?}");
    }
    assert!(matches!(
        bus.depth(&Queue::Control).await,
        Err(Error::Misused { .. })
    ));
    publish(bus, &chunk(), "bystander").await;
    let mut bystanders = subscribe(bus, &chunk(), 2).await;
    let in_hand = next(&mut bystanders).await;
    let reply = Queue::new_reply();
    let _first = subscribe(bus, &reply, 1).await;
    let second = bus.subscribe(&reply, 1).await;
    assert!(
        matches!(second, Err(Error::Topology { .. })),
        "one reply queue, two listeners: {second:?}"
    );
    // What was refused to one is nothing to the others: they keep what they have in hand.
    publish(bus, &chunk(), "another").await;
    done(next(&mut bystanders).await).await;
    assert!(!in_hand.session.is_cancelled());
    done(in_hand).await;
}

pub(super) async fn close(harness: Arc<dyn Harness>) {
    let bus = harness.bus();
    bus.readiness().until_ready().await;
    publish(bus, &chunk(), "in hand").await;
    let mut subscription = subscribe(bus, &chunk(), 1).await;
    let in_hand = next(&mut subscription).await;
    bus.close().await;
    let ended = tokio::time::timeout(PATIENCE, subscription.next())
        .await
        .expect("the subscription did not end");
    assert!(ended.is_none());
    assert!(in_hand.session.is_cancelled());
    assert!(
        !in_hand.settle(Settlement::Done).await.expect("settle"),
        "settled after close"
    );
    assert!(matches!(
        bus.publish(&chunk(), &envelope("x")).await,
        Err(Error::Closed)
    ));
    assert!(matches!(bus.subscribe(&chunk(), 1).await, Err(Error::Closed)));
    assert!(!bus.readiness().is_ready());
}
