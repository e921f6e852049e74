//! What every packet arriving twice costs the receiver of a call with data and sound, beside each arriving once.
//!
//! ```text
//! cargo bench -p ortica --bench doubled
//! ```
//!
//! All that a side of a call in virtual time is told is noted down: packets, timers, polls. Then a side made from the same seed is
//! told the same again, and another one every packet twice. Same seed, inputs and instants give the same packets, so that only
//! the receiver is measured, neither its peer nor the network.
#![expect(clippy::expect_used, reason = "what fails here fails the bench")]

#[path = "../tests/common/mod.rs"]
mod common;

use bytes::Bytes;
use common::{Side, exchange};
use netsim::{Endpoint, Link, Pair};
use ortica::codecs::{Codec, EncodedFrame, MediaKind};
use ortica::core::{Datagram, Instant, SocketId, Transmit};
use ortica::engine::ChannelMessage;
use ortica::jsep::TransceiverId;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

/// The row FLT-6 allows 2.2, which twice the work does not reach. A packet that came before is dropped before it is decrypted: that
/// is 1.05, and without DTLS's window 1.65.
const MOST: f64 = 1.4;
const SECONDS: u32 = 20;
const ROUNDS: usize = 5;

/// What a side is told.
enum Input {
    Datagram {
        now: Instant,
        local: SocketId,
        remote: SocketAddr,
        contents: Vec<u8>,
        stride: usize,
    },
    Timeout(Instant),
    /// Polls until there is nothing more to send.
    Drain(Instant, usize),
    React(Instant),
}

/// A side that notes down what it is told.
struct Recorder {
    side: Side,
    inputs: Vec<Input>,
}

impl Endpoint for Recorder {
    fn handle_datagram(&mut self, now: Instant, datagram: Datagram<'_>) {
        self.inputs.push(Input::Datagram {
            now,
            local: datagram.local,
            remote: datagram.remote,
            contents: datagram.contents.to_vec(),
            stride: datagram.stride,
        });
        self.side.handle_datagram(now, datagram);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.inputs.push(Input::Timeout(now));
        self.side.handle_timeout(now);
    }

    fn poll_transmit(&mut self, now: Instant, max_segments: usize, out: &mut Vec<u8>) -> Option<Transmit> {
        let transmit = self.side.poll_transmit(now, max_segments, out);
        if transmit.is_none() {
            self.inputs.push(Input::Drain(now, max_segments));
        }
        transmit
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.side.poll_timeout()
    }

    fn react(&mut self, now: Instant) {
        self.inputs.push(Input::React(now));
        self.side.react(now);
    }
}

/// Both sides with descriptions exchanged: a has a channel and sound to send.
fn sides() -> (Side, Side, TransceiverId) {
    let (mut a, mut b) = (Side::new(1, Pair::<Side>::A), Side::new(2, Pair::<Side>::B));
    for side in [&mut a, &mut b] {
        side.peer.set_codecs(vec![Codec::Pcmu]);
    }
    a.create_channel(netsim::epoch(), Default::default());
    let track = a.peer.add_track(MediaKind::Audio, Vec::new()).expect("a track can be added");
    exchange(netsim::epoch(), &mut a, &mut b);
    (a, b, track)
}

/// What b is told in a call with sound and as much data as 50 Mbit/s carry.
fn record() -> (Vec<Input>, usize) {
    let (a, b, track) = sides();
    let link = Link::with_delay(Duration::from_millis(10)).bottleneck(50_000_000, 200_000);
    let mut pair = Pair::new(1, link, a, Recorder { side: b, inputs: Vec::new() });
    let message = ChannelMessage { binary: true, data: Bytes::from(vec![7; 16_384]) };
    for number in 0..SECONDS * 50 {
        while pair.a.queue.len() < 64 {
            pair.a.queue.push_back(message.clone());
        }
        let frame = EncodedFrame::new(Codec::Pcmu, vec![number as u8; 160], i64::from(number) * 160);
        // Before the call is up there is nothing to send it on.
        let _ = pair.with_a(|a, now| a.peer.send_frame(now, track, &frame.with_duration(160)));
        pair.run_for(Duration::from_millis(20));
    }
    (pair.b.inputs, pair.b.side.received.len())
}

/// What a side made of what it was told.
struct Outcome {
    cpu: Duration,
    packets: u64,
    messages: usize,
}

/// Tells a new b all of it, each packet as often as said.
fn replay(inputs: &[Input], times: usize) -> Outcome {
    let (_, mut b, _) = sides();
    let (mut out, mut copy) = (Vec::new(), Vec::new());
    let before = cpu_time();
    for input in inputs {
        match input {
            Input::Datagram { now, local, remote, contents, stride } => {
                for _ in 0..times {
                    copy.clear();
                    copy.extend_from_slice(contents);
                    let (local, remote, stride) = (*local, *remote, *stride);
                    let ecn = ortica::core::Ecn::NotEct;
                    b.handle_datagram(*now, Datagram { local, remote, ecn, contents: &mut copy, stride });
                }
            }
            Input::Timeout(now) => b.handle_timeout(*now),
            Input::Drain(now, max_segments) => {
                out.clear();
                while b.poll_transmit(*now, *max_segments, &mut out).is_some() {}
            }
            Input::React(now) => b.react(*now),
        }
    }
    let cpu = cpu_time() - before;
    let session = b.peer.session();
    let stats = session.transports().next().and_then(|transport| session.transport_stats(transport));
    Outcome { cpu, packets: stats.map_or(0, |stats| stats.packets_received), messages: b.received.len() }
}

/// CPU time of this thread so far.
fn cpu_time() -> Duration {
    let line = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux says how long a thread ran");
    let nanos = line.split_whitespace().next().and_then(|field| field.parse().ok());
    Duration::from_nanos(nanos.expect("nanoseconds on a CPU"))
}

fn main() -> ExitCode {
    let (inputs, expected) = record();
    let packets = inputs.iter().map(|input| match input {
        Input::Datagram { contents, stride, .. } => contents.len().div_ceil(*stride),
        _ => 0,
    });
    let packets: usize = packets.sum();
    let mut ratios = Vec::new();
    for _ in 0..ROUNDS {
        let (once, twice) = (replay(&inputs, 1), replay(&inputs, 2));
        assert_eq!([once.messages, twice.messages], [expected; 2], "each message arrives once");
        assert_eq!([once.packets, twice.packets], [packets as u64, 2 * packets as u64], "all packets arrive");
        println!("{packets} packets: {:?} once, {:?} twice", once.cpu, twice.cpu);
        ratios.push(twice.cpu.as_secs_f64() / once.cpu.as_secs_f64());
    }
    ratios.sort_by(f64::total_cmp);
    let ratio = ratios[ROUNDS / 2];
    println!(
        "bar: doubled packets: {packets} packets of a call cost their receiver {ratio:.2} times as much when each comes twice; \
         {expected} messages, each delivered once"
    );
    if ratio > MOST { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
