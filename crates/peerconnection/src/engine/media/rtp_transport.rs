//! The RTP and RTCP of one transport: which sender or receiver a packet is for, and reports in both directions.

mod collision;

use super::parameters::{RtpParametersError, RtpReceiveParameters, RtpSendParameters};
use super::receiver::Receiver;
use super::seldom::Seldom;
use super::sender::{Sender, Sending, Stamp};
use super::tones::DtmfError;
use super::transform::TransformId;
use crate::engine::secured::Srtp;
use crate::engine::{Event, Limits, ReceiverId, RtpStats, SenderId};
use ortica_codecs::MediaKind;
use ortica_core::{Instant, Rng, WallClock};
use ortica_rtp::congestion::twcc::ArrivalRecorder;
use ortica_rtp::demux::{self, Demultiplexer, SectionId};
use ortica_rtp::header_extension::ExtensionMap;
use ortica_rtp::rtcp::{Compound, Packet as RtcpPacket, ReportBlock};
use ortica_rtp::session::Reporter;
use ortica_rtp::session::reports;
use ortica_rtp::{Packet, SequenceNumber, Ssrc};
use std::cmp::Reverse;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

pub(in crate::engine) struct RtpTransport {
    rng: Rng,
    clock: WallClock,
    /// Boxed like receivers, since a node of the map has room for eleven, and most transports carry a few.
    senders: BTreeMap<SenderId, Box<Sender>>,
    /// Senders that send, those of the highest priority first.
    turns: Vec<SenderId>,
    receivers: BTreeMap<ReceiverId, Box<Receiver>>,
    demux: Demultiplexer,
    /// Extensions of all receivers: their ids are the same within a transport (RFC 9143 §9.1).
    extensions: ExtensionMap,
    reporter: Reporter,
    reduced_size: bool,
    arrivals: ArrivalRecorder,
    /// The stream that feedback about arrivals names.
    heard: Ssrc,
    next_number: SequenceNumber,
    /// Streams of senders that are gone: SRTP is to make room for others.
    over: Vec<Ssrc>,
    rtt: Option<Duration>,
    /// Bounds what is said of senders that the peer does not hear.
    troubles: Seldom,
    /// Plain RTCP, reused.
    scratch: Vec<u8>,
    stats: RtpStats,
}

impl RtpTransport {
    pub fn new(clock: WallClock, cname: &str, mut rng: Rng, now: Instant) -> Self {
        let config = reports::Config::new(Ssrc::random(&mut rng), cname);
        Self {
            clock,
            senders: BTreeMap::new(),
            turns: Vec::new(),
            receivers: BTreeMap::new(),
            demux: Demultiplexer::new(demux::Limits::default()),
            extensions: ExtensionMap::new(),
            reporter: Reporter::new(config, rng.fork("reports"), now),
            reduced_size: false,
            arrivals: ArrivalRecorder::default(),
            heard: Ssrc(0),
            next_number: SequenceNumber(0),
            over: Vec::new(),
            rtt: None,
            troubles: Seldom::default(),
            scratch: Vec::new(),
            stats: RtpStats::default(),
            rng,
        }
    }

    // --- commands ---------------------------------------------------------------------------------------------------

    pub fn add_sender(&mut self, id: SenderId, kind: MediaKind) {
        self.senders.insert(id, Box::new(Sender::new(kind)));
    }

    pub fn add_receiver(&mut self, id: ReceiverId, kind: MediaKind) {
        let mut receiver = Box::new(Receiver::new(kind));
        if let Some(rtt) = self.rtt {
            receiver.set_rtt(rtt);
        }
        self.receivers.insert(id, receiver);
    }

    /// Hands a sender to another transport, with what waits to be sent.
    pub fn take_sender(&mut self, id: SenderId) -> Option<Box<Sender>> {
        let sender = self.senders.remove(&id);
        self.update_reporter();
        sender
    }

    /// Takes a sender over from another transport.
    pub fn put_sender(&mut self, id: SenderId, sender: Box<Sender>) {
        self.senders.insert(id, sender);
        self.update_reporter();
    }

    /// Hands a receiver to another transport, with what was not read.
    pub fn take_receiver(&mut self, id: ReceiverId) -> Option<Box<Receiver>> {
        self.demux.remove_section(section_of(id));
        let receiver = self.receivers.remove(&id);
        self.update_reporter();
        receiver
    }

    /// Takes a receiver over from another transport. Packets find it from the next
    /// [`start_receiving`](Self::start_receiving) on.
    pub fn put_receiver(&mut self, id: ReceiverId, mut receiver: Box<Receiver>) {
        if let Some(rtt) = self.rtt {
            receiver.set_rtt(rtt);
        }
        self.receivers.insert(id, receiver);
        self.update_reporter();
    }

    pub fn sender(&mut self, id: SenderId) -> Option<&mut Sender> {
        self.senders.get_mut(&id).map(Box::as_mut)
    }

    pub fn receiver(&mut self, id: ReceiverId) -> Option<&mut Receiver> {
        self.receivers.get_mut(&id).map(Box::as_mut)
    }

    pub fn start_sending(
        &mut self,
        now: Instant,
        id: SenderId,
        parameters: &RtpSendParameters,
    ) -> Result<(), RtpParametersError> {
        let Some(sender) = self.senders.get_mut(&id) else { return Ok(()) };
        let goodbye = sender.start(now, parameters, &self.rng, self.clock)?;
        goodbye.into_iter().for_each(|goodbye| self.reporter.push(goodbye));
        self.set_reduced_size(parameters.reduced_size_rtcp);
        self.update_reporter();
        Ok(())
    }

    pub fn stop_sending(&mut self, id: SenderId) {
        if let Some(goodbye) = self.senders.get_mut(&id).and_then(|sender| sender.stop()) {
            self.reporter.push(goodbye);
            self.update_reporter();
        }
    }

    pub fn remove_sender(&mut self, id: SenderId) {
        self.stop_sending(id);
        self.over.extend(self.senders.remove(&id).iter().flat_map(|sender| sender.used()));
        self.update_reporter();
    }

    pub fn remove_receiver(&mut self, id: ReceiverId) {
        self.stop_receiving(id);
        self.demux.remove_section(section_of(id));
        self.receivers.remove(&id);
        self.update_reporter();
    }

    pub fn start_receiving(
        &mut self,
        id: ReceiverId,
        parameters: RtpReceiveParameters,
    ) -> Result<(), RtpParametersError> {
        let Some(receiver) = self.receivers.get_mut(&id) else { return Ok(()) };
        let (extensions, reduced_size) = (parameters.header_extensions.clone(), parameters.reduced_size_rtcp);
        let section = receiver.start(parameters)?;
        self.demux.set_section(section_of(id), section);
        for (number, kind) in extensions.iter() {
            if let Err(error) = self.extensions.insert(number, kind) {
                tracing::debug!(%error, "two sections give an extension id to different extensions");
            }
        }
        self.set_reduced_size(reduced_size);
        self.update_reporter();
        Ok(())
    }

    pub fn stop_receiving(&mut self, id: ReceiverId) {
        self.demux.suspend_section(section_of(id));
        if let Some(receiver) = self.receivers.get_mut(&id) {
            receiver.stop();
        }
        self.update_reporter();
    }

    /// Says goodbye for every stream.
    pub fn close(&mut self) {
        let ids: Vec<SenderId> = self.senders.keys().copied().collect();
        ids.into_iter().for_each(|id| self.stop_sending(id));
    }

    /// The peer can receive from now on: streams begin with what can be decoded.
    pub fn on_secured(&mut self, events: &mut VecDeque<Event>) {
        for (id, sender) in &mut self.senders {
            sender.encodings.iter_mut().for_each(Sending::require_key_frame);
            if !sender.encodings.is_empty() {
                events.push_back(Event::EncoderTargets(*id));
            }
        }
    }

    fn set_reduced_size(&mut self, reduced_size: bool) {
        self.reduced_size |= reduced_size;
        self.reporter.set_reduced_size(self.reduced_size);
    }

    /// Reports go in the name of a stream of ours, if there is one: some peers know no other SSRC.
    fn update_reporter(&mut self) {
        if let Some(sending) = self.senders.values().find_map(|sender| sender.encodings.first()) {
            self.reporter.set_ssrc(sending.ssrc());
        }
        let sending: usize = self.senders.values().map(|sender| sender.encodings.len()).sum();
        self.reporter.set_members(sending + self.receivers.len() + 1);
        let turns = self.senders.iter().filter_map(|(id, sender)| Some((Reverse(sender.priority()?), *id)));
        let mut turns: Vec<_> = turns.collect();
        turns.sort_unstable();
        self.turns = turns.into_iter().map(|(_, id)| id).collect();
    }

    /// Plays tones over a sender, in place of those that wait.
    pub fn insert_tones(
        &mut self,
        now: Instant,
        id: SenderId,
        (tones, duration, gap): (&str, Duration, Duration),
        events: &mut VecDeque<Event>,
    ) -> Result<(), DtmfError> {
        let sending = self.senders.get_mut(&id).and_then(|sender| sender.encodings.first_mut());
        let sending = sending.ok_or(DtmfError::InvalidState)?;
        sending.insert_tones(now, tones, duration, gap)?;
        tell(now, id, sending, events);
        Ok(())
    }

    // --- packets in -------------------------------------------------------------------------------------------------

    pub fn handle_rtp(
        &mut self,
        now: Instant,
        limits: &Limits,
        srtp: &mut Srtp,
        packet: &mut [u8],
        events: &mut VecDeque<Event>,
    ) {
        let Ok(len) = srtp.unprotect_rtp(packet) else {
            self.stats.unauthenticated += 1;
            return;
        };
        let Some(Ok(packet)) = packet.get(..len).map(Packet::parse) else {
            self.stats.malformed += 1;
            return;
        };
        let values = packet.extension_values(&self.extensions);
        if let Some(number) = values.transport_cc {
            self.heard = packet.ssrc();
            self.arrivals.handle_packet(now, number);
        }
        let routed = match self.demux.route(now, &packet, &values) {
            Ok(routed) => routed,
            Err(error) => {
                self.stats.unroutable += 1;
                tracing::trace!(%error, ssrc = %packet.ssrc(), "a packet belongs nowhere");
                return;
            }
        };
        let mut receiver = self.receivers.get_mut(&ReceiverId(routed.binding.section.0));
        let of = (&values, routed.binding.rid);
        if !receiver.as_mut().is_some_and(|receiver| receiver.handle_packet(now, limits, &packet, of)) {
            self.stats.useless += 1;
        }
        if receiver.is_some_and(|receiver| receiver.take_begun()) {
            self.resolve_collision(now, packet.ssrc(), events);
        }
    }

    pub fn handle_rtcp(&mut self, now: Instant, srtp: &mut Srtp, packet: &mut [u8], events: &mut VecDeque<Event>) {
        let Ok(len) = srtp.unprotect_rtcp(packet) else {
            self.stats.unauthenticated += 1;
            return;
        };
        // Browsers use the reduced size a little before they are told that they may.
        let Some(Ok(compound)) = packet.get(..len).map(|plain| Compound::parse(plain, true)) else {
            self.stats.malformed += 1;
            return;
        };
        self.reporter.on_received(len);
        for packet in compound.packets() {
            match packet {
                Ok(packet) => self.handle_rtcp_packet(now, packet, events),
                Err(_) => self.stats.malformed += 1,
            }
        }
    }

    fn handle_rtcp_packet(&mut self, now: Instant, packet: RtcpPacket, events: &mut VecDeque<Event>) {
        match packet {
            RtcpPacket::SenderReport(report) => {
                let _ = self.receivers.values_mut().any(|receiver| receiver.handle_sender_report(now, &report));
                report.reports.iter().for_each(|block| self.handle_block(now, block));
            }
            RtcpPacket::ReceiverReport(report) => {
                report.reports.iter().for_each(|block| self.handle_block(now, block));
            }
            RtcpPacket::Goodbye(goodbye) => {
                // Browsers say goodbye to a layer that is off for a while, and do not name it when it comes back. So where it
                // belongs is kept.
                for ssrc in &goodbye.sources {
                    self.receivers.values_mut().for_each(|receiver| receiver.handle_goodbye(*ssrc));
                }
            }
            RtcpPacket::Nack(nack) => {
                if let Some((_, sending)) = self.sending(nack.media) {
                    sending.handle_nack(now, &nack);
                }
            }
            RtcpPacket::PictureLoss(loss) => {
                if let Some((id, sending)) = self.sending(loss.media) {
                    sending.handle_picture_loss();
                    tell(now, id, sending, events);
                }
            }
            RtcpPacket::FullIntraRequest(request) => {
                for entry in &request.entries {
                    if let Some((id, sending)) = self.sending(entry.ssrc) {
                        sending.handle_full_intra_request(request.sender, *entry);
                        tell(now, id, sending, events);
                    }
                }
            }
            RtcpPacket::Remb(remb) => {
                for sender in self.senders.values_mut() {
                    if remb.ssrcs.iter().any(|ssrc| sender.encoding_of(*ssrc).is_some()) {
                        sender.handle_remb(&remb);
                    }
                }
            }
            _ => {}
        }
    }

    fn handle_block(&mut self, now: Instant, block: &ReportBlock) {
        let Some((_, sending)) = self.sending(block.ssrc) else { return };
        if sending.ssrc() != block.ssrc {
            return; // About retransmissions, which the stream's own numbers do not count.
        }
        sending.handle_report(now, block);
        if let Some(rtt) = sending.smoothed_rtt() {
            self.set_rtt(rtt);
        }
    }

    fn sending(&mut self, ssrc: Ssrc) -> Option<(SenderId, &mut Sending)> {
        self.senders.iter_mut().find_map(|(id, sender)| Some((*id, sender.encoding_of(ssrc)?)))
    }

    // --- time -------------------------------------------------------------------------------------------------------

    pub fn handle_timeout(&mut self, now: Instant, limits: &Limits, events: &mut VecDeque<Event>) {
        for (id, sender) in &mut self.senders {
            for sending in &mut sender.encodings {
                tell(now, *id, sending, events);
                while let Some(trouble) = sending.poll_trouble() {
                    if let Some(streams) = self.troubles.admit(now) {
                        tracing::warn!(ssrc = %sending.ssrc(), ?trouble, streams, "the peer hears little of what is sent");
                    }
                }
            }
        }
        for receiver in self.receivers.values_mut() {
            receiver.handle_timeout(now, limits);
        }
    }

    /// Announces what can be read.
    pub fn settle(&mut self, now: Instant, events: &mut VecDeque<Event>) {
        let ssrc = self.reporter.ssrc();
        for (id, receiver) in &mut self.receivers {
            receiver.poll_feedback(now, ssrc, |packet| self.reporter.push(packet));
            if let Some(is_on) = receiver.flow.take_change() {
                events.push_back(Event::ReceiverFlow(*id, is_on));
            }
            if receiver.take_readable() {
                events.push_back(Event::ReceiverReadable(*id));
            }
            if receiver.tones.take_readable() {
                events.push_back(Event::ToneReadable(*id));
            }
            if receiver.take_untransformed() {
                events.push_back(Event::Untransformed(TransformId::Receiver(*id)));
            }
        }
        while let Some(feedback) = self.arrivals.poll(now, ssrc, self.heard) {
            self.reporter.push(feedback);
        }
        while let Some(event) = self.demux.poll_event() {
            tracing::warn!(?event, "streams are being forgotten");
        }
    }

    pub fn poll_timeout(&self) -> Option<Instant> {
        if self.is_idle() {
            return None;
        }
        let sendings = self.senders.values().flat_map(|sender| &sender.encodings);
        let senders = sendings.filter_map(Sending::poll_timeout);
        let receivers = self.receivers.values().filter_map(|receiver| receiver.poll_timeout());
        let rest = [self.reporter.poll_timeout(), self.arrivals.poll_timeout()].into_iter().flatten();
        senders.chain(receivers).chain(rest).min()
    }

    /// Nothing flows here, so nothing is reported.
    pub fn is_idle(&self) -> bool {
        self.senders.is_empty() && self.receivers.is_empty()
    }

    // --- packets out ------------------------------------------------------------------------------------------------

    /// Appends the next packet of reports and requests, sealed, which go before media. `false` if there is none.
    pub fn poll_rtcp(&mut self, now: Instant, srtp: &mut Srtp, out: &mut Vec<u8>) -> bool {
        self.over.drain(..).for_each(|ssrc| srtp.retire(ssrc));
        if self.is_idle() && !self.reporter.has_feedback() {
            return false;
        }
        self.scratch.clear();
        let sendings = self.senders.values_mut().flat_map(|sender| &mut sender.encodings);
        let reports = sendings.filter_map(|sending| sending.sender_report(now));
        let blocks = self.receivers.values_mut().flat_map(|receiver| receiver.report_blocks(now));
        if self.reporter.poll(now, reports, blocks, &mut self.scratch).is_none() {
            return false;
        }
        let sealed = srtp.protect_rtcp(&self.scratch, out);
        sealed.inspect_err(|error| tracing::debug!(%error, "a report was not sent")).is_ok()
    }

    /// Appends the next packet of media, sealed. `false` if there is none.
    pub fn poll_rtp(&mut self, now: Instant, srtp: &mut Srtp, out: &mut Vec<u8>) -> bool {
        let stamp = Stamp { now, clock: self.clock, number: self.next_number };
        let Self { turns, senders, .. } = self;
        let sent = turns.iter().any(|id| {
            let encodings = senders.get_mut(id).into_iter().flat_map(|sender| &mut sender.encodings);
            encodings.into_iter().any(|sending| sending.poll_packet(&stamp, srtp, out))
        });
        if sent {
            self.next_number = self.next_number.next();
        }
        sent
    }

    /// Gives back the memory that is not used, while little flows.
    pub fn rest(&mut self) {
        self.rng.rest();
        self.reporter.rest();
        self.scratch.shrink_to_fit();
        self.over.shrink_to_fit();
    }

    // --- looks ------------------------------------------------------------------------------------------------------

    pub fn stats(&self) -> RtpStats {
        self.stats
    }

    pub fn clock(&self) -> WallClock {
        self.clock
    }

    pub fn sender_ref(&self, id: SenderId) -> Option<&Sender> {
        self.senders.get(&id).map(Box::as_ref)
    }

    pub fn receiver_ref(&self, id: ReceiverId) -> Option<&Receiver> {
        self.receivers.get(&id).map(Box::as_ref)
    }

    /// The round-trip time, from reports or from below: it says when to ask for a packet again.
    pub fn set_rtt(&mut self, rtt: Duration) {
        self.rtt = Some(rtt);
        self.receivers.values_mut().for_each(|receiver| receiver.set_rtt(rtt));
    }
}

/// Runs what is due of a sender and says so when its encoder has something to do.
fn tell(now: Instant, id: SenderId, sending: &mut Sending, events: &mut VecDeque<Event>) {
    if sending.handle_timeout(now) {
        events.push_back(Event::EncoderTargets(id));
    }
    while let Some(change) = sending.poll_tone_change() {
        events.push_back(Event::ToneChange(id, change));
    }
}

fn section_of(id: ReceiverId) -> SectionId {
    SectionId(id.0)
}

#[cfg(test)]
mod tests;
