// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The task of one network connection: reads, hands packets to the hub, and sends what others left unsent.

mod input;
mod secure;
mod upgrade;

use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use mqtt_core::{CloseCause, Command, Peer};
use tokio::task::coop;
use tokio::time::timeout;

use crate::hub::{Hub, Scratch};
use crate::link::{Link, Status};
use crate::tls::words;
use crate::transport::{Layer, Source, Transport};

use input::Input;

/// Serves one accepted connection to its end.
pub async fn serve(hub: Arc<Hub>, transport: Transport, peer: Peer) {
    let mut entropy = [0; 16];
    if let Err(error) = getrandom::fill(&mut entropy) {
        return hub.log().error(format!(
            "a connection is refused because the system gives no random bytes: {error}"
        ));
    }
    let (source, sink, layer) = transport.split();
    let encrypted = matches!(source, Source::Tls(_));
    // Nothing is said in the words of HTTP before the handshake.
    let link = hub.connect(sink, if encrypted { Layer::Plain } else { layer });
    let presence = Presence {
        hub: hub.clone(),
        link: link.clone(),
        cause: CloseCause::Transport(INTERNAL),
    };
    hub.enter(&mut vec![Command::Open {
        conn: link.id,
        peer,
        entropy: u128::from_ne_bytes(entropy),
    }]);

    let mut connection = Connection {
        input: Input::new(link.id, hub.decode_limits(), hub.lobby()),
        source,
        link,
        hub,
        heard: !encrypted,
    };
    presence.end(connection.run(layer).await);
    // With unread bytes a closed socket is reset, and the peer might not see our last packet. Who was told nothing
    // leaves at once: its descriptor may be needed.
    if connection.link.sent() > 0 {
        let _ = timeout(LINGER, connection.discard()).await;
    }
}

/// A connection the core knows of; when it goes, by whatever way, the core is told once.
struct Presence {
    hub: Arc<Hub>,
    link: Arc<Link>,
    cause: CloseCause,
}

impl Presence {
    fn end(mut self, cause: CloseCause) {
        self.cause = cause;
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        // Nothing that the core still had for it may follow what was said last.
        self.link.set(Status::Closing, true);
        self.hub.enter(&mut vec![Command::Closed {
            conn: self.link.id,
            cause: self.cause,
        }]);
        self.hub.disconnect(&self.link);
        self.link.sink.finish();
    }
}

struct Connection {
    hub: Arc<Hub>,
    link: Arc<Link>,
    source: Source,
    input: Input,
    /// Something came after the TLS handshake, if there is one.
    heard: bool,
}

impl Connection {
    async fn run(&mut self, layer: Layer) -> CloseCause {
        if let Source::Tls(stream) = &self.source {
            let stream = stream.clone();
            // Not part of the tasks that need it no more.
            match Box::pin(self.secure(&stream)).await {
                Ok(true) => self.link.writer().layer = layer,
                Ok(false) => return CloseCause::Asked,
                Err(cause) => return cause,
            }
        }
        let served = match layer {
            Layer::Plain => self.exchange().await,
            Layer::Http | Layer::WebSocket => match self.upgrade().await {
                Ok(()) => self.exchange().await,
                refused => refused,
            },
        };
        match served {
            Ok(()) => CloseCause::Asked,
            Err(cause) => cause,
        }
    }

    /// Exchanges packets until the core has sent its last one.
    async fn exchange(&mut self) -> Result<(), CloseCause> {
        self.with_scratch(|connection, scratch| connection.digest(scratch))?;
        while poll_fn(|context| self.poll_packets(context)).await? {
            // The other connections of this worker come first now.
            tokio::task::yield_now().await;
        }
        if self.link.is_any(&[Status::Closing, Status::Ended]) {
            self.flush().await;
            return Ok(());
        }
        self.hear_out().await
    }

    /// Takes in packets and sends what the core has; false at the end, true when others should come first.
    fn poll_packets(&mut self, context: &mut Context<'_>) -> Poll<Result<bool, CloseCause>> {
        loop {
            let ends = [Status::Closing, Status::Ended, Status::Broken];
            if self.link.is_any(&ends) {
                return Poll::Ready(Ok(false));
            }
            if self.input.is_waiting(&self.link) {
                self.with_scratch(|connection, scratch| connection.digest(scratch))?;
                continue;
            }
            let drained = self.poll_drain(context).is_ready();
            match self.input.wants_more(&self.link) {
                true => match self.poll_hear(context)? {
                    Poll::Ready(true) => return Poll::Ready(Ok(true)),
                    Poll::Pending if !drained => return Poll::Pending,
                    _ => {}
                },
                false if !drained => return Poll::Pending,
                false => {}
            }
        }
    }

    /// Sends what was left unsent, if there may be some; otherwise the task is woken when there is.
    fn poll_drain(&self, context: &mut Context<'_>) -> Poll<()> {
        // A socket that fails here fails in the next write, too.
        let writable =
            self.link.is(Status::Blocked) && self.link.sink.poll_writable(context).is_ready();
        if !writable {
            ready!(self.link.poll_woken(context));
        }
        ready!(coop::poll_proceed(context)).made_progress();
        self.hub.drain(&self.link);
        Poll::Ready(())
    }

    /// Reads once and takes in what came; whether that was much.
    fn poll_hear(&mut self, context: &mut Context<'_>) -> Poll<Result<bool, CloseCause>> {
        // A socket that fails here fails in the read, too.
        let _ = ready!(self.source.poll_readable(context));
        self.with_scratch(|connection, scratch| {
            let (buffer, most) = connection.input.space(scratch);
            let read = ready!(connection.source.poll_read(context, buffer, most));
            let count = connection.received(read)?;
            let greedy = connection.input.count(count, &connection.link);
            connection.digest(scratch)?;
            Poll::Ready(Ok(greedy))
        })
    }

    fn digest(&mut self, scratch: &mut Scratch) -> Result<(), CloseCause> {
        self.input.digest(scratch, &self.hub, &self.link)
    }

    /// Does something with memory that belongs to no connection.
    fn with_scratch<T>(&mut self, act: impl FnOnce(&mut Self, &mut Scratch) -> T) -> T {
        let mut scratch = self.hub.scratch();
        let outcome = act(self, &mut scratch);
        self.input.give_back(&mut scratch);
        self.hub.put_back(scratch);
        outcome
    }

    fn received(&mut self, read: io::Result<usize>) -> Result<usize, CloseCause> {
        match read {
            Ok(0) if !self.heard => Err(CloseCause::Transport(NEVER_HEARD)),
            Ok(0) => Err(CloseCause::Peer),
            Ok(count) => {
                self.heard = true;
                self.hub.count_received(count);
                Ok(count)
            }
            Err(error) => Err(failure(&error)),
        }
    }

    /// Takes in what a peer that is gone had sent before.
    async fn hear_out(&mut self) -> Result<(), CloseCause> {
        let fault = self
            .link
            .writer()
            .fault
            .unwrap_or(io::ErrorKind::BrokenPipe);
        let rest = async { while poll_fn(|context| self.poll_hear(context)).await.is_ok() {} };
        let _ = timeout(LINGER, rest).await;
        Err(failure(&fault.into()))
    }

    /// Sends what the core and the layer below MQTT still have to say, as far as the peer takes it in time.
    async fn flush(&self) {
        let sent = async {
            while !self.link.is(Status::Broken)
                && (self.link.is(Status::Blocked) || !self.link.is(Status::Closing))
            {
                poll_fn(|context| self.poll_drain(context)).await;
            }
        };
        let _ = timeout(LAST_WORDS, sent).await;
    }

    /// Sends bytes of the layer below MQTT.
    fn send(&self, bytes: &[u8]) {
        self.link.writer().backlog.push_bytes(bytes);
        self.hub.drain(&self.link);
    }

    /// Reads to the end without looking.
    async fn discard(&mut self) {
        while self.source.discard().await {}
    }
}

/// What a failed read or write says about the connection.
fn failure(error: &io::Error) -> CloseCause {
    if let Some(words) = words(error) {
        return CloseCause::Transport(words);
    }
    match error.kind() {
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::UnexpectedEof => CloseCause::Peer,
        other => CloseCause::Socket(other),
    }
}

/// What the log says of a client that ends the connection when it has seen our certificate.
const NEVER_HEARD: &str = "the client said nothing after the TLS handshake: if it does not trust our certificate, \
                           give it ca.crt";
/// What the log says of a connection whose task panicked.
const INTERNAL: &str = "a fault of the broker itself";
/// For a peer that does not read its last packets.
const LAST_WORDS: Duration = Duration::from_secs(5);
/// For a peer that does not close after us, or whose last bytes are still to be read.
const LINGER: Duration = Duration::from_secs(1);

#[cfg(test)]
mod silence;
#[cfg(test)]
mod tests;
