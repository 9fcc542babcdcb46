// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Listeners on the loopback interface.

use broker_config::SocketDomain;
use mqtt_core::{Limits, Params};
use tokio::net::{TcpListener, TcpStream, UnixStream};

use super::*;
use crate::auth::Authenticator;
use crate::dialogue::Forgetful;
use crate::storage::Clock;

fn listeners() -> Arc<Listeners> {
    let log = Log::silent();
    let params = Params {
        limits: Limits::default(),
        version: "test".into(),
    };
    let hub = Hub::new(
        params,
        Box::new(Forgetful::default()),
        Clock::new(),
        log.clone(),
        Authenticator::new(None, log.clone()),
    );
    Listeners::new(hub, Supervisor::new().0, log)
}

/// Port 0, which no configuration file can hold, makes the system choose a port.
fn on(bind_address: &str, port: u16) -> Listener {
    let bind_address = match bind_address.parse() {
        _ if bind_address == "::" => BindAddress::Any,
        Ok(address) => BindAddress::Ip(address),
        Err(_) => BindAddress::Host(bind_address.to_owned()),
    };
    Listener {
        port,
        bind_address,
        ..Listener::default()
    }
}

/// Waits until the first listener listens; a machine on which it never does fails the test.
async fn listening(listeners: &Listeners) {
    let mut condition = listeners.lock()[0].condition.clone();
    let open = condition.wait_for(|condition| condition.state == Some(State::Listening));
    let outcome = tokio::time::timeout(Duration::from_secs(60), open).await;
    assert!(outcome.is_ok(), "{:?}", listeners.states());
}

#[tokio::test]
async fn a_listener_is_reached_on_every_address_it_names() {
    for (name, client) in [
        ("127.0.0.1", "127.0.0.1"),
        ("::", "127.0.0.1"),
        ("localhost", "localhost"),
    ] {
        let listeners = listeners();
        listeners.apply(&[on(name, 0)]).await;
        listening(&listeners).await;
        for address in &listeners.states()[0].addresses {
            TcpStream::connect((client, address.port())).await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_port_in_use_is_refused_in_words_and_taken_once_it_is_free() {
    let squatter = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = squatter.local_addr().unwrap().port();
    let listeners = listeners();
    listeners.apply(&[on("127.0.0.1", port)]).await;
    let row = &listeners.states()[0];
    let State::Refused(reason) = &row.state else {
        panic!("{row:?}")
    };
    assert_eq!(
        *reason,
        format!("port {port} is in use by another program; `ss -ltnp` shows which")
    );
    assert!(row.addresses.is_empty());

    drop(squatter);
    listening(&listeners).await;
}

#[tokio::test]
async fn an_address_of_another_machine_is_waited_for() {
    let listeners = listeners();
    // An address for documentation (RFC 5737).
    listeners.apply(&[on("192.0.2.7", 0)]).await;
    let waiting = State::Waiting("192.0.2.7 is not an address of this machine yet".to_owned());
    let row = &listeners.states()[0];
    assert_eq!(row.state, waiting);
    // It is bound already, so that the first client after the address came is served.
    assert_eq!(row.addresses[0].ip().to_string(), "192.0.2.7");
}

#[tokio::test]
async fn an_interface_that_is_not_there_is_waited_for() {
    let listeners = listeners();
    let settings = Listener {
        interface: Some("none0".to_owned()),
        ..on("::", 0)
    };
    listeners.apply(&[settings]).await;
    let waiting = State::Waiting("this machine has no network interface none0 yet".to_owned());
    assert_eq!(listeners.states()[0].state, waiting);
}

#[tokio::test]
async fn a_listener_bound_to_the_loopback_interface_is_reached_through_it() {
    let listeners = listeners();
    let settings = Listener {
        interface: Some("lo".to_owned()),
        ..on("::", 0)
    };
    listeners.apply(&[settings]).await;
    listening(&listeners).await;
    let port = listeners.states()[0].addresses[0].port();
    TcpStream::connect(("127.0.0.1", port)).await.unwrap();
}

#[tokio::test]
async fn a_family_that_is_left_out_is_not_served() {
    for (domain, served, refused) in [
        (SocketDomain::Ipv4, "127.0.0.1", "::1"),
        (SocketDomain::Ipv6, "::1", "127.0.0.1"),
    ] {
        let listeners = listeners();
        let settings = Listener {
            socket_domain: domain,
            ..on("::", 0)
        };
        listeners.apply(&[settings]).await;
        if !matches!(listeners.states()[0].state, State::Listening) {
            // A machine without IPv6.
            continue;
        }
        let port = listeners.states()[0].addresses[0].port();
        TcpStream::connect((served, port)).await.unwrap();
        TcpStream::connect((refused, port)).await.unwrap_err();
    }
}

#[tokio::test]
async fn a_unix_sockets_file_is_there_while_it_is_open() {
    let path = std::env::temp_dir().join(format!("broker-listener-{}", std::process::id()));
    let settings = Listener {
        port: 0,
        socket: Some(path.display().to_string()),
        ..Listener::default()
    };
    let listeners = listeners();
    listeners.apply(&[settings]).await;
    assert_eq!(listeners.states()[0].state, State::Listening);
    UnixStream::connect(&path).await.unwrap();
    listeners.close().await;
    assert!(!path.exists());
}

#[tokio::test]
async fn a_change_closes_and_opens_only_what_differs() {
    let listeners = listeners();
    let (first, second) = (on("127.0.0.1", 0), on("127.0.0.2", 0));
    listeners.apply(std::slice::from_ref(&first)).await;
    let kept = listeners.states()[0].addresses.clone();

    listeners.apply(&[second.clone(), first.clone()]).await;
    let rows = listeners.states();
    assert_eq!([&rows[0].settings, &rows[1].settings], [&second, &first]);
    assert_eq!(rows[1].addresses, kept);
    let gone = rows[0].addresses[0];

    listeners.apply(&[first]).await;
    assert_eq!(listeners.states().len(), 1);
    assert_eq!(listeners.states()[0].addresses, kept);
    TcpStream::connect(gone).await.unwrap_err();
    TcpListener::bind(gone).await.unwrap();
}

#[tokio::test]
async fn an_address_moves_to_another_listener_at_once() {
    let listeners = listeners();
    listeners.apply(&[on("127.0.0.1", 0)]).await;
    let port = listeners.states()[0].addresses[0].port();
    let replaced = Listener {
        protocol: Protocol::WebSockets,
        ..on("127.0.0.1", port)
    };
    listeners.apply(&[replaced]).await;
    assert_eq!(listeners.states()[0].state, State::Listening);

    listeners.close().await;
    TcpStream::connect(("127.0.0.1", port)).await.unwrap_err();
}

#[tokio::test]
async fn accepted_connections_send_without_delay() {
    let (tell, _) = watch::channel(Condition::default());
    let sockets = socket::open(&on("127.0.0.1", 0), &tell).await.unwrap();
    let _client = TcpStream::connect(socket::addresses(&sockets)[0])
        .await
        .unwrap();
    let accepted = std::future::poll_fn(|context| sockets[0].poll_accept(context)).await;
    let Ok((socket::Stream::Tcp(accepted), Some(_))) = accepted else {
        panic!("no TCP connection")
    };
    assert!(accepted.nodelay().unwrap());
}
