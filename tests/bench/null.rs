// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The null broker: the ceiling that brokers are compared with.
//!
//! One thread parses lengths and copies bytes. It knows exact topics and nothing else: no sessions, no retained messages, no wildcards, no
//! limits, no checks. A message goes to its subscribers at the quality of service it was published at, so publishers and subscribers must
//! agree on that and on the version of the protocol. A port serves TCP and WebSocket. For a lone message it calls epoll_wait, recv and send.

mod peer;
mod routes;

use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::process::ExitCode;
use std::time::Duration;

use crate::load::codec::{
    CONNECT, DISCONNECT, PINGREQ, PINGRESP, PUBACK, PUBCOMP, PUBLISH, PUBREC, PUBREL, SUBACK,
    SUBSCRIBE, answer, lengths, malformed,
};
use crate::load::readiness::{Interest, Readiness, raise_descriptor_limit};
use peer::Peer;
use routes::Routes;

/// `load null PORT`: serves that port of the loopback address until the process is killed.
pub fn command(arguments: &[String]) -> ExitCode {
    let port = match arguments {
        [port] => port.parse().ok(),
        _ => None,
    };
    let Some(port) = port else {
        eprintln!("usage: load null PORT");
        return ExitCode::from(2);
    };
    let served = raise_descriptor_limit()
        .and_then(|()| TcpListener::bind((Ipv4Addr::LOCALHOST, port)))
        .and_then(serve);
    if let Err(error) = served {
        eprintln!("the null broker on port {port}: {error}");
    }
    ExitCode::FAILURE
}

/// Serves a listener until something fails that is no client's fault.
pub fn serve(listener: TcpListener) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let mut null = Null {
        readiness: Readiness::new()?,
        peers: Vec::new(),
        routes: Routes::default(),
        scratch: Vec::new(),
        dirty: Vec::new(),
        full: 0,
        held: Vec::new(),
    };
    null.readiness.add(&listener, LISTENER, Interest::READ)?;
    loop {
        null.turn(&listener)?;
    }
}

struct Null {
    readiness: Readiness,
    /// Each under its number; a number is used again when its peer has gone.
    peers: Vec<Option<Peer>>,
    routes: Routes,
    scratch: Vec<u8>,
    /// Peers with something to write.
    dirty: Vec<usize>,
    /// How many peers have so much to write that publishers must wait.
    full: usize,
    /// Publishers that are not read while there are such.
    held: Vec<usize>,
}

impl Null {
    /// Takes all that there is to read, then writes once to everybody who got something.
    fn turn(&mut self, listener: &TcpListener) -> io::Result<()> {
        let count = self.readiness.wait(Duration::MAX)?;
        for n in 0..count {
            let ready = self.readiness.ready(n);
            if ready.number == LISTENER {
                self.accept(listener)?;
                continue;
            }
            if ready.write {
                self.dirty.push(ready.number);
            }
            if ready.read && self.read(ready.number).is_err() {
                self.remove(ready.number);
            }
        }
        let mut dirty = std::mem::take(&mut self.dirty);
        for number in dirty.drain(..) {
            self.flush(number)?;
        }
        self.dirty = dirty;
        if self.full == 0 {
            for number in std::mem::take(&mut self.held) {
                self.hold(number, false)?;
            }
        }
        Ok(())
    }

    fn accept(&mut self, listener: &TcpListener) -> io::Result<()> {
        let socket = match listener.accept() {
            Ok((socket, _)) => socket,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        };
        let free = self.peers.iter().position(Option::is_none);
        let number = free.unwrap_or(self.peers.len());
        if number == self.peers.len() {
            self.peers.push(None);
        }
        let peer = Peer::new(socket)?;
        self.readiness.add(&peer.socket, number, Interest::READ)?;
        self.peers[number] = Some(peer);
        Ok(())
    }

    /// Reads once from a peer and does what its packets want.
    fn read(&mut self, number: usize) -> io::Result<()> {
        let mut scratch = std::mem::take(&mut self.scratch);
        let taken = self.take(number, &mut scratch);
        self.scratch = scratch;
        taken?;
        if self.full > 0 {
            self.held.push(number);
            self.hold(number, true)?;
        }
        Ok(())
    }

    fn take(&mut self, number: usize, scratch: &mut Vec<u8>) -> io::Result<()> {
        let Some(peer) = &mut self.peers[number] else {
            return Ok(());
        };
        let end = peer.read(scratch)?;
        if scratch[..end].starts_with(b"GET ") {
            peer.upgrade(&scratch[..end]);
            self.dirty.push(number);
            return Ok(());
        }
        let mut rest = &scratch[..end];
        while let Some((head, length)) = lengths(rest)? {
            let Some((packet, next)) = rest.split_at_checked(head + length) else {
                break;
            };
            self.packet(number, packet, head)?;
            rest = next;
        }
        if let Some(peer) = &mut self.peers[number] {
            peer.keep(rest);
        }
        Ok(())
    }

    /// Does what a packet wants; its body begins at `head`.
    fn packet(&mut self, number: usize, packet: &[u8], head: usize) -> io::Result<()> {
        let body = &packet[head..];
        let id = || match body {
            [high, low, ..] => Ok(u16::from_be_bytes([*high, *low])),
            _ => Err(malformed("an answer without an identifier")),
        };
        match packet[0] {
            kind if kind & 0xF0 == PUBLISH => return self.publish(number, packet, head),
            PUBACK | PUBCOMP => {}
            PUBREC => self.send(number, &answer(PUBREL, id()?)),
            PUBREL => self.send(number, &answer(PUBCOMP, id()?)),
            PINGREQ => self.send(number, &[PINGRESP, 0]),
            CONNECT => {
                let is_v5 = body.get(6) == Some(&5);
                let answer: &[u8] = if is_v5 {
                    &[0x20, 3, 0, 0, 0]
                } else {
                    &[0x20, 2, 0, 0]
                };
                self.send(number, answer);
                if let Some(peer) = &mut self.peers[number] {
                    peer.is_v5 = is_v5;
                }
            }
            SUBSCRIBE => {
                let is_v5 = self.peers[number].as_ref().is_some_and(|peer| peer.is_v5);
                // With the identifier, and with properties at MQTT 5, which the generator leaves empty.
                let filter = body.get(2 + usize::from(is_v5)..);
                let (topic, options) = filter
                    .and_then(routes::topic)
                    .ok_or_else(|| malformed("a subscription without a filter"))?;
                self.routes.subscribe(topic, number);
                let qos = options.first().map_or(0, |options| options & 3);
                let [high, low] = id()?.to_be_bytes();
                let answer = [SUBACK, 3, high, low, qos];
                let with_properties = [SUBACK, 4, high, low, 0, qos];
                self.send(number, if is_v5 { &with_properties } else { &answer });
            }
            DISCONNECT => return Err(io::ErrorKind::ConnectionReset.into()),
            _ => return Err(malformed("a packet that the null broker does not know")),
        }
        Ok(())
    }

    /// Copies a message to whoever subscribed to its topic, and acknowledges it.
    fn publish(&mut self, number: usize, packet: &[u8], head: usize) -> io::Result<()> {
        let (topic, rest) =
            routes::topic(&packet[head..]).ok_or_else(|| malformed("a message without topic"))?;
        let Some(publisher) = &mut self.peers[number] else {
            return Ok(());
        };
        let qos = packet[0] >> 1 & 3;
        let id = packet.len() - rest.len();
        for &receiver in self.routes.receivers(topic, &mut publisher.route) {
            let Some(peer) = &mut self.peers[receiver] else {
                continue;
            };
            if peer.out.is_empty() {
                self.dirty.push(receiver);
            }
            self.full += usize::from(peer.message(packet, (qos > 0).then_some(id)));
        }
        match (qos, rest) {
            (0, _) => {}
            (1, [high, low, ..]) => self.send(number, &[PUBACK, 2, *high, *low]),
            (_, [high, low, ..]) => self.send(number, &[PUBREC, 2, *high, *low]),
            _ => return Err(malformed("a message without an identifier")),
        }
        Ok(())
    }

    fn send(&mut self, number: usize, bytes: &[u8]) {
        if let Some(peer) = &mut self.peers[number] {
            if peer.out.is_empty() {
                self.dirty.push(number);
            }
            peer.out.extend_from_slice(bytes);
        }
    }

    fn flush(&mut self, number: usize) -> io::Result<()> {
        let Some(peer) = &mut self.peers[number] else {
            return Ok(());
        };
        let was_full = peer.is_full;
        if peer.flush().is_err() {
            self.remove(number);
            return Ok(());
        }
        self.full -= usize::from(was_full && !peer.is_full);
        peer.watch(&self.readiness, number)
    }

    /// Reads a peer no more, or again.
    fn hold(&mut self, number: usize, is_held: bool) -> io::Result<()> {
        let Some(peer) = &mut self.peers[number] else {
            return Ok(());
        };
        peer.is_held = is_held;
        peer.watch(&self.readiness, number)
    }

    fn remove(&mut self, number: usize) {
        if let Some(peer) = self.peers[number].take() {
            self.full -= usize::from(peer.is_full);
            self.routes.remove(number);
        }
    }
}

/// Under this number the listener is watched.
const LISTENER: usize = usize::MAX;
