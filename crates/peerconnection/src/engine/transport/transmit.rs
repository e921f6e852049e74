//! What goes out: checks first, then handshakes, then media and data.

use super::{Dtls, Transport};
use crate::engine::observe::Layer;
use ortica_core::{Ecn, Instant, Transmit};
use ortica_ice::Route;

impl Transport {
    /// The next datagrams to one destination: checks first, then handshakes, then media and data.
    pub fn poll_transmit(&mut self, now: Instant, max_segments: usize, out: &mut Vec<u8>) -> Option<Transmit> {
        let transmit = match self.ice.poll_transmit(now, max_segments, out) {
            Some(check) => {
                self.stats.ice_bytes_sent += check.len as u64;
                check
            }
            None => match self.poll_wrapped(now, max_segments, out) {
                Some(carried) => carried,
                None => self.poll_farewell(now, max_segments, out)?,
            },
        };
        self.stats.transmits += 1;
        self.stats.packets_sent += transmit.segments() as u64;
        self.stats.bytes_sent += transmit.len as u64;
        Some(transmit)
    }

    /// What the layers send, on its way through a relay if there is one.
    fn poll_wrapped(&mut self, now: Instant, max_segments: usize, out: &mut Vec<u8>) -> Option<Transmit> {
        let start = out.len();
        loop {
            let max_segments = self.ice.route().map_or(1, |route| self.ice.max_segments(now, route, max_segments));
            let transmit = self.poll_layers(now, max_segments, out)?;
            let (packets, bytes) = (transmit.segments() as u64, transmit.len as u64);
            if let Some(wrapped) = self.ice.wrap(now, transmit, out, start) {
                self.ice.count_sent(now, transmit.socket, transmit.remote, packets, bytes);
                return Some(wrapped);
            }
        }
    }

    /// Last of all, what relays lent is given back.
    fn poll_farewell(&mut self, now: Instant, max_segments: usize, out: &mut Vec<u8>) -> Option<Transmit> {
        if !self.is_leaving {
            return None;
        }
        self.ice.close_relays(now);
        let transmit = self.ice.poll_transmit(now, max_segments, out)?;
        self.stats.ice_bytes_sent += transmit.len as u64;
        Some(transmit)
    }

    fn poll_layers(&mut self, now: Instant, max_segments: usize, out: &mut Vec<u8>) -> Option<Transmit> {
        // Without a route nothing is built: what SCTP wants to send waits there, where the limits are.
        let Route { socket, remote } = self.ice.route()?;
        if !self.peer_is_ready() {
            return None;
        }
        let Dtls::Running(connection) = &mut self.dtls else { return None };
        // What SCTP says to its end goes before DTLS's, after which the peer takes nothing.
        let goodbye_waits = self.stopped && !self.carry.is_empty();
        if !goodbye_waits && let Some(len) = connection.poll_packet(now, out) {
            return Some(Transmit { socket, remote, ecn: Ecn::NotEct, len, segment_size: None });
        }
        let (len, segments, size) = self.build_train(now, max_segments.min(Transmit::MAX_SEGMENTS), out)?;
        self.stats.data_transmits += 1;
        self.stats.data_packets_sent += segments as u64;
        Some(Transmit { socket, remote, ecn: Ecn::NotEct, len, segment_size: (segments > 1).then_some(size) })
    }

    /// Whether the peer can take what is not a check. Whoever answers an offer with candidates may find a route before the
    /// offerer, who controls, has the answer: it grants checks and drops the rest, and the hello would be lost until its repetition.
    fn peer_is_ready(&self) -> bool {
        self.ice.role() == ortica_ice::Role::Controlling || self.ice.is_checked_by_peer()
    }

    /// Appends packets, each sealed in place, as long as they are as long as the first. A shorter one ends the train; a
    /// longer one waits for the next. A probe travels alone, so that nothing gets lost with it.
    fn build_train(&mut self, now: Instant, max: usize, out: &mut Vec<u8>) -> Option<(usize, usize, usize)> {
        let start = out.len();
        let mut segments = 0;
        let mut size = 0;
        let probe = self.probe_len();
        if !self.carry.is_empty() {
            size = self.carry.len();
            segments = 1;
            out.append(&mut self.carry);
        }
        while segments < max.max(1) && Some(size) != probe && out.len() - start + size <= Transmit::MAX_LEN {
            let at = out.len();
            if !self.seal_next(now, out) {
                break;
            }
            let len = out.len() - at;
            if segments == 0 {
                size = len;
            } else if len > size {
                self.carry.extend(out.drain(at..));
                break;
            }
            segments += 1;
            if len < size {
                break;
            }
        }
        (segments > 0).then(|| (out.len() - start, segments, size))
    }

    /// Bytes of the packet that is to find out whether the path carries it, while there is one.
    fn probe_len(&self) -> Option<usize> {
        let association = self.secured.as_ref()?.association.as_ref()?;
        let Dtls::Running(connection) = &self.dtls else { return None };
        Some(association.probe_size()? + connection.overhead())
    }

    /// Media does not wait, so it goes first; its rate is bounded by who makes it.
    fn seal_next(&mut self, now: Instant, out: &mut Vec<u8>) -> bool {
        self.seal_media(now, out) || self.seal_data(now, out)
    }

    /// Data hear of what media sends, and make room for it.
    fn seal_media(&mut self, now: Instant, out: &mut Vec<u8>) -> bool {
        let Some(secured) = &mut self.secured else { return false };
        if self.rtp.is_idle() && secured.srtp().is_none() {
            return false;
        }
        let Some((srtp, association)) = secured.open_srtp(self.cryptex) else { return false };
        if self.rtp.poll_rtcp(now, srtp, out) {
            return true;
        }
        let before = out.len();
        let sealed = self.rtp.poll_rtp(now, srtp, out);
        if let Some(association) = association.filter(|_| sealed) {
            association.share_path(now, out.len() - before);
        }
        sealed
    }

    pub(super) fn seal_data(&mut self, now: Instant, out: &mut Vec<u8>) -> bool {
        let Dtls::Running(connection) = &mut self.dtls else { return false };
        let Some(association) = self.secured.as_mut().and_then(|secured| secured.association.as_mut()) else {
            return false;
        };
        let before = out.len();
        let record = connection.begin(out);
        let start = out.len();
        if association.poll_packet(now, out).is_some() {
            if let Some(inner) = &mut self.watched.inner {
                inner.push(true, Layer::Sctp, &[out.get(start..).unwrap_or_default()]);
            }
            if connection.seal(out, record).is_ok() {
                return true;
            }
        }
        out.truncate(before);
        false
    }
}
