// SPDX-License-Identifier: Apache-2.0 OR MIT
//! One publisher and its receivers at a core, with the least that a driver and clients do.

use bytes::{Buf, BufMut, BytesMut};
use mqtt_core::{
    AuthRequest, Broker, Command, ConnectionId, Drained, Effects, Limits, Listeners, Moment,
    Params, Peer, PeerKind, Terms, Verdict,
};
use mqtt_proto::{Bytes, DecodeLimits, Decoder, Packet, PacketId, Publish, QoS, Version, encode};
use tests::packets;

/// What is sent to whom.
pub struct Work {
    pub qos: QoS,
    pub receivers: usize,
    /// Bytes.
    pub payload: usize,
}

/// The first client publishes, the others receive.
pub struct Bench {
    broker: Broker,
    effects: Effects,
    drained: Drained,
    commands: Vec<Command>,
    clients: Vec<Client>,
    /// One batch of messages as they are on the wire.
    batch: BytesMut,
    per_batch: usize,
    /// Receivers do not read.
    stalled: bool,
    version: Version,
}

struct Client {
    conn: ConnectionId,
    decoder: Decoder,
    /// What the broker has not read.
    inbox: BytesMut,
    /// What the client has not read.
    outbox: BytesMut,
}

impl Bench {
    pub fn new(work: &Work, version: Version) -> Self {
        let params = Params {
            limits: Limits::default(),
            version: "bench".into(),
        };
        let mut bench = Self {
            broker: Broker::new(params, NOW),
            effects: Effects::default(),
            drained: Drained::default(),
            commands: vec![Command::Listeners(Listeners::from([(
                "listener".into(),
                Terms {
                    allow_anonymous: true,
                    ..Terms::default()
                },
            )]))],
            clients: Vec::new(),
            batch: BytesMut::new(),
            per_batch: if work.payload > 1_000 { 1 } else { 64 },
            stalled: false,
            version,
        };
        for index in 0..=work.receivers {
            bench.connect(index as u32, work.qos);
        }
        for number in 0..bench.per_batch {
            encode(&publish(work, number), version, &mut bench.batch);
        }
        bench
    }

    /// Publishes so many messages and returns how many were delivered.
    pub fn run(&mut self, messages: usize) -> usize {
        let mut delivered = 0;
        for _ in 0..messages / self.per_batch {
            self.clients[0].inbox.extend_from_slice(&self.batch);
            self.serve(0);
            loop {
                let mut idle = true;
                for index in 0..self.clients.len() {
                    let client = &mut self.clients[index];
                    idle &= client.outbox.is_empty();
                    delivered += client.answer();
                    self.serve(index);
                }
                if idle {
                    break;
                }
            }
        }
        delivered
    }

    /// Publishes so many messages on topics of their own, each at the front of a read buffer of its own, to receivers that do
    /// not read.
    pub fn fill(&mut self, messages: usize, publish: &Publish) {
        self.stalled = true;
        for number in 0..messages {
            let mut inbox = BytesMut::with_capacity(READ_BUFFER);
            let publish = Publish {
                packet_id: PacketId::new(number as u16 + 1)
                    .filter(|_| publish.qos > QoS::AtMostOnce),
                topic: packets::topic(&format!("{TOPIC}/{number}")),
                ..publish.clone()
            };
            encode(&Packet::Publish(publish), self.version, &mut inbox);
            self.clients[0].inbox = inbox;
            self.serve(0);
            self.clients[0].inbox = BytesMut::new();
        }
    }

    fn connect(&mut self, index: u32, qos: QoS) {
        let conn = ConnectionId {
            index,
            generation: 0,
        };
        let peer = Peer {
            kind: PeerKind::Network,
            address: None,
            port: 1883,
            listener: "listener".into(),
        };
        self.commands.push(Command::Open {
            conn,
            peer,
            entropy: 0,
        });
        let limits = DecodeLimits {
            max_packet_size: u32::MAX,
        };
        let mut client = Client {
            conn,
            decoder: Decoder::new(limits),
            inbox: BytesMut::new(),
            outbox: BytesMut::new(),
        };
        let connect = packets::connect(self.version, &format!("client {index}"));
        encode(
            &Packet::Connect(Box::new(connect)),
            self.version,
            &mut client.inbox,
        );
        if index > 0 {
            let subscribe = packets::subscribe(1, FILTER, qos);
            encode(
                &Packet::Subscribe(subscribe),
                self.version,
                &mut client.inbox,
            );
        }
        self.clients.push(client);
        self.serve(index as usize);
        self.clients[index as usize].outbox.clear();
    }

    /// What the broker does when a client's bytes have come.
    #[inline(never)]
    pub fn serve(&mut self, index: usize) {
        let Client {
            conn,
            decoder,
            inbox,
            ..
        } = &mut self.clients[index];
        if inbox.is_empty() {
            return;
        }
        let conn = *conn;
        while let Some(packet) = decoder.decode(inbox).expect("clients send packets") {
            self.commands.push(Command::Packet { conn, packet });
        }
        self.broker
            .enter(NOW, &mut self.commands, &mut self.effects);
        for AuthRequest { conn, .. } in self.effects.authenticate.drain(..) {
            self.commands.push(Command::Authenticated {
                conn,
                verdict: Verdict::Accepted,
                user: None,
            });
        }
        if !self.commands.is_empty() {
            self.broker
                .enter(NOW, &mut self.commands, &mut self.effects);
        }
        self.effects.records.clear();
        self.effects.events.clear();
        while let Some(conn) = self.effects.wake.pop() {
            if !self.stalled || conn.index == 0 {
                self.drain(conn);
            }
        }
    }

    fn drain(&mut self, conn: ConnectionId) {
        let out = &mut self.clients[conn.index as usize].outbox;
        loop {
            let durable = self.broker.committed();
            self.broker.drain(
                NOW,
                conn,
                durable,
                64 * 1024,
                &mut self.effects,
                &mut self.drained,
            );
            for chunk in self.drained.chunks.iter() {
                out.extend_from_slice(chunk);
            }
            self.drained.chunks.reset();
            if !self.drained.more {
                return;
            }
        }
    }
}

impl Client {
    /// Acknowledges what came; returns how many messages did.
    fn answer(&mut self) -> usize {
        let mut messages = 0;
        while let Some(&first) = self.outbox.first() {
            let (mut len, mut at) = (0, 1);
            loop {
                let byte = self.outbox[at];
                len |= usize::from(byte & 0x7F) << (7 * (at - 1));
                at += 1;
                if byte < 0x80 {
                    break;
                }
            }
            let body = &self.outbox[at..at + len];
            let (answer, id) = match (first >> 4, first >> 1 & 3) {
                (3, qos) => {
                    messages += 1;
                    let topic = usize::from(u16::from_be_bytes([body[0], body[1]]));
                    ([0, 0x40, 0x50][usize::from(qos)], &body[2 + topic..][..2])
                }
                (5, _) => (0x62, body),
                (6, _) => (0x70, body),
                _ => (0, body),
            };
            if answer != 0 {
                self.inbox.put_slice(&[answer, 2, id[0], id[1]]);
            }
            self.outbox.advance(at + len);
        }
        self.outbox.clear();
        messages
    }
}

fn publish(work: &Work, number: usize) -> Packet {
    let packet_id = PacketId::new(number as u16 + 1).filter(|_| work.qos > QoS::AtMostOnce);
    Packet::Publish(Publish {
        qos: work.qos,
        packet_id,
        payload: Bytes::from(vec![b'x'; work.payload]),
        ..packets::publish(TOPIC, "")
    })
}

const TOPIC: &str = "bench/pairs/0001";
const FILTER: &str = "bench/pairs/0001/#";
/// Bytes.
pub const READ_BUFFER: usize = 64 * 1024;
const NOW: Moment = Moment::from_millis(1_000_000);
