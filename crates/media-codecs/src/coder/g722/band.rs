//! The two bands: a sample becomes a code of 6 bits below 4 kHz, and of 2 bits above.
//!
//! Source: ITU-T G.722 §3.5 and §3.6, whose tables these are

use super::predictor::{Predictor, saturated};

/// Where one code of the lower band ends and the next begins, in parts of the scale factor (table 5, Q6).
const LOWER_LEVELS: [i32; 29] = [
    35, 72, 110, 150, 190, 233, 276, 323, 370, 422, 473, 530, 587, 650, 714, 786, 858, 940, 1_023, 1_121, 1_219, 1_339,
    1_458, 1_612, 1_765, 1_980, 2_195, 2_557, 2_919,
];
/// The difference that each code of four bits stands for (QM4).
const LOWER_4: [i32; 16] =
    [0, -20_456, -12_896, -8_968, -6_288, -4_240, -2_584, -1_200, 20_456, 12_896, 8_968, 6_288, 4_240, 2_584, 1_200, 0];
/// Of five bits (QM5).
const LOWER_5: [i32; 32] = [
    -280, -280, -23_352, -17_560, -14_120, -11_664, -9_752, -8_184, -6_864, -5_712, -4_696, -3_784, -2_960, -2_208,
    -1_520, -880, 23_352, 17_560, 14_120, 11_664, 9_752, 8_184, 6_864, 5_712, 4_696, 3_784, 2_960, 2_208, 1_520, 880,
    280, -280,
];
/// Of six bits (QM6).
const LOWER_6: [i32; 64] = [
    -136, -136, -136, -136, -24_808, -21_904, -19_008, -16_704, -14_984, -13_512, -12_280, -11_192, -10_232, -9_360,
    -8_576, -7_856, -7_192, -6_576, -6_000, -5_456, -4_944, -4_464, -4_008, -3_576, -3_168, -2_776, -2_400, -2_032,
    -1_688, -1_360, -1_040, -728, 24_808, 21_904, 19_008, 16_704, 14_984, 13_512, 12_280, 11_192, 10_232, 9_360, 8_576,
    7_856, 7_192, 6_576, 6_000, 5_456, 4_944, 4_464, 4_008, 3_576, 3_168, 2_776, 2_400, 2_032, 1_688, 1_360, 1_040,
    728, 432, 136, -432, -136,
];
/// Of the two bits of the higher band (QM2).
const HIGHER_2: [i32; 4] = [-7_408, -1_616, 7_408, 1_616];
/// Where the inner codes of the higher band end (Q2).
const HIGHER_LEVEL: i32 = 564;
/// The powers of two between one and two, in steps of a thirty-second, times 2,048 (ILB).
const POWERS: [i32; 32] = [
    2_048, 2_093, 2_139, 2_186, 2_233, 2_282, 2_332, 2_383, 2_435, 2_489, 2_543, 2_599, 2_656, 2_714, 2_774, 2_834,
    2_896, 2_960, 3_025, 3_091, 3_158, 3_228, 3_298, 3_371, 3_444, 3_520, 3_597, 3_676, 3_756, 3_838, 3_922, 4_008,
];
/// What a band may reach, of the 15 bits it has.
const MOST: i32 = (1 << 14) - 1;

/// Of a table that has an entry for each code.
fn entry(table: &[i32], code: u8) -> i32 {
    table.get(usize::from(code)).copied().unwrap_or_default()
}

/// The factor by which the steps of a quantizer grow and shrink with the signal.
#[derive(Clone, Copy, Debug)]
struct Scale {
    logarithm: i32,
    factor: i32,
    /// What each code adds to the logarithm (WL behind RL42, WH behind RH2).
    steps: &'static [i32],
    most: i32,
    /// Bits to the right for a logarithm of nothing.
    shift: i32,
}

impl Scale {
    const LOWER: Self = Self {
        logarithm: 0,
        factor: 32,
        steps: &[-60, 3_042, 1_198, 538, 334, 172, 58, -30, 3_042, 1_198, 538, 334, 172, 58, -30, -60],
        most: 18_432,
        shift: 8,
    };
    const HIGHER: Self = Self { logarithm: 0, factor: 8, steps: &[798, -214, 798, -214], most: 22_528, shift: 10 };

    /// LOGSCL and SCALEL, LOGSCH and SCALEH
    fn adapt(&mut self, code: u8) {
        self.logarithm = (((self.logarithm * 127) >> 7) + entry(self.steps, code)).clamp(0, self.most);
        let power = entry(&POWERS, (self.logarithm >> 6 & 31) as u8);
        let shift = self.shift - (self.logarithm >> 11);
        self.factor = if shift < 0 { power << -shift } else { power >> shift } << 2;
    }

    fn scaled(&self, difference: i32) -> i32 {
        (self.factor * difference) >> 15
    }
}

/// How many of the six bits of the lower band carry sound; the others are the application's.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Mode {
    /// All six: 64 kbit/s, the only one of RTP (RFC 3551 §4.5.2).
    #[default]
    One,
    /// Five: 56 kbit/s, and 8 kbit/s of other data in the last bit of each byte.
    Two,
    /// Four: 48 kbit/s, and 16 kbit/s of other data in the last two bits of each byte.
    Three,
}

/// What is below 4 kHz.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lower {
    predictor: Predictor,
    scale: Scale,
}

impl Lower {
    pub fn new() -> Self {
        Self { predictor: Predictor::default(), scale: Scale::LOWER }
    }

    /// The code of the next sample, of six bits.
    pub fn encode(&mut self, sample: i32) -> u8 {
        let difference = saturated(sample - self.predictor.estimate());
        let negative = difference < 0;
        let size = if negative { !difference } else { difference };
        let below = LOWER_LEVELS.iter().take_while(|&&level| size >= (level * self.scale.factor) >> 12);
        let interval = below.count() as u8 + 1;
        // The two smallest negative ones stand apart, so that no code begins with four zeros.
        let code = match interval {
            _ if !negative => 62 - interval,
            1 | 2 => 64 - interval,
            _ => 34 - interval,
        };
        self.adapt(code);
        code
    }

    /// The sample of a code of six bits.
    pub fn decode(&mut self, code: u8, mode: Mode) -> i32 {
        let difference = match mode {
            Mode::One => entry(&LOWER_6, code & 63),
            Mode::Two => entry(&LOWER_5, code >> 1 & 31),
            Mode::Three => entry(&LOWER_4, code >> 2 & 15),
        };
        let sample = self.predictor.estimate() + self.scale.scaled(difference);
        self.adapt(code);
        sample.clamp(-MOST - 1, MOST)
    }

    /// By four bits in each mode, so that a bit of other data does no harm.
    fn adapt(&mut self, code: u8) {
        let code = code >> 2 & 15;
        let difference = self.scale.scaled(entry(&LOWER_4, code));
        self.scale.adapt(code);
        self.predictor.update(difference);
    }
}

/// What is above 4 kHz.
#[derive(Clone, Copy, Debug)]
pub(super) struct Higher {
    predictor: Predictor,
    scale: Scale,
}

impl Higher {
    pub fn new() -> Self {
        Self { predictor: Predictor::default(), scale: Scale::HIGHER }
    }

    /// The code of the next sample, of two bits.
    pub fn encode(&mut self, sample: i32) -> u8 {
        let difference = saturated(sample - self.predictor.estimate());
        let negative = difference < 0;
        let size = if negative { !difference } else { difference };
        let inner = size < (HIGHER_LEVEL * self.scale.factor) >> 12;
        let code = u8::from(inner) | if negative { 0 } else { 2 };
        self.adapt(code);
        code
    }

    /// The sample of a code of two bits.
    pub fn decode(&mut self, code: u8) -> i32 {
        let sample = self.predictor.estimate() + self.scale.scaled(entry(&HIGHER_2, code & 3));
        self.adapt(code);
        sample.clamp(-MOST - 1, MOST)
    }

    fn adapt(&mut self, code: u8) {
        let difference = self.scale.scaled(entry(&HIGHER_2, code & 3));
        self.scale.adapt(code);
        self.predictor.update(difference);
    }
}
