//! A path between two real sockets: a proxy on loopback that treats packets as a link of `netsim` does, by the clock.

use crate::cell::Cell;
use netsim::{Fate, Lane, Link};
use ortica_core::{Ecn, Rng};
use std::collections::VecDeque;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How long it sleeps at most: packets move on in batches of this time.
const TICK: Duration = Duration::from_micros(100);
/// Packets read from one socket before the other has its turn.
const MOST_READS: usize = 256;
const RECEIVE_BUFFER: usize = 4 << 20;
const LONGEST_PACKET: usize = 2_048;

/// A proxy at work in a thread of its own, until it is dropped.
pub struct Relay {
    addresses: [SocketAddr; 2],
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Relay {
    /// Begins to carry packets over the path of `cell`: those for the first address have the bottleneck before them.
    pub fn start(cell: &Cell, seed: u64) -> io::Result<Self> {
        let (there, back) = cell.links();
        let ways = [Way::new(there, seed)?, Way::new(back, seed + 1)?];
        let addresses = [ways[0].entry.local_addr()?, ways[1].entry.local_addr()?];
        let is_over = Arc::new(AtomicBool::new(false));
        let flag = is_over.clone();
        let thread = thread::spawn(move || Proxy { ways, start: Instant::now() }.run(&flag));
        Ok(Self { addresses, is_over, thread: Some(thread) })
    }

    /// Where the sender finds the receiver, and the receiver the sender.
    pub fn addresses(&self) -> [SocketAddr; 2] {
        self.addresses
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// One direction.
struct Way {
    /// Where packets enter it, and those of the other way leave.
    entry: UdpSocket,
    /// Who sends here; known once something came.
    sender: Option<SocketAddr>,
    lane: Lane,
    /// In the order of their arrival at the other end.
    under_way: VecDeque<(Duration, Vec<u8>)>,
}

impl Way {
    fn new(link: Link, seed: u64) -> io::Result<Self> {
        let entry = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        entry.set_nonblocking(true)?;
        socket2::SockRef::from(&entry).set_recv_buffer_size(RECEIVE_BUFFER)?;
        let lane = Lane::new(link, Rng::from_number(seed));
        Ok(Self { entry, sender: None, lane, under_way: VecDeque::new() })
    }

    /// Takes in what has come.
    fn read(&mut self, start: Instant) {
        let mut buffer = [0; LONGEST_PACKET];
        for _ in 0..MOST_READS {
            let Ok((len, from)) = self.entry.recv_from(&mut buffer) else { return };
            self.sender = Some(from);
            self.carry(start.elapsed(), &mut buffer[..len]);
        }
    }

    /// Lets the link decide about a packet.
    fn carry(&mut self, now: Duration, packet: &mut [u8]) {
        if let Fate::Arrives { at, .. } = self.lane.carry(netsim::epoch() + now, packet, &mut Ecn::NotEct) {
            self.under_way.push_back((at.saturating_duration_since(netsim::epoch()), packet.to_vec()));
        }
    }

    /// Sends on what has arrived by `now`.
    fn deliver(&mut self, now: Duration, exit: &UdpSocket, receiver: Option<SocketAddr>) {
        while self.under_way.front().is_some_and(|(at, _)| *at <= now) {
            let Some((_, packet)) = self.under_way.pop_front() else { return };
            if let Some(receiver) = receiver {
                // What the system has no room for is lost, as on any path.
                let _ = exit.send_to(&packet, receiver);
            }
        }
    }
}

struct Proxy {
    ways: [Way; 2],
    start: Instant,
}

impl Proxy {
    fn run(mut self, is_over: &AtomicBool) {
        while !is_over.load(Ordering::Relaxed) {
            self.ways.iter_mut().for_each(|way| way.read(self.start));
            let now = self.start.elapsed();
            let [there, back] = &mut self.ways;
            there.deliver(now, &back.entry, back.sender);
            back.deliver(now, &there.entry, there.sender);
            let next = self.ways.iter().filter_map(|way| Some(way.under_way.front()?.0)).min();
            let wait = next.map_or(TICK, |at| at.saturating_sub(self.start.elapsed()).min(TICK));
            thread::sleep(wait);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two sockets that know of each other's end of a relay, with something sent each way.
    fn pair(relay: &Relay) -> [UdpSocket; 2] {
        let sockets = relay.addresses().map(|address| {
            let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            socket.connect(address).unwrap();
            socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
            socket
        });
        // Whose address is not known yet gets nothing; what is sent second arrives.
        let mut buffer = [0; 8];
        sockets[0].send(b"first").unwrap();
        sockets[1].send(b"second").unwrap();
        assert_eq!(&buffer[..sockets[0].recv(&mut buffer).unwrap()], b"second");
        sockets
    }

    #[test]
    fn packets_take_half_a_round_trip_and_the_time_of_the_bottleneck() {
        let rtt = Duration::from_millis(40);
        let cell = Cell { rtt, loss: 0.0, bandwidth: 8_000_000, buffer: 1.0 };
        let relay = Relay::start(&cell, 1).unwrap();
        let [near, far] = pair(&relay);
        let started = Instant::now();
        // 1,000 bytes with the headers: a millisecond each.
        (0..20).for_each(|_| drop(near.send(&[7; 1_000 - netsim::OVERHEAD]).unwrap()));
        let mut buffer = [0; LONGEST_PACKET];
        let bulk = std::iter::repeat_with(|| far.recv(&mut buffer).unwrap()).filter(|&len| len > 8).take(20).count();
        assert_eq!(bulk, 20);
        // Never sooner; how much later is up to the machine.
        assert!(started.elapsed() >= rtt / 2 + Duration::from_millis(20), "{:?}", started.elapsed());
    }

    #[test]
    fn what_the_buffer_does_not_hold_is_lost() {
        let cell = Cell { rtt: Duration::ZERO, loss: 0.0, bandwidth: 1_000_000, buffer: 0.1 };
        let mut way = Way::new(cell.links().0, 1).unwrap();
        (0..100).for_each(|_| way.carry(Duration::ZERO, &mut [7; 1_000 - netsim::OVERHEAD]));
        // A tenth of 128 KiB.
        assert_eq!(way.under_way.len(), 13);
    }
}
