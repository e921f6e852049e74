//! Streams, their codecs, and the tracks that are sent.

use super::{Report, SourceFigures, SourceReport};
use crate::engine::{Limitation, ReceiverId, ReceiverStats, SenderId, SenderStats, TransportId};
use crate::peer::{Peer, TransceiverState};
use crate::stats::{
    CodecReport, InboundRtpReport, MediaSourceReport, OutboundRtpReport, RemoteInboundRtpReport,
    RemoteOutboundRtpReport, StatsKind, Timestamp,
};
use ortica_codecs::{Codec, MediaKind};
use ortica_rtp::{PayloadType, Ssrc};

/// What is the same for all objects of a stream.
struct Stream<'a> {
    transceiver: &'a TransceiverState,
    transport_id: String,
    codec_id: Option<String>,
    ssrc: Ssrc,
}

impl Peer {
    /// Reports the tracks and streams of transceivers that are not stopped.
    pub(super) fn report_streams(&self, sources: &[SourceReport], report: &mut Report<'_>) {
        for transceiver in self.transceivers().iter().filter(|transceiver| !transceiver.stopped) {
            let source = sources.iter().find(|source| source.transceiver == transceiver.id);
            let source = source.map(|source| report_source(transceiver, source, report));
            self.report_sender(transceiver, source, report);
            self.report_receiver(transceiver, report);
        }
    }

    fn report_sender(&self, transceiver: &TransceiverState, source: Option<String>, report: &mut Report<'_>) {
        let Some(sender) = transceiver.sender else { return };
        let Some(transport) = self.session.sender_transport(sender) else { return };
        for stats in self.session.encoding_stats(sender) {
            self.report_encoding(transceiver, (sender, transport), &stats, source.clone(), report);
        }
    }

    fn report_encoding(
        &self,
        transceiver: &TransceiverState,
        (sender, transport): (SenderId, TransportId),
        stats: &SenderStats,
        source: Option<String>,
        report: &mut Report<'_>,
    ) {
        let Some(ssrc) = stats.ssrc else { return };
        let codec_id = stats.codec.zip(stats.payload_type).map(|(codec, payload_type)| {
            let mid = transceiver.mid.as_deref();
            let fmtp = report.formats.sent(self, mid, payload_type);
            report_codec(transport, "out", codec, payload_type, fmtp, report)
        });
        let stream = Stream { transceiver, transport_id: format!("transport-{transport}"), codec_id, ssrc };
        let (name, remote) = (format!("outbound-{sender}-{ssrc}"), format!("remote-inbound-{sender}-{ssrc}"));
        let remote = Some(remote).filter(|_| stats.remote.reports > 0);
        let outbound = outbound(&stream, stats, source, remote.clone(), report);
        report.push(name.clone(), StatsKind::OutboundRtp(outbound));
        if let (Some(remote), Some(at)) = (remote, stats.remote.at) {
            report.push_at(at, remote, StatsKind::RemoteInboundRtp(remote_inbound(&stream, stats, name)));
        }
    }

    fn report_receiver(&self, transceiver: &TransceiverState, report: &mut Report<'_>) {
        let Some(receiver) = transceiver.receiver else { return };
        let Some(transport) = self.session.receiver_transport(receiver) else { return };
        for stats in self.session.layer_stats(receiver) {
            self.report_layer(transceiver, (receiver, transport), &stats, report);
        }
    }

    fn report_layer(
        &self,
        transceiver: &TransceiverState,
        (receiver, transport): (ReceiverId, TransportId),
        stats: &ReceiverStats,
        report: &mut Report<'_>,
    ) {
        let Some(ssrc) = stats.ssrc else { return };
        let codec_id = stats.codec.zip(stats.payload_type).map(|(codec, payload_type)| {
            let mid = transceiver.mid.as_deref();
            let fmtp = report.formats.received(self, mid, payload_type);
            report_codec(transport, "in", codec, payload_type, fmtp, report)
        });
        let stream = Stream { transceiver, transport_id: format!("transport-{transport}"), codec_id, ssrc };
        let name = format!("inbound-{receiver}-{}", stats.stream);
        let remote = format!("remote-outbound-{receiver}-{}", stats.stream);
        let remote_id = stats.remote.map(|_| remote.clone());
        let inbound = inbound(&stream, stats, remote_id, report);
        report.push(name.clone(), StatsKind::InboundRtp(inbound));
        if let Some(said) = stats.remote {
            let outbound = RemoteOutboundRtpReport {
                ssrc,
                kind: transceiver.kind,
                transport_id: stream.transport_id,
                codec_id: stream.codec_id,
                packets_sent: said.packets,
                bytes_sent: said.octets,
                local_id: name,
                remote_timestamp: Timestamp(said.ntp.to_unix()),
                reports_sent: said.reports,
            };
            report.push_at(said.at, remote, StatsKind::RemoteOutboundRtp(outbound));
        }
    }
}

/// Reports the track that a transceiver sends, and gives its name.
fn report_source(transceiver: &TransceiverState, source: &SourceReport, report: &mut Report<'_>) -> String {
    let mut media = MediaSourceReport {
        track_identifier: transceiver.local_track.clone(),
        kind: transceiver.kind,
        audio_level: None,
        total_audio_energy: None,
        total_samples_duration: None,
        width: None,
        height: None,
        frames: None,
        frames_per_second: None,
    };
    match source.figures {
        SourceFigures::Sound(sound) => {
            media.audio_level = Some(sound.level);
            media.total_audio_energy = Some(sound.total_energy);
            media.total_samples_duration = Some(sound.total_duration);
        }
        SourceFigures::Pictures { frames, frames_per_second, size } => {
            media.frames = Some(frames);
            media.frames_per_second = Some(frames_per_second);
            (media.width, media.height) = size.unzip();
        }
    }
    let name = format!("media-source-{}-{}", transceiver.id, source.number);
    report.push(name.clone(), StatsKind::MediaSource(media));
    name
}

/// Reports a codec, once however many streams use it, and gives its name.
fn report_codec(
    transport: TransportId,
    direction: &str,
    codec: Codec,
    payload_type: PayloadType,
    sdp_fmtp_line: Option<String>,
    report: &mut Report<'_>,
) -> String {
    let name = format!("codec-{transport}-{direction}-{}", payload_type.0);
    if report.entries.iter().all(|entry| entry.id != name) {
        let codec = CodecReport {
            payload_type,
            transport_id: format!("transport-{transport}"),
            mime_type: codec.mime_type(),
            clock_rate: codec.clock_rate(),
            channels: codec.channels(),
            sdp_fmtp_line,
        };
        report.push(name.clone(), StatsKind::Codec(codec));
    }
    name
}

fn outbound(
    stream: &Stream<'_>,
    stats: &SenderStats,
    media_source_id: Option<String>,
    remote_id: Option<String>,
    report: &Report<'_>,
) -> OutboundRtpReport {
    let now = report.now;
    let kind = stream.transceiver.kind;
    let of_pictures = Some(()).filter(|()| kind == MediaKind::Video);
    let encoding = &stats.encoding;
    // Sound is encoded too, but the W3C counts that of pictures alone.
    let encoder = of_pictures.and(encoding.implementation);
    let encoded = |count: u64| encoder.map(|_| count);
    let durations = || Limitation::ALL.map(|reason| (reason.as_str(), encoding.limited_for(now, reason).as_secs_f64()));
    OutboundRtpReport {
        ssrc: stream.ssrc,
        kind,
        transport_id: stream.transport_id.clone(),
        codec_id: stream.codec_id.clone(),
        packets_sent: stats.packets_sent,
        bytes_sent: stats.bytes_sent,
        mid: stream.transceiver.mid.clone(),
        media_source_id,
        remote_id,
        rid: stats.rid.map(|rid| rid.as_str().to_owned()),
        encoding_index: of_pictures.and(stats.encoding_index),
        header_bytes_sent: stats.header_bytes_sent,
        retransmitted_packets_sent: stats.retransmitted_packets_sent,
        retransmitted_bytes_sent: stats.retransmitted_bytes_sent,
        rtx_ssrc: stats.rtx_ssrc,
        target_bitrate: encoding.target,
        frame_width: encoder.map(|_| encoding.width),
        frame_height: encoder.map(|_| encoding.height),
        frames_per_second: encoder.map(|_| encoding.frames_per_second(now)),
        frames_sent: of_pictures.map(|()| stats.frames_sent),
        huge_frames_sent: of_pictures.map(|()| stats.huge_frames_sent),
        frames_encoded: encoded(encoding.frames),
        key_frames_encoded: encoded(encoding.key_frames),
        total_encode_time: encoder.map(|_| encoding.time),
        total_packet_send_delay: stats.send_delay,
        quality_limitation_reason: encoder.map(|_| encoding.limitation()),
        quality_limitation_durations: encoder.map(|_| durations().into_iter().collect()),
        nack_count: stats.nack_count,
        fir_count: of_pictures.map(|()| stats.fir_count),
        pli_count: of_pictures.map(|()| stats.pli_count),
        encoder_implementation: encoder,
        active: stats.active,
    }
}

fn remote_inbound(stream: &Stream<'_>, stats: &SenderStats, local_id: String) -> RemoteInboundRtpReport {
    let remote = &stats.remote;
    RemoteInboundRtpReport {
        ssrc: stream.ssrc,
        kind: stream.transceiver.kind,
        transport_id: stream.transport_id.clone(),
        codec_id: stream.codec_id.clone(),
        packets_received: remote.packets_received,
        packets_lost: remote.cumulative_lost,
        jitter: remote.jitter,
        local_id,
        round_trip_time: remote.rtt,
        total_round_trip_time: remote.total_rtt,
        fraction_lost: f64::from(remote.fraction_lost) / 256.0,
        round_trip_time_measurements: remote.rtt_measurements,
    }
}

fn inbound(
    stream: &Stream<'_>,
    stats: &ReceiverStats,
    remote_id: Option<String>,
    report: &Report<'_>,
) -> InboundRtpReport {
    let kind = stream.transceiver.kind;
    let of_pictures = Some(()).filter(|()| kind == MediaKind::Video);
    let of_sound = Some(()).filter(|()| kind == MediaKind::Audio);
    let (decoding, buffering) = (&stats.decoding, &stats.buffering);
    let (pictures, sound) = (of_pictures.and(decoding.implementation), of_sound.and(decoding.implementation));
    InboundRtpReport {
        ssrc: stream.ssrc,
        kind,
        transport_id: stream.transport_id.clone(),
        codec_id: stream.codec_id.clone(),
        packets_received: stats.packets_received + stats.retransmitted_packets_received,
        packets_lost: stats.packets_lost,
        jitter: stats.jitter,
        track_identifier: track_identifier(stream.transceiver),
        mid: stream.transceiver.mid.clone(),
        remote_id,
        frames_decoded: pictures.map(|_| decoding.frames),
        key_frames_decoded: pictures.map(|_| decoding.key_frames),
        frames_dropped: of_pictures.map(|()| stats.frames_dropped),
        frame_width: pictures.map(|_| decoding.width),
        frame_height: pictures.map(|_| decoding.height),
        frames_per_second: pictures.map(|_| decoding.frames_per_second(report.now)),
        total_decode_time: pictures.map(|_| decoding.time),
        last_packet_received_timestamp: stats.last_packet_received.map(|at| report.time(at)),
        header_bytes_received: stats.header_bytes_received + stats.retransmitted_header_bytes_received,
        packets_discarded: stats.packets_discarded,
        fec_bytes_received: stats.fec_bytes_received,
        fec_packets_received: stats.fec_packets_received,
        fec_packets_discarded: stats.fec_packets_discarded,
        bytes_received: stats.bytes_received + stats.retransmitted_bytes_received,
        nack_count: stats.nack_count,
        fir_count: of_pictures.map(|()| stats.fir_count),
        pli_count: of_pictures.map(|()| stats.pli_count),
        total_processing_delay: decoding.implementation.map(|_| decoding.processing_delay),
        jitter_buffer_delay: buffering.delay,
        jitter_buffer_target_delay: of_sound.map(|()| buffering.target_delay),
        jitter_buffer_emitted_count: buffering.emitted,
        total_samples_received: sound.map(|_| decoding.samples),
        concealed_samples: sound.map(|_| decoding.concealed_samples),
        silent_concealed_samples: sound.map(|_| decoding.silent_concealed_samples),
        concealment_events: sound.map(|_| decoding.concealment_events),
        audio_level: sound.map(|_| decoding.sound.level),
        total_audio_energy: sound.map(|_| decoding.sound.total_energy),
        total_samples_duration: sound.map(|_| decoding.sound.total_duration),
        frames_received: of_pictures.map(|()| stats.frames_received),
        decoder_implementation: pictures,
        frames_assembled_from_multiple_packets: of_pictures.map(|()| buffering.assembled),
        total_assembly_time: of_pictures.map(|()| buffering.assembly_time),
        retransmitted_packets_received: stats.rtx_ssrc.map(|_| stats.retransmitted_packets_received),
        retransmitted_bytes_received: stats.rtx_ssrc.map(|_| stats.retransmitted_bytes_received),
        rtx_ssrc: stats.rtx_ssrc,
    }
}

/// What the other side calls its track, else a name that no other track of the connection has.
fn track_identifier(transceiver: &TransceiverState) -> String {
    transceiver.remote_track.clone().unwrap_or_else(|| format!("track-{}", transceiver.id))
}
