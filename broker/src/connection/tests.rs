// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Dialogues with a connection's task over a real socket and the real core, in virtual time.

use bytes::{Bytes, BytesMut};
use mqtt_core::Command;
use mqtt_proto::{Packet, Version, encode};
use tokio::io::AsyncWriteExt;
use tokio::time::Instant;

use super::*;
use crate::dialogue::{Client, connect, hub, payload, publish};

#[tokio::test]
async fn every_packet_of_a_large_batch_arrives_in_order() {
    let hub = hub();
    let mut subscriber = Client::subscribed(&hub, "s").await;
    let mut publisher = Client::connected(&hub, "p").await;
    let sending = tokio::spawn(async move {
        let packets: Vec<_> = (0..10_000_u32)
            .map(|number| publish(number.to_be_bytes().to_vec()))
            .collect();
        publisher.send(&packets).await;
        publisher
    });
    for number in 0..10_000_u32 {
        assert_eq!(payload(subscriber.next().await)[..], number.to_be_bytes());
    }
    sending.await.unwrap();
}

#[tokio::test]
async fn a_payload_larger_than_any_buffer_is_shared_by_its_receivers() {
    let hub = hub();
    let mut first = Client::subscribed(&hub, "1").await;
    let mut second = Client::subscribed(&hub, "2").await;
    let mut publisher = Client::connected(&hub, "p").await;
    let sent = Bytes::from(vec![0xa5; 3_000_000]);
    let (_, one, two) = tokio::join!(
        async {
            publisher
                .send(&[publish(sent.clone()), publish("after")])
                .await
        },
        async { (payload(first.next().await), payload(first.next().await)) },
        async { (payload(second.next().await), payload(second.next().await)) },
    );
    for (large, small) in [one, two] {
        assert!(large == sent);
        assert_eq!(small, "after");
    }
}

#[tokio::test]
async fn what_a_client_sent_before_it_left_is_taken_in_and_it_is_forgotten_once() {
    let hub = hub();
    let mut subscriber = Client::subscribed(&hub, "s").await;
    let mut hasty = Client::open(&hub);
    hasty.send(&[connect("h"), publish("last words")]).await;
    drop(hasty.socket);
    assert_eq!(payload(subscriber.next().await), "last words");
    hasty.task.await.unwrap();

    drop(subscriber.socket);
    subscriber.task.await.unwrap();
    hub.emptied().await;
}

#[tokio::test]
async fn a_malformed_packet_ends_its_own_connection_only() {
    let hub = hub();
    let mut subscriber = Client::subscribed(&hub, "s").await;
    let mut faulty = Client::connected(&hub, "f").await;
    faulty.send(&[publish("good")]).await;
    // A PUBLISH of QoS 3.
    faulty
        .socket
        .write_all(&[0x36, 0x05, 0, 1, b't', 0, 1])
        .await
        .unwrap();
    assert_eq!(faulty.next().await, None);
    assert_eq!(payload(subscriber.next().await), "good");
    subscriber.send(&[Packet::PingReq]).await;
    assert_eq!(subscriber.next().await, Some(Packet::PingResp));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_cannot_hold_up_a_shutdown() {
    let hub = hub();
    let deaf = Client::subscribed(&hub, "d").await;
    let mut publisher = Client::connected(&hub, "p").await;
    publisher
        .send(&[publish(vec![0; 2_000_000]), Packet::PingReq])
        .await;
    assert_eq!(publisher.next().await, Some(Packet::PingResp));

    let begin = Instant::now();
    hub.enter(&mut vec![Command::Shutdown]);
    assert_eq!(publisher.next().await, None);
    hub.emptied().await;
    assert_eq!(begin.elapsed().as_secs(), LAST_WORDS.as_secs());
    deaf.task.await.unwrap();
    assert_eq!(begin.elapsed().as_secs(), (LAST_WORDS + LINGER).as_secs());
    drop(deaf.socket);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_only_sends_is_not_read_for_ever() {
    let hub = hub();
    let mut flooder = Client::connected(&hub, "f").await;
    let mut bytes = BytesMut::new();
    (0..1_000).for_each(|_| encode(&Packet::PingReq, Version::V311, &mut bytes));
    let mut sent = 0;
    while let Ok(written) = timeout(Duration::from_secs(1), flooder.socket.write(&bytes)).await {
        match written {
            Ok(count) => sent += count,
            Err(_) => return,
        }
        assert!(sent < 4_000_000, "the flood goes on for ever");
    }
}
