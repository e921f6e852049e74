//! Two bands from one signal, and one signal from two bands: quadrature mirror filters of 24 taps.
//!
//! Source: ITU-T G.722 §3.1 and §4.4

/// Every other tap; backwards they are the others (table 11).
const TAPS: [i32; 12] = [3, -11, 12, 32, -210, 951, 3_876, -805, 362, -156, 53, -11];

/// The last 24 values, the oldest first.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct FilterBank {
    pairs: [[i32; 2]; 12],
}

impl FilterBank {
    /// The lower and the higher band, of 15 bits each, of two samples of 16 bits.
    pub fn split(&mut self, samples: [i16; 2]) -> [i32; 2] {
        let [even, odd] = self.filtered(samples.map(i32::from));
        // The taps add up to 4,096 in each half, and a band is half of both and has one bit less.
        [(odd + even) >> 14, (odd - even) >> 14]
    }

    /// Two samples of the lower and the higher band.
    pub fn join(&mut self, [lower, higher]: [i32; 2]) -> [i16; 2] {
        let [even, odd] = self.filtered([lower + higher, lower - higher]);
        [odd, even].map(|sum| (sum >> 11).clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as i16)
    }

    /// Takes two values, and gives what the filters make of those at even places and of those at odd ones.
    fn filtered(&mut self, next: [i32; 2]) -> [i32; 2] {
        self.pairs.rotate_left(1);
        self.pairs[11] = next;
        let pairs = self.pairs.iter();
        let taps = TAPS.iter().zip(TAPS.iter().rev());
        pairs
            .zip(taps)
            .fold([0, 0], |[even, odd], (pair, (tap, mirrored))| [even + pair[0] * tap, odd + pair[1] * mirrored])
    }
}
