// SPDX-License-Identifier: Apache-2.0 OR MIT
//! One rumqttc client of either version whose events become messages and acknowledgements to wait for.

use std::cell::Cell;
use std::time::Duration;

use rumqttc::v5::mqttbytes::v5 as five;
use rumqttc::{Packet, QoS, Transport, v5};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::Fault;

/// Where the broker is, and how it is spoken to.
pub struct Place {
    websockets: bool,
    port: u16,
    pub five: bool,
    user: String,
    password: String,
    devices: Cell<u32>,
}

/// What is special about a client.
#[derive(Default)]
pub struct Options {
    pub name: Option<String>,
    pub password: Option<&'static str>,
    pub keep: bool,
    pub will: Option<(String, &'static str)>,
}

/// A message that arrived.
pub struct Message {
    pub topic: String,
    pub payload: String,
    pub qos: u8,
    pub retain: bool,
    pub properties: five::PublishProperties,
}

enum Event {
    Connected,
    Granted,
    /// The end of a publication, with the reason of one that was refused.
    Published(Result<(), String>),
    Message(Message),
    Ended(String),
}

enum Client {
    Old(rumqttc::AsyncClient),
    Five(v5::AsyncClient),
}

pub struct Device {
    client: Client,
    events: UnboundedReceiver<Event>,
    task: JoinHandle<()>,
}

impl Place {
    pub fn from_arguments() -> Self {
        let words: Vec<String> = std::env::args().skip(1).collect();
        let [transport, port, version, user, password] = words.as_slice() else {
            panic!("usage: rumqttc-cases tcp|websockets PORT 3.1.1|5.0 USER PASSWORD");
        };
        Self {
            websockets: transport == "websockets",
            port: port.parse().expect("a port"),
            five: version == "5.0",
            user: user.clone(),
            password: password.clone(),
            devices: Cell::new(0),
        }
    }

    pub fn topic(&self, name: &str) -> String {
        format!("rumqttc/{}/{}/{name}", self.websockets, self.five)
    }

    pub fn name(&self, name: &str) -> String {
        format!("rumqttc {name} {} {}", self.websockets, self.five)
    }

    pub async fn device(&self) -> Result<Device, Fault> {
        self.open(Options::default()).await
    }

    /// A client that the broker has let in.
    pub async fn open(&self, options: Options) -> Result<Device, Fault> {
        self.devices.set(self.devices.get() + 1);
        let name = options
            .name
            .clone()
            .unwrap_or_else(|| self.name(&self.devices.get().to_string()));
        let host = match self.websockets {
            true => format!("ws://127.0.0.1:{}/mqtt", self.port),
            false => "127.0.0.1".to_owned(),
        };
        let mut device = match self.five {
            true => self.open_five(name, host, options),
            false => self.open_old(name, host, options),
        };
        match device.next().await? {
            Event::Connected => Ok(device),
            Event::Ended(why) => Err(Fault::Failed(why)),
            _ => Err(Fault::Failed("no CONNACK".to_owned())),
        }
    }

    fn open_old(&self, name: String, host: String, options: Options) -> Device {
        let mut settings = rumqttc::MqttOptions::new(name, host, self.port);
        settings.set_credentials(&self.user, options.password.unwrap_or(&self.password));
        settings
            .set_clean_session(!options.keep)
            .set_max_packet_size(2_000_000, 2_000_000);
        if self.websockets {
            settings.set_transport(Transport::Ws);
        }
        if let Some((topic, payload)) = options.will {
            settings.set_last_will(rumqttc::LastWill::new(
                topic,
                payload,
                QoS::AtLeastOnce,
                false,
            ));
        }
        let (client, mut eventloop) = rumqttc::AsyncClient::new(settings, 500);
        let (tell, events) = unbounded_channel();
        let task = tokio::spawn(async move {
            loop {
                let event = match eventloop.poll().await {
                    Ok(rumqttc::Event::Incoming(packet)) => old_event(packet),
                    Ok(_) => None,
                    Err(error) => Some(Event::Ended(format!("{error:?}"))),
                };
                let ended = matches!(event, Some(Event::Ended(_)));
                if event.is_some_and(|event| tell.send(event).is_err()) || ended {
                    return;
                }
            }
        });
        Device {
            client: Client::Old(client),
            events,
            task,
        }
    }

    fn open_five(&self, name: String, host: String, options: Options) -> Device {
        let mut settings = v5::MqttOptions::new(name, host, self.port);
        settings.set_credentials(&self.user, options.password.unwrap_or(&self.password));
        settings.set_clean_start(!options.keep);
        settings.set_connect_properties(five::ConnectProperties {
            session_expiry_interval: Some(if options.keep { 600 } else { 0 }),
            max_packet_size: Some(2_000_000),
            ..five::ConnectProperties::new()
        });
        if self.websockets {
            settings.set_transport(Transport::Ws);
        }
        if let Some((topic, payload)) = options.will {
            settings.set_last_will(five::LastWill::new(
                topic,
                payload,
                v5::mqttbytes::QoS::AtLeastOnce,
                false,
                None,
            ));
        }
        let (client, mut eventloop) = v5::AsyncClient::new(settings, 500);
        let (tell, events) = unbounded_channel();
        let task = tokio::spawn(async move {
            loop {
                let event = match eventloop.poll().await {
                    Ok(v5::Event::Incoming(packet)) => five_event(packet),
                    Ok(_) => None,
                    Err(error) => Some(Event::Ended(format!("{error:?}"))),
                };
                let ended = matches!(event, Some(Event::Ended(_)));
                if event.is_some_and(|event| tell.send(event).is_err()) || ended {
                    return;
                }
            }
        });
        Device {
            client: Client::Five(client),
            events,
            task,
        }
    }
}

impl Device {
    pub async fn subscribe(&mut self, filter: &str, qos: u8) -> Result<(), Fault> {
        let asked = match &self.client {
            Client::Old(client) => client
                .subscribe(filter, old_qos(qos))
                .await
                .map_err(|e| e.to_string()),
            Client::Five(client) => client
                .subscribe(filter, five_qos(qos))
                .await
                .map_err(|e| e.to_string()),
        };
        self.granted(asked).await
    }

    /// Subscribes with a subscription identifier.
    pub async fn subscribe_as(&mut self, filter: &str, id: usize) -> Result<(), Fault> {
        let Client::Five(client) = &self.client else {
            return Err(Fault::Cannot("MQTT 5 only"));
        };
        let properties = five::SubscribeProperties {
            id: Some(id),
            user_properties: Vec::new(),
        };
        let asked = client
            .subscribe_with_properties(filter, five_qos(1), properties)
            .await;
        self.granted(asked.map_err(|e| e.to_string())).await
    }

    /// Subscribes to what others publish.
    pub async fn subscribe_to_others(&mut self, filter: &str) -> Result<(), Fault> {
        let Client::Five(client) = &self.client else {
            return Err(Fault::Cannot("MQTT 5 only"));
        };
        let mut wanted = five::Filter::new(filter, five_qos(1));
        wanted.nolocal = true;
        let asked = client.subscribe_many([wanted]).await;
        self.granted(asked.map_err(|e| e.to_string())).await
    }

    pub async fn publish(&mut self, topic: &str, payload: &str, qos: u8) -> Result<(), Fault> {
        let sent = match &self.client {
            Client::Old(client) => client
                .publish(topic, old_qos(qos), false, payload)
                .await
                .map_err(|e| e.to_string()),
            Client::Five(client) => client
                .publish(topic, five_qos(qos), false, payload.to_owned())
                .await
                .map_err(|e| e.to_string()),
        };
        self.published(sent, qos).await
    }

    /// Publishes at QoS 1 with properties.
    pub async fn publish_with(
        &mut self,
        topic: &str,
        payload: &str,
        properties: five::PublishProperties,
    ) -> Result<(), Fault> {
        let Client::Five(client) = &self.client else {
            return Err(Fault::Cannot("MQTT 5 only"));
        };
        let payload = payload.to_owned();
        let sent = client
            .publish_with_properties(topic, five_qos(1), false, payload, properties)
            .await;
        self.published(sent.map_err(|e| e.to_string()), 1).await
    }

    /// Publishes a retained message at QoS 1.
    pub async fn retain(
        &mut self,
        topic: &str,
        payload: &str,
        properties: Option<five::PublishProperties>,
    ) -> Result<(), Fault> {
        let payload = payload.to_owned();
        let sent = match &self.client {
            Client::Old(client) => client
                .publish(topic, old_qos(1), true, payload)
                .await
                .map_err(|e| e.to_string()),
            Client::Five(client) => client
                .publish_with_properties(
                    topic,
                    five_qos(1),
                    true,
                    payload,
                    properties.unwrap_or_default(),
                )
                .await
                .map_err(|e| e.to_string()),
        };
        self.published(sent, 1).await
    }

    pub async fn take(
        &mut self,
        topic: &str,
        payload: &str,
        qos: u8,
        retain: bool,
    ) -> Result<(), Fault> {
        let got = self.message().await?;
        if (
            got.topic.as_str(),
            got.payload.as_str(),
            got.qos,
            got.retain,
        ) == (topic, payload, qos, retain)
        {
            return Ok(());
        }
        let start: String = got.payload.chars().take(50).collect();
        Err(Fault::Failed(format!(
            "message {} {start} {} {}",
            got.topic, got.qos, got.retain
        )))
    }

    pub async fn message(&mut self) -> Result<Message, Fault> {
        loop {
            match self.next().await? {
                Event::Message(message) => return Ok(message),
                Event::Ended(why) => return Err(Fault::Failed(why)),
                _ => {}
            }
        }
    }

    /// Why the connection ended.
    pub async fn end(&mut self) -> Result<String, Fault> {
        loop {
            if let Event::Ended(why) = self.next().await? {
                return Ok(why);
            }
        }
    }

    /// Says good-bye.
    pub async fn leave(mut self) -> Result<(), Fault> {
        let said = match &self.client {
            Client::Old(client) => client.disconnect().await.map_err(|e| e.to_string()),
            Client::Five(client) => client.disconnect().await.map_err(|e| e.to_string()),
        };
        said.map_err(Fault::Failed)?;
        self.end().await.map(drop)
    }

    async fn granted(&mut self, asked: Result<(), String>) -> Result<(), Fault> {
        asked.map_err(Fault::Failed)?;
        match self.next().await? {
            Event::Granted => Ok(()),
            _ => Err(Fault::Failed("no SUBACK".to_owned())),
        }
    }

    async fn published(&mut self, sent: Result<(), String>, qos: u8) -> Result<(), Fault> {
        sent.map_err(Fault::Failed)?;
        if qos == 0 {
            return Ok(());
        }
        match self.next().await? {
            Event::Published(Ok(())) => Ok(()),
            Event::Published(Err(why)) | Event::Ended(why) => Err(Fault::Failed(why)),
            _ => Err(Fault::Failed("no acknowledgement".to_owned())),
        }
    }

    async fn next(&mut self) -> Result<Event, Fault> {
        match timeout(Duration::from_secs(20), self.events.recv()).await {
            Ok(Some(event)) => Ok(event),
            Ok(None) => Err(Fault::Failed("the connection is gone".to_owned())),
            Err(_) => Err(Fault::Failed("nothing came".to_owned())),
        }
    }
}

impl Drop for Device {
    /// Cuts the connection.
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn old_event(packet: Packet) -> Option<Event> {
    Some(match packet {
        Packet::ConnAck(_) => Event::Connected,
        Packet::SubAck(_) => Event::Granted,
        Packet::PubAck(_) | Packet::PubComp(_) => Event::Published(Ok(())),
        Packet::Publish(publish) => Event::Message(Message {
            topic: publish.topic,
            payload: String::from_utf8_lossy(&publish.payload).into_owned(),
            qos: publish.qos as u8,
            retain: publish.retain,
            properties: five::PublishProperties::default(),
        }),
        _ => return None,
    })
}

fn five_event(packet: five::Packet) -> Option<Event> {
    Some(match packet {
        five::Packet::ConnAck(_) => Event::Connected,
        five::Packet::SubAck(_) => Event::Granted,
        five::Packet::PubAck(ack) => Event::Published(match ack.reason {
            five::PubAckReason::Success | five::PubAckReason::NoMatchingSubscribers => Ok(()),
            refused => Err(format!("{refused:?}")),
        }),
        five::Packet::PubComp(_) => Event::Published(Ok(())),
        five::Packet::Publish(publish) => Event::Message(Message {
            topic: String::from_utf8_lossy(&publish.topic).into_owned(),
            payload: String::from_utf8_lossy(&publish.payload).into_owned(),
            qos: publish.qos as u8,
            retain: publish.retain,
            properties: publish.properties.unwrap_or_default(),
        }),
        five::Packet::Disconnect(disconnect) => {
            Event::Ended(format!("{:?}", disconnect.reason_code))
        }
        _ => return None,
    })
}

fn old_qos(qos: u8) -> QoS {
    [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce][usize::from(qos)]
}

fn five_qos(qos: u8) -> v5::mqttbytes::QoS {
    use v5::mqttbytes::QoS;
    [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce][usize::from(qos)]
}
