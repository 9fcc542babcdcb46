// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Publishers and subscribers on blocking sockets, a thread for each group.
//!
//! A group publishes a burst, waits until all of it has arrived and every exchange has ended, and begins again.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use bytes::BytesMut;
use mqtt_proto::{Connect, Property, Publish, QoS, Version, encode};
use tests::IntoPacket;
use tests::packets::{connect, properties, publish_at, subscribe};

use crate::scenario::Scenario;

/// Bytes of each payload.
const PAYLOAD: usize = 64;
/// A broker that is silent for so long has lost a message.
const SILENCE: Duration = Duration::from_secs(30);
/// Larger than any message here, in bytes.
const MAX_PACKET_SIZE: u32 = 1_024;

/// A publisher with its subscribers.
pub struct Group {
    publisher: TcpStream,
    subscribers: Vec<TcpStream>,
    burst: Vec<u8>,
    /// Messages in a burst.
    count: usize,
    qos: QoS,
    version: Version,
    buffer: Vec<u8>,
}

impl Group {
    pub fn connect(address: SocketAddr, scenario: &Scenario, number: usize) -> Self {
        let Scenario {
            burst: count,
            qos,
            retain,
            version,
            ..
        } = *scenario;
        let topic = format!("load/{number:03}");
        let mut burst = BytesMut::new();
        for id in (1..).take(count) {
            let message = publish_at(qos, id, &topic, [b'x'; PAYLOAD]);
            let message = Publish { retain, ..message };
            encode(&message.into_packet(), version, &mut burst);
        }
        let mut publisher = client(address, version, &format!("publisher {number}"));
        forget(&mut publisher, version, &topic);
        let subscriber = |n: usize| {
            let name = format!("subscriber {number} {n}");
            let mut socket = client(address, version, &name);
            send(&mut socket, version, subscribe(1, &topic, qos));
            skip_packet(&mut socket);
            socket
        };
        let subscribers = (0..scenario.subscribers).map(subscriber).collect();
        Self {
            publisher,
            subscribers,
            buffer: vec![0; burst.len()],
            burst: burst.to_vec(),
            count,
            qos,
            version,
        }
    }

    /// Sends a burst and takes it at all subscribers; returns how many messages arrived.
    pub fn round(&mut self) -> u64 {
        self.publisher
            .write_all(&self.burst)
            .expect("the broker reads");
        let mut answers = vec![0; ANSWER * self.count];
        for subscriber in &mut self.subscribers {
            subscriber
                .read_exact(&mut self.buffer)
                .expect("the messages arrive");
            match self.qos {
                QoS::AtMostOnce => {}
                QoS::AtLeastOnce => {
                    acknowledge(&self.buffer, self.version, PUBACK, &mut answers);
                    subscriber.write_all(&answers).expect("the broker reads");
                }
                QoS::ExactlyOnce => {
                    acknowledge(&self.buffer, self.version, PUBREC, &mut answers);
                    subscriber.write_all(&answers).expect("the broker reads");
                    go_on(subscriber, &mut answers, PUBCOMP);
                }
            }
        }
        if self.qos == QoS::ExactlyOnce {
            go_on(&mut self.publisher, &mut answers, PUBREL);
        }
        if self.qos > QoS::AtMostOnce {
            self.publisher
                .read_exact(&mut answers)
                .expect("the exchanges end");
        }
        (self.count * self.subscribers.len()) as u64
    }
}

/// Writes to `answers` one for each of the equally long messages in `bytes`.
fn acknowledge(bytes: &[u8], version: Version, kind: u8, answers: &mut [u8]) {
    let length = bytes.len() / (answers.len() / ANSWER);
    let properties = usize::from(version == Version::V5);
    let id = length - PAYLOAD - properties - 2;
    let messages = bytes.chunks(length);
    for (answer, message) in answers.chunks_mut(ANSWER).zip(messages) {
        answer.copy_from_slice(&[kind, 2, message[id], message[id + 1]]);
    }
}

/// Reads as many answers as there is room for and sends each back as the next step of its exchange.
fn go_on(socket: &mut TcpStream, answers: &mut [u8], kind: u8) {
    socket.read_exact(answers).expect("the answers arrive");
    answers
        .chunks_mut(ANSWER)
        .for_each(|answer| answer[0] = kind);
    socket.write_all(answers).expect("the broker reads");
}

/// Removes what an earlier turn left retained.
fn forget(publisher: &mut TcpStream, version: Version, topic: &str) {
    let empty = Publish {
        retain: true,
        ..publish_at(QoS::AtLeastOnce, 1, topic, [])
    };
    send(publisher, version, empty);
    skip_packet(publisher);
}

fn client(address: SocketAddr, version: Version, name: &str) -> TcpStream {
    let mut socket = TcpStream::connect(address).expect("the broker accepts connections");
    socket.set_nodelay(true).expect("a socket can be set");
    socket
        .set_read_timeout(Some(SILENCE))
        .expect("a socket can be set");
    let limit = Property::MaximumPacketSize(MAX_PACKET_SIZE);
    let connect = Connect {
        properties: properties((version == Version::V5).then_some(limit)),
        ..connect(version, name)
    };
    send(&mut socket, version, connect);
    skip_packet(&mut socket);
    socket
}

fn send(socket: &mut TcpStream, version: Version, packet: impl IntoPacket) {
    let mut bytes = BytesMut::new();
    encode(&packet.into_packet(), version, &mut bytes);
    socket.write_all(&bytes).expect("the broker reads");
}

/// Reads one packet of fewer than 128 bytes.
fn skip_packet(socket: &mut TcpStream) {
    let mut head = [0; 2];
    socket.read_exact(&mut head).expect("an answer arrives");
    let mut rest = vec![0; head[1].into()];
    socket.read_exact(&mut rest).expect("an answer arrives");
}

/// First bytes of answers.
const PUBACK: u8 = 0x40;
const PUBREC: u8 = 0x50;
const PUBREL: u8 = 0x62;
const PUBCOMP: u8 = 0x70;
/// Bytes of each of them.
const ANSWER: usize = 4;
