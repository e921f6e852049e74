//! Two UDP sockets of one process exchange protected RTP and RTCP.
//!
//! A session would get the keys from DTLS; here both ends simply know them.
#![allow(clippy::disallowed_types, reason = "a program may have sockets")]

use ortica_core::crypto::rust_crypto;
use ortica_srtp::{Context, Limits, Profile};
use std::error::Error;
use std::net::UdpSocket;
use std::time::Duration;

const PROFILE: Profile = Profile::AeadAes128Gcm;
const SSRC: u32 = 0x0C0F_FEE0;

fn main() -> Result<(), Box<dyn Error>> {
    // One key and one salt per direction: nobody may write with what the other writes with.
    let mut alice = Peer::new([1; 16], [2; 16])?;
    let mut bob = Peer::new([2; 16], [1; 16])?;

    for sequence in 0..5 {
        let payload = format!("frame {sequence}");
        alice.send_rtp(sequence, payload.as_bytes(), &bob)?;
        let packet = bob.receive_rtp()?;
        println!("bob got RTP: {:?}", String::from_utf8_lossy(&packet[12..]));
        assert_eq!(&packet[12..], payload.as_bytes());
    }

    // An empty receiver report (RFC 3550 §6.4.2) goes back.
    let report = [&[0x80, 201, 0, 1][..], &SSRC.to_be_bytes()].concat();
    bob.send_rtcp(&report, &alice)?;
    let received = alice.receive_rtcp()?;
    println!("alice got RTCP: {received:02x?}");
    assert_eq!(received, report);

    // Somebody on the way sends what he saw once more, and something he made up.
    let mut seen = Vec::new();
    alice.outgoing.protect_rtp(&header(5), &[b"frame 5"], &mut seen)?;
    assert!(bob.incoming.unprotect_rtp(&mut seen.clone()).is_ok());
    println!("bob drops a copy: {}", bob.incoming.unprotect_rtp(&mut seen.clone()).unwrap_err());
    seen[3] += 1;
    println!("bob drops a forgery: {}", bob.incoming.unprotect_rtp(&mut seen).unwrap_err());
    println!("{:?}", bob.incoming.stats());
    Ok(())
}

/// One end: a socket, and a context for each direction.
struct Peer {
    socket: UdpSocket,
    outgoing: Context,
    incoming: Context,
}

impl Peer {
    fn new(local_key: [u8; 16], remote_key: [u8; 16]) -> Result<Self, Box<dyn Error>> {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        socket.set_read_timeout(Some(Duration::from_secs(5)))?;
        let context =
            |key: [u8; 16]| Context::new(&rust_crypto::provider(), PROFILE, &key, &[9; 12], Limits::default());
        Ok(Self { socket, outgoing: context(local_key)?, incoming: context(remote_key)? })
    }

    fn send_rtp(&mut self, sequence: u16, payload: &[u8], to: &Self) -> Result<(), Box<dyn Error>> {
        let mut packet = Vec::new();
        self.outgoing.protect_rtp(&header(sequence), &[payload], &mut packet)?;
        self.socket.send_to(&packet, to.socket.local_addr()?)?;
        Ok(())
    }

    fn receive_rtp(&mut self) -> Result<Vec<u8>, Box<dyn Error>> {
        let mut packet = self.receive()?;
        let len = self.incoming.unprotect_rtp(&mut packet)?;
        packet.truncate(len);
        Ok(packet)
    }

    fn send_rtcp(&mut self, report: &[u8], to: &Self) -> Result<(), Box<dyn Error>> {
        let mut packet = Vec::new();
        self.outgoing.protect_rtcp(report, &mut packet)?;
        self.socket.send_to(&packet, to.socket.local_addr()?)?;
        Ok(())
    }

    fn receive_rtcp(&mut self) -> Result<Vec<u8>, Box<dyn Error>> {
        let mut packet = self.receive()?;
        let len = self.incoming.unprotect_rtcp(&mut packet)?;
        packet.truncate(len);
        Ok(packet)
    }

    fn receive(&self) -> Result<Vec<u8>, Box<dyn Error>> {
        let mut packet = vec![0; 1500];
        let (len, _) = self.socket.recv_from(&mut packet)?;
        packet.truncate(len);
        Ok(packet)
    }
}

/// Version 2, payload type 96; the timestamp advances by 20 ms of 48 kHz (RFC 3550 §5.1).
fn header(sequence: u16) -> Vec<u8> {
    let timestamp = u32::from(sequence) * 960;
    [&[0x80, 96][..], &sequence.to_be_bytes(), &timestamp.to_be_bytes(), &SSRC.to_be_bytes()].concat()
}
