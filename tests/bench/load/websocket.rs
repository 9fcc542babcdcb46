// SPDX-License-Identifier: Apache-2.0 OR MIT
//! As much of WebSocket as packets of MQTT need: the opening handshake, and frames made and taken apart in place.
//!
//! Many packets share a frame. Whoever talks here knows the other: key and mask are always the same.

use std::io::{self, Read, Write};
use std::net::TcpStream;

use super::codec::malformed;

/// Takes frames apart, wherever they are cut.
#[derive(Default)]
pub struct Frames {
    /// The header of the frame that begins; the first `filled` bytes of it have come.
    header: [u8; 14],
    filled: usize,
    /// Bytes of the present frame's payload that have not come.
    left: u64,
    /// What the next byte of the payload is masked with comes first; zeros for no mask.
    mask: [u8; 4],
    /// The payload is the transport's own, not of MQTT.
    is_control: bool,
}

impl Frames {
    /// Moves the payload to the front of `bytes` and returns how much of it there is, which may be nothing.
    ///
    /// # Errors
    ///
    /// The other side closes.
    pub fn open(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let (mut from, mut to) = (0, 0);
        while from < bytes.len() {
            if self.left == 0 {
                self.header[self.filled] = bytes[from];
                self.filled += 1;
                from += 1;
                self.begin()?;
                continue;
            }
            let rest = bytes.len() - from;
            let count = usize::try_from(self.left).map_or(rest, |left| left.min(rest));
            if !self.is_control {
                bytes.copy_within(from..from + count, to);
                self.unmask(&mut bytes[to..to + count]);
                to += count;
            }
            from += count;
            self.left -= count as u64;
        }
        Ok(to)
    }

    /// Begins a frame if its header is complete.
    fn begin(&mut self) -> io::Result<()> {
        if self.filled < 2 {
            return Ok(());
        }
        let (short, is_masked) = (self.header[1] & 0x7F, self.header[1] & 0x80 != 0);
        let length = match short {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let mask = 2 + length;
        if self.filled < mask + 4 * usize::from(is_masked) {
            return Ok(());
        }
        if self.header[0] & 0x0F == CLOSE {
            return Err(malformed("the WebSocket was closed"));
        }
        let long = self.header[2..mask].iter();
        self.left = match length {
            0 => short.into(),
            _ => long.fold(0, |sum, byte| sum << 8 | u64::from(*byte)),
        };
        self.is_control = self.header[0] & 0x08 != 0;
        self.mask = [0; 4];
        if is_masked {
            self.mask.copy_from_slice(&self.header[mask..mask + 4]);
        }
        self.filled = 0;
        Ok(())
    }

    fn unmask(&mut self, payload: &mut [u8]) {
        if self.mask != [0; 4] {
            mask(payload, self.mask);
            self.mask.rotate_left(payload.len() % 4);
        }
    }
}

/// Appends `packets` to `out` as one frame, masked as a client's must be.
pub fn seal(packets: &[u8], out: &mut Vec<u8>, is_client: bool) {
    let masked = if is_client { 0x80 } else { 0 };
    out.push(BINARY);
    match packets.len() {
        short @ 0..126 => out.push(masked | short as u8),
        long @ 126..0x1_0000 => {
            out.push(masked | 126);
            out.extend((long as u16).to_be_bytes());
        }
        long => {
            out.push(masked | 127);
            out.extend((long as u64).to_be_bytes());
        }
    }
    if is_client {
        out.extend(MASK);
    }
    let begin = out.len();
    out.extend_from_slice(packets);
    if is_client {
        mask(&mut out[begin..], MASK);
    }
}

/// Opens a WebSocket on a socket that blocks.
///
/// # Errors
///
/// The server wants something else.
pub fn connect(socket: &mut TcpStream) -> io::Result<()> {
    let address = socket.peer_addr()?;
    let request = format!(
        "GET /mqtt HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: mqtt\r\nSec-WebSocket-Key: {KEY}\r\n\r\n"
    );
    socket.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        if answer.len() > HEAD {
            return Err(malformed("the answer to the handshake does not end"));
        }
        // One at a time, so that none of the first frame is taken.
        let mut byte = [0];
        socket.read_exact(&mut byte)?;
        answer.extend(byte);
    }
    let answer = String::from_utf8_lossy(&answer);
    if answer.starts_with("HTTP/1.1 101") && answer.contains(ACCEPT) {
        return Ok(());
    }
    let line = answer.lines().next().unwrap_or_default();
    Err(malformed(&format!("the handshake was answered {line:?}")))
}

/// What a server answers to [`connect`].
pub fn accepted() -> Vec<u8> {
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Protocol: mqtt\r\nSec-WebSocket-Accept: {ACCEPT}\r\n\r\n"
    )
    .into_bytes()
}

fn mask(payload: &mut [u8], key: [u8; 4]) {
    let mut wide = [0; 64];
    for (n, byte) in wide.iter_mut().enumerate() {
        *byte = key[n % 4];
    }
    for chunk in payload.chunks_mut(wide.len()) {
        for (byte, key) in chunk.iter_mut().zip(wide) {
            *byte ^= key;
        }
    }
}

/// First byte of a frame that is a message of bytes.
const BINARY: u8 = 0x82;
/// What a frame that closes is.
const CLOSE: u8 = 8;
/// Every frame of a client is masked with it.
const MASK: [u8; 4] = [0x37, 0xFA, 0x21, 0x3D];
/// The key of the handshake in RFC 6455, and what its server answers.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
/// Longest answer to the handshake, in bytes.
const HEAD: usize = 4_096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_apart_as_they_were_made_wherever_they_are_cut() {
        for is_client in [false, true] {
            let payloads = [0, 1, 125, 126, 300, 65_535, 65_536].map(|size| vec![size as u8; size]);
            let mut sealed = Vec::new();
            for payload in &payloads {
                seal(payload, &mut sealed, is_client);
            }
            for size in [1, 7, 4_096, sealed.len()] {
                let mut frames = Frames::default();
                let mut opened = Vec::new();
                for piece in sealed.chunks(size) {
                    let mut piece = piece.to_vec();
                    let count = frames.open(&mut piece).expect("nobody closes");
                    opened.extend_from_slice(&piece[..count]);
                }
                assert!(opened == payloads.concat(), "cut into {size}");
            }
        }
    }

    #[test]
    fn a_ping_is_no_packet_and_a_close_ends() {
        let mut frames = Frames::default();
        let mut bytes = [0x89, 2, 1, 2, BINARY, 1, 7];
        assert_eq!(1, frames.open(&mut bytes).expect("nobody closes"));
        assert_eq!(7, bytes[0]);
        assert!(frames.open(&mut [0x88, 0]).is_err());
    }
}
