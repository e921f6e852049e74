//! Data channels.

use super::member::report;
use crate::engine::ChannelState;

report! {
    /// The connection as a whole.
    ///
    /// Source: [webrtc-stats §8.11](https://www.w3.org/TR/webrtc-stats/#pcstats-dict*)
    PeerConnectionReport {
        /// Data channels that were ever open.
        data_channels_opened: u64 = "dataChannelsOpened",
        /// Those among them that are open no more.
        data_channels_closed: u64 = "dataChannelsClosed",
    }
}

report! {
    /// A data channel.
    ///
    /// Source: [webrtc-stats §8.12](https://www.w3.org/TR/webrtc-stats/#dcstats-dict*)
    DataChannelReport {
        /// Its label.
        label: String = "label",
        /// Its protocol.
        protocol: String = "protocol",
        /// Its SCTP stream, once it has one.
        data_channel_identifier: Option<u16> = "dataChannelIdentifier",
        /// Its state.
        state: ChannelState = "state",
        /// Messages handed in.
        messages_sent: u64 = "messagesSent",
        /// Bytes of them.
        bytes_sent: u64 = "bytesSent",
        /// Messages read.
        messages_received: u64 = "messagesReceived",
        /// Bytes of them.
        bytes_received: u64 = "bytesReceived",
    }
}
