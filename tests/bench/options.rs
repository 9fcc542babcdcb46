// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use crate::kind::Kind;

/// What is to be measured, and how.
#[derive(Debug)]
pub struct Options {
    pub field: Choice,
    pub turns: usize,
    /// Processors for the broker.
    pub cores: usize,
    /// Of one stream.
    pub length: Duration,
    /// A folder on a file system of its own.
    pub disk: Option<PathBuf>,
    /// Prints the table as Markdown instead of as text.
    pub markdown: bool,
    /// Names of experiments; none means all.
    pub wanted: Vec<String>,
}

/// Who takes part.
#[derive(Debug)]
pub enum Choice {
    /// Everybody, with these peers beyond those that can be found.
    All(Vec<(Kind, PathBuf)>),
    /// Another build of ours.
    Beside(PathBuf),
    /// Two minutes of the most important; fails on lost, doubled or reordered messages.
    Quick,
}

pub const USAGE: &str = "\
usage: load [--quick | --beside BROKER | --peer KIND=PROGRAM...] [--turns N] [--cores N] [--disk FOLDER] [--markdown] [SECONDS [NAME...]]
       load list | load null PORT | load at ADDRESS... | load ceiling
KIND is flashmq, rumqttd, nanomq, mosquitto, nats or ours; NAME is one of `load list`.";

impl Options {
    /// None where an argument is not understood.
    pub fn parse(mut arguments: impl Iterator<Item = String>) -> Option<Self> {
        let mut options = Self {
            field: Choice::All(Vec::new()),
            turns: 3,
            cores: 1,
            length: Duration::from_millis(800),
            disk: None,
            markdown: false,
            wanted: Vec::new(),
        };
        let mut peers = Vec::new();
        let mut seconds = None;
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--beside" => options.field = Choice::Beside(arguments.next()?.into()),
                "--quick" => options.field = Choice::Quick,
                "--peer" => peers.push(peer(&arguments.next()?)?),
                "--turns" => options.turns = positive(&arguments.next()?)?,
                "--cores" => options.cores = positive(&arguments.next()?)?,
                "--disk" => options.disk = Some(arguments.next()?.into()),
                "--markdown" => options.markdown = true,
                other if other.starts_with('-') => return None,
                other => match other.parse::<f64>() {
                    Ok(length) if seconds.is_none() => seconds = Some(length),
                    _ => options.wanted.push(argument),
                },
            }
        }
        if let Some(seconds) = seconds {
            options.length = Duration::try_from_secs_f64(seconds).ok()?;
        }
        match &mut options.field {
            Choice::All(given) => *given = peers,
            _ if peers.is_empty() => {}
            _ => return None,
        }
        Some(options)
    }
}

fn positive(text: &str) -> Option<usize> {
    text.parse().ok().filter(|number| *number > 0)
}

fn peer(text: &str) -> Option<(Kind, PathBuf)> {
    let (kind, program) = text.split_once('=')?;
    Some((Kind::named(kind)?, program.into()))
}
