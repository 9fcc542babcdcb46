// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The command line of `broker-provision`: reads the arguments, builds the world, runs one command.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use nix::unistd::{Group as SystemGroup, User, getuid};
use provisioner::system::{
    Accounts, Bus, Disk, Entropy, Files, Group, Hostnamed, Kernel, Machine, Systemd, Timedated,
};
use provisioner::{Dry, Moment, Places, Urgency, World};

fn main() -> ExitCode {
    match arguments() {
        Ok((Command::Help, _)) => {
            print!("{HELP}");
            ExitCode::SUCCESS
        }
        Ok((Command::Version, _)) => {
            println!("broker-provision {}", env!("CARGO_PKG_VERSION"));
            ExitCode::SUCCESS
        }
        Ok((command, options)) => run(command, options).unwrap_or_else(|error| {
            eprintln!("broker-provision: {error}");
            ExitCode::FAILURE
        }),
        Err(error) => {
            eprintln!("broker-provision: {error}; see broker-provision --help");
            ExitCode::from(2)
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Command {
    Apply,
    Plan,
    Status,
    Help,
    Version,
}

#[derive(Default)]
struct Options {
    root: Option<PathBuf>,
    boot: Option<PathBuf>,
}

fn arguments() -> Result<(Command, Options), lexopt::Error> {
    use lexopt::Arg::{Long, Short, Value};
    let mut parser = lexopt::Parser::from_env();
    let mut command = None;
    let mut options = Options::default();
    while let Some(argument) = parser.next()? {
        match argument {
            Short('h') | Long("help") => return Ok((Command::Help, options)),
            Short('V') | Long("version") => return Ok((Command::Version, options)),
            Long("root") => options.root = Some(parser.value()?.into()),
            Long("boot") => options.boot = Some(parser.value()?.into()),
            Value(name) if command.is_none() => match name.to_str() {
                Some("apply") => command = Some(Command::Apply),
                Some("plan") => command = Some(Command::Plan),
                Some("status") => command = Some(Command::Status),
                _ => return Err(Value(name).unexpected()),
            },
            other => return Err(other.unexpected()),
        }
    }
    Ok((command.unwrap_or(Command::Help), options))
}

/// Builds the world and runs the command in it.
fn run(command: Command, options: Options) -> io::Result<ExitCode> {
    let below_root = options.root.is_some();
    let places = Places::below(
        options.root.as_deref().unwrap_or(Path::new("/")),
        options.boot,
    );
    let _lock = if command == Command::Apply {
        lock(&places)?
    } else {
        None
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let bus = Bus::system(runtime);
    let (host_name, local_time, broker) = (Hostnamed(&bus), Timedated(&bus), Systemd(&bus));
    let machine = Machine {
        host_name: &host_name,
        local_time: &local_time,
        broker: &broker,
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
        Command::Plan => plan(&world),
        Command::Status => status(&world),
        Command::Apply | Command::Help | Command::Version => apply(&world),
    })
}

fn apply(world: &World) -> ExitCode {
    let (lines, written) = provisioner::apply(world);
    // systemd sets this where standard error is the journal, which reads the urgency from the line.
    let in_journal = std::env::var_os("JOURNAL_STREAM").is_some();
    for (urgency, text) in lines {
        match in_journal {
            true => eprintln!("<{}>{text}", urgency as u8),
            false if urgency == Urgency::Error => eprintln!("error: {text}"),
            false => eprintln!("{text}"),
        }
    }
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
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
fn lock(places: &Places) -> io::Result<Option<Flock<File>>> {
    if Disk.make_folder(&places.state, 0o700).is_err() {
        return Ok(None);
    }
    let Ok(file) = File::create(&places.lock) else {
        return Ok(None);
    };
    match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
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

const HELP: &str = "\
broker-provision makes this machine match the broker.toml on its boot partition.

usage: broker-provision [--root DIR] [--boot DIR] apply | plan | status

  apply    take broker.toml if it is new, make the machine match it, and write
           broker-report.txt and broker-report.json beside it
  plan     say what apply would change, or what is wrong with the file
  status   say whether card, device and machine agree

  --root DIR   work below DIR, with the boot partition at DIR/boot/firmware;
               host name and time zone are only reported, no D-Bus is opened
  --boot DIR   the boot partition is at DIR
  -h, --help   print this
  -V, --version

exit status
  apply    0 the report was written, also if it says that the file was refused;
           1 it was not
  plan     0 the file is right, 1 it has problems, 2 it could not be read
  status   0 everything agrees, 1 something does not
  2 for arguments that are not understood
";
