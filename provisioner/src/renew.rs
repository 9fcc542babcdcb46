// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The daily look at the certificates, and the commands about those of clients.

use std::path::Path;

use crate::apply::{Outcome, carry_out};
use crate::certificates::{self, ClientError};
use crate::desired::Desired;
use crate::observed::observe;
use crate::plan::Plan;
use crate::provision::{World, host};
use crate::report::{self, Line, Urgency, chain};

/// Makes anew what is due of the device's certificates: the journal's lines, and whether all went well.
pub fn renew(world: &World) -> (Vec<Line>, bool) {
    let desired = match Desired::load(world.files, &world.places) {
        Ok(Some(desired)) => desired,
        Ok(None) => return quiet("no broker.toml was taken yet"),
        Err(error) => return (vec![(Urgency::Error, chain(&error))], false),
    };
    if !certificates::are_wanted(&desired) {
        return quiet("no listener needs a certificate of this device's");
    }
    let steps = carry_out(world, Plan::of_certificates(&observe(world, &desired)));
    if steps.is_empty() {
        return quiet("the certificates are in order");
    }
    let failed = |outcome: &Outcome| matches!(outcome, Outcome::Failed(_));
    let went_well = !steps.iter().any(|(_, outcome)| failed(outcome));
    let warnings = steps.iter().filter_map(report::warning_of_step);
    let mut lines: Vec<Line> = warnings.map(|text| (Urgency::Warning, text)).collect();
    lines.extend(steps.iter().map(report::line_of_step));
    (lines, went_well)
}

fn quiet(text: &str) -> (Vec<Line>, bool) {
    (vec![(Urgency::Info, text.to_owned())], true)
}

/// Makes a client's certificate; what to do with it, or what was wrong.
pub fn issue_client(world: &World, name: &str, days: u32, folder: &Path) -> Result<String, String> {
    let made = certificates::issue(world, name, days, folder).map_err(|error| chain(&error))?;
    let desired = Desired::load(world.files, &world.places).ok().flatten();
    let port = desired.as_ref().and_then(port_for_certificates);
    let port = port.unwrap_or(8883);
    let host = desired.as_ref().map_or_else(
        || "localhost".to_owned(),
        |desired| host(world, desired, &[]),
    );
    let places = &world.places;
    let authority = match world.files.len(&places.authority_on_card) {
        Ok(Some(_)) => &places.authority_on_card,
        _ => &places.authority_certificate,
    };
    let (certificate, key) = (made.certificate.display(), made.key.display());
    let quoted = format!("{name:?}");
    let certificate_word = report::quoted(&made.certificate.to_string_lossy());
    let key_word = report::quoted(&made.key.to_string_lossy());
    Ok(format!(
        "\
{certificate} and {key} are made, and count until {}.
Copy both, and {}, to the client:

  mosquitto_pub -h {host} -p {port} --cafile ca.crt --cert {certificate_word} --key {key_word} -t test -m hello

These lines of broker.toml let it in, without a password:

  [[user]]
  username = {quoted}
  auth = \"certificate\"

  [[listener]]
  port = {port}
  tls = true
  require_certificate = true
  use_identity_as_username = true

Whoever has the key is this user. If it gets lost: broker-provision cert revoke {}
",
        made.until,
        authority.display(),
        made.serial
    ))
}

/// Where clients show certificates, or at least speak TLS.
fn port_for_certificates(desired: &Desired) -> Option<u16> {
    let tls = desired.broker.listeners.iter();
    let mut tls = tls.filter_map(|listener| Some((listener.tls.as_ref()?, listener.port)));
    let asking = tls.clone().find(|(tls, _)| tls.clients.is_some());
    asking.or_else(|| tls.next()).map(|(_, port)| port)
}

/// Revokes certificates of a client; what was done, or what was wrong.
pub fn revoke_client(world: &World, which: &str) -> Result<String, String> {
    match certificates::revoke(world, which) {
        Ok(1) => Ok(TOLD.replace("{}", "1 certificate is")),
        Ok(number) => Ok(TOLD.replace("{}", &format!("{number} certificates are"))),
        Err(error @ ClientError::Unknown) => Err(error.to_string()),
        Err(error) => Err(chain(&error)),
    }
}

/// Every client's certificate, a line each.
pub fn list_clients(world: &World) -> Result<String, String> {
    certificates::list(world).map_err(|error| chain(&error))
}

/// `{}` stands for the number of certificates.
const TOLD: &str = "{} revoked. The broker looks at the list once a minute, and refuses new connections with it.\n";
