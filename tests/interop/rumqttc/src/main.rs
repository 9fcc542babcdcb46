// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The cases of the matrix with rumqttc, the client of Rust programs, in MQTT 3.1.1 and 5.0.
//!
//! Usage: rumqttc-cases tcp|websockets PORT 3.1.1|5.0 USER PASSWORD; prints `CASE<tab>ok`, `CASE<tab>cannot<tab>WHY` or
//! `CASE<tab>failed<tab>WHY` for each case.

mod device;

use device::{Options, Place};
use rumqttc::v5::mqttbytes::v5::PublishProperties;

/// What became of a case: nothing is well, `Cannot` the library's limit, `Failed` a fault.
pub enum Fault {
    Cannot(&'static str),
    Failed(String),
}

type Outcome = Result<(), Fault>;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let place = Place::from_arguments();
    macro_rules! report {
        ($($name:literal: $case:ident),* $(,)?) => {
            $(match $case(&place).await {
                Ok(()) => println!("{}\tok", $name),
                Err(Fault::Cannot(why)) => println!("{}\tcannot\t{why}", $name),
                Err(Fault::Failed(why)) => println!("{}\tfailed\t{why}", $name),
            })*
        };
    }
    report! {
        "round trip": round_trip,
        "wildcards": wildcards,
        "order": order,
        "large message": large_message,
        "retained": retained,
        "will": will,
        "session": session,
        "refused login": refused_login,
        "takeover": takeover,
        "shared subscription": shared_subscription,
    }
    if place.five {
        report! {
            "properties": properties,
            "request and response": request_response,
            "message expiry": message_expiry,
            "topic alias": topic_alias,
            "subscription identifier": subscription_identifier,
            "no local": no_local,
            "refused publish": refused_publish,
        }
    }
}

async fn round_trip(place: &Place) -> Outcome {
    let (mut listener, mut speaker) = (place.device().await?, place.device().await?);
    let topic = place.topic("rt");
    listener.subscribe(&topic, 2).await?;
    for qos in 0..=2 {
        for payload in ["hello", "", "ü€"] {
            speaker.publish(&topic, payload, qos).await?;
            listener.take(&topic, payload, qos, false).await?;
        }
    }
    Ok(())
}

async fn wildcards(place: &Place) -> Outcome {
    let (mut listener, mut speaker) = (place.device().await?, place.device().await?);
    listener
        .subscribe(&place.topic("w/+/temperature"), 1)
        .await?;
    listener.subscribe(&place.topic("all/#"), 1).await?;
    for (name, heard) in [
        ("w/a/temperature", true),
        ("w/a/light", false),
        ("all", true),
        ("all/a/b", true),
    ] {
        speaker.publish(&place.topic(name), "x", 1).await?;
        if heard {
            listener.take(&place.topic(name), "x", 1, false).await?;
        }
    }
    Ok(())
}

async fn order(place: &Place) -> Outcome {
    let (mut listener, mut speaker) = (place.device().await?, place.device().await?);
    let topic = place.topic("order");
    listener.subscribe(&topic, 2).await?;
    for number in 0..200 {
        speaker.publish(&topic, &number.to_string(), 1).await?;
    }
    for number in 0..200 {
        listener.take(&topic, &number.to_string(), 1, false).await?;
    }
    Ok(())
}

async fn large_message(place: &Place) -> Outcome {
    let (mut listener, mut speaker) = (place.device().await?, place.device().await?);
    let (topic, payload) = (place.topic("large"), "x".repeat(1_000_000));
    listener.subscribe(&topic, 1).await?;
    speaker.publish(&topic, &payload, 1).await?;
    listener.take(&topic, &payload, 1, false).await
}

async fn retained(place: &Place) -> Outcome {
    let topic = place.topic("kept");
    let (mut speaker, mut late, mut last) = (
        place.device().await?,
        place.device().await?,
        place.device().await?,
    );
    for state in ["on", "off"] {
        speaker.retain(&topic, state, None).await?;
    }
    late.subscribe(&topic, 1).await?;
    late.take(&topic, "off", 1, true).await?;
    speaker.retain(&topic, "", None).await?;
    last.subscribe(&topic, 1).await?;
    speaker.publish(&topic, "live", 1).await?;
    last.take(&topic, "live", 1, false).await
}

async fn will(place: &Place) -> Outcome {
    let topic = place.topic("gone");
    let mut watcher = place.device().await?;
    watcher.subscribe(&topic, 1).await?;
    let will = Some((topic.clone(), "lost"));
    drop(
        place
            .open(Options {
                will,
                ..Options::default()
            })
            .await?,
    );
    watcher.take(&topic, "lost", 1, false).await
}

async fn session(place: &Place) -> Outcome {
    let (topic, name) = (place.topic("night"), Some(place.name("sleeper")));
    let keep = || Options {
        name: name.clone(),
        keep: true,
        ..Options::default()
    };
    let mut sleeper = place.open(keep()).await?;
    sleeper.subscribe(&topic, 2).await?;
    sleeper.leave().await?;
    let mut speaker = place.device().await?;
    for number in 0..10 {
        speaker.publish(&topic, &number.to_string(), 2).await?;
    }
    let mut sleeper = place.open(keep()).await?;
    for number in 0..10 {
        sleeper.take(&topic, &number.to_string(), 2, false).await?;
    }
    sleeper.leave().await
}

async fn refused_login(place: &Place) -> Outcome {
    let wrong = Options {
        password: Some("wrong"),
        ..Options::default()
    };
    match place.open(wrong).await {
        Ok(_) => Err(Fault::Failed("let in".to_owned())),
        Err(Fault::Failed(told)) if told.contains("NotAuthorized") => Ok(()),
        Err(other) => Err(other),
    }
}

async fn takeover(place: &Place) -> Outcome {
    let twin = || Options {
        name: Some(place.name("twin")),
        ..Options::default()
    };
    let mut first = place.open(twin()).await?;
    let _second = place.open(twin()).await?;
    let told = first.end().await?;
    if place.five && !told.contains("SessionTakenOver") {
        return Err(Fault::Failed(format!("told {told}")));
    }
    Ok(())
}

async fn shared_subscription(place: &Place) -> Outcome {
    let (mut one, mut two, mut speaker) = (
        place.device().await?,
        place.device().await?,
        place.device().await?,
    );
    let topic = place.topic("job");
    for member in [&mut one, &mut two] {
        member
            .subscribe(&format!("$share/group/{topic}"), 1)
            .await?;
    }
    for number in 0..20 {
        speaker.publish(&topic, &number.to_string(), 1).await?;
    }
    let mut got = std::collections::BTreeSet::new();
    for _ in 0..10 {
        got.insert(one.message().await?.payload);
        got.insert(two.message().await?.payload);
    }
    expect(got.len() == 20, || {
        format!("{} different messages", got.len())
    })
}

async fn properties(place: &Place) -> Outcome {
    let (mut listener, mut speaker) = (place.device().await?, place.device().await?);
    let topic = place.topic("request");
    listener.subscribe(&topic, 1).await?;
    let sent = PublishProperties {
        content_type: Some("text/plain".to_owned()),
        payload_format_indicator: Some(1),
        correlation_data: Some("42".into()),
        user_properties: vec![("k".into(), "v".into()), ("k".into(), "w".into())],
        ..PublishProperties::default()
    };
    speaker.publish_with(&topic, "x", sent.clone()).await?;
    let got = listener.message().await?.properties;
    expect(got == sent, || format!("{got:?}"))
}

async fn request_response(place: &Place) -> Outcome {
    let (mut server, mut client) = (place.device().await?, place.device().await?);
    server.subscribe(&place.topic("service"), 1).await?;
    client.subscribe(&place.topic("answer"), 1).await?;
    let asked = PublishProperties {
        response_topic: Some(place.topic("answer")),
        correlation_data: Some("7".into()),
        ..PublishProperties::default()
    };
    client
        .publish_with(&place.topic("service"), "?", asked)
        .await?;
    let request = server.message().await?.properties;
    let answer = PublishProperties {
        correlation_data: request.correlation_data,
        ..PublishProperties::default()
    };
    server
        .publish_with(&request.response_topic.unwrap_or_default(), "!", answer)
        .await?;
    let got = client.message().await?.properties;
    expect(got.correlation_data.as_deref() == Some(b"7"), || {
        format!("{got:?}")
    })
}

async fn message_expiry(place: &Place) -> Outcome {
    let (mut speaker, mut late) = (place.device().await?, place.device().await?);
    let topic = place.topic("fresh");
    let fresh = PublishProperties {
        message_expiry_interval: Some(1_000),
        ..PublishProperties::default()
    };
    speaker.retain(&topic, "x", Some(fresh)).await?;
    late.subscribe(&topic, 1).await?;
    let left = late.message().await?.properties.message_expiry_interval;
    speaker.retain(&topic, "", None).await?;
    expect(left.is_some_and(|left| (1..=1_000).contains(&left)), || {
        format!("{left:?} s are left")
    })
}

async fn topic_alias(place: &Place) -> Outcome {
    let (mut listener, mut speaker) = (place.device().await?, place.device().await?);
    let topic = place.topic("aliased");
    listener.subscribe(&topic, 1).await?;
    for name in [topic.as_str(), "", ""] {
        let alias = PublishProperties {
            topic_alias: Some(3),
            ..PublishProperties::default()
        };
        speaker.publish_with(name, "x", alias).await?;
        listener.take(&topic, "x", 1, false).await?;
    }
    Ok(())
}

async fn subscription_identifier(place: &Place) -> Outcome {
    let (mut listener, mut speaker) = (place.device().await?, place.device().await?);
    listener.subscribe_as(&place.topic("id/+"), 7).await?;
    speaker.publish(&place.topic("id/a"), "x", 1).await?;
    let got = listener
        .message()
        .await?
        .properties
        .subscription_identifiers;
    expect(got == [7], || format!("identifiers {got:?}"))
}

async fn no_local(place: &Place) -> Outcome {
    let mut both = place.device().await?;
    both.subscribe_to_others(&place.topic("own")).await?;
    both.subscribe(&place.topic("other"), 1).await?;
    for name in ["own", "other"] {
        both.publish(&place.topic(name), "x", 0).await?;
    }
    both.take(&place.topic("other"), "x", 0, false).await
}

async fn refused_publish(place: &Place) -> Outcome {
    let mut speaker = place.device().await?;
    match speaker.publish("$SYS/broker/version", "mine", 1).await {
        Err(Fault::Failed(told)) if told.contains("NotAuthorized") => Ok(()),
        Err(other) => Err(other),
        Ok(()) => Err(Fault::Failed("accepted".to_owned())),
    }
}

fn expect(fact: bool, what: impl FnOnce() -> String) -> Outcome {
    if fact {
        Ok(())
    } else {
        Err(Fault::Failed(what()))
    }
}
