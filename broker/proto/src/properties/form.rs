// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The forms a property's value can have on the wire, named in the property table.

use bytes::{BufMut, Bytes, BytesMut};
use bytestring::ByteString;

use crate::error::Fault;
use crate::wire::{self, Reader};

/// How one kind of value is read, written, measured and handed out.
pub(super) trait Form {
    /// The value inside the property.
    type Value;
    /// The value as a getter hands it out.
    type Borrowed<'a>;

    /// Reads a value; `name` is the property's, for the fault.
    fn read(name: &'static str, reader: &mut Reader<'_>) -> Result<Self::Value, Fault>;
    fn write(value: &Self::Value, out: &mut BytesMut);
    fn len(value: &Self::Value) -> usize;
    fn borrow(value: &Self::Value) -> Self::Borrowed<'_>;
}

/// A byte that is 0 or 1.
pub(super) struct Flag;
/// A byte.
pub(super) struct OneByte;
/// A two byte integer.
pub(super) struct TwoByte;
/// A four byte integer.
pub(super) struct FourByte;
/// A variable byte integer.
pub(super) struct Variable;
/// A UTF-8 string.
pub(super) struct Text;
/// Binary data.
pub(super) struct Binary;

impl Form for Flag {
    type Value = bool;
    type Borrowed<'a> = bool;

    fn read(name: &'static str, reader: &mut Reader<'_>) -> Result<bool, Fault> {
        match reader.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Fault::PropertyValue(name)),
        }
    }

    fn write(value: &bool, out: &mut BytesMut) {
        out.put_u8(u8::from(*value));
    }

    fn len(_: &bool) -> usize {
        1
    }

    fn borrow(value: &bool) -> bool {
        *value
    }
}

impl Form for OneByte {
    type Value = u8;
    type Borrowed<'a> = u8;

    fn read(_: &'static str, reader: &mut Reader<'_>) -> Result<u8, Fault> {
        reader.u8()
    }

    fn write(value: &u8, out: &mut BytesMut) {
        out.put_u8(*value);
    }

    fn len(_: &u8) -> usize {
        1
    }

    fn borrow(value: &u8) -> u8 {
        *value
    }
}

impl Form for TwoByte {
    type Value = u16;
    type Borrowed<'a> = u16;

    fn read(_: &'static str, reader: &mut Reader<'_>) -> Result<u16, Fault> {
        reader.u16()
    }

    fn write(value: &u16, out: &mut BytesMut) {
        out.put_u16(*value);
    }

    fn len(_: &u16) -> usize {
        2
    }

    fn borrow(value: &u16) -> u16 {
        *value
    }
}

impl Form for FourByte {
    type Value = u32;
    type Borrowed<'a> = u32;

    fn read(_: &'static str, reader: &mut Reader<'_>) -> Result<u32, Fault> {
        reader.u32()
    }

    fn write(value: &u32, out: &mut BytesMut) {
        out.put_u32(*value);
    }

    fn len(_: &u32) -> usize {
        4
    }

    fn borrow(value: &u32) -> u32 {
        *value
    }
}

impl Form for Variable {
    type Value = u32;
    type Borrowed<'a> = u32;

    fn read(_: &'static str, reader: &mut Reader<'_>) -> Result<u32, Fault> {
        reader.variable()
    }

    fn write(value: &u32, out: &mut BytesMut) {
        wire::put_variable(widen(*value), out);
    }

    fn len(value: &u32) -> usize {
        wire::variable_len(widen(*value))
    }

    fn borrow(value: &u32) -> u32 {
        *value
    }
}

// [MQTT-3.3.2-19], [MQTT-1.5.7-1]: read as every string is.
impl Form for Text {
    type Value = ByteString;
    type Borrowed<'a> = &'a ByteString;

    fn read(_: &'static str, reader: &mut Reader<'_>) -> Result<ByteString, Fault> {
        reader.string()
    }

    fn write(value: &ByteString, out: &mut BytesMut) {
        wire::put_string(value, out);
    }

    fn len(value: &ByteString) -> usize {
        wire::string_len(value)
    }

    fn borrow(value: &ByteString) -> &ByteString {
        value
    }
}

impl Form for Binary {
    type Value = Bytes;
    type Borrowed<'a> = &'a Bytes;

    fn read(_: &'static str, reader: &mut Reader<'_>) -> Result<Bytes, Fault> {
        reader.binary()
    }

    fn write(value: &Bytes, out: &mut BytesMut) {
        wire::put_binary(value, out);
    }

    fn len(value: &Bytes) -> usize {
        wire::binary_len(value)
    }

    fn borrow(value: &Bytes) -> &Bytes {
        value
    }
}

fn widen(value: u32) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}
