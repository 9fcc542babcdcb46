// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Whose rights are different.

use mqtt_core::Access;

/// The changes of users who were there before and still are, and of clients without a name.
pub fn changes(before: &Access, after: &Access) -> Vec<String> {
    let users = after.users.iter().filter(|(name, grants)| {
        let former = before.users.get(*name);
        former.is_some_and(|former| former != *grants)
    });
    let mut changed: Vec<&str> = users.map(|(name, _)| &**name).collect();
    if before.anonymous != after.anonymous {
        changed.push("clients without a user name");
    }
    let mut lines = Vec::new();
    if changed.len() > NAMED {
        lines.push(format!("rights changed: {} users", changed.len()));
    } else if !changed.is_empty() {
        lines.push(format!("rights changed: {}", changed.join(", ")));
    }
    if before.subscribes_freely != after.subscribes_freely {
        let how = match after.subscribes_freely {
            true => "subscriptions are now all granted, as Mosquitto does",
            false => "subscriptions that ask for more than may be read are now refused",
        };
        lines.push(how.to_owned());
    }
    lines
}

/// Names in a line; of more only the number is told.
const NAMED: usize = 20;
