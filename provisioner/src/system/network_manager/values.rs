// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Profiles in the form that goes over the bus, and back.

use std::collections::HashMap;

use zbus::zvariant::{self, Array, OwnedValue};

use super::{Profile, Value};

/// `a{sa{sv}}` as it is received.
pub(super) type Received = HashMap<String, HashMap<String, OwnedValue>>;
/// The same as it is sent.
pub(super) type Sent<'a> = HashMap<&'a str, HashMap<&'a str, zvariant::Value<'a>>>;

/// What was received, without values of other kinds than ours.
pub(super) fn read(received: &Received) -> Profile {
    let mut profile = Profile::default();
    for (section, keys) in received {
        for (key, value) in keys {
            if let Some(value) = read_value(value) {
                profile.set(section, key, value);
            }
        }
    }
    profile
}

/// What is to be sent.
pub(super) fn write(profile: &Profile) -> Sent<'_> {
    let sections = profile.0.iter().map(|(section, keys)| {
        let keys = keys
            .iter()
            .map(|(key, value)| (key.as_str(), write_value(value)));
        (section.as_str(), keys.collect())
    });
    sections.collect()
}

/// Addresses with their prefix lengths, as every such list on the bus holds them.
pub(super) fn addresses(value: &zvariant::Value) -> Option<Vec<(String, u32)>> {
    let zvariant::Value::Array(list) = value else {
        return None;
    };
    list.iter().map(address).collect()
}

fn address(value: &zvariant::Value) -> Option<(String, u32)> {
    let zvariant::Value::Dict(fields) = value else {
        return None;
    };
    let address: &str = fields.get(&"address").ok()??;
    let prefix: u32 = fields.get(&"prefix").ok()??;
    Some((address.to_owned(), prefix))
}

fn read_value(value: &zvariant::Value) -> Option<Value> {
    Some(match value {
        zvariant::Value::Bool(flag) => Value::Flag(*flag),
        zvariant::Value::I32(number) => Value::Integer(*number),
        zvariant::Value::U32(number) => Value::Number(*number),
        zvariant::Value::U64(number) => Value::Long(*number),
        zvariant::Value::Str(text) => Value::Text(text.to_string()),
        zvariant::Value::Array(list) => return read_list(list),
        _ => return None,
    })
}

fn read_list(list: &Array) -> Option<Value> {
    match list.element_signature().to_string().as_str() {
        "y" => Vec::try_from(list.try_clone().ok()?).ok().map(Value::Bytes),
        "s" => Vec::try_from(list.try_clone().ok()?).ok().map(Value::Texts),
        "a{sv}" => {
            let addresses: Option<_> = list.iter().map(address).collect();
            addresses.map(Value::Addresses)
        }
        _ => None,
    }
}

fn write_value(value: &Value) -> zvariant::Value<'_> {
    match value {
        Value::Flag(flag) => (*flag).into(),
        Value::Integer(number) => (*number).into(),
        Value::Number(number) => (*number).into(),
        Value::Long(number) => (*number).into(),
        Value::Text(text) => text.as_str().into(),
        Value::Bytes(bytes) => bytes.as_slice().into(),
        Value::Texts(texts) => texts.iter().map(String::as_str).collect::<Vec<_>>().into(),
        Value::Addresses(addresses) => {
            let one = |(address, prefix): &(String, u32)| {
                let fields: [(&str, zvariant::Value); 2] = [
                    ("address", address.clone().into()),
                    ("prefix", (*prefix).into()),
                ];
                HashMap::from(fields)
            };
            addresses.iter().map(one).collect::<Vec<_>>().into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_survives_the_way_over_the_bus() {
        let values = [
            Value::Flag(true),
            Value::Integer(-1),
            Value::Number(2),
            Value::Long(1 << 40),
            Value::Text("broker-wlan".to_owned()),
            Value::Bytes(vec![0, 0xFF]),
            Value::Texts(vec!["192.0.2.1".to_owned()]),
            Value::Addresses(vec![("192.0.2.10".to_owned(), 24)]),
        ];
        for value in values {
            let sent = OwnedValue::try_from(write_value(&value)).unwrap();
            assert!(read_value(&sent) == Some(value), "{sent:?}");
        }
    }
}
