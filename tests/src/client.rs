// SPDX-License-Identifier: Apache-2.0 OR MIT
//! One end of a dialogue in the virtual world: what it sends, and what it must receive next.

use bytes::BytesMut;
use mqtt_core::{CloseCause, ConnectionId};
use mqtt_proto::{Decoder, Packet, Properties, Property, Publish, QoS, Reason, Version, encode};

use crate::packets::{self, granted, packet_id};
use crate::{IntoPacket, World};

/// A client in the virtual world; dropping it leaves its connection as it is.
pub struct Client {
    world: World,
    pub(crate) conn: ConnectionId,
    version: Version,
}

/// Packet identifier of SUBSCRIBE and UNSUBSCRIBE in the one-line dialogues.
const REQUEST: u16 = 60_000;

/// Packet identifier of PUBLISH in the one-line dialogues.
const PUBLICATION: u16 = 60_001;

impl Client {
    pub(crate) fn new(world: World, conn: ConnectionId, version: Version) -> Self {
        Self {
            world,
            conn,
            version,
        }
    }

    pub fn version(&self) -> Version {
        self.version
    }

    #[track_caller]
    pub fn send(&self, packet: impl IntoPacket) {
        self.send_together([packet.into_packet()]);
    }

    /// Sends several packets that the broker reads at once.
    #[track_caller]
    pub fn send_together(&self, packets: impl IntoIterator<Item = Packet>) {
        let mut bytes = BytesMut::new();
        for packet in packets {
            encode(&packet, self.version, &mut bytes);
        }
        self.send_bytes(&bytes);
    }

    #[track_caller]
    pub fn send_bytes(&self, bytes: &[u8]) {
        let mut state = self.world.state();
        if let Some(link) = state.links.get_mut(&self.conn) {
            link.inbox.extend_from_slice(bytes);
        }
        state.readable.insert(self.conn);
        state.settle();
    }

    /// The connection breaks without a DISCONNECT.
    #[track_caller]
    pub fn lose(&self) {
        let mut state = self.world.state();
        state.close(self.conn, CloseCause::Peer);
        state.settle();
    }

    /// Says good-bye, and the broker closes.
    #[track_caller]
    pub fn leave(&self) {
        self.send(packets::disconnect(Reason::Success));
        self.expect_closed();
    }

    /// Takes nothing from its socket until [`Client::unstall`].
    pub fn stall(&self) {
        if let Some(link) = self.world.state().links.get_mut(&self.conn) {
            link.stalled = true;
        }
    }

    #[track_caller]
    pub fn unstall(&self) {
        let mut state = self.world.state();
        if let Some(link) = state.links.get_mut(&self.conn) {
            link.stalled = false;
        }
        state.settle();
    }

    /// The next packet that has arrived, if any.
    #[track_caller]
    pub fn poll(&self) -> Option<Packet> {
        let mut state = self.world.state();
        let link = state
            .links
            .get_mut(&self.conn)
            .expect("a client has a link");
        link.reader
            .decode(&mut link.outbox)
            .expect("the broker sends well-formed packets")
    }

    /// The next packet, which must have arrived.
    #[track_caller]
    pub fn receive(&self) -> Packet {
        let Some(packet) = self.poll() else {
            let state = if self.is_open() { "open" } else { "closed" };
            panic!("nothing has arrived and the connection is {state}");
        };
        packet
    }

    /// The next packet must be `want`, as this version would carry it; reason strings and CONNACK's
    /// properties are not compared.
    #[track_caller]
    pub fn expect(&self, want: impl IntoPacket) {
        let want = through_the_wire(want.into_packet(), self.version);
        assert_eq!(essence(self.receive()), essence(want));
    }

    /// The next packet must be the PUBLISH `want` but for its packet identifier, which is returned (QoS 0: 0).
    #[track_caller]
    pub fn expect_publish(&self, want: Publish) -> u16 {
        let got = match self.receive() {
            Packet::Publish(publish) => publish,
            other => panic!("expected {want:?}, received {other:?}"),
        };
        let id = got.packet_id;
        assert_eq!(id.is_some(), got.qos > QoS::AtMostOnce);
        let want = Publish {
            packet_id: id,
            ..want
        };
        assert_eq!(
            Packet::Publish(got),
            through_the_wire(Packet::Publish(want), self.version)
        );
        id.map_or(0, u16::from)
    }

    #[track_caller]
    pub fn expect_nothing(&self) {
        if let Some(packet) = self.poll() {
            panic!("expected nothing, received {packet:?}");
        }
        assert!(self.is_open(), "the broker has closed the connection");
    }

    /// Nothing more arrives and the broker has closed the connection.
    #[track_caller]
    pub fn expect_closed(&self) {
        if let Some(packet) = self.poll() {
            panic!("expected the end of the connection, received {packet:?}");
        }
        assert!(!self.is_open(), "the broker has not closed the connection");
    }

    /// The broker closes the connection; MQTT 5 is told why.
    #[track_caller]
    pub fn expect_disconnect(&self, reason: Reason) {
        if self.version == Version::V5 {
            self.expect(packets::disconnect(reason));
        }
        self.expect_closed();
    }

    pub fn is_open(&self) -> bool {
        self.world
            .state()
            .links
            .get(&self.conn)
            .is_some_and(|link| !link.closed)
    }

    /// SUBSCRIBE that is granted as asked for; retained messages may follow.
    #[track_caller]
    pub fn subscribe(&self, filter: &str, qos: QoS) {
        self.send(packets::subscribe(REQUEST, filter, qos));
        self.expect(packets::suback(REQUEST, [granted(qos)]));
    }

    #[track_caller]
    pub fn unsubscribe(&self, filter: &str) {
        self.send(packets::unsubscribe(REQUEST, filter));
        self.expect(packets::unsuback(REQUEST, Reason::Success));
    }

    /// Publishes with the whole handshake of `qos`.
    #[track_caller]
    pub fn publish(&self, qos: QoS, topic: &str, payload: &str) {
        self.deliver(packets::publish_at(qos, PUBLICATION, topic, payload));
    }

    /// Publishes a retained message with the whole handshake of `qos`.
    #[track_caller]
    pub fn retain(&self, qos: QoS, topic: &str, payload: &str) {
        self.deliver(Publish {
            retain: true,
            ..packets::publish_at(qos, PUBLICATION, topic, payload)
        });
    }

    #[track_caller]
    fn deliver(&self, publish: Publish) {
        let id = publish.packet_id.map_or(0, u16::from);
        let qos = publish.qos;
        self.send(publish);
        match qos {
            QoS::AtMostOnce => {}
            QoS::AtLeastOnce => self.expect_ack("PUBACK", id),
            QoS::ExactlyOnce => {
                self.expect_ack("PUBREC", id);
                self.send(packets::pubrel(id));
                self.expect_ack("PUBCOMP", id);
            }
        }
    }

    /// The next packet acknowledges `id`, whether or not anybody subscribed.
    #[track_caller]
    fn expect_ack(&self, name: &str, id: u16) {
        let packet = self.receive();
        let (Packet::PubAck(ack) | Packet::PubRec(ack) | Packet::PubComp(ack)) = &packet else {
            panic!("expected {name}, received {packet:?}");
        };
        assert_eq!((packet.name(), ack.packet_id), (name, packet_id(id)));
        assert!(!ack.reason.is_error(), "{packet:?}");
    }

    /// Receives a message with the whole handshake of `qos`.
    #[track_caller]
    pub fn take(&self, qos: QoS, topic: &str, payload: &str) {
        let id = self.expect_publish(packets::publish_at(qos, 1, topic, payload));
        self.acknowledge(qos, id);
    }

    /// Receives everything there is with all handshakes; returns the messages in order of arrival.
    #[track_caller]
    pub fn take_all(&self) -> Vec<Publish> {
        let mut messages = Vec::new();
        while let Some(packet) = self.poll() {
            match packet {
                Packet::Publish(publish) => {
                    match (publish.qos, publish.packet_id) {
                        (QoS::AtLeastOnce, Some(id)) => self.send(packets::puback(id.into())),
                        (QoS::ExactlyOnce, Some(id)) => self.send(packets::pubrec(id.into())),
                        _ => {}
                    }
                    messages.push(publish);
                }
                Packet::PubRel(ack) => self.send(packets::pubcomp(ack.packet_id.into())),
                other => panic!("expected messages, received {other:?}"),
            }
        }
        messages
    }

    /// Receives everything there is with all handshakes; returns the payloads in order of arrival.
    #[track_caller]
    pub fn take_payloads(&self) -> Vec<String> {
        let text = |publish: Publish| String::from_utf8_lossy(&publish.payload).into_owned();
        self.take_all().into_iter().map(text).collect()
    }

    /// Completes the receiver's side of a handshake.
    #[track_caller]
    pub fn acknowledge(&self, qos: QoS, id: u16) {
        match qos {
            QoS::AtMostOnce => {}
            QoS::AtLeastOnce => self.send(packets::puback(id)),
            QoS::ExactlyOnce => {
                self.send(packets::pubrec(id));
                self.expect(packets::pubrel(id));
                self.send(packets::pubcomp(id));
            }
        }
    }
}

/// The packet as a client of `version` decodes it.
fn through_the_wire(packet: Packet, version: Version) -> Packet {
    let mut bytes = BytesMut::new();
    encode(&packet, version, &mut bytes);
    let decoded = Decoder::client(version).decode(&mut bytes);
    decoded
        .expect("an expected packet is well formed")
        .expect("an expected packet is whole")
}

/// The packet without what a dialogue does not compare.
fn essence(mut packet: Packet) -> Packet {
    let no_reason_string = |properties: &mut Properties| {
        properties.retain(|property| !matches!(property, Property::ReasonString(_)));
    };
    match &mut packet {
        Packet::ConnAck(connack) => connack.properties = Properties::new(),
        Packet::PubAck(ack) | Packet::PubRec(ack) | Packet::PubRel(ack) | Packet::PubComp(ack) => {
            no_reason_string(&mut ack.properties);
        }
        Packet::SubAck(suback) => no_reason_string(&mut suback.properties),
        Packet::UnsubAck(unsuback) => no_reason_string(&mut unsuback.properties),
        Packet::Disconnect(disconnect) => no_reason_string(&mut disconnect.properties),
        _ => {}
    }
    packet
}
