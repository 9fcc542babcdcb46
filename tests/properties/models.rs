// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Random runs of the models that the fuzz targets run too.

use tests::Random;
use tests::delivery::check_delivery;
use tests::device::Power;
use tests::matching::check_matching;
use tests::sharing::check_sharing;

use crate::seeds;

#[test]
fn no_message_is_lost_or_doubled_or_out_of_order_whatever_breaks() {
    for seed in seeds(60) {
        check_delivery(Random::new(seed), 400, Power::Stays);
    }
}

#[test]
fn routes_and_retained_messages_agree_with_the_reference() {
    for seed in seeds(40) {
        check_matching(Random::new(seed), 200);
    }
}

#[test]
fn each_shared_message_finds_one_member_whatever_breaks() {
    for seed in seeds(60) {
        check_sharing(Random::new(seed), 400, Power::Stays);
    }
}

#[test]
fn no_message_is_lost_or_doubled_or_out_of_order_when_the_power_fails() {
    for seed in seeds(100) {
        check_delivery(Random::new(seed), 400, Power::Fails);
    }
}

#[test]
fn each_shared_message_finds_a_member_when_the_power_fails() {
    for seed in seeds(70) {
        check_sharing(Random::new(seed), 400, Power::Fails);
    }
}
