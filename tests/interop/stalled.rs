// SPDX-License-Identifier: Apache-2.0 OR MIT
//! One of a hundred subscribers never reads: what the others and the publisher notice of it, over real sockets.

use std::time::Instant;

use mqtt_proto::{Packet, QoS, Version};
use tests::packets::{publish_at, subscribe};
use tests::{Connection, Daemon, tools};

use crate::attack::{bytes_of, limited};

const READERS: usize = 99;
/// Messages sent before all readers have read them.
const BATCH: u16 = 10;
/// With the bytes of a message, more than sockets and the broker keep for the one that does not read.
const BATCHES: usize = 40;
const BYTES: usize = 64 * 1024;

/// [R17]
#[test]
fn one_stalled_subscriber_of_a_hundred_costs_the_others_no_message() {
    for qos in [QoS::AtMostOnce, QoS::AtLeastOnce] {
        let daemon = limited("max_pending_bytes = 2097152\nmax_queued_bytes = 2097152");
        let _stalled = subscriber(&daemon, "stalled", qos);
        let name = |n: usize| format!("reader {n}");
        let mut readers: Vec<Connection> = (0..READERS)
            .map(|n| subscriber(&daemon, &name(n), qos))
            .collect();
        let mut publisher = Connection::client(daemon.port, Version::V5, "publisher");
        let begin = Instant::now();
        for batch in 0..BATCHES {
            for id in 1..=BATCH {
                let payload = format!("{batch} {id} ").repeat(BYTES / 8);
                let message = publish_at(qos, id, "flood", payload);
                publisher.send_bytes(&bytes_of(message, Version::V5));
            }
            for reader in &mut readers {
                (1..=BATCH).for_each(|id| expect(reader, &format!("{batch} {id} ")));
            }
            if qos == QoS::AtLeastOnce {
                (0..BATCH)
                    .for_each(|_| assert!(matches!(publisher.receive(), Some(Packet::PubAck(_)))));
            }
        }
        let used = tools::highest_memory(daemon.pid());
        let took = begin.elapsed();
        println!("{BATCHES} times {BATCH} of {BYTES} bytes at {qos:?} in {took:?}: {used} MiB");
        assert!(used < 64, "{used} MiB");
        daemon.expect_line("stalled");
    }
}

fn subscriber(daemon: &Daemon, name: &str, qos: QoS) -> Connection {
    let mut client = Connection::client(daemon.port, Version::V311, name);
    client.send(subscribe(1, "flood", qos));
    assert!(matches!(client.receive(), Some(Packet::SubAck(_))));
    client
}

/// Takes and acknowledges the next message, which begins like this.
fn expect(reader: &mut Connection, payload: &str) {
    let Some(Packet::Publish(message)) = reader.receive() else {
        panic!("no message");
    };
    assert!(message.payload.starts_with(payload.as_bytes()), "{payload}");
    if let Some(id) = message.packet_id {
        reader.send(tests::packets::puback(id.get()));
    }
}
