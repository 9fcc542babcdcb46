// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Whether the generator notices what brokers do: works against a broker that does well, and against one that loses, doubles and swaps.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use mqtt_proto::{QoS, Version};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use tests::certificates::{Authority, Identity, Purpose, put};
use tests::tools::PATIENCE;
use tests::{QUALITIES, VERSIONS};

use super::codec::{CONNACK, SUBACK, lengths};
use super::engine::Engine;
use super::stall::{Moment, Stall};
use super::{Outcome, Pace, Shape, Target, Transport, Work};

/// How long publishers send.
const MOMENT: Duration = Duration::from_millis(50);
/// How long a broker that loses messages may be silent.
const SILENCE: Duration = Duration::from_secs(2);

#[test]
fn every_work_arrives_whole_where_nothing_goes_wrong() {
    let address = null_broker();
    let window = |messages, at_once| Pace::Window { messages, at_once };
    let works = [
        (Shape::Pairs(3), window(100, 3)),
        (Shape::Pairs(3), Pace::Rate(2_000)),
        (Shape::FanOut(5), window(8, 1)),
        (Shape::FanIn(9), window(10, 2)),
    ];
    for (shape, pace) in works {
        for (version, qos) in every_version_and_quality() {
            for transport in [Transport::Tcp, Transport::WebSocket] {
                let work = Work {
                    shape,
                    qos,
                    payload: 64,
                    pace,
                };
                let target = Target {
                    transport,
                    ..target(address, version)
                };
                let outcome = outcome(&work, &target, PATIENCE);
                let case = format!("{work:?} {transport:?} {version:?}: {outcome:?}");
                assert!(outcome.sent > 0, "{case}");
                let receivers = if let Shape::FanOut(count) = shape {
                    count
                } else {
                    1
                };
                assert_eq!(outcome.sent * receivers as u64, outcome.delivered, "{case}");
                assert_eq!((0, 0, 0), faults(&outcome), "{case}");
                let latencies = outcome.latency.map_or(0, |latency| latency.total());
                let expected = if matches!(pace, Pace::Rate(_)) {
                    outcome.delivered
                } else {
                    0
                };
                assert_eq!(expected, latencies, "{case}");
            }
        }
    }
}

#[test]
fn messages_larger_than_a_socket_takes_arrive_whole() {
    let work = Work {
        shape: Shape::Pairs(2),
        qos: QoS::AtMostOnce,
        payload: 300_000,
        pace: Pace::Fire,
    };
    for transport in [Transport::Tcp, Transport::WebSocket] {
        let target = Target {
            transport,
            ..target(null_broker(), Version::V311)
        };
        let outcome = outcome(&work, &target, PATIENCE);
        assert_eq!((0, 0, 0), faults(&outcome), "{outcome:?}");
        assert_eq!(outcome.sent, outcome.delivered);
    }
}

#[test]
fn each_loss_duplicate_and_change_of_order_is_noticed() {
    notices_mischief(Box::new(|socket| Box::new(socket)), None);
}

#[test]
fn they_are_noticed_over_tls_as_well() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let authority = Authority::new("bench");
    put(folder.path(), "ca.crt", &authority.pem());
    let identity = authority.sign("localhost", Purpose::Server, 2400);
    let config = Arc::new(server_config(&identity));
    let accept = move |socket| -> Box<dyn Stream> {
        let connection = ServerConnection::new(config.clone()).expect("a session can begin");
        Box::new(StreamOwned::new(connection, socket))
    };
    notices_mischief(Box::new(accept), Some(folder.path().join("ca.crt")));
}

fn notices_mischief(accept: Accept, authority: Option<PathBuf>) {
    let (address, broker) = mischievous_broker(accept);
    let work = Work {
        shape: Shape::Pairs(1),
        qos: QoS::AtMostOnce,
        payload: 64,
        pace: Pace::Rate(10_000),
    };
    let transport = match authority {
        None => Transport::Tcp,
        Some(_) => Transport::Tls,
    };
    let target = Target {
        transport,
        authority,
        ..target(address, Version::V311)
    };
    let outcome = outcome(&work, &target, SILENCE);
    let done = broker.join().expect("the double ends by itself");
    let done = done.expect("the double's sockets work");
    assert!(
        done.lost > 3 && done.duplicated > 3 && done.reordered > 3,
        "{done:?}"
    );
    assert_eq!(faults(&done), faults(&outcome));
    assert_eq!(outcome.sent - outcome.lost, outcome.delivered);
}

#[test]
fn a_slow_subscriber_gets_late_what_the_broker_keeps() {
    for qos in [QoS::AtMostOnce, QoS::AtLeastOnce] {
        let stall = Stall {
            name: "test",
            subscribers: 3,
            qos,
            payload: 64,
            rate: 500,
            before: 4 * MOMENT,
            during: 4 * MOMENT,
        };
        let mut moments = Vec::new();
        let target = target(null_broker(), Version::V311);
        let outcome = stall.run(&target, &mut |moment| moments.push(moment));
        let outcome = outcome.expect("nobody is disconnected");
        assert_eq!([Moment::Begin, Moment::End, Moment::Over], moments[..]);
        assert_eq!((0, 0, 0), faults(&outcome.slow));
        assert_eq!((0, 0, 0), faults(&outcome.others));
        assert_eq!(2 * outcome.slow.delivered, outcome.others.delivered);
        assert_eq!(None, outcome.closed);
        assert!(outcome.before.total() > outcome.during.total() && outcome.during.total() > 0);
    }
}

/// What the double does with a connection before it is spoken to.
type Accept = Box<dyn Fn(TcpStream) -> Box<dyn Stream> + Send>;

trait Stream: Read + Write {}

impl<T: Read + Write> Stream for T {}

fn server_config(identity: &Identity) -> ServerConfig {
    let certificate = CertificateDer::from_pem_slice(identity.certificate.as_bytes());
    let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes());
    ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.expect("it is a certificate")],
            key.expect("it is a key"),
        )
        .expect("they belong together")
}

/// What comes of a work that takes a moment, from a broker that may be silent for so long.
fn outcome(work: &Work, target: &Target, silence: Duration) -> Outcome {
    let mut engine = Engine::connect(work, target, silence).expect("the broker lets in");
    let before = engine.tally();
    engine.work_for(MOMENT).expect("the broker goes on");
    engine.outcome(&before)
}

fn faults(outcome: &Outcome) -> (u64, u64, u64) {
    (outcome.lost, outcome.duplicated, outcome.reordered)
}

fn every_version_and_quality() -> impl Iterator<Item = (Version, QoS)> {
    VERSIONS
        .into_iter()
        .flat_map(|version| QUALITIES.map(|qos| (version, qos)))
}

fn target(address: SocketAddr, version: Version) -> Target {
    Target {
        address,
        transport: Transport::Tcp,
        version,
        authority: None,
    }
}

/// The null broker in a thread that lives as long as the test program.
fn null_broker() -> SocketAddr {
    let (listener, address) = listen();
    thread::spawn(move || crate::null::serve(listener).expect("the null broker goes on"));
    address
}

/// A broker for one publisher and then one subscriber, which of each ten messages loses one, doubles one and swaps two.
///
/// It returns what it has done when the publisher has gone.
fn mischievous_broker(accept: Accept) -> (SocketAddr, JoinHandle<io::Result<Outcome>>) {
    let (listener, address) = listen();
    let broker = thread::spawn(move || {
        let mut publisher = accept(listener.accept()?.0);
        packet(&mut *publisher)?;
        publisher.write_all(&[CONNACK, 2, 0, 0])?;
        let mut subscriber = accept(listener.accept()?.0);
        packet(&mut *subscriber)?;
        subscriber.write_all(&[CONNACK, 2, 0, 0])?;
        packet(&mut *subscriber)?;
        subscriber.write_all(&[SUBACK, 3, 0, 1, 0])?;
        let mut done = Outcome::default();
        let mut held = Vec::new();
        for n in 0.. {
            let Ok(message) = packet(&mut *publisher) else {
                break;
            };
            match n % 10 {
                2 => done.lost += 1,
                4 => {
                    done.duplicated += 1;
                    subscriber.write_all(&[&message[..], &message].concat())?;
                }
                6 => held = message,
                7 => {
                    done.reordered += 1;
                    subscriber.write_all(&[message, held.split_off(0)].concat())?;
                }
                _ => subscriber.write_all(&message)?,
            }
        }
        done.lost += u64::from(!held.is_empty());
        Ok(done)
    });
    (address, broker)
}

fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("there is a free port");
    let address = listener
        .local_addr()
        .expect("a bound socket has an address");
    (listener, address)
}

/// Reads one packet, as it is.
fn packet(socket: &mut dyn Stream) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut byte = [0];
    loop {
        if let Some((head, length)) = lengths(&bytes)? {
            bytes.resize(head + length, 0);
            socket.read_exact(&mut bytes[head..])?;
            return Ok(bytes);
        }
        socket.read_exact(&mut byte)?;
        bytes.extend(byte);
    }
}
