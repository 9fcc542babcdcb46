// SPDX-License-Identifier: Apache-2.0 OR MIT
//! For tests: a client at the far end of a socket pair, served by a connection's task and the real core.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use bytestring::ByteString;
use mqtt_core::{CommitSeq, FetchRequest, Limits, Params, Peer, PeerKind, Record};
use mqtt_proto::{
    Connect, Decoder, Filter, Packet, PacketId, Properties, Publish, QoS, RetainHandling,
    Subscribe, SubscribeFilter, SubscribeOptions, Topic, Version, encode,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::task::JoinHandle;

use crate::auth::Authenticator;
use crate::connection;
use crate::hub::{Hub, keep_time};
use crate::logging::Log;
use crate::storage::{Clock, Store};
use crate::transport::Transport;

/// A client at the far end of a socket pair.
pub struct Client {
    pub socket: UnixStream,
    decoder: Decoder,
    received: BytesMut,
    pub task: JoinHandle<()>,
}

/// A store that has nothing, and in which everything is durable at once.
#[derive(Default)]
pub struct Forgetful(CommitSeq);

impl Store for Forgetful {
    fn append(&mut self, records: &mut Vec<Record>, _: bool) {
        self.0.0 += records.drain(..).count() as u64;
    }

    fn durable(&self) -> CommitSeq {
        self.0
    }

    fn want(&mut self, _: CommitSeq) {}

    fn give_up(&mut self) {}

    fn fetch(&mut self, requests: &mut Vec<FetchRequest>) {
        requests.clear();
    }
}

/// A hub that keeps nothing.
pub fn hub() -> Arc<Hub> {
    hub_with(Forgetful::default())
}

pub fn hub_with(store: impl Store + 'static) -> Arc<Hub> {
    hub_of(store, Limits::default(), Log::silent())
}

pub fn hub_of(store: impl Store + 'static, limits: Limits, log: Log) -> Arc<Hub> {
    let params = Params {
        limits,
        version: "test".into(),
    };
    let authenticator = Authenticator::new(None, log.clone());
    let hub = Hub::new(params, Box::new(store), Clock::new(), log, authenticator);
    tokio::spawn(keep_time(hub.clone()));
    hub
}

impl Client {
    /// A connection that has sent nothing; internal, so that it needs no login and may use `$canary/` only.
    pub fn open(hub: &Arc<Hub>) -> Self {
        let (near, socket) = UnixStream::pair().unwrap();
        let peer = Peer {
            kind: PeerKind::Internal,
            address: None,
            port: 0,
            listener: ByteString::new(),
        };
        let task = tokio::spawn(connection::serve(hub.clone(), Transport::Unix(near), peer));
        Self {
            socket,
            decoder: Decoder::client(Version::V311),
            received: BytesMut::new(),
            task,
        }
    }

    pub async fn connected(hub: &Arc<Hub>, client_id: &str) -> Self {
        let mut client = Self::open(hub);
        client.send(&[connect(client_id)]).await;
        assert!(matches!(client.next().await, Some(Packet::ConnAck(_))));
        client
    }

    pub async fn subscribed(hub: &Arc<Hub>, client_id: &str) -> Self {
        let mut client = Self::connected(hub, client_id).await;
        client.send(&[subscribe()]).await;
        assert!(matches!(client.next().await, Some(Packet::SubAck(_))));
        client
    }

    pub async fn send(&mut self, packets: &[Packet]) {
        let mut bytes = BytesMut::new();
        packets
            .iter()
            .for_each(|packet| encode(packet, Version::V311, &mut bytes));
        self.socket.write_all(&bytes).await.unwrap();
    }

    /// The next packet; none at the end.
    pub async fn next(&mut self) -> Option<Packet> {
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

pub fn connect(client_id: &str) -> Packet {
    connect_with(client_id, true)
}

pub fn connect_with(client_id: &str, clean_start: bool) -> Packet {
    Packet::Connect(Box::new(Connect {
        clean_start,
        ..Connect::new(Version::V311, client_id)
    }))
}

pub fn subscribe() -> Packet {
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

pub fn publish(payload: impl Into<Bytes>) -> Packet {
    Packet::Publish(Publish {
        dup: false,
        qos: QoS::AtMostOnce,
        retain: false,
        topic: Topic::new(ByteString::from_static("$canary/1")).unwrap(),
        packet_id: None,
        properties: Properties::new(),
        payload: payload.into(),
        format_invalid: false,
    })
}

pub fn payload(packet: Option<Packet>) -> Bytes {
    match packet {
        Some(Packet::Publish(publish)) => publish.payload,
        other => panic!("PUBLISH expected, not {other:?}"),
    }
}
