// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The data types of the standard: reading them from a packet's body, and writing them.
//!
//! A [`Reader`] allocates nothing until a string or binary field is read. It never trusts a
//! length field: what a length promises must already be in the body.

use std::num::NonZeroU16;

use bytes::{BufMut, Bytes, BytesMut};
use bytestring::ByteString;

use crate::error::Fault;

/// Reads fields from the body of one packet, front to back.
pub(crate) struct Reader<'a> {
    body: &'a [u8],
    position: usize,
    /// Nothing is read from here on.
    end: usize,
    fields: Fields<'a>,
}

/// Where the bytes of a field come from.
enum Fields<'a> {
    /// Slices of one copy of the body, made when the first field is read.
    Copied(Option<Bytes>),
    /// Slices of the body itself.
    Shared(&'a Bytes),
    /// Each its own copy, so that no field keeps another alive.
    Detached,
}

impl<'a> Reader<'a> {
    /// Reads a body that is copied once, if at all; all fields share the copy.
    pub(crate) const fn copying(body: &'a [u8]) -> Self {
        Self {
            body,
            position: 0,
            end: body.len(),
            fields: Fields::Copied(None),
        }
    }

    /// Reads a body whose memory the fields share.
    pub(crate) fn sharing(body: &'a Bytes) -> Self {
        Self {
            body,
            position: 0,
            end: body.len(),
            fields: Fields::Shared(body),
        }
    }

    /// Reads with `read`, which gets a copy of each field that would be a slice of the body.
    pub(crate) fn detached_fields<T>(&mut self, read: impl FnOnce(&mut Self) -> T) -> T {
        let Fields::Shared(body) = self.fields else {
            return read(self);
        };
        self.fields = Fields::Detached;
        let value = read(self);
        self.fields = Fields::Shared(body);
        value
    }

    /// The number of bytes that were read.
    pub(crate) const fn position(&self) -> usize {
        self.position
    }

    /// Reads a body of which each field is copied on its own.
    pub(crate) const fn detached(body: &'a [u8]) -> Self {
        Self {
            body,
            position: 0,
            end: body.len(),
            fields: Fields::Detached,
        }
    }

    /// The number of bytes not yet read.
    pub(crate) const fn remaining(&self) -> usize {
        self.end.saturating_sub(self.position)
    }

    /// Refuses bytes after the last field.
    pub(crate) const fn finish(&self) -> Result<(), Fault> {
        if self.remaining() == 0 {
            Ok(())
        } else {
            Err(Fault::TrailingBytes)
        }
    }

    /// Reads with `read` what must fill the next `len` bytes exactly, and sees nothing behind them.
    pub(crate) fn within<T>(
        &mut self,
        len: usize,
        read: impl FnOnce(&mut Self) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        if len > self.remaining() {
            return Err(Fault::Truncated);
        }
        let end = std::mem::replace(&mut self.end, self.position.saturating_add(len));
        let value = read(self)?;
        self.finish()?;
        self.end = end;
        Ok(value)
    }

    /// The next `len` bytes without an allocation.
    pub(crate) fn take(&mut self, len: usize) -> Result<&'a [u8], Fault> {
        if len > self.remaining() {
            return Err(Fault::Truncated);
        }
        let end = self.position.saturating_add(len);
        let taken = self.body.get(self.position..end).ok_or(Fault::Truncated)?;
        self.position = end;
        Ok(taken)
    }

    /// The next `len` bytes as a field that may outlive the body.
    pub(crate) fn bytes(&mut self, len: usize) -> Result<Bytes, Fault> {
        let start = self.position;
        let taken = self.take(len)?;
        Ok(match &mut self.fields {
            _ if taken.is_empty() => Bytes::new(),
            Fields::Detached => Bytes::copy_from_slice(taken),
            Fields::Shared(body) => body.slice(start..self.position),
            Fields::Copied(copy) => copy
                .get_or_insert_with(|| Bytes::copy_from_slice(self.body))
                .slice(start..self.position),
        })
    }

    /// All bytes not yet read, as a field.
    pub(crate) fn rest(&mut self) -> Result<Bytes, Fault> {
        self.bytes(self.remaining())
    }

    pub(crate) fn u8(&mut self) -> Result<u8, Fault> {
        match self.take(1)? {
            [byte] => Ok(*byte),
            _ => Err(Fault::Truncated),
        }
    }

    pub(crate) fn u16(&mut self) -> Result<u16, Fault> {
        let bytes = self.take(2)?.try_into().map_err(|_| Fault::Truncated)?;
        Ok(u16::from_be_bytes(bytes))
    }

    pub(crate) fn u32(&mut self) -> Result<u32, Fault> {
        let bytes = self.take(4)?.try_into().map_err(|_| Fault::Truncated)?;
        Ok(u32::from_be_bytes(bytes))
    }

    /// A variable byte integer.
    pub(crate) fn variable(&mut self) -> Result<u32, Fault> {
        let rest = self.body.get(self.position..self.end).unwrap_or_default();
        match variable(rest)? {
            Some((value, len)) => {
                if len > variable_len(usize::try_from(value).unwrap_or(usize::MAX)) {
                    return Err(Fault::VariableInteger); // [MQTT-1.5.5-1]
                }
                self.position = self.position.saturating_add(len);
                Ok(value)
            }
            None => Err(Fault::Truncated),
        }
    }

    /// A packet identifier, which is never 0.
    pub(crate) fn packet_id(&mut self) -> Result<NonZeroU16, Fault> {
        NonZeroU16::new(self.u16()?).ok_or(Fault::PacketIdZero) // [MQTT-2.2.1-3], in 3.1.1 [MQTT-2.3.1-1]
    }

    /// Binary data with its two-byte length.
    pub(crate) fn binary(&mut self) -> Result<Bytes, Fault> {
        let len = self.u16()?;
        self.bytes(usize::from(len))
    }

    /// A string with its two-byte length, checked to be UTF-8 but not for U+0000.
    pub(crate) fn unchecked_string(&mut self) -> Result<ByteString, Fault> {
        ByteString::try_from(self.binary()?).map_err(|_| Fault::Utf8) // [MQTT-1.5.4-1], [MQTT-1.5.4-3], in 3.1.1 [MQTT-1.5.3-1], [MQTT-1.5.3-3]
    }

    /// A string with its two-byte length.
    pub(crate) fn string(&mut self) -> Result<ByteString, Fault> {
        let string = self.unchecked_string()?;
        if string.as_bytes().contains(&0) {
            return Err(Fault::NullCharacter); // [MQTT-1.5.4-2], in 3.1.1 [MQTT-1.5.3-2]
        }
        Ok(string)
    }
}

/// Decodes a variable byte integer at the start of `bytes`, and says how many bytes it took;
/// `None` when more bytes are needed.
pub(crate) fn variable(bytes: &[u8]) -> Result<Option<(u32, usize)>, Fault> {
    let mut value = 0_u32;
    for (index, byte) in bytes.iter().take(MAX_VARIABLE_LEN).enumerate() {
        let shift = index.saturating_mul(7);
        value |= u32::from(byte & 0x7F).wrapping_shl(u32::try_from(shift).unwrap_or_default());
        if byte & 0x80 == 0 {
            return Ok(Some((value, index.saturating_add(1))));
        }
    }
    if bytes.len() < MAX_VARIABLE_LEN {
        Ok(None)
    } else {
        Err(Fault::VariableInteger)
    }
}

/// Writes a fixed header: the first byte of the packet, and how many follow it.
pub(crate) fn put_start(first: u8, body_len: usize, out: &mut BytesMut) {
    let low = |value: usize| u8::try_from(value & 0x7F).unwrap_or_default();
    match body_len {
        0..=0x7F => out.put_slice(&[first, low(body_len)]),
        0x80..=0x3FFF => out.put_slice(&[first, low(body_len) | 0x80, low(body_len >> 7)]),
        _ => {
            out.put_u8(first);
            put_variable(body_len, out);
        }
    }
}

/// Writes a variable byte integer; a value above 268 435 455 is written as that.
pub(crate) fn put_variable(value: usize, out: &mut BytesMut) {
    let mut rest = value.min(MAX_VARIABLE);
    loop {
        let low = u8::try_from(rest & 0x7F).unwrap_or_default();
        rest >>= 7;
        if rest == 0 {
            return out.put_u8(low);
        }
        out.put_u8(low | 0x80);
    }
}

/// The number of bytes a variable byte integer takes.
pub(crate) const fn variable_len(value: usize) -> usize {
    match value {
        0..=0x7F => 1,
        0x80..=0x3FFF => 2,
        0x4000..=0x001F_FFFF => 3,
        _ => 4,
    }
}

/// Writes binary data with its length; what is beyond 65535 bytes is cut off.
pub(crate) fn put_binary(data: &[u8], out: &mut BytesMut) {
    let data = data.get(..MAX_FIELD).unwrap_or(data);
    out.put_u16(u16::try_from(data.len()).unwrap_or(u16::MAX));
    out.put_slice(data);
}

/// The number of bytes [`put_binary`] writes.
pub(crate) const fn binary_len(data: &[u8]) -> usize {
    let len = if data.len() < MAX_FIELD {
        data.len()
    } else {
        MAX_FIELD
    };
    len.saturating_add(2)
}

/// Writes a string with its length; what is beyond 65535 bytes is cut off between characters.
pub(crate) fn put_string(string: &str, out: &mut BytesMut) {
    put_binary(fitting(string).as_bytes(), out);
}

/// The number of bytes [`put_string`] writes.
pub(crate) fn string_len(string: &str) -> usize {
    binary_len(fitting(string).as_bytes())
}

/// The longest prefix of a string that fits into a field.
fn fitting(string: &str) -> &str {
    if string.len() <= MAX_FIELD {
        return string;
    }
    let end = (0..=MAX_FIELD)
        .rev()
        .find(|end| string.is_char_boundary(*end))
        .unwrap_or_default();
    string.get(..end).unwrap_or_default()
}

/// The most bytes a string or binary field can have.
const MAX_FIELD: usize = 65_535;

/// The most bytes a variable byte integer can have.
const MAX_VARIABLE_LEN: usize = 4;

/// The greatest variable byte integer.
pub(crate) const MAX_VARIABLE: usize = 268_435_455;
