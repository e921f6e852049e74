//! Tracks over real sockets: raw frames in, raw frames out.

#[path = "common/sockets.rs"]
mod sockets;

use ortica::codecs::synthetic::{Tone, tone_level, tone_purity};
use ortica::codecs::{Codec, EncodedFrame, MediaKind};
use ortica::engine::DtmfError;
use ortica::{
    Direction, Endpoint, Event, LocalTrack, PeerConnection, RemoteTrack, ReplaceTrackError, RtpReceiver, RtpSender,
    TrackEvent, WriteError,
};
use sockets::{connection as connection_at, connection_everywhere as connection, describe, loopback, negotiate, track};
use std::time::Duration;
use tokio::time::{Instant, interval, timeout};

const PATIENCE: Duration = Duration::from_secs(20);

/// Writes a tone in real time until the task is dropped.
async fn whistle(track: LocalTrack, frequency: f64) {
    let mut ticks = interval(Duration::from_millis(20));
    for frame in Tone::new(frequency, 48_000, 2).expect("a legal tone") {
        ticks.tick().await;
        track.write_audio(frame).expect("a track of sound");
    }
}

/// Listens until a whole frame of the tone was heard.
async fn hear(track: &RemoteTrack, frequency: f64) {
    let listen = async {
        loop {
            let frame = track.recv_audio().await.expect("the track goes on");
            if tone_level(&frame, frequency) > 0.3 && tone_purity(&frame, frequency) > 0.8 {
                return;
            }
        }
    };
    timeout(PATIENCE, listen).await.expect("the tone");
}

#[tokio::test]
async fn a_tone_crosses_and_comes_back_over_the_same_transceiver() {
    let (a, mut a_events) = connection();
    let (b, mut b_events) = connection();
    let whistle_a = LocalTrack::audio();
    a.add_track(&whistle_a, &["stream"]).expect("a track");
    b.set_remote_description(describe(&a).await).expect("a legal offer");
    let incoming = track(&mut b_events).await;
    assert_eq!((incoming.track.kind(), incoming.streams), (MediaKind::Audio, vec!["stream".to_owned()]));
    assert_eq!(incoming.transceiver.direction(), Direction::RecvOnly);

    let whistle_b = LocalTrack::audio();
    let sender = b.add_track(&whistle_b, &[]).expect("a track");
    assert_eq!(sender.transceiver().mid(), incoming.transceiver.mid());
    a.set_remote_description(describe(&b).await).expect("a legal answer");
    let returned = track(&mut a_events).await;
    assert_eq!(incoming.transceiver.current_direction(), Some(Direction::SendRecv));

    let (one, other) = (tokio::spawn(whistle(whistle_a, 800.0)), tokio::spawn(whistle(whistle_b, 1_200.0)));
    hear(&incoming.track, 800.0).await;
    hear(&returned.track, 1_200.0).await;
    one.abort();
    other.abort();

    a.close().await;
    assert!(timeout(PATIENCE, returned.track.recv_audio()).await.is_ok());
}

#[tokio::test]
async fn one_track_is_encoded_once_for_many() {
    let source = LocalTrack::audio();
    let mut listeners = Vec::new();
    for _ in 0..3 {
        let (a, _) = connection();
        let (b, mut b_events) = connection();
        let init = ortica::jsep::TransceiverInit { codecs: vec![Codec::Pcmu], ..Default::default() };
        let transceiver = a.add_transceiver(MediaKind::Audio, init).expect("a transceiver");
        transceiver.sender().replace_track(Some(&source)).expect("of that kind");
        negotiate(&a, &b).await;
        let incoming = track(&mut b_events).await;
        timeout(PATIENCE, a.connected()).await.expect("in time").expect("connects");
        timeout(PATIENCE, b.connected()).await.expect("in time").expect("connects");
        listeners.push((a, b, incoming));
    }
    let task = tokio::spawn(whistle(source.clone(), 1_000.0));
    for (_, _, incoming) in &listeners {
        hear(&incoming.track, 1_000.0).await;
    }
    task.abort();
    let stats = source.stats();
    assert!(stats.frames_encoded > 0 && stats.frames_encoded <= stats.frames_written, "{stats:?}");
    assert_eq!(stats.frames_failed, 0);
}

#[tokio::test]
async fn a_track_takes_its_own_kind_only() {
    let track = LocalTrack::video();
    let sound = Tone::new(440.0, 8_000, 1).expect("a legal tone").next().expect("endless");
    assert_eq!(track.write_audio(sound), Err(WriteError::Kind(MediaKind::Video)));
}

/// Guards: what is written while nothing is agreed is dropped, not kept.
#[tokio::test]
async fn a_track_that_nobody_sends_costs_nothing() {
    let track = LocalTrack::audio();
    let until = Instant::now() + PATIENCE;
    for frame in Tone::new(440.0, 8_000, 1).expect("a legal tone").take(1_000) {
        track.write_audio(frame).expect("a track of sound");
    }
    while track.stats().frames_dropped == 0 && Instant::now() < until {
        for frame in Tone::new(440.0, 8_000, 1).expect("a legal tone").take(1_000) {
            track.write_audio(frame).expect("a track of sound");
        }
    }
    assert_eq!(track.stats().frames_encoded, 0);
}

// --- senders, as the Web Platform Tests have them -------------------------------------------------------------------------

#[tokio::test]
async fn wpt_rtc_rtp_sender_dtmf_only_audio() {
    let (a, _events) = connection();
    let audio = a.add_track(&LocalTrack::audio(), &[]).expect("a track");
    let video = a.add_track(&LocalTrack::video(), &[]).expect("a track");
    assert!(audio.dtmf().is_some() && video.dtmf().is_none());
}

#[tokio::test]
async fn wpt_rtc_rtp_sender_replace_track_closed_rejects() {
    let (a, _events) = connection();
    let sender = a.add_track(&LocalTrack::audio(), &[]).expect("a track");
    a.close().await;
    assert_eq!(sender.replace_track(Some(&LocalTrack::audio())), Err(ReplaceTrackError::Stopped));
}

#[tokio::test]
async fn wpt_rtc_rtp_sender_replace_track_other_kind_rejects() {
    let (a, _events) = connection();
    let sender = a.add_track(&LocalTrack::audio(), &[]).expect("a track");
    assert_eq!(sender.replace_track(Some(&LocalTrack::video())), Err(ReplaceTrackError::Kind(MediaKind::Audio)));
}

#[tokio::test]
async fn wpt_rtc_rtp_sender_replace_track_stopped_rejects() {
    let (a, _events) = connection();
    let sender = a.add_track(&LocalTrack::audio(), &[]).expect("a track");
    sender.transceiver().stop().expect("the connection is open");
    assert_eq!(sender.replace_track(Some(&LocalTrack::audio())), Err(ReplaceTrackError::Stopped));
    assert_eq!(sender.replace_track(None), Err(ReplaceTrackError::Stopped));
}

#[tokio::test]
async fn wpt_rtc_rtp_sender_replace_track_sets_track_before_negotiation() {
    let (a, _events) = connection();
    let transceiver = a.add_transceiver(MediaKind::Audio, Default::default()).expect("a transceiver");
    let sender = transceiver.sender();
    assert!(sender.track().is_none());
    for track in [Some(LocalTrack::audio()), Some(LocalTrack::audio()), None] {
        sender.replace_track(track.as_ref()).expect("of that kind");
        assert_eq!(sender.track().is_some(), track.is_some());
    }
}

#[tokio::test]
async fn wpt_rtc_rtp_sender_replace_track_null_after_sld() {
    let (a, _events) = connection();
    let sender = a.add_track(&LocalTrack::audio(), &[]).expect("a track");
    a.set_local_description(None).expect("an offer");
    sender.replace_track(None).expect("it may send nothing");
    assert!(sender.track().is_none());
}

#[tokio::test]
async fn wpt_rtc_rtp_sender_replace_track_after_sld() {
    let (a, _events) = connection();
    let sender = a.add_track(&LocalTrack::audio(), &[]).expect("a track");
    a.set_local_description(None).expect("an offer");
    sender.replace_track(Some(&LocalTrack::audio())).expect("of that kind");
    assert!(sender.track().is_some());
}

#[tokio::test]
async fn wpt_rtc_rtp_sender_replace_track_new_media_flows() {
    let (a, _a_events) = connection();
    let (b, mut b_events) = connection();
    let (first, second) = (LocalTrack::audio(), LocalTrack::audio());
    let sender = a.add_track(&first, &[]).expect("a track");
    negotiate(&a, &b).await;
    let incoming = track(&mut b_events).await;
    let tasks = [tokio::spawn(whistle(first, 800.0)), tokio::spawn(whistle(second.clone(), 1_600.0))];
    hear(&incoming.track, 800.0).await;
    sender.replace_track(None).expect("it may send nothing");
    sender.replace_track(Some(&second)).expect("of that kind");
    hear(&incoming.track, 1_600.0).await;
    tasks.iter().for_each(tokio::task::JoinHandle::abort);
}

/// Guards: what is sent is another track's at once and without negotiation, of whatever rate and channels, for the encoder takes
/// them in; one that does not fit is refused, and what was sent goes on.
#[tokio::test]
async fn api_5_a_track_is_replaced_without_negotiation_or_not_at_all() {
    let (a, mut a_events) = connection();
    let (b, mut b_events) = connection();
    let first = LocalTrack::audio();
    let sender = a.add_track(&first, &[]).expect("a track");
    negotiate(&a, &b).await;
    let incoming = track(&mut b_events).await;
    let mut tasks = vec![tokio::spawn(whistle(first.clone(), 800.0))];
    hear(&incoming.track, 800.0).await;
    let described = a.local_description();
    while timeout(Duration::ZERO, a_events.next()).await.is_ok() {}

    assert_eq!(sender.replace_track(Some(&LocalTrack::video())), Err(ReplaceTrackError::Kind(MediaKind::Audio)));
    assert_eq!(sender.track().as_ref(), Some(&first));
    hear(&incoming.track, 800.0).await;

    let second = LocalTrack::audio();
    let narrow = second.clone();
    tasks.push(tokio::spawn(async move {
        let mut ticks = interval(Duration::from_millis(20));
        for frame in Tone::new(1_600.0, 16_000, 1).expect("a legal tone") {
            ticks.tick().await;
            narrow.write_audio(frame).expect("a track of sound");
        }
    }));
    sender.replace_track(Some(&second)).expect("of that kind");
    hear(&incoming.track, 1_600.0).await;
    tasks.iter().for_each(tokio::task::JoinHandle::abort);

    assert_eq!(a.local_description(), described);
    // The end of events comes last, so that all of them are seen.
    a.close().await;
    let mut asked = 0;
    while let Some(event) = a_events.next().await {
        asked += usize::from(matches!(event, Event::NegotiationNeeded));
    }
    assert_eq!(asked, 0);
}

/// Guards: a level that packets do not say is measured where they are decoded, and capabilities are those of the build.
#[tokio::test]
async fn sources_and_their_levels_are_known_to_who_hears() {
    let (a, _a_events) = connection();
    let (b, mut b_events) = connection();
    let source = LocalTrack::audio();
    a.add_track(&source, &[]).expect("a track");
    let mut offer = describe(&a).await;
    offer.sdp = offer.sdp.replace("urn:ietf:params:rtp-hdrext:ssrc-audio-level", "urn:example:unknown");
    b.set_remote_description(offer).expect("a legal offer");
    a.set_remote_description(describe(&b).await).expect("a legal answer");
    let incoming = track(&mut b_events).await;
    let task = tokio::spawn(whistle(source, 800.0));
    hear(&incoming.track, 800.0).await;
    let receiver = incoming.transceiver.receiver();
    let [source] = receiver.synchronization_sources()[..] else { panic!("one stream") };
    assert!(source.arrived <= b.now() && source.audio_level.is_some_and(|level| level > 0.05), "{source:?}");
    assert!(receiver.contributing_sources().is_empty());
    task.abort();
    let capable = RtpSender::capabilities(MediaKind::Audio).codecs;
    assert!(capable.contains(&Codec::Pcmu.into()) && RtpReceiver::capabilities(MediaKind::Audio).codecs == capable);
}

/// Guards: a tone is told where it is asked for, and none is sent without a track.
#[tokio::test]
async fn tones_are_told_as_they_begin() {
    let (a, mut a_events) = connection();
    let (b, _b_events) = connection();
    let source = LocalTrack::audio();
    let sender = a.add_track(&source, &[]).expect("a track");
    let dtmf = sender.dtmf().expect("it sends sound");
    assert_eq!(dtmf.insert_dtmf("1"), Err(DtmfError::InvalidState), "nothing is agreed");
    negotiate(&a, &b).await;
    timeout(PATIENCE, a.connected()).await.expect("in time").expect("connects");
    assert!(dtmf.can_insert_dtmf());
    dtmf.insert_dtmf_with("1a", Duration::from_millis(40), Duration::from_millis(30)).expect("legal tones");
    assert_eq!(dtmf.tone_buffer(), "A");
    let mut tones = Vec::new();
    let listen = async {
        while tones.last() != Some(&None) {
            if let Event::ToneChange { tone, .. } = a_events.next().await.expect("the connection goes on") {
                tones.push(tone);
            }
        }
    };
    timeout(PATIENCE, listen).await.expect("in time");
    assert_eq!(tones, [Some('1'), Some('A'), None]);
    let receiver = b.transceivers()[0].receiver();
    for tone in ['1', 'A'] {
        let heard = timeout(PATIENCE, receiver.recv_tone()).await.expect("in time").expect("the track goes on");
        assert_eq!(heard.tone, Some(tone));
    }
    sender.replace_track(None).expect("it may send nothing");
    assert_eq!(dtmf.insert_dtmf("1"), Err(DtmfError::InvalidState));
    let listening = tokio::spawn(async move { receiver.recv_tone().await.is_none() });
    b.close().await;
    assert!(timeout(PATIENCE, listening).await.expect("nothing waits for ever").expect("no panic"));
}

#[cfg(feature = "vpx")]
mod pictures {
    use super::*;
    use ortica::codecs::frame::ScalabilityMode;
    use ortica::codecs::synthetic::{MovingPicture, frame_counter};
    use ortica::engine::ReceivedFrame;
    use ortica::parameters::RtpEncodingParameters;

    #[tokio::test]
    async fn numbered_pictures_cross_and_can_be_read() {
        let (a, _a_events) = connection();
        let (b, mut b_events) = connection();
        let source = LocalTrack::video();
        a.add_track(&source, &[]).expect("a track");
        negotiate(&a, &b).await;
        let incoming = track(&mut b_events).await;
        let film = tokio::spawn(async move {
            let mut ticks = interval(Duration::from_millis(33));
            for picture in MovingPicture::new(320, 240, 30).expect("a legal size") {
                ticks.tick().await;
                source.write_video(picture).expect("a track of pictures");
            }
        });
        let watch = async {
            let mut last = None;
            let mut seen = 0;
            while seen < 20 {
                let picture = incoming.track.recv_video().await.expect("the track goes on");
                let number = frame_counter(&picture).expect("the number can be read");
                assert!(last.is_none_or(|last| number > last), "{number} after {last:?}");
                (last, seen) = (Some(number), seen + 1);
            }
        };
        timeout(PATIENCE, watch).await.expect("pictures");
        film.abort();
    }

    /// Writes pictures in real time until the task is dropped.
    async fn film(source: LocalTrack) {
        let mut ticks = interval(Duration::from_millis(33));
        for picture in MovingPicture::new(320, 240, 30).expect("a legal size") {
            ticks.tick().await;
            source.write_video(picture).expect("a track of pictures");
        }
    }

    async fn width_of(track: &RemoteTrack) -> u32 {
        timeout(PATIENCE, track.recv_video()).await.expect("in time").expect("the track goes on").width()
    }

    /// Guards: each layer is encoded in its size, once, and reaches who reads it; what nobody sends has no encoder.
    #[tokio::test]
    async fn layers_are_scaled_and_read_one_by_one() {
        let (a, _a_events) = connection();
        let (b, mut b_events) = connection();
        let source = LocalTrack::video();
        let send_encodings = ["q", "h", "f"].map(RtpEncodingParameters::named).to_vec();
        let init = ortica::jsep::TransceiverInit { send_encodings, ..Default::default() };
        let sender = a.add_transceiver(MediaKind::Video, init).expect("a transceiver").sender();
        sender.replace_track(Some(&source)).expect("of that kind");
        negotiate(&a, &b).await;
        let incoming = track(&mut b_events).await;
        assert_eq!(incoming.track.layers(), ["q", "h", "f"]);
        let layers = ["q", "h", "f"].map(|rid| incoming.track.layer(rid).expect("it was agreed on"));
        assert!(incoming.track.layer("x").is_none());
        let task = tokio::spawn(film(source));
        for (layer, width) in layers.iter().zip([80, 160, 320]) {
            assert_eq!(width_of(layer).await, width);
        }
        while width_of(&incoming.track).await != 320 {}

        let mut parameters = sender.parameters().expect("it is there");
        parameters.encodings[1].scale_resolution_down_by = Some(4.0);
        parameters.encodings[2].scale_resolution_down_by = Some(2.0);
        sender.set_parameters(parameters).expect("a legal change");
        while width_of(&layers[2]).await != 160 {}
        while width_of(&layers[1]).await != 80 {}
        task.abort();
    }

    #[tokio::test]
    async fn wpt_simulcast_set_parameters_max_framerate_rates_capped_in_order() {
        let (a, _a_events) = connection();
        let (b, mut b_events) = connection();
        let source = LocalTrack::video();
        let send_encodings = [("q", 5.0), ("h", 10.0), ("f", 15.0)].map(|(rid, rate)| RtpEncodingParameters {
            max_framerate: Some(rate),
            ..RtpEncodingParameters::named(rid)
        });
        let init = ortica::jsep::TransceiverInit { send_encodings: send_encodings.to_vec(), ..Default::default() };
        let sender = a.add_transceiver(MediaKind::Video, init).expect("a transceiver").sender();
        sender.replace_track(Some(&source)).expect("of that kind");
        negotiate(&a, &b).await;
        let incoming = track(&mut b_events).await;
        let layers = ["q", "h", "f"].map(|rid| incoming.track.layer(rid).expect("it was agreed on"));
        let task = tokio::spawn(film(source));
        // By their own times, so that a busy machine makes no difference.
        for (layer, rate) in layers.iter().zip([5, 10, 15]) {
            let mut times = Vec::new();
            while times.len() < 8 {
                let frame = timeout(PATIENCE, layer.recv_encoded()).await.expect("in time").expect("the track goes on");
                if let ReceivedFrame::Frame { frame, .. } = frame {
                    times.push(frame.pts);
                }
            }
            let mean = (times[7] - times[0]) / 7;
            assert!(mean >= 90_000 / rate * 9 / 10, "{rate} in a second: one each {mean} ticks");
        }
        task.abort();
    }

    /// The guard: a track is encoded in the layers that the parameters name, and anew once they name others.
    #[tokio::test]
    async fn pictures_have_the_layers_that_the_parameters_name() {
        let (a, _a_events) = connection();
        let (b, mut b_events) = connection();
        let source = LocalTrack::video();
        let mode = |scalability_mode| RtpEncodingParameters { scalability_mode, ..Default::default() };
        let send_encodings = vec![mode(Some(ScalabilityMode::L1T3))];
        let codecs = vec![Codec::Vp9];
        let init = ortica::jsep::TransceiverInit { send_encodings, codecs, ..Default::default() };
        let sender = a.add_transceiver(MediaKind::Video, init).expect("a transceiver").sender();
        sender.replace_track(Some(&source)).expect("of that kind");
        negotiate(&a, &b).await;
        let incoming = track(&mut b_events).await;
        let task = tokio::spawn(film(source));
        let layer = || async {
            loop {
                let frame =
                    timeout(PATIENCE, incoming.track.recv_encoded()).await.expect("in time").expect("it goes on");
                if let ReceivedFrame::Frame { frame, .. } = frame {
                    assert_eq!(frame.codec, Codec::Vp9);
                    return frame.layer.map(|layer| layer.id);
                }
            }
        };
        while layer().await != Some(2) {}
        let mut parameters = sender.parameters().expect("it is there");
        parameters.encodings[0].scalability_mode = None;
        sender.set_parameters(parameters).expect("a legal change");
        while layer().await.is_some() {}
        task.abort();
    }
}

/// So long of sound that needs no codec.
fn stretch(number: u32) -> EncodedFrame {
    EncodedFrame::new(Codec::Pcmu, vec![number as u8; 160], i64::from(number) * 160).with_duration(160)
}

/// One that sends what is written and one that hears it, each on its own endpoint.
async fn heard(source: &LocalTrack) -> ([Endpoint; 2], [PeerConnection; 2], TrackEvent) {
    let endpoints = [loopback(), loopback()];
    let [(a, _), (b, mut b_events)] = endpoints.each_ref().map(connection_at);
    let init = ortica::jsep::TransceiverInit { codecs: vec![Codec::Pcmu], ..Default::default() };
    let transceiver = a.add_transceiver(MediaKind::Audio, init).expect("a transceiver");
    transceiver.sender().replace_track(Some(source)).expect("of that kind");
    negotiate(&a, &b).await;
    let incoming = track(&mut b_events).await;
    timeout(PATIENCE, a.connected()).await.expect("in time").expect("connects");
    timeout(PATIENCE, b.connected()).await.expect("in time").expect("connects");
    (endpoints, [a, b], incoming)
}

/// Guards `Sending::FrameAtOnce` and `Sending::Nothing`: a frame for one session leaves from where it was made, and to take one asks
/// nothing of the endpoint. Where many sessions wait for it, the endpoint sends it.
#[tokio::test]
async fn a_frame_for_one_session_takes_no_turn_of_its_endpoint() {
    const FRAMES: u32 = 50;
    let source = LocalTrack::audio();
    let ([sending, receiving], _connections, incoming) = heard(&source).await;
    let (mut turns, mut at_once) = (0, 0);
    for number in 0..FRAMES {
        let before = sending.stats();
        assert_eq!(source.write_encoded(&stretch(number)), Ok(1));
        at_once += sending.stats().transmits - before.transmits;
        // The endpoints run on this thread, so they have had no turn yet.
        assert_eq!(sending.stats().turns, before.turns);
        timeout(PATIENCE, incoming.track.recv_encoded()).await.expect("in time").expect("the track goes on");
        let before = receiving.stats();
        tokio::task::yield_now().await;
        tokio::task::yield_now().await;
        turns += receiving.stats().turns - before.turns;
    }
    // Feedback may be due now and then.
    assert!(at_once >= u64::from(FRAMES) * 9 / 10, "{at_once} sent at once");
    assert!(turns <= u64::from(FRAMES) / 5, "{turns} turns after a frame was taken");

    let (_other_endpoints, _other_connections, _incoming) = heard(&source).await;
    let before = sending.stats();
    assert_eq!(source.write_encoded(&stretch(FRAMES)), Ok(2));
    assert_eq!(sending.stats().transmits, before.transmits, "not while another one waits");
}
