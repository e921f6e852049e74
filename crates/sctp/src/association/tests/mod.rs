//! What an association does with single packets: those of a peer that keeps the rules, and those of one that does not.

mod account;
mod attacks;
mod first_data;
mod rest;
mod rules;
mod wrap;

use super::congestion::Ack;
use super::*;
use crate::chunk::{Data, DataFlags, GapBlock, IData, Sack, Skipped};
use crate::packet::{Builder, Header, Packet};
use crate::{Limits, Mid, Ssn};
use ortica_core::crypto::rust_crypto;
use std::time::Duration;

const NOW: Instant = Instant::from_nanos(1_000_000_000_000);
const MS: Duration = Duration::from_millis(1);
const BOTH: u8 = DataFlags::BEGIN | DataFlags::END;

/// Kind, flags, value.
type RawChunk = (ChunkType, u8, Vec<u8>);

fn config() -> Config {
    Config::new(rust_crypto::provider())
}

fn association(config: Config, seed: u64) -> Association {
    Association::new(Arc::new(config), Rng::from_number(seed), NOW)
}

/// Two associations with the handshake done.
fn connected(config: Config) -> (Association, Association) {
    let (mut a, mut b) = (association(config.clone(), 1), association(config, 2));
    a.connect(NOW);
    exchange(NOW, &mut a, &mut b);
    assert!(a.is_connected() && b.is_connected());
    while a.poll_event().is_some() || b.poll_event().is_some() {}
    (a, b)
}

/// Carries packets to and fro until neither has any.
fn exchange(now: Instant, a: &mut Association, b: &mut Association) {
    loop {
        let (from_a, from_b) = (drain(now, a), drain(now, b));
        if from_a.is_empty() && from_b.is_empty() {
            return;
        }
        from_a.iter().for_each(|packet| b.handle_packet(now, packet));
        from_b.iter().for_each(|packet| a.handle_packet(now, packet));
    }
}

/// The packets it has to send.
fn drain(now: Instant, association: &mut Association) -> Vec<Vec<u8>> {
    let mut packets = Vec::new();
    loop {
        let mut out = Vec::new();
        let Some(len) = association.poll_packet(now, &mut out) else { return packets };
        assert_eq!(len, out.len());
        packets.push(out);
    }
}

fn events(association: &mut Association) -> Vec<Event> {
    std::iter::from_fn(|| association.poll_event()).collect()
}

/// The chunks of packets.
fn chunks(packets: &[Vec<u8>]) -> Vec<RawChunk> {
    let packets = packets.iter().map(|packet| Packet::parse(packet, false).unwrap());
    let chunks = packets.flat_map(|packet| packet.chunks().map(|chunk| chunk.unwrap()));
    chunks.map(|chunk| (chunk.kind, chunk.flags, chunk.value.to_vec())).collect()
}

fn kinds(packets: &[Vec<u8>]) -> Vec<ChunkType> {
    chunks(packets).into_iter().map(|(kind, ..)| kind).collect()
}

/// A packet under any tag.
fn packet(tag: u32, chunks: &[RawChunk]) -> Vec<u8> {
    let mut out = Vec::new();
    let header = Header { source_port: 5000, destination_port: 5000, tag };
    let mut builder = Builder::new(&mut out, 65_532, header);
    for (kind, flags, value) in chunks {
        builder.chunk(*kind, *flags, |out| out.extend_from_slice(value));
    }
    builder.finish().unwrap();
    out
}

impl Association {
    /// Lets the congestion window grow by a megabyte.
    fn open_window(&mut self) {
        let now = NOW;
        let ack =
            Ack { now, bytes: 1 << 20, rtt: None, least_rtt: None, arrived: 0, sent: 0, in_flight: 0, held_back: true };
        self.up_mut().unwrap().congestion.on_ack(&ack);
    }

    fn link(&self) -> &Link {
        self.up().expect("it is connected")
    }

    /// Hands it chunks in one packet of its peer's, and gives what it answers.
    fn hears(&mut self, now: Instant, chunks: &[RawChunk]) -> Vec<Vec<u8>> {
        self.handle_packet(now, &packet(self.tag, chunks));
        drain(now, self)
    }

    /// The TSN `ahead` of the last one that arrived in order.
    fn tsn(&self, ahead: u32) -> Tsn {
        self.link().inbound.cumulative().plus(ahead)
    }
}

/// DATA on stream 1.
fn data(tsn: Tsn, ssn: u16, flags: u8, payload: &[u8]) -> RawChunk {
    data_on(StreamId(1), Ppid::BINARY, tsn, ssn, flags, payload)
}

fn data_on(stream: StreamId, ppid: Ppid, tsn: Tsn, ssn: u16, flags: u8, payload: &[u8]) -> RawChunk {
    let mut value = Vec::new();
    Data { tsn, stream, ssn: Ssn(ssn), ppid, flags: DataFlags(flags), payload }.encode(&mut value);
    (ChunkType::DATA, flags, value)
}

fn sack(cumulative: Tsn, window: u32, blocks: &[(u16, u16)]) -> RawChunk {
    let mut value = Vec::new();
    let blocks = blocks.iter().map(|&(start, end)| GapBlock { start, end });
    Sack::encode(&mut value, cumulative, window, blocks, &[]);
    (ChunkType::SACK, 0, value)
}

fn forward_tsn(cumulative: Tsn, skipped: &[(u16, u16)]) -> RawChunk {
    let mut value = Vec::new();
    let skipped = skipped.iter().map(|&(stream, ssn)| (StreamId(stream), Ssn(ssn)));
    crate::chunk::ForwardTsn::encode(&mut value, cumulative, skipped);
    (ChunkType::FORWARD_TSN, 0, value)
}

fn i_forward_tsn(cumulative: Tsn, skipped: &[(u16, bool, u32)]) -> RawChunk {
    let mut value = Vec::new();
    let skipped =
        skipped.iter().map(|&(stream, unordered, mid)| Skipped { stream: StreamId(stream), unordered, mid: Mid(mid) });
    crate::chunk::IForwardTsn::encode(&mut value, cumulative, skipped);
    (ChunkType::I_FORWARD_TSN, 0, value)
}

/// I-DATA on stream 1.
fn i_data(tsn: Tsn, mid: Mid, fsn: u32, flags: u8, payload: &[u8]) -> RawChunk {
    let mut value = Vec::new();
    let (stream, ppid, data_flags) = (StreamId(1), Ppid::BINARY, DataFlags(flags));
    IData { tsn, stream, mid, fsn, ppid, flags: data_flags, payload }.encode(&mut value);
    (ChunkType::I_DATA, flags, value)
}

/// The SACK among `packets`, the last if there are several.
fn with_sack<T>(packets: &[Vec<u8>], look: impl FnOnce(Sack<'_>) -> T) -> Option<T> {
    let (.., value) = chunks(packets).into_iter().rfind(|(kind, ..)| *kind == ChunkType::SACK)?;
    Some(look(Sack::decode(&value).unwrap()))
}

fn send(association: &mut Association, len: usize) {
    association.send(NOW, StreamId(1), Ppid::BINARY, vec![7; len].into(), SendOptions::default()).unwrap();
}
