//! Numbers for the frames of a video stream, and which of them each needs, as far as its marks tell.

use ortica_codecs::EncodedFrame;

/// Numbers the frames of a stream in the order in which they come.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct FrameIds {
    next: u64,
    /// The last one of the base layer that others may refer to.
    base: Option<u64>,
}

impl FrameIds {
    /// The number of the next frame, and those of the ones that it refers to. A frame above the base layer that is no place to
    /// join refers to any before it: then its marks do not tell.
    pub fn next(&mut self, frame: &EncodedFrame) -> (u64, Option<Vec<u64>>) {
        let id = self.next;
        self.next += 1;
        let needs = match frame.layer {
            _ if frame.key_frame => Some(Vec::new()),
            Some(layer) if layer.id > 0 && !layer.sync => None,
            _ => self.base.map(|base| vec![base]),
        };
        if frame.layer.is_none_or(|layer| layer.id == 0) && !frame.discardable {
            self.base = Some(id);
        }
        (id, needs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ortica_codecs::Codec;
    use ortica_codecs::frame::TemporalLayer;

    fn frame(key_frame: bool, discardable: bool, layer: Option<(u8, bool)>) -> EncodedFrame {
        let mut frame = EncodedFrame::new(Codec::Vp8, vec![1], 0).with_key_frame(key_frame);
        frame.discardable = discardable;
        frame.layer = layer.map(|(id, sync)| TemporalLayer { id, sync });
        frame
    }

    #[test]
    fn each_refers_to_the_last_that_may_be_referred_to() {
        let mut ids = FrameIds::default();
        let frames = [frame(false, false, None), frame(true, false, None), frame(false, true, None)];
        assert_eq!(frames.map(|frame| ids.next(&frame)), [(0, None), (1, Some(vec![])), (2, Some(vec![1]))]);
        assert_eq!(ids.next(&frame(false, false, None)), (3, Some(vec![1])), "nothing refers to the discardable one");
        assert_eq!(ids.next(&frame(false, false, None)), (4, Some(vec![3])));
    }

    #[test]
    fn layers_in_time_refer_to_the_base_as_far_as_they_say() {
        let mut ids = FrameIds::default();
        let layers = [Some((0, false)), Some((2, true)), Some((1, true)), Some((2, false)), Some((0, false))];
        let mut of = |(at, layer): (usize, Option<(u8, bool)>)| ids.next(&frame(at == 0, false, layer)).1;
        let needs: Vec<_> = layers.into_iter().enumerate().map(&mut of).collect();
        assert_eq!(needs, [Some(vec![]), Some(vec![0]), Some(vec![0]), None, Some(vec![0])]);
    }
}
