// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Dialogues between clients and the core, in virtual time; each body runs in every version it applies to.

mod access;
mod aliases;
mod auth;
mod connect;
mod crash;
mod delivery;
mod expiry;
mod flow;
mod gating;
mod identity;
mod keepalive;
mod limits;
mod listeners;
mod login;
mod malformed;
mod malformed_table;
mod payload_format;
mod publication;
mod reasons;
mod reauthentication;
mod resume;
mod retained;
mod sessions;
mod shared;
mod shared_loss;
mod slices;
mod storage;
mod subscriptions;
mod sys;
mod takeover;
mod unsupported;
mod wildcards;
mod will;
