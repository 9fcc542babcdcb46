// SPDX-License-Identifier: Apache-2.0 OR MIT
//! `broker sub`: prints the messages of some topics of any MQTT 5 broker.

use std::io::{self, Write};
use std::process::ExitCode;

use bytestring::ByteString;
use mqtt_proto::{Filter, FilterError, Publish};

use super::arguments::{Arguments, Purpose, TARGET_HELP};
use super::client::{Client, ClientError};
use super::{failed, help, misused};

/// Runs the command with the arguments that follow its name.
pub fn run(arguments: lexopt::Parser) -> ExitCode {
    let arguments = match Arguments::parse(arguments, Purpose::Subscribe) {
        Ok(Some(arguments)) => arguments,
        Ok(None) => return help(&format!("{HELP}{TARGET_HELP}")),
        Err(error) => return misused("sub", error),
    };
    let filters: Result<Vec<Filter>, (String, FilterError)> =
        arguments.topics.iter().map(|name| filter(name)).collect();
    match filters {
        Ok(filters) => match subscribe(&arguments, filters) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => failed("sub", &error, error.exit_status()),
        },
        Err((name, error)) => misused("sub", format_args!("`{name}` is no topic filter: {error}")),
    }
}

fn filter(name: &str) -> Result<Filter, (String, FilterError)> {
    Filter::new(ByteString::from(name)).map_err(|error| (name.to_owned(), error))
}

fn subscribe(arguments: &Arguments, filters: Vec<Filter>) -> Result<(), ClientError> {
    let mut client = Client::connect(&arguments.target)?;
    client.subscribe(filters, arguments.qos)?;
    let mut printed = 0;
    while arguments.count.is_none_or(|count| printed < count) {
        let message = client.next_message()?;
        if print(&message, arguments.verbose).is_err() {
            // Nobody reads any more, as after `broker sub … | head -1`.
            break;
        }
        printed += 1;
    }
    client.disconnect()
}

/// A line of its own for each message, the payload as it is.
fn print(message: &Publish, verbose: bool) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if verbose {
        write!(out, "{} ", message.topic.as_str())?;
    }
    out.write_all(&message.payload)?;
    out.write_all(b"\n")?;
    out.flush()
}

const HELP: &str = "\
Print the messages of a topic as they come, one a line.

Usage: broker sub -t TOPIC [-t TOPIC …] [-v] [-C COUNT] [-q QOS] [OPTIONS]

  -t, --topic TOPIC     What to subscribe to: `+` stands for one level, `#` at the end for all that follow
  -v, --verbose         Print the topic before each message
  -C COUNT              Stop after so many messages
  -q, --qos QOS         At most: 0 at most once (default), 1 at least once, 2 exactly once
";
