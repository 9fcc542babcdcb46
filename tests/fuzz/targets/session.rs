// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Devices, their broken connections and the slow store as the fuzzer chooses them, against the model of a session.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tests::Random;
use tests::delivery::check_delivery;
use tests::device::Power;

fuzz_target!(|data: &[u8]| check_delivery(Random::scripted(data), 400, Power::Fails));
