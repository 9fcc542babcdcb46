// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Packets as lists of fields, so that one field at a time can be spoilt.

use mqtt_proto::Version;

/// One field of a packet's body.
#[derive(Debug, Clone)]
pub enum Field {
    /// Bytes of which nothing can be said but how many there are.
    Plain(Vec<u8>),
    PacketId(u16),
    /// Text with its length.
    Text(Text, Vec<u8>),
    /// Binary data with its length.
    Binary(Vec<u8>),
    /// Properties that may stand in the named place, each with its identifier.
    Properties(&'static str, Vec<(u32, Vec<u8>)>),
    /// The reason code of the packet.
    Reason(u8),
    /// The flags of CONNECT.
    ConnectFlags(u8),
    /// The options of a subscription.
    Options(u8),
    /// All that is left, which may be cut anywhere.
    Payload(Vec<u8>),
}

/// What a text must be besides UTF-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Text {
    Any,
    TopicName,
    TopicFilter,
}

/// One valid packet.
#[derive(Debug, Clone)]
pub struct Sample {
    pub name: &'static str,
    pub first: u8,
    pub fields: Vec<Field>,
    /// Numbers of the fields before which the packet may end as well.
    pub ends: &'static [usize],
    /// The number of the field before which the packet would have no filter.
    pub no_filter: Option<usize>,
}

impl Field {
    pub fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Plain(bytes) | Self::Payload(bytes) => bytes.clone(),
            Self::PacketId(id) => id.to_be_bytes().to_vec(),
            Self::Text(_, bytes) | Self::Binary(bytes) => with_length(bytes),
            Self::Properties(_, list) => block(list),
            Self::Reason(byte) | Self::ConnectFlags(byte) | Self::Options(byte) => vec![*byte],
        }
    }
}

impl Sample {
    fn new(name: &'static str, first: u8, fields: Vec<Field>) -> Self {
        Self {
            name,
            first,
            fields,
            ends: &[],
            no_filter: None,
        }
    }

    pub fn body(&self) -> Vec<u8> {
        self.fields.iter().flat_map(Field::bytes).collect()
    }

    /// The whole packet.
    pub fn bytes(&self) -> Vec<u8> {
        packet(self.first, &self.body())
    }

    /// The whole packet with another field in place of one.
    pub fn with(&self, index: usize, field: Field) -> Vec<u8> {
        let mut sample = self.clone();
        sample.fields[index] = field;
        sample.bytes()
    }

    /// The whole packet with other bytes in place of one field.
    pub fn with_bytes(&self, index: usize, bytes: Vec<u8>) -> Vec<u8> {
        self.with(index, Field::Plain(bytes))
    }
}

/// A packet with this first byte and body.
pub fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    bytes.extend(variable(body.len()));
    bytes.extend(body);
    bytes
}

/// A variable byte integer.
pub fn variable(mut value: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = (value & 0x7F) as u8;
        value >>= 7;
        if value == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

/// A property block with its length.
pub fn block(list: &[(u32, Vec<u8>)]) -> Vec<u8> {
    let mut inside = Vec::new();
    for (id, value) in list {
        inside.extend(variable(*id as usize));
        inside.extend(value);
    }
    [variable(inside.len()), inside].concat()
}

/// Text or binary data with its length.
pub fn with_length(bytes: &[u8]) -> Vec<u8> {
    let len = u16::try_from(bytes.len()).expect("a sample's text is short");
    [&len.to_be_bytes(), bytes].concat()
}

/// Every packet a client may send, with a will and without, with properties and without.
pub fn samples(version: Version) -> Vec<Sample> {
    let mut samples = connects(version);
    samples.extend(publishes(version));
    for (name, first) in [
        ("PUBACK", 0x40),
        ("PUBREC", 0x50),
        ("PUBREL", 0x62),
        ("PUBCOMP", 0x70),
    ] {
        samples.push(ack(version, name, first));
    }
    samples.push(subscribe(version));
    samples.push(unsubscribe(version));
    samples.push(Sample::new("PINGREQ", 0xC0, vec![]));
    samples.push(disconnect(version));
    if version == Version::V5 {
        let properties = vec![
            (0x15, with_length(b"SCRAM")),
            (0x16, with_length(b"\0\x01")),
        ];
        samples.push(Sample {
            ends: &[0],
            ..Sample::new(
                "AUTH",
                0xF0,
                vec![Field::Reason(0x19), Field::Properties("AUTH", properties)],
            )
        });
    }
    samples
}

fn connects(version: Version) -> Vec<Sample> {
    let connect = |flags: u8, payload: Vec<Field>| {
        let mut fields = vec![
            Field::Plain(with_length(version.protocol_name().as_bytes())),
            Field::Plain(vec![version.level()]),
            Field::ConnectFlags(flags),
            Field::Plain(vec![0, 0]),
        ];
        fields.extend(properties(version, "CONNECT", vec![(0x21, vec![0, 9])]));
        fields.push(Field::Text(Text::Any, b"careless".to_vec()));
        fields.extend(payload);
        Sample::new("CONNECT", 0x10, fields)
    };
    let mut will = properties(version, "WILL", vec![(0x18, vec![0, 0, 0, 9])]);
    will.extend([
        Field::Text(Text::TopicName, b"gone/careless".to_vec()),
        Field::Binary(b"bye".to_vec()),
        Field::Text(Text::Any, b"anna".to_vec()),
        Field::Binary(b"secret".to_vec()),
    ]);
    let mut full = connect(0xEE, will);
    if version == Version::V31 {
        // 3.1 lets an announced user name and password be missing.
        full.ends = &[7, 8];
    }
    vec![connect(0x02, vec![]), full]
}

fn publishes(version: Version) -> Vec<Sample> {
    let publish = |first: u8, list: Vec<(u32, Vec<u8>)>| {
        let mut fields = vec![Field::Text(Text::TopicName, b"attack/x".to_vec())];
        if first & 0x06 != 0 {
            fields.push(Field::PacketId(7));
        }
        fields.extend(properties(version, "PUBLISH", list));
        fields.push(Field::Payload(b"text".to_vec()));
        Sample::new("PUBLISH", first, fields)
    };
    let described = vec![
        (0x01, vec![1]),
        (0x08, with_length(b"answer")),
        (0x09, with_length(b"\0")),
        (0x26, [with_length(b"k"), with_length(b"v")].concat()),
    ];
    vec![
        publish(0x30, vec![]),
        publish(0x32, described),
        publish(0x35, vec![]),
    ]
}

fn ack(version: Version, name: &'static str, first: u8) -> Sample {
    let mut fields = vec![Field::PacketId(7)];
    if version == Version::V5 {
        fields.push(Field::Reason(0));
        fields.push(Field::Properties(name, vec![(0x1F, with_length(b"well"))]));
    }
    Sample {
        ends: &[1, 2],
        ..Sample::new(name, first, fields)
    }
}

fn subscribe(version: Version) -> Sample {
    let mut fields = vec![Field::PacketId(7)];
    fields.extend(properties(version, "SUBSCRIBE", vec![(0x0B, vec![9])]));
    let first_filter = fields.len();
    for filter in [&b"attack/+"[..], b"$share/g/attack/#"] {
        fields.push(Field::Text(Text::TopicFilter, filter.to_vec()));
        fields.push(Field::Options(1));
    }
    Sample {
        ends: if version == Version::V5 { &[4] } else { &[3] },
        no_filter: Some(first_filter),
        ..Sample::new("SUBSCRIBE", 0x82, fields)
    }
}

fn unsubscribe(version: Version) -> Sample {
    let mut fields = vec![Field::PacketId(7)];
    let user = (0x26, [with_length(b"k"), with_length(b"v")].concat());
    fields.extend(properties(version, "UNSUBSCRIBE", vec![user]));
    let first_filter = fields.len();
    for filter in [&b"attack/+"[..], b"a"] {
        fields.push(Field::Text(Text::TopicFilter, filter.to_vec()));
    }
    Sample {
        ends: if version == Version::V5 { &[3] } else { &[2] },
        no_filter: Some(first_filter),
        ..Sample::new("UNSUBSCRIBE", 0xA2, fields)
    }
}

fn disconnect(version: Version) -> Sample {
    let fields = match version {
        Version::V5 => vec![
            Field::Reason(4),
            Field::Properties("DISCONNECT", vec![(0x1F, with_length(b"tired"))]),
        ],
        _ => vec![],
    };
    Sample {
        ends: &[0, 1],
        ..Sample::new("DISCONNECT", 0xE0, fields)
    }
}

/// A property block in version 5, nothing before.
fn properties(version: Version, place: &'static str, list: Vec<(u32, Vec<u8>)>) -> Vec<Field> {
    match version {
        Version::V5 => vec![Field::Properties(place, list)],
        _ => vec![],
    }
}
