//! Whether a stream comes: what mutes a track of the other side.

/// On from the first packet to the peer's goodbye, or until receiving stops.
#[derive(Debug, Default)]
pub(in crate::engine) struct Flow {
    on: bool,
    told: bool,
}

impl Flow {
    pub fn set(&mut self, on: bool) {
        self.on = on;
    }

    pub fn is_on(&self) -> bool {
        self.on
    }

    /// What it is, if that differs from what was told last.
    pub fn take_change(&mut self) -> Option<bool> {
        (std::mem::replace(&mut self.told, self.on) != self.on).then_some(self.on)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_told_once_and_only_if_they_last() {
        let mut flow = Flow::default();
        assert_eq!(flow.take_change(), None);
        flow.set(true);
        assert_eq!((flow.take_change(), flow.take_change()), (Some(true), None));
        flow.set(false);
        flow.set(true);
        assert_eq!(flow.take_change(), None);
        flow.set(false);
        assert_eq!(flow.take_change(), Some(false));
    }
}
