// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Whose rules the radio keeps: which channels a country allows, and how loud, as the kernel's nl80211 knows it.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use nix::sys::socket::sockopt::ReceiveTimeout;
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, send,
    setsockopt, socket,
};
use nix::sys::time::{TimeVal, TimeValLike};

/// The kernel's regulatory domain.
pub trait RadioRules {
    /// The country's two letters; `00` is what every country allows.
    fn country(&self) -> io::Result<String>;
    /// Chooses the country until the next start; two capital letters.
    fn set_country(&self, country: &str) -> io::Result<()>;
}

/// This machine's kernel, asked over generic netlink; an answer takes 5 seconds at most.
pub struct Nl80211;

impl RadioRules for Nl80211 {
    fn country(&self) -> io::Result<String> {
        let socket = open()?;
        let family = family(&socket)?;
        let answer = ask(&socket, &request(family, GET_REG, NO_FLAGS, &[]))?;
        let letters = attribute(&answer, REG_ALPHA2).ok_or_else(unexpected)?;
        let letters = letters.strip_suffix(b"\0").unwrap_or(letters);
        String::from_utf8(letters.to_vec()).map_err(|_| unexpected())
    }

    fn set_country(&self, country: &str) -> io::Result<()> {
        let socket = open()?;
        let family = family(&socket)?;
        let letters = encode(REG_ALPHA2, country);
        ask(&socket, &request(family, REQ_SET_REG, ACK, &letters)).map(|_| ())
    }
}

fn open() -> io::Result<OwnedFd> {
    let netlink = socket(
        AddressFamily::Netlink,
        SockType::Raw,
        SockFlag::SOCK_CLOEXEC,
        SockProtocol::NetlinkGeneric,
    )?;
    setsockopt(&netlink, ReceiveTimeout, &TimeVal::seconds(LIMIT_SECONDS))?;
    bind(netlink.as_raw_fd(), &NetlinkAddr::new(0, 0))?;
    Ok(netlink)
}

/// The number under which nl80211 can be asked; a kernel without Wi-Fi has none.
fn family(socket: &OwnedFd) -> io::Result<u16> {
    let name = encode(FAMILY_NAME, "nl80211");
    let answer = ask(socket, &request(CONTROL, GET_FAMILY, NO_FLAGS, &name))?;
    let number = attribute(&answer, FAMILY_ID).and_then(|number| number.try_into().ok());
    number.map(u16::from_ne_bytes).ok_or_else(unexpected)
}

/// The attributes of the kernel's answer; none where it only says that it did it.
fn ask(socket: &OwnedFd, request: &[u8]) -> io::Result<Vec<u8>> {
    send(socket.as_raw_fd(), request, MsgFlags::empty())?;
    let mut buffer = vec![0; MAX_ANSWER];
    let length = recv(socket.as_raw_fd(), &mut buffer, MsgFlags::empty())?;
    buffer.truncate(length);
    let kind = bytes_at(&buffer, 4).map(u16::from_ne_bytes);
    match (kind.ok_or_else(unexpected)?, bytes_at(&buffer, HEADER)) {
        (ERROR, Some(code)) => match i32::from_ne_bytes(code) {
            0 => Ok(Vec::new()),
            code => Err(io::Error::from_raw_os_error(-code)),
        },
        _ => Ok(buffer.get(HEADER + COMMAND..).unwrap_or_default().to_vec()),
    }
}

/// A message of one command; its attributes are encoded already.
fn request(family: u16, command: u8, flags: u16, attributes: &[u8]) -> Vec<u8> {
    let (sequence, sender) = (1_u32, 0_u32);
    let length = (HEADER + COMMAND + attributes.len()) as u32;
    let mut message = length.to_ne_bytes().to_vec();
    message.extend(family.to_ne_bytes());
    message.extend((REQUEST | flags).to_ne_bytes());
    message.extend(sequence.to_ne_bytes());
    message.extend(sender.to_ne_bytes());
    message.extend([command, VERSION, 0, 0]);
    message.extend(attributes);
    message
}

/// An attribute that is a text, up to the next multiple of four bytes.
fn encode(kind: u16, text: &str) -> Vec<u8> {
    let length = (ATTRIBUTE + text.len() + 1) as u16;
    let mut attribute = length.to_ne_bytes().to_vec();
    attribute.extend(kind.to_ne_bytes());
    attribute.extend(text.bytes());
    attribute.push(0);
    attribute.resize(attribute.len().next_multiple_of(4), 0);
    attribute
}

/// What the first attribute of a kind holds.
fn attribute(mut rest: &[u8], wanted: u16) -> Option<&[u8]> {
    loop {
        let length = usize::from(u16::from_ne_bytes(bytes_at(rest, 0)?));
        let kind = u16::from_ne_bytes(bytes_at(rest, 2)?);
        if kind == wanted {
            return rest.get(ATTRIBUTE..length);
        }
        // An attribute of no length would never end.
        rest = rest.get(length.max(ATTRIBUTE).next_multiple_of(4)..)?;
    }
}

fn bytes_at<const N: usize>(bytes: &[u8], start: usize) -> Option<[u8; N]> {
    bytes.get(start..start + N)?.try_into().ok()
}

fn unexpected() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the kernel's answer is none")
}

// Lengths of the headers, in bytes: nlmsghdr, genlmsghdr, nlattr.
const HEADER: usize = 16;
const COMMAND: usize = 4;
const ATTRIBUTE: usize = 4;
/// Bytes of an answer that are looked at: the rules of a country are below 4 KiB.
const MAX_ANSWER: usize = 16 * 1024;
const LIMIT_SECONDS: i64 = 5;

// linux/netlink.h
const ERROR: u16 = 2;
const REQUEST: u16 = 1;
const ACK: u16 = 4;
const NO_FLAGS: u16 = 0;

// linux/genetlink.h: the family that knows the others.
const CONTROL: u16 = 0x10;
const GET_FAMILY: u8 = 3;
const FAMILY_ID: u16 = 1;
const FAMILY_NAME: u16 = 2;
const VERSION: u8 = 1;

// linux/nl80211.h
const REQ_SET_REG: u8 = 27;
const GET_REG: u8 = 31;
const REG_ALPHA2: u16 = 33;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attribute_is_found_behind_others_and_damage_ends_the_search() {
        let mut attributes = encode(7, "some");
        attributes.extend(encode(REG_ALPHA2, "JP"));
        assert_eq!(attribute(&attributes, REG_ALPHA2), Some(b"JP\0".as_slice()));
        assert_eq!(attribute(&attributes, 9), None);
        for length in 0..attributes.len() {
            let _ = attribute(&attributes[..length], REG_ALPHA2);
        }
        assert_eq!(attribute(&[0, 0, 0, 0], REG_ALPHA2), None);
    }

    #[test]
    fn a_request_says_how_long_it_is() {
        let request = request(
            CONTROL,
            GET_FAMILY,
            NO_FLAGS,
            &encode(FAMILY_NAME, "nl80211"),
        );
        assert_eq!(request.len(), 32);
        assert_eq!(bytes_at(&request, 0).map(u32::from_ne_bytes), Some(32));
    }

    #[test]
    fn the_kernel_answers_or_has_no_wi_fi() {
        match Nl80211.country() {
            Ok(country) => assert_eq!(country.len(), 2),
            Err(error) => assert_eq!(error.raw_os_error(), Some(nix::libc::ENOENT), "{error}"),
        }
    }
}
