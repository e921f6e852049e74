//! str0m, a library without I/O: the loop around it is ours. It reads without waiting, and waits in ppoll(2) when nothing is there.

use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::time::TimeSpec;
use ortica_bench_peers::{Answerer, BULK, GOODBYE, HIGH, Job, Load, Offerer, PING, Pings, Stack, Wire};
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsFd;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use str0m::change::{SdpAnswer, SdpOffer};
use str0m::channel::{ChannelData, ChannelId};
use str0m::net::{Protocol, Receive};
use str0m::{Candidate, Event, Input, Output, Rtc};

/// What its send buffer holds as shipped, so that a sender never reaches [`HIGH`]; with the 2 MiB that it would take for that, it
/// scans what is in flight for longer and is slower, with large socket buffers too. A message that does not fit in is refused.
const SEND_BUFFER: usize = 128 << 10;

fn main() -> ExitCode {
    ortica_bench_peers::main::<Str0m>()
}

struct Str0m {
    job: Job,
}

impl Stack for Str0m {
    fn new(job: &Job) -> Self {
        Self { job: *job }
    }

    fn offer(&mut self, mut wire: Wire, work: Offerer) {
        let mut side = Side::new(&self.job);
        let mut change = side.rtc.sdp_api();
        let (bulk, ping) = (change.add_channel(BULK.to_owned()), change.add_channel("ping".to_owned()));
        let (offer, pending) = change.apply().expect("a change");
        wire.send(offer.to_sdp_string());
        let answer = SdpAnswer::from_sdp_string(&wire.wait()).expect("a legal answer");
        side.rtc.sdp_api().accept_answer(pending, answer).expect("a legal answer");
        let high = send_buffer(&self.job).min(HIGH);
        let mut offering = Offering {
            bulk,
            ping,
            open: 0,
            full: false,
            high,
            load: None,
            pings: None,
            started: None,
            work: Some(work),
        };
        let mut over = false;
        loop {
            side.drain(|event, rtc| offering.on_event(event, rtc));
            if offering.fill(&mut side.rtc) {
                continue;
            }
            if offering.is_done() && !over {
                write(&mut side.rtc, bulk, GOODBYE);
                over = true;
                continue;
            }
            if over && wire.look().is_some() {
                break;
            }
            side.wait();
        }
        side.close();
    }

    fn answer(&mut self, wire: &mut Wire, work: Answerer) {
        let mut side = Side::new(&self.job);
        let offer = SdpOffer::from_sdp_string(&wire.wait()).expect("a legal offer");
        let answer = side.rtc.sdp_api().accept_offer(offer).expect("a legal offer");
        wire.send(answer.to_sdp_string());
        let (mut bulk, mut over) = (None, false);
        while !over {
            let mut echoes = Vec::new();
            side.drain(|event, _| match event {
                Event::ChannelOpen(id, label) if label == BULK => bulk = Some(id),
                Event::ChannelData(ChannelData { data, .. }) if data == GOODBYE => over = true,
                Event::ChannelData(ChannelData { id, data, .. }) if Some(id) == bulk => work.sink.take(&data),
                Event::ChannelData(ChannelData { id, data, .. }) => echoes.push((id, data)),
                _ => {}
            });
            if echoes.is_empty() {
                side.wait();
            }
            for (id, data) in echoes {
                write(&mut side.rtc, id, &data);
                side.drain(|_, _| {});
            }
        }
        side.close();
    }
}

/// What the side that offers is at.
struct Offering {
    bulk: ChannelId,
    ping: ChannelId,
    open: usize,
    full: bool,
    /// Where to pause, and to go on at half of it.
    high: usize,
    load: Option<Load>,
    pings: Option<Pings>,
    started: Option<Instant>,
    /// Until both channels are open.
    work: Option<Offerer>,
}

impl Offering {
    fn on_event(&mut self, event: Event, rtc: &mut Rtc) {
        match event {
            Event::ChannelOpen(..) => {
                self.open += 1;
                if self.open == 2
                    && let Some(mut work) = self.work.take()
                {
                    work.opened();
                    (self.load, self.pings) = (work.load.take(), work.pings.take());
                    if let Some(mut bulk) = rtc.channel(self.bulk) {
                        bulk.set_buffered_amount_low_threshold(self.high / 2);
                    }
                }
            }
            Event::ChannelBufferedAmountLow(_) => self.full = false,
            Event::ChannelData(_) => {
                if let (Some(pings), Some(started)) = (&self.pings, self.started.take()) {
                    pings.note(started);
                }
            }
            _ => {}
        }
    }

    /// Writes one message, if it is time for one; it has to be drained then.
    fn fill(&mut self, rtc: &mut Rtc) -> bool {
        if let (Some(pings), None) = (&self.pings, self.started) {
            self.started = pings.start();
            if self.started.is_some() {
                write(rtc, self.ping, &PING);
                return true;
            }
            self.pings = None;
        }
        let (Some(load), false) = (&mut self.load, self.full) else { return false };
        let mut channel = rtc.channel(self.bulk).expect("it is open");
        if channel.buffered_amount() + load.size() > self.high {
            self.full = true;
            return false;
        }
        match load.next() {
            Some(message) => assert!(channel.write(true, &message.data).expect("it is open"), "there is room"),
            None => self.load = None,
        }
        true
    }

    fn is_done(&self) -> bool {
        self.work.is_none() && self.load.is_none() && self.pings.is_none()
    }
}

fn write(rtc: &mut Rtc, id: ChannelId, data: &[u8]) {
    let written = rtc.channel(id).expect("it is open").write(true, data).expect("it is open");
    assert!(written, "there is room");
}

/// Room for two messages at least, where the load pauses.
fn send_buffer(job: &Job) -> usize {
    SEND_BUFFER.max(2 * job.size)
}

/// Room for what is sent beside the load: the buffer is one for all channels.
const BESIDE: usize = 1024;

/// One side's socket and state.
struct Side {
    rtc: Rtc,
    socket: UdpSocket,
    address: SocketAddr,
    buffer: Vec<u8>,
    timeout: Instant,
}

impl Side {
    fn new(job: &Job) -> Self {
        // IPv4 and UDP; for a path MTU of 1,280 as the others: room for a relay and IPv6.
        let datagram = if job.mtu == 1280 { 1228 } else { job.mtu - 28 };
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket can be bound");
        socket.set_nonblocking(true).expect("a socket");
        let address = socket.local_addr().expect("it is bound");
        let config =
            Rtc::builder().set_sctp_max_buffered_amount(send_buffer(job) + BESIDE).set_mtu(datagram..=usize::MAX);
        let mut rtc = config.build(Instant::now());
        rtc.add_local_candidate(Candidate::host(address, "udp").expect("an address"));
        Self { rtc, socket, address, buffer: vec![0; 2048], timeout: Instant::now() }
    }

    /// Sends what there is to send and hands on what there is to tell.
    fn drain(&mut self, mut tell: impl FnMut(Event, &mut Rtc)) {
        loop {
            match self.rtc.poll_output().expect("the connection goes on") {
                // A full send buffer loses it, as the network might.
                Output::Transmit(out) => drop(self.socket.send_to(&out.contents, out.destination)),
                Output::Event(event) => tell(event, &mut self.rtc),
                Output::Timeout(timeout) => {
                    self.timeout = timeout;
                    return;
                }
            }
        }
    }

    /// Waits for a datagram or the next deadline, and takes it in.
    fn wait(&mut self) {
        loop {
            if let Ok((len, source)) = self.socket.recv_from(&mut self.buffer) {
                let Ok(contents) = self.buffer[..len].try_into() else { continue };
                let receive = Receive { proto: Protocol::Udp, source, destination: self.address, contents };
                self.rtc.handle_input(Input::Receive(Instant::now(), receive)).expect("the connection goes on");
                return;
            }
            // Who stops us does so without a datagram.
            let left = self.timeout.saturating_duration_since(Instant::now()).min(Duration::from_millis(10));
            if !left.is_zero() {
                let mut fds = [PollFd::new(self.socket.as_fd(), PollFlags::POLLIN)];
                if ppoll(&mut fds, Some(TimeSpec::from_duration(left)), None).is_ok_and(|ready| ready > 0) {
                    continue;
                }
            }
            self.rtc.handle_input(Input::Timeout(Instant::now())).expect("the connection goes on");
            return;
        }
    }

    fn close(&mut self) {
        let _ = self.rtc.close();
        while let Ok(Output::Transmit(out)) = self.rtc.poll_output() {
            let _ = self.socket.send_to(&out.contents, out.destination);
        }
    }
}
