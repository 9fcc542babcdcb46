// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The command line of `broker-provision`: reads the arguments, builds the world, runs one command.

use std::fs::File;
use std::io;
use std::path::Path;
use std::process::ExitCode;

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use nix::unistd::{Group as SystemGroup, User, getuid};
use provisioner::system::{
    Accounts, Agetty, Bus, Client, ControlSocket, Disk, Entropy, Files, Group, Hostnamed,
    Journalctl, Journald, Kernel, Machine, Mounted, Nl80211, Systemd, Termination, Timedated,
    Viewer, Witnesses,
};
use provisioner::{Dry, Moment, Places, Urgency, World, chain};

mod options;

use options::{Cert, Command, HELP, Options};

fn main() -> ExitCode {
    match Options::parse(lexopt::Parser::from_env()) {
        Ok(options) => run(options).unwrap_or_else(|error| {
            eprintln!("broker-provision: {error}");
            ExitCode::FAILURE
        }),
        Err(error) => {
            eprintln!("broker-provision: {error}; see broker-provision --help");
            ExitCode::from(2)
        }
    }
}

/// Builds the world and runs the command in it.
fn run(options: Options) -> io::Result<ExitCode> {
    let Options {
        command,
        root,
        boot,
    } = options;
    let below_root = root.is_some();
    let places = Places::below(root.as_deref().unwrap_or(Path::new("/")), boot);
    let _lock = match command {
        Command::Apply => lock(&places, &places.lock, FlockArg::LockExclusiveNonblock)?,
        Command::Network => lock(
            &places,
            &places.network_lock,
            FlockArg::LockExclusiveNonblock,
        )?,
        // Short pieces of work wait for a longer one.
        Command::Certificate | Command::Cert(_) => {
            lock(&places, &places.lock, FlockArg::LockExclusive)?
        }
        Command::Plan
        | Command::Status
        | Command::Led
        | Command::Support { .. }
        | Command::Help
        | Command::Version => None,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let bus = Bus::system(runtime);
    let (host_name, local_time, systemd) = (Hostnamed(&bus), Timedated(&bus), Systemd(&bus));
    let manager = Client(&bus);
    let screen = Agetty("/run".into());
    let log = Journald(Journald::SOCKET.into());
    let machine = Machine {
        host_name: &host_name,
        local_time: &local_time,
        broker: &systemd,
        screen: &screen,
        log: &log,
        network: &manager,
        rules: &Nl80211,
        units: &systemd,
    };
    let world = World {
        places,
        files: &Disk,
        machine: (!below_root).then_some(machine),
        network: &Kernel,
        random: &Entropy,
        accounts: accounts(below_root),
        now: Moment::now(),
    };
    Ok(match command {
        Command::Apply => apply(&world),
        Command::Network => concluded(provisioner::set_up_network(&world)),
        Command::Plan => plan(&world),
        Command::Status => status(&world),
        Command::Certificate => concluded(provisioner::renew(&world)),
        Command::Cert(cert) => clients(&world, cert, below_root),
        Command::Support { if_asked } => {
            let witnesses = Witnesses {
                units: &Viewer(&bus),
                journal: &Journalctl,
                daemon: &ControlSocket("/run/broker/control".into()),
                storage: &Mounted,
            };
            let witnesses = (!below_root).then_some(&witnesses);
            concluded(provisioner::support(&world, witnesses, !if_asked))
        }
        Command::Led => led(&world, &Viewer(&bus))?,
        Command::Help => say(HELP),
        Command::Version => say(VERSION),
    })
}

fn say(text: &str) -> ExitCode {
    print!("{text}");
    ExitCode::SUCCESS
}

fn apply(world: &World) -> ExitCode {
    let (lines, written) = provisioner::apply(world);
    log(lines);
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// Logs what was done; fails if not all went well.
fn concluded((lines, went_well): (Vec<(Urgency, String)>, bool)) -> ExitCode {
    log(lines);
    match went_well {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

fn led(world: &World, units: &Viewer) -> io::Result<ExitCode> {
    let mut termination = Termination::expected()?;
    let (mut pause, mut tell) = (
        |time| termination.pause(time),
        |text: &str| log(vec![(Urgency::Info, text.to_owned())]),
    );
    let ended = provisioner::follow(world.files, &world.places, units, &mut pause, &mut tell);
    match ended {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(error) => {
            log(vec![(Urgency::Error, chain(&error))]);
            Ok(ExitCode::FAILURE)
        }
    }
}

fn clients(world: &World, cert: Cert, below_root: bool) -> ExitCode {
    if !below_root && !getuid().is_root() {
        eprintln!(
            "broker-provision: must be run as root, who alone can read this device's authority"
        );
        return ExitCode::FAILURE;
    }
    let result = match cert {
        Cert::Client { name, days, folder } => {
            provisioner::issue_client(world, &name, days, &folder)
        }
        Cert::Revoke(which) => provisioner::revoke_client(world, &which),
        Cert::List => provisioner::list_clients(world),
    };
    match result {
        Ok(text) => say(&text),
        Err(text) => {
            eprintln!("broker-provision: {text}");
            ExitCode::FAILURE
        }
    }
}

/// Tells the journal, or a person, what was done.
fn log(lines: Vec<(Urgency, String)>) {
    // systemd sets this where standard error is the journal, which reads the urgency from the line.
    let in_journal = std::env::var_os("JOURNAL_STREAM").is_some();
    for (urgency, text) in lines {
        match in_journal {
            true => eprintln!("<{}>{text}", urgency as u8),
            false if urgency == Urgency::Error => eprintln!("error: {text}"),
            false => eprintln!("{text}"),
        }
    }
}

fn plan(world: &World) -> ExitCode {
    match provisioner::plan(world) {
        Dry::Right(text) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        Dry::Wrong(text) => {
            print!("{text}");
            ExitCode::from(1)
        }
        Dry::Unreadable(text) => {
            eprintln!("broker-provision: {text}");
            ExitCode::from(2)
        }
    }
}

fn status(world: &World) -> ExitCode {
    let status = provisioner::status(world);
    print!("{}", status.text);
    if status.in_force {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Keeps a second provisioner out; `None` where the folder for the lock cannot be written, which the run will report.
fn lock(places: &Places, file: &Path, how: FlockArg) -> io::Result<Option<Flock<File>>> {
    if Disk.make_folder(&places.state, 0o700).is_err() {
        return Ok(None);
    }
    let Ok(file) = File::create(file) else {
        return Ok(None);
    };
    match Flock::lock(file, how) {
        Ok(lock) => Ok(Some(lock)),
        Err((_, Errno::EWOULDBLOCK)) => Err(io::Error::other(
            "another broker-provision is at work; try again",
        )),
        Err((_, error)) => Err(error.into()),
    }
}

/// The daemon's user and group; below `--root` everything belongs to the caller.
fn accounts(below_root: bool) -> Accounts {
    if below_root {
        return Accounts {
            broker_user: Some(getuid().as_raw()),
            configuration_group: Group::Callers,
        };
    }
    let user = User::from_name("broker").ok().flatten();
    let group = SystemGroup::from_name("broker").ok().flatten();
    Accounts {
        broker_user: user.map(|user| user.uid.as_raw()),
        configuration_group: group.map_or(Group::Missing, |group| Group::Id(group.gid.as_raw())),
    }
}

const VERSION: &str = concat!("broker-provision ", env!("CARGO_PKG_VERSION"), "\n");
