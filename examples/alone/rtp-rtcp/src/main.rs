//! A stream of RTP goes over two UDP sockets of one process: packets get lost, are asked for and sent again, and both ends
//! report on it.
//!
//! Nothing is encrypted here; a session puts SRTP between this and the socket.
#![allow(clippy::disallowed_types, reason = "a program may have sockets and a clock")]

use bytes::Bytes;
use ortica_core::{Instant, NtpTime, Rng, WallClock};
use ortica_rtp::repair::history::SentPayload;
use ortica_rtp::rtcp::{self, Compound};
use ortica_rtp::session::{ReceiveStream, Reporter, SendStream, receiver, reports, sender};
use ortica_rtp::{Header, Packet, PayloadType, Ssrc};
use std::collections::BTreeMap;
use std::error::Error;
use std::net::UdpSocket;
use std::time::Duration;

const MEDIA: Ssrc = Ssrc(0x0C0F_FEE0);
/// In whose name the receiver speaks: it sends no stream.
const LISTENER: Ssrc = Ssrc(0x0000_0EA2);
const FORMAT: PayloadType = PayloadType(96);
const CLOCK_RATE: u32 = 90_000;
const FRAMES: u64 = 60;

fn main() -> Result<(), Box<dyn Error>> {
    let clock = Clock(std::time::Instant::now());
    let mut alice = Sender::new(&clock)?;
    let mut bob = Receiver::new(&clock)?;
    alice.socket.connect(bob.socket.local_addr()?)?;
    bob.socket.connect(alice.socket.local_addr()?)?;

    let interval = Duration::from_millis(20);
    let mut next = Duration::ZERO;
    let is_done =
        |alice: &Sender, bob: &Receiver| bob.payloads.len() as u64 == FRAMES && alice.stream.remote().rtt.is_some();
    while !is_done(&alice, &bob) {
        if clock.0.elapsed() > Duration::from_secs(10) {
            return Err("not done within ten seconds".into());
        }
        if clock.0.elapsed() >= next && alice.sent < FRAMES {
            alice.send_frame(next, &clock)?;
            next += interval;
        }
        alice.step(&clock)?;
        bob.step(&clock)?;
    }

    // Every frame is there, those that got lost on the way included.
    for (number, payload) in (0..FRAMES).zip(bob.payloads.values()) {
        assert_eq!(*payload, format!("frame {number}"));
    }
    let (sent, received) = (alice.stream.stats(), bob.stream.stats());
    println!("{sent:#?}\n{received:#?}");
    println!("bob reports: {:#?}", alice.stream.remote());
    println!("alice reports: {:#?}", bob.stream.remote());
    assert!(sent.nacks > 0 && sent.retransmitted_packets >= FRAMES / 10);
    assert!(alice.stream.remote().reports > 0, "a receiver report came");
    assert!(bob.stream.remote().is_some_and(|report| report.packets > 0), "a sender report came");
    Ok(())
}

/// The end that sends.
struct Sender {
    socket: UdpSocket,
    stream: SendStream,
    reporter: Reporter,
    sent: u64,
}

impl Sender {
    fn new(clock: &Clock) -> Result<Self, Box<dyn Error>> {
        // Reports relate timestamps to wall time, which a driver asks the operating system for once. Here it is 1970.
        let wall = WallClock::new(clock.now(), NtpTime(2_208_988_800 << 32));
        let config = sender::Config::new(MEDIA, FORMAT, CLOCK_RATE);
        let name = reports::random_cname(&mut Rng::from_number(2));
        Ok(Self {
            socket: socket()?,
            stream: SendStream::new(config, Rng::from_number(1), wall),
            reporter: Reporter::new(reports(MEDIA, &name), Rng::from_number(3), clock.now()),
            sent: 0,
        })
    }

    /// Sends a frame in one packet; every tenth gets lost.
    fn send_frame(&mut self, time: Duration, clock: &Clock) -> Result<(), Box<dyn Error>> {
        let payload = SentPayload::new(b"frame ", Bytes::from(self.sent.to_string()));
        let header = self.stream.next_header(clock.now(), self.stream.timestamp(time), true);
        if self.sent % 10 != 7 {
            self.socket.send(&packet(&header, &payload))?;
        }
        self.stream.on_sent(clock.now(), header, payload);
        self.sent += 1;
        Ok(())
    }

    fn step(&mut self, clock: &Clock) -> Result<(), Box<dyn Error>> {
        let mut buffer = [0; 2048];
        while let Ok(len) = self.socket.recv(&mut buffer) {
            self.reporter.on_received(len);
            for report in Compound::parse(&buffer[..len], true)?.packets() {
                match report? {
                    rtcp::Packet::ReceiverReport(report) => {
                        let blocks = report.reports.iter().filter(|block| block.ssrc == MEDIA);
                        blocks.for_each(|block| self.stream.handle_report(clock.now(), block));
                    }
                    rtcp::Packet::Nack(nack) if nack.media == MEDIA => {
                        println!("bob misses {:?}", nack.numbers().collect::<Vec<_>>());
                        self.stream.handle_nack(clock.now(), &nack);
                    }
                    _ => {}
                }
            }
        }
        while let Some(again) = self.stream.poll_retransmit(clock.now()) {
            self.socket.send(&packet(&again.header, &again.payload))?;
            self.stream.on_retransmitted(&again);
        }
        let mut out = Vec::new();
        let (stream, now) = (&mut self.stream, clock.now());
        while self.reporter.poll(now, std::iter::from_fn(|| stream.sender_report(now)).take(1), [], &mut out).is_some()
        {
            self.socket.send(&out)?;
            out.clear();
        }
        Ok(())
    }
}

/// The end that receives.
struct Receiver {
    socket: UdpSocket,
    stream: ReceiveStream,
    reporter: Reporter,
    /// What came, by timestamp.
    payloads: BTreeMap<u32, String>,
    first: Option<u32>,
}

impl Receiver {
    fn new(clock: &Clock) -> Result<Self, Box<dyn Error>> {
        let config = receiver::Config::new(MEDIA, CLOCK_RATE).with_nack(Default::default());
        let name = reports::random_cname(&mut Rng::from_number(4));
        Ok(Self {
            socket: socket()?,
            stream: ReceiveStream::new(config),
            reporter: Reporter::new(reports(LISTENER, &name), Rng::from_number(5), clock.now()),
            payloads: BTreeMap::new(),
            first: None,
        })
    }

    fn step(&mut self, clock: &Clock) -> Result<(), Box<dyn Error>> {
        let mut buffer = [0; 2048];
        while let Ok(len) = self.socket.recv(&mut buffer) {
            let datagram = &buffer[..len];
            if rtcp::is_rtcp(datagram) {
                self.reporter.on_received(len);
                self.hear_reports(datagram, clock)?;
            } else {
                let packet = Packet::parse(datagram)?;
                self.stream.handle_packet(clock.now(), &packet);
                let payload = String::from_utf8_lossy(packet.payload()).into_owned();
                let timestamp = packet.timestamp().0;
                let first = *self.first.get_or_insert(timestamp);
                self.payloads.insert(timestamp.wrapping_sub(first), payload);
            }
        }
        if self.stream.poll_timeout().is_some_and(|at| at <= clock.now()) {
            self.stream.handle_timeout(clock.now());
        }
        while let Some(nack) = self.stream.poll_nack(clock.now(), LISTENER) {
            self.reporter.push(nack);
        }
        let mut out = Vec::new();
        let (stream, now) = (&mut self.stream, clock.now());
        while self.reporter.poll(now, [], std::iter::once_with(|| stream.report_block(now)), &mut out).is_some() {
            self.socket.send(&out)?;
            out.clear();
        }
        Ok(())
    }

    fn hear_reports(&mut self, datagram: &[u8], clock: &Clock) -> Result<(), Box<dyn Error>> {
        for report in Compound::parse(datagram, true)?.packets() {
            if let rtcp::Packet::SenderReport(report) = report?
                && report.ssrc == MEDIA
            {
                self.stream.handle_sender_report(clock.now(), &report);
            }
        }
        Ok(())
    }
}

/// Reports four times a second, so that the example is short; feedback goes without a report around it (RFC 5506).
fn reports(ssrc: Ssrc, name: &str) -> reports::Config {
    reports::Config::new(ssrc, name).with_interval(Duration::from_millis(250)).with_reduced_size(true)
}

fn packet(header: &Header, payload: &SentPayload) -> Vec<u8> {
    let mut out = Vec::new();
    header.write(&mut out);
    out.extend_from_slice(&payload.prefix);
    out.extend_from_slice(&payload.body);
    out
}

fn socket() -> Result<UdpSocket, Box<dyn Error>> {
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    socket.set_read_timeout(Some(Duration::from_millis(1)))?;
    Ok(socket)
}

/// The driver's clock: streams are told the time since its start.
struct Clock(std::time::Instant);

impl Clock {
    fn now(&self) -> Instant {
        Instant::from_nanos(self.0.elapsed().as_nanos() as u64)
    }
}
