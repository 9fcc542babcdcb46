// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Why a device did not come up, as far as it tells the person something to do. Pure.

use std::fmt;

use crate::system::network_manager::{Arrival, Medium};

/// Why a network is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    NoCable,
    NotInTheAir,
    /// The access point refused the password, or did not prove that it knows it.
    Password,
    NoAddress,
    /// Another machine has the address.
    AddressTaken,
    /// No answer from the access point.
    NoAnswer,
    TimedOut,
    /// NetworkManager's number for it (NMDeviceStateReason).
    Other(u32),
}

impl Cause {
    /// Why it did not arrive; `None` if it did.
    pub fn of(arrival: Arrival, medium: Medium) -> Option<Self> {
        let number = match arrival {
            Arrival::Up => return None,
            Arrival::TimedOut => return Some(Self::TimedOut),
            Arrival::Failed(number) => number,
        };
        Some(match (number, medium) {
            (5 | 6 | 15 | 16 | 17, _) => Self::NoAddress,
            (64, _) => Self::AddressTaken,
            (40, _) => Self::NoCable,
            (53, _) => Self::NotInTheAir,
            // Without an agent that would ask somebody for another password, a wrong one ends as a missing one.
            (7 | 8, Medium::Radio) => Self::Password,
            (10 | 11, Medium::Radio) => Self::NoAnswer,
            (other, _) => Self::Other(other),
        })
    }

    /// Whether the settings may well be right: what they need is not there at the moment.
    pub fn may_pass(self) -> bool {
        matches!(self, Self::NoCable | Self::NotInTheAir)
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoCable => "there is no cable, or nothing that is switched on at its other end",
            Self::NotInTheAir => {
                "no network of this name is in the air: compare `ssid` with it letter by letter, and set \
                 `hidden = true` if it does not tell its name"
            }
            Self::Password => {
                "the access point does not accept the password: write it into [wlan] once more"
            }
            Self::NoAddress => {
                "the network gave no address: check its router (DHCP), or choose an address of your own"
            }
            Self::AddressTaken => "another machine has this address: choose another one",
            Self::NoAnswer => "the access point does not answer: it may be too far away",
            Self::TimedOut => "it did not come up in time",
            Self::Other(number) => {
                return write!(f, "it did not come up (reason {number} of NetworkManager)");
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_says_whether_to_wait_or_to_go_back() {
        let cases = [
            (Medium::Radio, 53, Cause::NotInTheAir, true),
            (Medium::Cable, 40, Cause::NoCable, true),
            (Medium::Radio, 7, Cause::Password, false),
            (Medium::Radio, 8, Cause::Password, false),
            (Medium::Cable, 7, Cause::Other(7), false),
            (Medium::Radio, 11, Cause::NoAnswer, false),
            (Medium::Cable, 5, Cause::NoAddress, false),
            (Medium::Radio, 17, Cause::NoAddress, false),
            (Medium::Cable, 64, Cause::AddressTaken, false),
            (Medium::Cable, 1, Cause::Other(1), false),
        ];
        for (medium, number, expected, may_pass) in cases {
            let cause = Cause::of(Arrival::Failed(number), medium).unwrap();
            assert_eq!((cause, cause.may_pass()), (expected, may_pass), "{number}");
        }
        assert_eq!(Cause::of(Arrival::Up, Medium::Cable), None);
        let late = Cause::of(Arrival::TimedOut, Medium::Cable);
        assert_eq!(late, Some(Cause::TimedOut));
    }
}
