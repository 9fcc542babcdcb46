// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The provisioner as a whole: golden reports, dialogues of edit and boot, power cuts at every step, its calls on
//! a bus, and its command line.

mod bus;
mod card;
mod card_files;
mod certificates;
mod command;
mod console;
mod cuts;
mod dialogue;
mod division;
mod faults;
mod golden;
mod led;
mod machine;
mod manager;
mod network;
mod openssl;
mod power_cut;
mod reset;
mod scene;
mod scram;
mod support;
mod wlan;
