//! The adaptive predictor of one band: two poles and six zeros, which both sides adapt to the coded differences alone.
//!
//! Source: ITU-T G.722 §3.6.2 (blocks 4L and 4H), with the names of its sub-blocks

/// Limits a value to 16 bits, as every addition of the recommendation does.
pub(super) fn saturated(value: i32) -> i32 {
    value.clamp(i32::from(i16::MIN), i32::from(i16::MAX))
}

/// What the next sample of a band is taken to be.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Predictor {
    poles: [i32; 2],
    zeros: [i32; 6],
    /// What the band was, the latest first.
    reconstructed: [i32; 2],
    /// The same without what the poles gave.
    partial: [i32; 2],
    /// Coded differences, the latest first.
    differences: [i32; 6],
    /// What the zeros give for the next sample.
    from_zeros: i32,
    estimate: i32,
}

impl Predictor {
    /// The next sample, of 15 bits with sign.
    pub fn estimate(&self) -> i32 {
        self.estimate
    }

    /// Learns by how much the estimate was wrong, and makes the next one.
    pub fn update(&mut self, difference: i32) {
        let reconstructed = saturated(self.estimate + difference);
        let partial = saturated(self.from_zeros + difference);
        self.poles = self.adapted_poles(partial);
        self.zeros = self.adapted_zeros(difference);

        self.reconstructed = [reconstructed, self.reconstructed[0]];
        self.partial = [partial, self.partial[0]];
        self.differences.rotate_right(1);
        self.differences[0] = difference;

        self.from_zeros = saturated(weighted(&self.zeros, &self.differences));
        self.estimate = saturated(saturated(weighted(&self.poles, &self.reconstructed)) + self.from_zeros);
    }

    /// UPPOL2 and UPPOL1: the second pole first, since it limits the other.
    fn adapted_poles(&self, partial: i32) -> [i32; 2] {
        let as_last = is_negative(partial) == is_negative(self.partial[0]);
        let as_before = is_negative(partial) == is_negative(self.partial[1]);

        let first = saturated(self.poles[0] << 2);
        let first = if as_last { saturated(-first) } else { first };
        let step = if as_before { 128 } else { -128 };
        let second = (step + (first >> 7) + leaked(self.poles[1], 32_512)).clamp(-12_288, 12_288);

        let step = if as_last { 192 } else { -192 };
        let most = 15_360 - second;
        [saturated(step + leaked(self.poles[0], 32_640)).clamp(-most, most), second]
    }

    /// UPZERO
    fn adapted_zeros(&self, difference: i32) -> [i32; 6] {
        let step = if difference == 0 { 0 } else { 128 };
        let mut zeros = self.zeros;
        for (zero, &earlier) in zeros.iter_mut().zip(&self.differences) {
            let step = if is_negative(earlier) == is_negative(difference) { step } else { -step };
            *zero = saturated(step + leaked(*zero, 32_640));
        }
        zeros
    }
}

fn is_negative(value: i32) -> bool {
    value < 0
}

/// A coefficient that forgets: `factor` in parts of 32,768.
fn leaked(coefficient: i32, factor: i32) -> i32 {
    (coefficient * factor) >> 15
}

/// FILTEP and FILTEZ
fn weighted(coefficients: &[i32], values: &[i32]) -> i32 {
    let terms = coefficients.iter().zip(values);
    terms.map(|(coefficient, value)| (coefficient * saturated(2 * value)) >> 15).sum()
}
