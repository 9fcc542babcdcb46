// SPDX-License-Identifier: Apache-2.0 OR MIT
//! An operation of a batch: its length, a tag, a key, and the value if it puts one.

use crate::cursor::{Cursor, put_number};
use crate::format::checksum;
use crate::key::{Key, tag};

/// One operation as it lies in a frame's body.
pub(crate) struct Op<'a> {
    pub key: Key,
    /// None where the key is deleted.
    pub value: Option<&'a [u8]>,
    /// Where it begins in the body.
    pub start: usize,
    /// All its bytes.
    pub bytes: &'a [u8],
}

/// The operations of a body in order; `Err` is one that cannot be understood.
pub(crate) struct Ops<'a> {
    body: &'a [u8],
    at: usize,
}

impl<'a> Ops<'a> {
    pub const fn new(body: &'a [u8]) -> Self {
        Self { body, at: 0 }
    }
}

/// An operation this code does not know, or a body that ends inside one.
pub(crate) struct Unknown;

impl<'a> Iterator for Ops<'a> {
    type Item = Result<Op<'a>, Unknown>;

    fn next(&mut self) -> Option<Self::Item> {
        let start = self.at;
        let rest = self.body.get(start..).filter(|rest| !rest.is_empty())?;
        let mut cursor = Cursor::new(rest);
        let Some(content) = cursor.block() else {
            self.at = self.body.len();
            return Some(Err(Unknown));
        };
        let len = rest.len() - cursor.rest().len();
        self.at = start + len;
        let bytes = rest.get(..len).unwrap_or_default();
        Some(decode(content, start, bytes).ok_or(Unknown))
    }
}

fn decode<'a>(content: &'a [u8], start: usize, bytes: &'a [u8]) -> Option<Op<'a>> {
    let mut cursor = Cursor::new(content);
    let tag = cursor.u8()?;
    let key = Key::decode(tag & !tag::DELETE, &mut cursor)?;
    let value = (tag & tag::DELETE == 0).then_some(cursor.rest());
    Some(Op {
        key,
        value,
        start,
        bytes,
    })
}

/// Appends an operation to a body; `value` writes what it puts, if it puts something. A message has a checksum of its own, for readers.
pub(crate) fn put_op(key: &Key, value: Option<impl FnOnce(&mut Vec<u8>)>, out: &mut Vec<u8>) {
    let start = out.len();
    match value {
        None => {
            out.push(key.tag() | tag::DELETE);
            key.encode(out);
        }
        Some(value) => {
            out.push(key.tag());
            key.encode(out);
            value(out);
        }
    }
    if matches!(key, Key::Message(_)) && out.get(start).is_some_and(|tag| *tag == tag::MESSAGE) {
        let sum = checksum(0, out.get(start..).unwrap_or_default());
        out.extend_from_slice(&sum.to_le_bytes());
    }
    let content = out.len();
    put_number((content - start) as u64, out);
    let prefix = out.len() - content;
    if let Some(op) = out.get_mut(start..) {
        op.rotate_right(prefix);
    }
}
