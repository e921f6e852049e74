//! Which layers in space a picture is made of.

/// The layers that a format may have.
const MAX_LAYERS: u8 = 8;

/// The layers in space that a picture is made of, lowest first: some of 0 to 7, of which any may be missing.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct SpatialLayers {
    // A bit for each layer.
    present: u8,
    dependent: u8,
}

impl SpatialLayers {
    /// The `count` lowest layers, 8 at most, each of which refers to the one below if they are `dependent`.
    pub fn lowest(count: u8, dependent: bool) -> Self {
        (0..count.min(MAX_LAYERS)).fold(Self::default(), |layers, id| layers.with(id, dependent))
    }

    /// This layer as well; one above 7 is left out. `dependent` says whether it refers to the one below, which the lowest never does.
    #[must_use]
    pub fn with(mut self, id: u8, dependent: bool) -> Self {
        if id < MAX_LAYERS {
            self.present |= 1 << id;
            self.dependent |= u8::from(dependent && id > 0) << id;
        }
        self
    }

    /// The layers, lowest first.
    pub fn ids(self) -> impl Iterator<Item = u8> {
        (0..MAX_LAYERS).filter(move |id| self.contains(*id))
    }

    /// How many there are.
    pub fn count(self) -> u8 {
        self.present.count_ones() as u8
    }

    /// The highest; `None` if there is none.
    pub fn highest(self) -> Option<u8> {
        self.present.checked_ilog2().map(|id| id as u8)
    }

    /// Whether the picture has this layer.
    pub fn contains(self, id: u8) -> bool {
        id < MAX_LAYERS && self.present & 1 << id != 0
    }

    /// Whether this layer refers to the one below, in this picture.
    pub fn is_dependent(self, id: u8) -> bool {
        id < MAX_LAYERS && self.dependent & 1 << id != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_are_told_apart_and_in_order() {
        let layers = SpatialLayers::default().with(5, true).with(2, false).with(0, true).with(8, true);
        assert_eq!(layers.ids().collect::<Vec<_>>(), [0, 2, 5]);
        assert_eq!((layers.count(), layers.highest()), (3, Some(5)));
        assert!(layers.contains(2) && !layers.contains(3) && !layers.contains(8));
        assert!(
            layers.is_dependent(5) && !layers.is_dependent(2) && !layers.is_dependent(0) && !layers.is_dependent(9)
        );
        assert_eq!(SpatialLayers::default().highest(), None);
        assert_eq!(SpatialLayers::lowest(3, true), SpatialLayers::default().with(0, false).with(1, true).with(2, true));
        assert_eq!(SpatialLayers::lowest(200, false).count(), 8);
    }
}
