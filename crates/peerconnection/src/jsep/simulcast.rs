//! Layers in a section: streams of the same pictures side by side, named and restricted.
//!
//! Source: [RFC 8851](https://www.rfc-editor.org/rfc/rfc8851), [RFC 8853](https://www.rfc-editor.org/rfc/rfc8853)

use crate::engine::{MAX_ENCODINGS, PictureLimits};
use ortica_rtp::Rid;
use ortica_sdp as sdp;
use ortica_sdp::{Attribute, RidDirection};

/// The layers that a section speaks of, seen from the one who says so. Of alternatives only the first counts. A
/// stream that is paused at first (`~`) stays so until a description says otherwise: nothing here resumes it by RTCP (RFC 7728).
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Layers {
    pub send: Vec<Layer>,
    pub receive: Vec<Layer>,
}

/// One layer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Layer {
    pub rid: Rid,
    /// What it may be sent in; empty for all of the section.
    pub payload_types: Vec<u8>,
    pub restrictions: Restrictions,
    /// It is not wanted for now (RFC 8853 §5.1).
    pub paused: bool,
}

/// What else restricts a layer.
///
/// Source: [RFC 8851 §5](https://www.rfc-editor.org/rfc/rfc8851#section-5)
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Restrictions {
    max_width: Option<u32>,
    max_height: Option<u32>,
    max_frame_rate: Option<u32>,
    max_pixels: Option<u64>,
    max_bitrate: Option<u64>,
    max_pixel_rate: Option<u64>,
}

impl Layers {
    pub fn read(section: &sdp::Section<'_>) -> Self {
        let simulcast = section.simulcast();
        Self {
            send: read_layers(section, RidDirection::Send, simulcast.map(|simulcast| &simulcast.send)),
            receive: read_layers(section, RidDirection::Recv, simulcast.map(|simulcast| &simulcast.recv)),
        }
    }

    /// Appends its lines to a section.
    pub fn write(&self, media: &mut sdp::Media) {
        for (direction, layers) in [(RidDirection::Send, &self.send), (RidDirection::Recv, &self.receive)] {
            for layer in layers {
                media.push(Attribute::Rid(sdp::Rid::new(layer.rid.as_str(), direction)));
            }
        }
        // A single layer is no simulcast, and has its name all the same (RFC 9429 §5.2.1).
        let streams = |layers: &[Layer]| {
            let mut streams = sdp::SimulcastStreams::default();
            for layer in layers.iter().filter(|_| layers.len() > 1) {
                streams.push([sdp::SimulcastRid { rid: layer.rid.as_str(), paused: layer.paused }]);
            }
            streams
        };
        let simulcast = sdp::Simulcast { send: streams(&self.send), recv: streams(&self.receive) };
        if !simulcast.send.is_empty() || !simulcast.recv.is_empty() {
            media.push(Attribute::Simulcast(simulcast));
        }
    }

    /// The layer of that name that whoever says so takes.
    pub fn taken(&self, rid: &str) -> Option<&Layer> {
        self.receive.iter().find(|layer| layer.rid.as_str() == rid)
    }
}

impl Layer {
    /// A layer that nothing restricts.
    pub fn new(rid: Rid) -> Self {
        Self { rid, payload_types: Vec::new(), restrictions: Restrictions::default(), paused: false }
    }

    /// What is answered to it.
    pub fn answered(&self) -> Self {
        Self { paused: self.paused, ..Self::new(self.rid) }
    }

    /// What is not understood is a reason to drop the layer (SDP-11).
    fn read(rid: &sdp::Rid) -> Option<Self> {
        let restrictions = Restrictions::read(&rid.restrictions)?;
        Some(Self {
            rid: Rid::new(&rid.id).ok()?,
            payload_types: rid.payload_types.clone(),
            restrictions,
            paused: false,
        })
    }
}

impl Restrictions {
    fn read(parameters: &sdp::Parameters) -> Option<Self> {
        let mut read = Self::default();
        for (key, value) in parameters.iter() {
            let value: u64 = value?.parse().ok()?;
            let short = || u32::try_from(value).ok();
            match key {
                "max-width" => read.max_width = Some(short()?),
                "max-height" => read.max_height = Some(short()?),
                "max-fps" => read.max_frame_rate = Some(short()?),
                "max-fs" => read.max_pixels = Some(value),
                "max-br" => read.max_bitrate = Some(value),
                "max-pps" => read.max_pixel_rate = Some(value),
                _ => return None,
            }
        }
        Some(read)
    }

    /// In bits per second.
    pub fn max_bitrate(&self) -> Option<u64> {
        self.max_bitrate
    }

    pub fn picture(&self) -> PictureLimits {
        PictureLimits {
            max_width: self.max_width,
            max_height: self.max_height,
            max_pixels: self.max_pixels,
            max_frame_rate: self.max_frame_rate.map(f64::from),
            max_pixel_rate: self.max_pixel_rate,
            ..PictureLimits::default()
        }
    }
}

/// Those of one way, in the order of `a=simulcast`. Names without it are alternatives, of which there is no telling, unless
/// there is one alone.
fn read_layers(
    section: &sdp::Section<'_>,
    direction: RidDirection,
    streams: Option<&sdp::SimulcastStreams>,
) -> Vec<Layer> {
    let of_direction = || section.rids().filter(|rid| rid.direction == direction);
    let Some(streams) = streams.filter(|streams| !streams.is_empty()) else {
        let mut rids = of_direction();
        return match (rids.next(), rids.next()) {
            (Some(only), None) => Layer::read(only).into_iter().collect(),
            _ => Vec::new(),
        };
    };
    let mut layers: Vec<Layer> = Vec::new();
    for first in streams.iter().filter_map(|mut alternatives| alternatives.next()) {
        let known = layers.iter().any(|layer| layer.rid.as_str() == first.rid);
        if !known && layers.len() < MAX_ENCODINGS {
            let layer = of_direction().find(|rid| rid.id == first.rid).and_then(Layer::read);
            layers.extend(layer.map(|layer| Layer { paused: first.paused, ..layer }));
        }
    }
    layers
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layers(lines: &str) -> Layers {
        let section = format!("m=video 9 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=rtpmap:96 VP8/90000\r\n{lines}");
        let text = format!("v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n{section}");
        let session: sdp::Session = text.parse().unwrap();
        Layers::read(&session.section(0).unwrap())
    }

    fn names(layers: &[Layer]) -> Vec<&str> {
        layers.iter().map(|layer| layer.rid.as_str()).collect()
    }

    #[test]
    fn the_first_of_each_alternative_counts_once() {
        let read = layers(
            "a=rid:a send\r\na=rid:b send\r\na=rid:c send\r\na=rid:d recv\r\n\
             a=simulcast:send a,b;~c;a recv d\r\n",
        );
        assert_eq!((names(&read.send), names(&read.receive)), (vec!["a", "c"], vec!["d"]));
        assert_eq!(read.send.iter().map(|layer| layer.paused).collect::<Vec<_>>(), [false, true]);
        assert_eq!(names(&layers("a=rid:a send\r\na=simulcast:send a;b\r\n").send), ["a"]);
        assert_eq!(names(&layers("a=rid:a send\r\n").send), ["a"]);
        assert!(layers("a=rid:a send\r\na=rid:b send\r\n").send.is_empty());
    }

    /// Guards: an encoding with a restriction that is not understood is dropped.
    #[test]
    fn sdp_11_unknown_restrictions_drop_their_layer() {
        let read = layers(
            "a=rid:a recv pt=96;max-width=320;max-br=100000\r\na=rid:b recv max-bpp=1\r\na=rid:c recv depend=a\r\n\
             a=rid:d recv max-width=wide\r\na=simulcast:recv a;b;c;d\r\n",
        );
        assert_eq!(names(&read.receive), ["a"]);
        let layer = read.taken("a").unwrap();
        assert_eq!(
            (layer.payload_types.as_slice(), layer.restrictions.max_bitrate()),
            ([96].as_slice(), Some(100_000))
        );
        assert_eq!(layer.restrictions.picture().max_width, Some(320));
    }

    #[test]
    fn what_is_written_can_be_read_back() {
        let layer = |rid| Layer::new(Rid::new(rid).unwrap());
        for written in [
            Layers { send: vec![layer("q"), layer("f")], receive: Vec::new() },
            Layers { send: vec![layer("q")], receive: vec![layer("a"), Layer { paused: true, ..layer("b") }] },
            Layers::default(),
        ] {
            let mut media = sdp::Media::rtp(sdp::MediaKind::Video, "0");
            written.write(&mut media);
            let text = media.to_string();
            let lines: String = text
                .split_inclusive("\r\n")
                .filter(|line| line.starts_with("a=rid") || line.starts_with("a=sim"))
                .collect();
            assert_eq!(layers(&lines), written);
            // One layer alone is no simulcast (RFC 9429 §5.2.1).
            assert_eq!(lines.contains("a=simulcast:send"), written.send.len() > 1);
        }
    }
}
