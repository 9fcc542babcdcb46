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
pub fn serve(
    hub: Arc<Hub>,
    transport: Transport,
    peer: Peer,
) -> impl Future<Output = ()> + Send + 'static {
    // What only the beginning needs is no part of the task.
    let arrival = Box::new((hub, transport, peer));
    async move {
        let opened = {
            let arrival = arrival;
            Connection::open(*arrival)
        };
        let Some((mut connection, layer)) = opened else {
            return;
        };
        let cause = connection.run(layer).await;
        connection.end(cause);
        // With unread bytes a closed socket is reset, and the peer might not see our last packet. Who was told nothing
        // leaves at once: its descriptor may be needed.
        if connection.link.sent() > 0 {
            let _ = Box::pin(timeout(LINGER, connection.discard())).await;
        }
    }
}

/// A connection the core knows of; when it goes, by whatever way, the core is told once.
struct Connection {
    hub: Arc<Hub>,
    link: Arc<Link>,
    source: Source,
    input: Input,
    /// Something came after the TLS handshake, if there is one.
    heard: bool,
    /// The core has been told that it is closed.
    ended: bool,
}

impl Connection {
    /// Tells the core of it; none where it cannot be served.
    fn open((hub, transport, peer): (Arc<Hub>, Transport, Peer)) -> Option<(Self, Layer)> {
        let mut entropy = [0; 16];
        if let Err(error) = getrandom::fill(&mut entropy) {
            hub.log().error(format!(
                "a connection is refused because the system gives no random bytes: {error}"
            ));
            return None;
        }
        let (source, sink, layer) = transport.split();
        let encrypted = matches!(source, Source::Tls(_));
        // Nothing is said in the words of HTTP before the handshake.
        let link = hub.connect(sink, if encrypted { Layer::Plain } else { layer });
        let connection = Self {
            input: Input::new(link.id, hub.decode_limits(), hub.lobby()),
            hub,
            link,
            source,
            heard: !encrypted,
            ended: false,
        };
        connection.hub.enter(&mut vec![Command::Open {
            conn: connection.link.id,
            peer,
            entropy: u128::from_ne_bytes(entropy),
        }]);
        Some((connection, layer))
    }

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
            Layer::Http | Layer::WebSocket => match Box::pin(self.upgrade()).await {
                Ok(()) => self.exchange().await,
                refused => refused,
            },
        };
        match served {
            Ok(()) => CloseCause::Asked,
            Err(cause) => cause,
        }
    }

    /// Tells the core that it is closed, unless it was told before.
    fn end(&mut self, cause: CloseCause) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        // Nothing that the core still had for it may follow what was said last.
        self.link.set(Status::Closing, true);
        self.hub.enter(&mut vec![Command::Closed {
            conn: self.link.id,
            cause,
        }]);
        self.hub.disconnect(&self.link);
        self.link.sink.finish();
    }

    /// Exchanges packets until the core has sent its last one.
    async fn exchange(&mut self) -> Result<(), CloseCause> {
        self.with_scratch(|connection, scratch| connection.digest(scratch))?;
        let turn = |connection: &mut Self, context: &mut Context<'_>| {
            connection.with_scratch(|connection, scratch| connection.poll_packets(context, scratch))
        };
        while poll_fn(|context| turn(self, context)).await? {
            // The other connections of this worker come first now.
            tokio::task::yield_now().await;
        }
        if self.link.is_any(&[Status::Closing, Status::Ended]) {
            Box::pin(self.flush()).await;
            return Ok(());
        }
        Box::pin(self.hear_out()).await
    }

    /// Takes in packets and sends what the core has; false at the end, true when others should come first.
    fn poll_packets(
        &mut self,
        context: &mut Context<'_>,
        scratch: &mut Scratch,
    ) -> Poll<Result<bool, CloseCause>> {
        loop {
            let ends = [Status::Closing, Status::Ended, Status::Broken];
            if self.link.is_any(&ends) {
                return Poll::Ready(Ok(false));
            }
            if self.input.is_waiting(&self.link) {
                self.digest(scratch)?;
                continue;
            }
            // Both sides have their turn, however much comes on the other.
            let due = self.link.is(Status::Woken) || self.is_writable(context);
            if due {
                ready!(coop::poll_proceed(context)).made_progress();
                self.link.take_wake();
                self.hub.drain_with(&self.link, scratch);
            }
            if self.input.wants_more(&self.link) {
                match self.poll_hear(context, scratch)? {
                    Poll::Ready(true) => return Poll::Ready(Ok(true)),
                    Poll::Ready(false) => continue,
                    Poll::Pending => {}
                }
            }
            if !due {
                ready!(self.link.poll_wake(context));
            }
        }
    }

    /// Sends what was left unsent, once there may be some.
    fn poll_drain(&self, context: &mut Context<'_>) -> Poll<()> {
        let share = ready!(coop::poll_proceed(context));
        if !self.is_writable(context) {
            ready!(self.link.poll_wake(context));
        }
        share.made_progress();
        self.link.take_wake();
        self.hub.drain(&self.link);
        Poll::Ready(())
    }

    /// Whether the socket takes again what it did not take; if not, the task is woken when it does.
    fn is_writable(&self, context: &mut Context<'_>) -> bool {
        // A socket that fails here fails in the next write, too.
        self.link.is(Status::Blocked) && self.link.sink.poll_writable(context).is_ready()
    }

    /// Reads once and takes in what came; whether that was much.
    fn poll_hear(
        &mut self,
        context: &mut Context<'_>,
        scratch: &mut Scratch,
    ) -> Poll<Result<bool, CloseCause>> {
        if !self.input.borrow(scratch) {
            // Memory of its own is taken only for what is there. A socket that fails here fails in the read, too.
            let _ = ready!(self.source.poll_readable(context));
        }
        let (buffer, most) = self.input.space();
        let read = ready!(self.source.poll_read(context, buffer, most));
        let count = self.received(read)?;
        let greedy = self.input.count(count, &self.link);
        self.digest(scratch)?;
        Poll::Ready(Ok(greedy))
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
        let turn = |connection: &mut Self, context: &mut Context<'_>| {
            connection.with_scratch(|connection, scratch| connection.poll_hear(context, scratch))
        };
        let rest = async { while poll_fn(|context| turn(self, context)).await.is_ok() {} };
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

impl Drop for Connection {
    fn drop(&mut self) {
        self.end(CloseCause::Transport(INTERNAL));
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
