// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The client against the real broker on the loopback interface.

use std::sync::Arc;

use broker_config::{BindAddress, Listener, Protocol};

use mqtt_core::Command;

use super::*;
use crate::app;
use crate::auth::Authenticator;
use crate::cli::arguments::{Arguments, Purpose};
use crate::dialogue::Forgetful;
use crate::hub::Hub;
use crate::listener::Listeners;
use crate::logging::Log;
use crate::storage::Clock;
use crate::supervisor::Supervisor;

/// A broker that listens for MQTT and for WebSocket, each on a port of the system's choice.
struct Daemon {
    listeners: Arc<Listeners>,
}

impl Daemon {
    async fn start(allow_anonymous: bool) -> Self {
        let log = Log::silent();
        let authenticator = Authenticator::new(None, log.clone());
        authenticator.replace(Vec::new()).await.unwrap();
        let store = Box::new(Forgetful::default());
        let hub = Hub::new(
            app::params(&Default::default()),
            store,
            Clock::new(),
            log.clone(),
            authenticator,
        );
        let listeners = Listeners::new(hub.clone(), Supervisor::new().0, log);
        let bind_address = BindAddress::Ip("127.0.0.1".parse().unwrap());
        let on = |protocol| Listener {
            port: 0,
            bind_address: bind_address.clone(),
            protocol,
            allow_anonymous: Some(allow_anonymous),
            ..Listener::default()
        };
        let mut settings = broker_config::read(b"version = 1\n")
            .verdict
            .ok()
            .unwrap()
            .broker;
        settings.listeners = vec![on(Protocol::Mqtt), on(Protocol::WebSockets)];
        hub.enter(&mut vec![Command::Listeners(app::listeners(&settings))]);
        listeners.apply(&settings.listeners).await;
        Self { listeners }
    }

    /// The options that lead to the first (MQTT) or second (WebSocket) port.
    fn target(&self, listener: usize, more: &str) -> Target {
        let port = self.listeners.states()[listener].addresses[0].port();
        let line = format!("-h 127.0.0.1 -p {port} -t x {more}");
        let parser = lexopt::Parser::from_args(line.split_whitespace());
        Arguments::parse(parser, Purpose::Subscribe)
            .unwrap()
            .unwrap()
            .target
    }
}

fn topic(name: &'static str) -> Topic {
    Topic::new(ByteString::from_static(name)).unwrap()
}

fn filter(name: &'static str) -> mqtt_proto::Filter {
    mqtt_proto::Filter::new(ByteString::from_static(name)).unwrap()
}

/// Runs a blocking dialogue beside the broker.
async fn dialogue<T: Send + 'static>(run: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(run).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_of_each_qos_arrives_once_over_tcp_and_websocket() {
    let daemon = Daemon::start(true).await;
    for target in [daemon.target(0, ""), daemon.target(1, "--ws")] {
        dialogue(move || {
            let mut subscriber = Client::connect(&target).unwrap();
            subscriber
                .subscribe(vec![filter("a/#")], QoS::ExactlyOnce)
                .unwrap();
            let mut publisher = Client::connect(&target).unwrap();
            let levels = [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce];
            let texts = ["zero", "one", "two"];
            for (qos, text) in levels.into_iter().zip(texts) {
                publisher
                    .publish(topic("a/b"), Bytes::from(text), qos, false)
                    .unwrap();
            }
            publisher.disconnect().unwrap();
            // Only messages of one topic and QoS are in order. [MQTT-4.6.0-5] [MQTT-4.6.0-6]
            let mut received = [(); 3].map(|()| subscriber.next_message().unwrap());
            received.sort_by_key(|message| message.qos);
            let received = received.map(|message| (message.qos, message.payload));
            let expected = [0, 1, 2].map(|n| (levels[n], Bytes::from(texts[n])));
            assert_eq!(received, expected);
            subscriber.disconnect().unwrap();
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_told_in_words_with_its_exit_status() {
    let daemon = Daemon::start(false).await;
    let (tcp, websocket) = (daemon.target(0, ""), daemon.target(1, "--ws"));
    let (forgot_ws, needless_ws) = (daemon.target(1, ""), daemon.target(0, "--ws"));
    let cases = [
        (
            tcp,
            3,
            "the broker refused the connection: not authorized (0x87)",
        ),
        (
            websocket,
            3,
            "the broker refused the connection: not authorized (0x87)",
        ),
        (forgot_ws, 1, "that port speaks HTTP: try --ws"),
        (needless_ws, 1, "no WebSocket there"),
    ];
    for (target, status, expected) in cases {
        let error = dialogue(move || Client::connect(&target).err())
            .await
            .unwrap();
        assert!(error.to_string().starts_with(expected), "{error}");
        assert_eq!(error.exit_status(), status, "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_subscription_is_named() {
    let daemon = Daemon::start(true).await;
    let target = daemon.target(0, "");
    let error = dialogue(move || {
        let mut client = Client::connect(&target).unwrap();
        client
            .subscribe(vec![filter("a"), filter("$share/g/$a")], QoS::AtMostOnce)
            .unwrap_err()
    });
    let text = error.await.to_string();
    assert!(
        text.starts_with("the broker refused the subscription to $share/g/$a: "),
        "{text}"
    );
}
