// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Reads stored payloads away from the serving threads and from the core's lock.

use std::sync::Arc;

use mqtt_core::{Command, CommitSeq, FetchRequest, StorageState};
use mqtt_store::Reader;
use tokio::sync::{mpsc, watch};

use super::failure::chain;
use crate::hub::Hub;

/// What is asked, and what is known of the store.
pub struct Reads {
    pub requests: mpsc::UnboundedReceiver<FetchRequest>,
    pub progress: watch::Receiver<CommitSeq>,
    pub states: watch::Receiver<StorageState>,
    /// None where nothing is stored.
    pub reader: Option<Reader>,
}

/// Answers every request, many with one entry; a message that is not written yet is waited for.
pub async fn answer(hub: Arc<Hub>, mut reads: Reads) {
    let mut waiting = Vec::new();
    loop {
        tokio::select! {
            count = reads.requests.recv_many(&mut waiting, MAX_READ) => if count == 0 { return },
            changed = reads.progress.changed(), if !waiting.is_empty() => if changed.is_err() { return },
            changed = reads.states.changed(), if !waiting.is_empty() => if changed.is_err() { return },
        }
        let durable = *reads.progress.borrow_and_update();
        let failed = *reads.states.borrow_and_update() == StorageState::Failed;
        let is_ready = |request: &FetchRequest| failed || request.location.0 <= durable.0;
        let (ready, later): (Vec<_>, Vec<_>) = waiting.into_iter().partition(is_ready);
        waiting = later;
        if let Some(newest) = waiting.iter().map(|request| request.location.0).max() {
            hub.want(CommitSeq(newest));
        }
        if !ready.is_empty() {
            let reader = reads.reader.clone();
            let read = tokio::task::spawn_blocking(move || read(reader.as_ref(), ready)).await;
            // It panics only with the journal's own faults, which must not pass for lost messages.
            let Ok((mut answers, fault)) = read else {
                return;
            };
            if let Some(fault) = fault {
                hub.log().error(fault);
            }
            hub.enter(&mut answers);
        }
    }
}

/// The answers, and in words what could not be read.
fn read(reader: Option<&Reader>, requests: Vec<FetchRequest>) -> (Vec<Command>, Option<String>) {
    let (mut lost, mut first) = (0, None);
    let answers = requests.into_iter().map(|FetchRequest { conn, location }| {
        let payload = reader.map_or(Ok(None), |reader| reader.read(location));
        let payload = payload.unwrap_or_else(|error| {
            lost += 1;
            first.get_or_insert(error);
            None
        });
        Command::Fetched {
            conn,
            location,
            payload,
        }
    });
    let answers = answers.collect();
    let fault = first.map(|error| {
        let error = chain(&error);
        format!("{lost} stored messages cannot be read and are lost: {error}")
    });
    (answers, fault)
}

/// Requests answered with one entry.
const MAX_READ: usize = 64;
