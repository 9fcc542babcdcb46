// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Encrypted streams on the loopback interface, against rustls as the client.

use std::future::poll_fn;
use std::io::{Read, Write};

use broker_config::{Protocol, Tls};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use tokio::net::TcpListener;

use super::*;
use crate::outgoing::Outgoing;
use crate::tls::{Keeper, provider};
use crate::transport::{Layer, Transport};

/// Reads at most 1,000 bytes at a time.
async fn read(near: &TlsStream, buffer: &mut BytesMut) -> io::Result<usize> {
    poll_fn(|context| near.poll_read(context, buffer, 1_000)).await
}

type Far = StreamOwned<ClientConnection, std::net::TcpStream>;

/// A connection whose handshake is made, and the client at its other end, which waits when it reads.
async fn connected() -> (Arc<TlsStream>, Far) {
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    std::fs::create_dir(folder.path().join("tls")).unwrap();
    let pem = crate::tls::pem("CERTIFICATE", made.cert.der())
        + &crate::tls::pem("PRIVATE KEY", &made.signing_key.serialize_der());
    std::fs::write(folder.path().join("tls/server.pem"), pem).unwrap();
    let settings = broker_config::Listener {
        tls: Some(Tls::default()),
        protocol: Protocol::Mqtt,
        ..broker_config::Listener::default()
    };
    let keeper = Keeper::of(folder.path(), &settings).unwrap();
    keeper.refresh(None);
    let offer = keeper.offer().expect("a certificate that loads");

    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let client = tokio::task::spawn_blocking(move || {
        let name = ServerName::try_from("localhost").unwrap();
        let mut session = ClientConnection::new(Arc::new(config), name).unwrap();
        let mut socket = std::net::TcpStream::connect(address).unwrap();
        while session.is_handshaking() {
            session.complete_io(&mut socket).unwrap();
        }
        StreamOwned::new(session, socket)
    });
    let (near, _) = listener.accept().await.unwrap();
    let near = TlsStream::new(near, offer).unwrap();
    assert_eq!(near.first_byte().await.unwrap(), Some(0x16));
    while !near.shake_hands().await.unwrap() {}
    (near, client.await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_leave_in_order_however_little_the_socket_takes() {
    let (near, mut far) = connected().await;
    let (_source, sink, _layer) = Transport::Tls(near, Layer::Plain).split();
    let mut outgoing = Outgoing::default();
    let expected: Vec<u8> = (0..8_000_000_u32).map(|at| (at / 7 % 251) as u8).collect();
    expected
        .chunks(3_001)
        .for_each(|chunk| outgoing.push_bytes(chunk));
    let mut sent = 0;
    let mut everything = outgoing.write_to(&sink, |bytes| sent += bytes).unwrap();
    assert!(!everything, "the test must see a full socket");
    let length = expected.len();
    let reader = tokio::task::spawn_blocking(move || {
        let mut received = vec![0; length];
        far.read_exact(&mut received).unwrap();
        received
    });
    while !everything {
        poll_fn(|context| sink.poll_writable(context))
            .await
            .unwrap();
        everything = outgoing.write_to(&sink, |bytes| sent += bytes).unwrap();
    }
    let received = reader.await.unwrap();
    assert_eq!(sent, length);
    assert!(received == expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_taken_and_not_sent_is_told_until_it_has_left() {
    let (near, mut far) = connected().await;
    let mut taken = 0;
    let payload = [7; 16 * 1024];
    while let Ok(count) = near.try_write_vectored(&[IoSlice::new(&payload)]) {
        taken += count;
    }
    assert!(!near.try_flush().unwrap());
    let reader = tokio::task::spawn_blocking(move || {
        let mut received = vec![0; taken];
        far.read_exact(&mut received).unwrap();
        far
    });
    while !near.try_flush().unwrap() {
        poll_fn(|context| near.poll_writable(context))
            .await
            .unwrap();
    }
    reader.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_takes_no_more_than_was_asked_for_and_the_rest_comes_next() {
    let (near, mut far) = connected().await;
    let sent: Vec<u8> = (0..40_000_u32).map(|at| (at % 251) as u8).collect();
    far.write_all(&sent).unwrap();
    far.conn.send_close_notify();
    far.flush().unwrap();
    let mut received = BytesMut::new();
    loop {
        match read(&near, &mut received).await.unwrap() {
            0 => break,
            count => assert!(count <= 1_000),
        }
    }
    assert!(received == sent);
}

#[tokio::test(flavor = "multi_thread")]
async fn nonsense_after_the_handshake_is_an_error_and_the_end() {
    let (near, far) = connected().await;
    let mut socket = far.sock;
    socket
        .write_all(b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00")
        .unwrap();
    let mut received = BytesMut::new();
    let error = read(&near, &mut received).await.unwrap_err();
    assert!(crate::tls::words(&error).is_some(), "{error}");
    near.finish();
    assert!(read(&near, &mut received).await.is_err());
    assert!(received.is_empty());
    let mut rest = [0; 4];
    socket.write_all(b"more").unwrap();
    assert_eq!(near.read_raw(&mut rest).await.unwrap(), 4);
}
