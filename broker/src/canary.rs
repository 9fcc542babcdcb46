// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The watchdog's proof of life: a client that publishes to itself through accept, core and delivery.
//!
//! WATCHDOG=1 is sent only when the message came back. Everything travels at QoS 0 in a clean session, so a slow
//! card, which is no hang, does not stop it.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use bytestring::ByteString;
use mqtt_core::{Peer, PeerKind};
use mqtt_proto::{
    Connect, Decoder, Filter, Packet, PacketId, Properties, Publish, QoS, RetainHandling,
    Subscribe, SubscribeFilter, SubscribeOptions, Topic, Version, encode,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use crate::connection;
use crate::hub::Hub;
use crate::logging::Log;
use crate::systemd;
use crate::transport::Transport;

/// Proves life until aborted; returns at once where the service manager set no watchdog.
pub async fn run(hub: Arc<Hub>, runtime_folder: Option<PathBuf>, log: Log) {
    let Some(limit) = sd_notify::watchdog_enabled() else {
        return;
    };
    let Some(folder) = runtime_folder else {
        log.warning(
            "the watchdog is set, and there is no RUNTIME_DIRECTORY for the canary that feeds it",
        );
        return;
    };
    let path = folder.join("canary");
    match open(&path) {
        Ok(socket) => {
            tokio::join!(
                accept(hub, socket),
                prove(&path, limit / PROOFS_PER_LIMIT, &log)
            );
        }
        Err(error) => log.error(format!(
            "the canary's socket {} cannot be opened: {error}",
            path.display()
        )),
    }
}

/// The socket of the canary alone.
fn open(path: &Path) -> io::Result<UnixListener> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let socket = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(socket)
}

async fn accept(hub: Arc<Hub>, socket: UnixListener) {
    loop {
        match socket.accept().await {
            Ok((stream, _)) => {
                let peer = Peer {
                    kind: PeerKind::Internal,
                    address: None,
                    port: 0,
                    listener: ByteString::new(),
                };
                tokio::spawn(connection::serve(
                    Arc::clone(&hub),
                    Transport::Unix(stream),
                    peer,
                ));
            }
            Err(_) => sleep(RETRY).await,
        }
    }
}

/// Connects and proves, again and again: a lost connection is no hang as long as a new one works.
async fn prove(path: &Path, every: Duration, log: &Log) {
    loop {
        if let Err(error) = sing(path, every).await {
            log.warning(format!("the canary got no answer from the broker: {error}"));
        }
        sleep(RETRY).await;
    }
}

/// One connection of the canary; ends with the first message that does not come back in time.
async fn sing(path: &Path, every: Duration) -> io::Result<()> {
    let mut canary = timeout(every, Canary::connect(path)).await??;
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        timeout(every, canary.round_trip()).await??;
        systemd::alive();
    }
}

/// A client subscribed to the topic it publishes to.
struct Canary {
    stream: UnixStream,
    decoder: Decoder,
    received: BytesMut,
    topic: Topic,
    sung: u64,
}

impl Canary {
    async fn connect(path: &Path) -> io::Result<Self> {
        let topic = Topic::new(ByteString::from(format!("$canary/{}", std::process::id())));
        let topic = topic.map_err(io::Error::other)?;
        let stream = UnixStream::connect(path).await?;
        let decoder = Decoder::client(Version::V5);
        let mut canary = Self {
            stream,
            decoder,
            received: BytesMut::new(),
            topic,
            sung: 0,
        };
        canary.send(&Packet::Connect(Box::new(hello()))).await?;
        match canary.receive().await? {
            Packet::ConnAck(ack) if !ack.reason.is_error() => {}
            other => return Err(unexpected(&other)),
        }
        let subscribe = subscription(&canary.topic)?;
        canary.send(&Packet::Subscribe(subscribe)).await?;
        match canary.receive().await? {
            Packet::SubAck(ack) if ack.reasons.iter().all(|reason| !reason.is_error()) => {
                Ok(canary)
            }
            other => Err(unexpected(&other)),
        }
    }

    /// Publishes a message that was never sent before and waits until it comes back.
    async fn round_trip(&mut self) -> io::Result<()> {
        self.sung += 1;
        let payload = Bytes::copy_from_slice(&self.sung.to_be_bytes());
        let publish = Publish {
            dup: false,
            qos: QoS::AtMostOnce,
            retain: false,
            topic: self.topic.clone(),
            packet_id: None,
            properties: Properties::new(),
            payload: payload.clone(),
            format_invalid: false,
        };
        self.send(&Packet::Publish(publish)).await?;
        loop {
            match self.receive().await? {
                Packet::Publish(publish) if publish.payload == payload => return Ok(()),
                Packet::Publish(_) => {}
                other => return Err(unexpected(&other)),
            }
        }
    }

    async fn send(&mut self, packet: &Packet) -> io::Result<()> {
        let mut bytes = BytesMut::new();
        encode(packet, Version::V5, &mut bytes);
        self.stream.write_all(&bytes).await
    }

    async fn receive(&mut self) -> io::Result<Packet> {
        loop {
            if let Some(packet) = self
                .decoder
                .decode(&mut self.received)
                .map_err(io::Error::other)?
            {
                return Ok(packet);
            }
            if self.stream.read_buf(&mut self.received).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }
}

/// A clean session without keep alive: the watchdog itself is the time limit.
fn hello() -> Connect {
    Connect::new(Version::V5, ByteString::from_static("canary"))
}

fn subscription(topic: &Topic) -> io::Result<Subscribe> {
    let filter = Filter::new(ByteString::from(topic.as_str())).map_err(io::Error::other)?;
    let options = SubscribeOptions {
        qos: QoS::AtMostOnce,
        no_local: false,
        retain_as_published: false,
        retain_handling: RetainHandling::DoNotSend,
    };
    let filters = vec![SubscribeFilter { filter, options }];
    Ok(Subscribe {
        packet_id: PacketId::MIN,
        properties: Properties::new(),
        filters,
    })
}

fn unexpected(packet: &Packet) -> io::Error {
    io::Error::other(format!(
        "{} came instead of what was expected",
        packet.name()
    ))
}

/// systemd advises half of the limit; a third leaves room for one message that comes late.
const PROOFS_PER_LIMIT: u32 = 3;
const RETRY: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app;
    use crate::auth::Authenticator;
    use crate::dialogue::Forgetful;
    use crate::storage::Clock;

    fn socket(name: &str) -> (PathBuf, UnixListener) {
        let name = format!("broker-canary-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let socket = open(&path).unwrap();
        (path, socket)
    }

    #[tokio::test]
    async fn a_living_broker_returns_every_message() {
        let (path, socket) = socket("living");
        let log = Log::silent();
        let authenticator = Authenticator::new(None, log.clone());
        let store = Box::new(Forgetful::default());
        let params = app::params(&Default::default());
        let hub = Hub::new(params, store, Clock::new(), log, authenticator);
        let accepting = tokio::spawn(accept(hub.clone(), socket));
        let mut canary = Canary::connect(&path).await.unwrap();
        for _ in 0..3 {
            canary.round_trip().await.unwrap();
        }
        assert_eq!(hub.stats().clients_connected, 0, "nobody sees the canary");
        accepting.abort();
        std::fs::remove_file(&path).unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_broker_that_hangs_is_no_proof_of_life() {
        let (path, _socket) = socket("hanging");
        let error = sing(&path, Duration::from_secs(3)).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        std::fs::remove_file(&path).unwrap();
    }
}
