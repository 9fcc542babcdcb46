// SPDX-License-Identifier: Apache-2.0 OR MIT
//! `broker pub`: publishes one message to any MQTT 5 broker.

use std::process::ExitCode;

use bytes::Bytes;
use bytestring::ByteString;
use mqtt_proto::Topic;

use super::arguments::{Arguments, Purpose, TARGET_HELP};
use super::client::{Client, ClientError};
use super::{failed, help, misused};

/// Runs the command with the arguments that follow its name.
pub fn run(arguments: lexopt::Parser) -> ExitCode {
    let arguments = match Arguments::parse(arguments, Purpose::Publish) {
        Ok(Some(arguments)) => arguments,
        Ok(None) => return help(&format!("{HELP}{TARGET_HELP}")),
        Err(error) => return misused("pub", error),
    };
    let name = arguments.topics.concat();
    match Topic::new(ByteString::from(name.as_str())) {
        Ok(topic) => match publish(arguments, topic) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => failed("pub", &error, error.exit_status()),
        },
        Err(error) => misused(
            "pub",
            format_args!("`{name}` is no topic to publish to: {error}"),
        ),
    }
}

fn publish(arguments: Arguments, topic: Topic) -> Result<(), ClientError> {
    let message = Bytes::from(arguments.message.unwrap_or_default());
    let mut client = Client::connect(&arguments.target)?;
    client.publish(topic, message, arguments.qos, arguments.retain)?;
    client.disconnect()
}

const HELP: &str = "\
Publish one message.

Usage: broker pub -t TOPIC -m MESSAGE [-r] [-q QOS] [OPTIONS]

  -t, --topic TOPIC     Where to publish, for example garden/temperature
  -m, --message TEXT    What to publish
  -r, --retain          The broker keeps the message for those who subscribe later
  -q, --qos QOS         0 at most once (default), 1 at least once, 2 exactly once
";
