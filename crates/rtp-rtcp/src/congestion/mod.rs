//! How fast to send: what receivers tell senders about the path.

pub mod twcc;
