//! What is sent and looked at in a call.

use crate::call::CallError;
use crate::ear::{Ear, Key};
use crate::source::Source;
use crate::watch::{Seen, Watch};
use ortica::codecs::MediaKind;
use ortica::jsep::TransceiverInit;
use ortica::parameters::RtpEncodingParameters;
use ortica::{Direction, PeerConnection, RtpSender, TrackEvent};
use std::time::Duration;

/// Of pictures, in pixels.
const SMALL: (u32, u32) = (320, 240);
/// Of pictures that are sent in layers.
const LARGE: (u32, u32) = (640, 480);

/// What this side of a call sends, and what it makes of what comes.
#[derive(Debug, Default)]
pub struct Media {
    sources: Vec<(RtpSender, Source)>,
    watches: Vec<Watch>,
    ear: Ear,
}

impl Media {
    /// Sends pictures over a transceiver that is free or a new one.
    pub fn add_pictures(&mut self, connection: &PeerConnection) -> Result<(), CallError> {
        self.add(connection, Source::pictures(SMALL.0, SMALL.1), "film").map(drop)
    }

    /// Sends a tone over a transceiver that is free or a new one, in one of these codecs and with keys beside it, or in any codec
    /// if none is named.
    pub fn add_tone(&mut self, connection: &PeerConnection, codecs: &[String]) -> Result<(), CallError> {
        let sender = self.add(connection, Source::tone(), "tone")?;
        let mut preferred = RtpSender::capabilities(MediaKind::Audio).codecs;
        preferred.retain(|codec| codecs.contains(&codec.mime_type) || codec.mime_type == "audio/telephone-event");
        if !codecs.is_empty() {
            sender.transceiver().set_codec_preferences(&preferred)?;
        }
        Ok(())
    }

    fn add(&mut self, connection: &PeerConnection, source: Source, stream: &str) -> Result<RtpSender, CallError> {
        let sender = connection.add_track(&source.track, &[stream])?;
        self.sources.push((sender.clone(), source));
        Ok(sender)
    }

    /// Sends pictures in layers of these names over a transceiver of its own, each layer of half the size of the next one.
    pub fn add_layers(&mut self, connection: &PeerConnection, rids: Vec<String>) -> Result<(), CallError> {
        let source = Source::pictures(LARGE.0, LARGE.1);
        let send_encodings = rids.into_iter().map(RtpEncodingParameters::named).collect();
        let init = TransceiverInit { direction: Direction::SendOnly, send_encodings, ..TransceiverInit::default() };
        let transceiver = connection.add_transceiver(&source.track, init)?;
        self.sources.push((transceiver.sender(), source));
        Ok(())
    }

    /// Ceases to send what was added last.
    pub fn remove_last(&mut self, connection: &PeerConnection) -> Result<(), CallError> {
        let (sender, _source) = self.sources.pop().ok_or_else(|| CallError::Missing("track".to_owned()))?;
        Ok(connection.remove_track(&sender)?)
    }

    /// Ceases to send anything, without negotiation.
    pub fn silence(&mut self) -> Result<(), CallError> {
        self.sources.drain(..).try_for_each(|(sender, _source)| Ok(sender.replace_track(None)?))
    }

    /// Plays keys of a telephone over the first sender of sound.
    pub fn insert_dtmf(&self, keys: &str, duration: Duration, gap: Duration) -> Result<(), CallError> {
        let dtmf = self.sources.iter().find_map(|(sender, _)| sender.dtmf());
        let dtmf = dtmf.ok_or_else(|| CallError::Missing("sender of sound".to_owned()))?;
        Ok(dtmf.insert_dtmf_with(keys, duration, gap)?)
    }

    /// Looks from now on at all pictures that come, and at each of their layers by itself.
    pub fn watch(&mut self, connection: &PeerConnection) {
        for transceiver in connection.transceivers() {
            if transceiver.kind() != MediaKind::Video {
                continue;
            }
            let (track, mid) = (transceiver.receiver().track(), transceiver.mid());
            for rid in track.layers() {
                let layer = track.layer(&rid).map(|layer| Watch::start(layer, mid.clone(), Some(rid)));
                self.watches.extend(layer);
            }
            self.watches.push(Watch::start(track, mid, None));
        }
    }

    pub fn on_track(&self, event: TrackEvent) {
        if event.track.kind() == MediaKind::Audio {
            self.ear.listen(event.transceiver.receiver());
        }
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.watches.iter().map(Watch::seen).collect()
    }

    pub fn keys(&self) -> Vec<Key> {
        self.ear.heard()
    }
}
