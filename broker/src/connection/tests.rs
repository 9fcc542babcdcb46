// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Dialogues with a connection's task over a real socket and the real core, in virtual time.

use bytes::Bytes;
use bytestring::ByteString;
use mqtt_core::{Limits, Params, PeerKind};
use mqtt_proto::{
    Connect, Decoder, Filter, Packet, PacketId, Properties, Publish, QoS, RetainHandling,
    Subscribe, SubscribeFilter, SubscribeOptions, Topic, Version, encode,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::*;
use crate::auth::Authenticator;
use crate::hub::keep_time;
use crate::logging::Log;
use crate::storage::MemoryStore;

/// A client at the far end of a socket pair.
struct Client {
    socket: UnixStream,
    decoder: Decoder,
    received: BytesMut,
    task: JoinHandle<()>,
}

fn hub() -> Arc<Hub> {
    let params = Params {
        limits: Limits::default(),
        version: "test".into(),
    };
    let log = Log::silent();
    let hub = Hub::new(
        params,
        Box::new(MemoryStore::default()),
        log.clone(),
        Authenticator::new(None, log),
    );
    tokio::spawn(keep_time(hub.clone()));
    hub
}

impl Client {
    fn open(hub: &Arc<Hub>) -> Self {
        let (near, socket) = UnixStream::pair().unwrap();
        let peer = Peer {
            kind: PeerKind::Internal,
            address: None,
            port: 0,
        };
        let task = tokio::spawn(serve(hub.clone(), Transport::Unix(near), peer));
        Self {
            socket,
            decoder: Decoder::client(Version::V311),
            received: BytesMut::new(),
            task,
        }
    }

    async fn connected(hub: &Arc<Hub>, client_id: &str) -> Self {
        let mut client = Self::open(hub);
        client.send(&[connect(client_id)]).await;
        assert!(matches!(client.next().await, Some(Packet::ConnAck(_))));
        client
    }

    async fn subscribed(hub: &Arc<Hub>, client_id: &str) -> Self {
        let mut client = Self::connected(hub, client_id).await;
        client.send(&[subscribe()]).await;
        assert!(matches!(client.next().await, Some(Packet::SubAck(_))));
        client
    }

    async fn send(&mut self, packets: &[Packet]) {
        let mut bytes = BytesMut::new();
        packets
            .iter()
            .for_each(|packet| encode(packet, Version::V311, &mut bytes));
        self.socket.write_all(&bytes).await.unwrap();
    }

    /// The next packet; none at the end.
    async fn next(&mut self) -> Option<Packet> {
        loop {
            if let Some(packet) = self.decoder.decode(&mut self.received).unwrap() {
                return Some(packet);
            }
            if self.socket.read_buf(&mut self.received).await.unwrap() == 0 {
                return None;
            }
        }
    }
}

fn connect(client_id: &str) -> Packet {
    Packet::Connect(Box::new(Connect {
        version: Version::V311,
        client_id: client_id.into(),
        clean_start: true,
        keep_alive: 0,
        username: None,
        password: None,
        will: None,
        properties: Properties::new(),
    }))
}

fn subscribe() -> Packet {
    let options = SubscribeOptions {
        qos: QoS::AtMostOnce,
        no_local: false,
        retain_as_published: false,
        retain_handling: RetainHandling::Send,
    };
    let filter = Filter::new(ByteString::from_static("$canary/#")).unwrap();
    let filters = vec![SubscribeFilter { filter, options }];
    Packet::Subscribe(Subscribe {
        packet_id: PacketId::MIN,
        properties: Properties::new(),
        filters,
    })
}

fn publish(payload: impl Into<Bytes>) -> Packet {
    Packet::Publish(Publish {
        dup: false,
        qos: QoS::AtMostOnce,
        retain: false,
        topic: Topic::new(ByteString::from_static("$canary/1")).unwrap(),
        packet_id: None,
        properties: Properties::new(),
        payload: payload.into(),
    })
}

fn payload(packet: Option<Packet>) -> Bytes {
    match packet {
        Some(Packet::Publish(publish)) => publish.payload,
        other => panic!("PUBLISH expected, not {other:?}"),
    }
}

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
