// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The report for programs: `broker-report.json`, format 1.

use serde_json::{Value, json};

use super::{Access, Authority, Report, chain, outcome};
use crate::accept::{Refusal, Verdict};
use crate::apply::Outcome;
use crate::firewall::Openings;
use crate::plan::Step;
use crate::ssh::{Door, Key};

/// The whole report.
pub fn render(report: &Report) -> String {
    let mut value = json!({
        "format": 1,
        "result": report.summary().code(),
        "cause": cause(report),
        "locked": report.locked,
        "factory_reset": report.reset.as_ref().map(|reset| json!({"outcome": reset.code(), "text": reset.lines().join(" ")})),
        "file": report.file,
        "problems": problems(report),
        "warnings": report.warnings(),
        "notes": report.notes(),
        "passwords_taken": report.taken,
        "keys_taken": report.keys_taken,
        "login": report.login.as_ref().map(|login| json!({"username": login.username, "password": login.password})),
        "access": report.access.as_ref().map(access),
        "network": report.network,
        "card": report.division.map(|division| division.lines().join(" ")),
        "steps": report.steps.iter().map(|(step, result)| self::step(step, result)).collect::<Vec<_>>(),
        "version": env!("CARGO_PKG_VERSION"),
        "time": report.moment.to_string(),
        "clock_set": report.moment.is_credible(),
    });
    if let (Some(update), Some(members)) = (&report.update, value.as_object_mut()) {
        members.insert("update".to_owned(), json!(update));
    }
    format!("{value:#}\n")
}

fn cause(report: &Report) -> Option<String> {
    match &report.verdict {
        Some(Verdict::Unreadable(error)) => Some(chain(error)),
        Some(Verdict::NotTaken(error)) => Some(chain(error)),
        _ => None,
    }
}

fn problems(report: &Report) -> Vec<Value> {
    let Some(Verdict::Refused(refusals)) = &report.verdict else {
        return Vec::new();
    };
    let problem = |refusal: &Refusal| match refusal {
        Refusal::Schema(problem) => json!(problem),
        Refusal::NotKept(user) => {
            json!({"line": user.line, "fault": "not-kept", "text": user.to_string()})
        }
        Refusal::File(problem) => {
            json!({"key": problem.key, "fault": "file", "text": problem.to_string()})
        }
    };
    refusals.iter().map(problem).collect()
}

fn access(access: &Access) -> Value {
    let listeners = access.sockets.iter().map(|socket| {
        json!({
            "port": socket.listener.port,
            "bind_address": socket.listener.bind_address.to_string(),
            "protocol": socket.listener.protocol.name(),
            "urls": socket.hosts(&access.host).iter().map(|host| socket.url(host)).collect::<Vec<_>>(),
            "obstacle": socket.obstacle.as_ref().map(ToString::to_string),
        })
    });
    json!({
        "host": access.host,
        "users": access.users,
        "authority": access.authority.as_ref().map(authority),
        "ssh": access.door.as_ref().map(|door| self::door(door, &access.host)),
        "allow_anonymous": access.allow_anonymous,
        "open_ports": open_ports(&access.openings),
        "listeners": listeners.collect::<Vec<_>>(),
    })
}

fn authority(authority: &Authority) -> Value {
    json!({
        "fingerprint_sha256": authority.fingerprint.as_str(),
        "made": authority.made.to_string(),
        "replaces_earlier": authority.replaces.is_some(),
    })
}

fn door(door: &Door, host: &str) -> Value {
    let key =
        |key: &Key| json!({"type": key.kind, "fingerprint": key.fingerprint, "remark": key.remark});
    json!({
        "command": format!("ssh root@{host}"),
        "keys": door.keys.iter().map(key).collect::<Vec<_>>(),
        "host_key": door.host_key.as_ref().map(key),
    })
}

fn open_ports(openings: &Openings) -> Vec<Value> {
    let everywhere = openings
        .ports
        .iter()
        .map(|port| json!({"port": port, "interface": null}));
    let somewhere = openings
        .on_interface
        .iter()
        .map(|(name, port)| json!({"port": port, "interface": name}));
    everywhere.chain(somewhere).collect()
}

fn step(step: &Step, result: &Outcome) -> Value {
    let code = match result {
        Outcome::Done => "done",
        Outcome::BelowRoot | Outcome::Pointless => "not done",
        Outcome::Failed(_) => "failed",
    };
    json!({"step": step.to_string(), "outcome": code, "text": outcome(result)})
}
