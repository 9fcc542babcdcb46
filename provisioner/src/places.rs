// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Where every file of the provisioner is: the installed paths, each below the root directory given.

use std::path::{Path, PathBuf};

use broker_config::UPDATE_RESULT;

use crate::card;

/// The files and folders the provisioner reads and writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places {
    /// Everything else is below it, the boot partition mostly.
    pub root: PathBuf,
    /// The boot partition, a FAT file system that any computer can edit.
    pub boot: PathBuf,
    /// Holds the daemon's configuration.
    pub configuration_folder: PathBuf,
    /// What the daemon reads.
    pub configuration: PathBuf,
    /// The ports that the appliance's firewall opens.
    pub firewall: PathBuf,
    /// Where avahi finds what to announce in multicast DNS.
    pub services: PathBuf,
    /// Names of machines and their addresses; one line is the machine's own.
    pub hosts: PathBuf,
    /// Our drop-in for systemd-timesyncd.
    pub time_servers: PathBuf,
    /// Who may log in over SSH.
    pub authorized_keys: PathBuf,
    /// What the appliance tells sshd, by way of systemd-tmpfiles.
    pub sshd_settings: PathBuf,
    /// Where NetworkManager keeps its profiles, with the passwords of networks.
    pub connections: PathBuf,
    /// The machine's own public key, which sshd's package makes.
    pub host_key: PathBuf,
    /// The provisioner's own folder, for root only.
    pub state: PathBuf,
    /// What was accepted last.
    pub desired: PathBuf,
    /// Which file that was.
    pub stamp: PathBuf,
    /// The device's certification authority, with its key.
    pub authority: PathBuf,
    /// The clients' certificates it signed.
    pub issued: PathBuf,
    /// What it signed last.
    pub certificate_record: PathBuf,
    /// Holds what the daemon needs of it.
    pub certificates: PathBuf,
    /// The server's certificate and key.
    pub server_certificate: PathBuf,
    /// The authority's certificate.
    pub authority_certificate: PathBuf,
    /// The same for clients, beside the report.
    pub authority_on_card: PathBuf,
    /// The list of revoked certificates.
    pub revocations: PathBuf,
    /// Copies of the files on the card that `broker.toml` names.
    pub card_copies: PathBuf,
    /// Held while one provisioner works.
    pub lock: PathBuf,
    /// Stands while a factory reset is under way; the broker's unit does not start beside it.
    pub reset_mark: PathBuf,
    /// The daemon's own folder.
    pub broker_state: PathBuf,
    /// Is there while the daemon runs.
    pub broker_runtime: PathBuf,
    /// Hold a folder with the log of each machine that ever had this card.
    pub journals: [PathBuf; 2],
    /// Holds the warnings of earlier starts.
    pub warnings: PathBuf,
    /// Held while one of them sets up the network, which takes longer.
    pub network_lock: PathBuf,
    /// What counts until the next start.
    pub runtime: PathBuf,
    /// Is there after a factory reset.
    pub reset_done: PathBuf,
    /// How the network is.
    pub network: PathBuf,
    /// How the card is divided.
    pub division: PathBuf,
    /// Is there while settings and messages cannot be reached, and says why.
    pub division_fault: PathBuf,
    /// Made by the daemon when a user logs in for the first time.
    pub first_login: PathBuf,
    /// What came of the last update of the packages.
    pub update_result: PathBuf,
    /// For the person who edits the card.
    pub report_text: PathBuf,
    /// The same for programs.
    pub report_json: PathBuf,
    /// How the device is, for somebody who helps.
    pub support: PathBuf,
    /// The kernel's LEDs.
    pub leds: PathBuf,
    /// What drove the activity LED before this program did.
    pub led_trigger: PathBuf,
}

impl Places {
    /// Everything below `root`; `boot` names another boot folder than `root`/boot/firmware.
    pub fn below(root: &Path, boot: Option<PathBuf>) -> Self {
        let boot = boot.unwrap_or_else(|| root.join("boot/firmware"));
        let configuration_folder = root.join("etc/broker");
        let state = root.join("var/lib/broker-provision");
        let broker_state = root.join("var/lib/broker");
        let runtime = root.join("run/broker-provision");
        let certificates = configuration_folder.join("tls");
        Self {
            root: root.to_owned(),
            configuration: configuration_folder.join("broker.toml"),
            firewall: configuration_folder.join("firewall.nft"),
            services: root.join("etc/avahi/services"),
            hosts: root.join("etc/hosts"),
            time_servers: root.join("etc/systemd/timesyncd.conf.d/60-mqtt-broker.conf"),
            authorized_keys: configuration_folder.join("authorized_keys"),
            sshd_settings: root.join("etc/ssh/sshd_config.d/00-mqtt-broker.conf"),
            connections: root.join("etc/NetworkManager/system-connections"),
            host_key: root.join("etc/ssh/ssh_host_ed25519_key.pub"),
            desired: state.join("desired.json"),
            stamp: state.join("stamp.json"),
            authority: state.join("ca.key"),
            issued: state.join("issued"),
            certificate_record: state.join("certificates.json"),
            server_certificate: certificates.join("server.pem"),
            authority_certificate: certificates.join("ca.crt"),
            authority_on_card: boot.join("ca.crt"),
            revocations: certificates.join("crl.pem"),
            certificates,
            card_copies: configuration_folder.join(card::FOLDER),
            configuration_folder,
            lock: state.join("lock"),
            reset_mark: state.join("factory-reset"),
            network_lock: state.join("network.lock"),
            reset_done: runtime.join("factory-reset-done"),
            network: runtime.join("network.json"),
            division: root.join("run/broker-card/layout"),
            division_fault: root.join("run/broker-card/fault"),
            runtime,
            state,
            first_login: broker_state.join("first-login"),
            broker_state,
            update_result: root.join(UPDATE_RESULT.trim_start_matches('/')),
            broker_runtime: root.join("run/broker"),
            journals: ["var/log/journal", "run/log/journal"].map(|path| root.join(path)),
            warnings: root.join("var/log/mqtt-broker"),
            report_text: boot.join("broker-report.txt"),
            report_json: boot.join("broker-report.json"),
            support: boot.join("broker-support.txt"),
            leds: root.join("sys/class/leds"),
            led_trigger: root.join("run/broker-led/trigger"),
            boot,
        }
    }
}
