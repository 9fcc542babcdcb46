// SPDX-License-Identifier: Apache-2.0 OR MIT
//! WebSocket frames around a stream of MQTT packets (RFC 6455, MQTT 5.0 section 6).
//!
//! Binary messages are a byte stream: a packet may span messages and a message may hold many packets
//! [MQTT-6.0.0-2], so payload is passed on as it arrives and no message is ever collected. Text closes the
//! connection. [MQTT-6.0.0-1]

mod handshake;

pub use handshake::{Answer, TIMED_OUT, UNAVAILABLE, answer};

use std::io::Cursor;

use bytes::{Buf, Bytes, BytesMut};
use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{CloseCode, Control, Data, OpCode};

/// The receiving side of one WebSocket.
#[derive(Default)]
pub struct Inbound {
    /// The data frame whose payload is arriving.
    frame: Option<DataFrame>,
    /// A message has begun and its last frame is still to come.
    fragmented: bool,
}

struct DataFrame {
    remaining: u64,
    /// Turned so that its first byte belongs to the next payload byte.
    mask: [u8; 4],
}

/// Whether the peer goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    Open,
    /// The peer sent a close frame; its answer is among the replies.
    Closed,
}

/// A broken rule of the WebSocket protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    Text,
    Unmasked,
    ReservedBits,
    UnknownOpcode,
    UnexpectedContinuation,
    UnfinishedMessage,
    LongControlFrame,
    FragmentedControlFrame,
}

impl Inbound {
    /// Moves payload from the socket's bytes to the MQTT stream and appends answers to control frames to
    /// `replies`; what is left in `raw` is the beginning of a header or of a control frame.
    pub fn unframe(
        &mut self,
        raw: &mut BytesMut,
        stream: &mut BytesMut,
        replies: &mut Vec<u8>,
    ) -> Result<Flow, Fault> {
        loop {
            if let Some(frame) = &mut self.frame {
                frame.pass_on(raw, stream);
                if frame.remaining > 0 {
                    return Ok(Flow::Open);
                }
                self.frame = None;
            }
            let mut cursor = Cursor::new(&raw[..]);
            // The parser's only error is an opcode without a meaning.
            let header = FrameHeader::parse(&mut cursor).map_err(|_| Fault::UnknownOpcode)?;
            let Some((header, length)) = header else {
                return Ok(Flow::Open);
            };
            let begin = usize::try_from(cursor.position()).unwrap_or(usize::MAX);
            if header.rsv1 || header.rsv2 || header.rsv3 {
                return Err(Fault::ReservedBits);
            }
            let mask = header.mask.ok_or(Fault::Unmasked)?;
            match header.opcode {
                OpCode::Data(kind) => {
                    self.begin(kind, header.is_final)?;
                    raw.advance(begin);
                    self.frame = Some(DataFrame {
                        remaining: length,
                        mask,
                    });
                }
                OpCode::Control(kind) => {
                    let length = control_length(&header, length)?;
                    let Some(payload) = raw.get(begin..begin + length) else {
                        return Ok(Flow::Open);
                    };
                    let mut payload = payload.to_vec();
                    unmask(&mut payload, mask);
                    raw.advance(begin + length);
                    if reply(kind, &payload, replies) == Flow::Closed {
                        return Ok(Flow::Closed);
                    }
                }
            }
        }
    }

    fn begin(&mut self, kind: Data, is_final: bool) -> Result<(), Fault> {
        match (kind, self.fragmented) {
            (Data::Text, _) => return Err(Fault::Text),
            (Data::Continue, false) => return Err(Fault::UnexpectedContinuation),
            (Data::Binary, true) => return Err(Fault::UnfinishedMessage),
            (Data::Continue, true) | (Data::Binary, false) => {}
            (Data::Reserved(_), _) => return Err(Fault::UnknownOpcode),
        }
        self.fragmented = !is_final;
        Ok(())
    }
}

impl DataFrame {
    fn pass_on(&mut self, raw: &mut BytesMut, stream: &mut BytesMut) {
        let count = usize::try_from(self.remaining)
            .unwrap_or(usize::MAX)
            .min(raw.len());
        let begin = stream.len();
        stream.extend_from_slice(&raw[..count]);
        unmask(&mut stream[begin..], self.mask);
        raw.advance(count);
        self.mask.rotate_left(count % 4);
        self.remaining -= count as u64;
    }
}

impl Fault {
    /// The sentence for the log.
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "a WebSocket text frame, where MQTT needs binary ones",
            Self::Unmasked => "a WebSocket frame without a mask",
            Self::ReservedBits => "a WebSocket frame with reserved bits set",
            Self::UnknownOpcode => "a WebSocket frame of an unknown kind",
            Self::UnexpectedContinuation => "a WebSocket continuation without a beginning",
            Self::UnfinishedMessage => "a WebSocket message inside another",
            Self::LongControlFrame => "a WebSocket control frame of more than 125 bytes",
            Self::FragmentedControlFrame => "a WebSocket control frame in parts",
        }
    }

    /// The code of the close frame that answers it.
    pub fn code(self) -> CloseCode {
        match self {
            Self::Text => CloseCode::Unsupported,
            _ => CloseCode::Protocol,
        }
    }
}

/// The header of a binary message of that many bytes.
pub fn binary_header(length: usize) -> Bytes {
    frame(OpCode::Data(Data::Binary), length as u64, &[]).into()
}

/// A whole close frame.
pub fn close_frame(code: CloseCode) -> Vec<u8> {
    let code = u16::from(code).to_be_bytes();
    frame(OpCode::Control(Control::Close), code.len() as u64, &code)
}

fn frame(opcode: OpCode, length: u64, payload: &[u8]) -> Vec<u8> {
    let header = FrameHeader {
        opcode,
        ..FrameHeader::default()
    };
    let mut bytes = Vec::with_capacity(header.len(length) + payload.len());
    // Writing to memory does not fail.
    let _ = header.format(length, &mut bytes);
    bytes.extend_from_slice(payload);
    bytes
}

fn control_length(header: &FrameHeader, length: u64) -> Result<usize, Fault> {
    if !header.is_final {
        return Err(Fault::FragmentedControlFrame);
    }
    usize::try_from(length)
        .ok()
        .filter(|length| *length <= MAX_CONTROL)
        .ok_or(Fault::LongControlFrame)
}

fn reply(kind: Control, payload: &[u8], replies: &mut Vec<u8>) -> Flow {
    match kind {
        Control::Ping => {
            replies.extend(frame(
                OpCode::Control(Control::Pong),
                payload.len() as u64,
                payload,
            ));
            Flow::Open
        }
        Control::Close => {
            // The peer's code comes back without its words.
            let code = payload.get(..2).unwrap_or(&[]);
            replies.extend(frame(
                OpCode::Control(Control::Close),
                code.len() as u64,
                code,
            ));
            Flow::Closed
        }
        Control::Pong | Control::Reserved(_) => Flow::Open,
    }
}

fn unmask(bytes: &mut [u8], mask: [u8; 4]) {
    let mut key = [0; 16];
    for part in key.chunks_exact_mut(4) {
        part.copy_from_slice(&mask);
    }
    // Whole blocks become vector instructions.
    for block in bytes.chunks_mut(key.len()) {
        for (byte, key) in block.iter_mut().zip(key) {
            *byte ^= key;
        }
    }
}

/// Payload bytes of a control frame. (RFC 6455, 5.5)
const MAX_CONTROL: usize = 125;

#[cfg(test)]
mod tests;
