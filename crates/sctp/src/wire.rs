//! Type-length-value parameters, which INIT, RE-CONFIG, HEARTBEAT and the causes of an error are made of.
//!
//! Source: [RFC 9260 §3.2.1](https://www.rfc-editor.org/rfc/rfc9260#section-3.2.1)

use ortica_core::DecodeError;

/// What the two highest bits of an unknown chunk or parameter ask for.
///
/// Source: [RFC 9260 §3.2.1](https://www.rfc-editor.org/rfc/rfc9260#section-3.2.1)
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Unknown {
    /// Look at nothing that follows.
    pub stop: bool,
    /// Tell the sender.
    pub report: bool,
}

impl Unknown {
    /// By the two highest bits of the type.
    pub fn from_bits(bits: u8) -> Self {
        Self { stop: bits & 2 == 0, report: bits & 1 != 0 }
    }
}

/// A parameter as it lies in its chunk.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Param<'a> {
    /// What it is; the numbers depend on where it stands.
    pub kind: u16,
    /// What follows its header, without padding.
    pub value: &'a [u8],
    /// Header and value, without padding.
    pub raw: &'a [u8],
}

impl Param<'_> {
    /// What to do with a parameter of this kind when it is not known.
    pub fn unknown(&self) -> Unknown {
        Unknown::from_bits((self.kind >> 14) as u8)
    }
}

/// Walks over parameters. A length below four or past the end yields one error, then the end.
#[derive(Clone, Debug)]
pub struct Params<'a> {
    rest: &'a [u8],
}

impl<'a> Params<'a> {
    pub fn new(params: &'a [u8]) -> Self {
        Self { rest: params }
    }
}

impl<'a> Iterator for Params<'a> {
    type Item = Result<Param<'a>, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let param = self.rest.first_chunk::<4>().ok_or(DecodeError::Truncated("parameter header")).and_then(
            |&[kind_high, kind_low, high, low]| {
                let len = usize::from(u16::from_be_bytes([high, low]));
                let raw = self.rest.get(..len).ok_or(DecodeError::Truncated("parameter"))?;
                let value = raw.get(4..).ok_or(DecodeError::Invalid("parameter length"))?;
                Ok(Param { kind: u16::from_be_bytes([kind_high, kind_low]), value, raw })
            },
        );
        let used = param.map_or(usize::MAX, |param| param.raw.len().next_multiple_of(4));
        self.rest = self.rest.get(used..).unwrap_or_default();
        Some(param)
    }
}

/// Appends a parameter, padded; `value` writes what follows its header.
pub fn put_param(out: &mut Vec<u8>, kind: u16, value: impl FnOnce(&mut Vec<u8>)) {
    let at = out.len();
    out.extend_from_slice(&kind.to_be_bytes());
    out.extend_from_slice(&[0; 2]);
    value(out);
    let len = (out.len() - at) as u16;
    if let Some(field) = out.get_mut(at + 2..at + 4) {
        field.copy_from_slice(&len.to_be_bytes());
    }
    out.resize(at + usize::from(len).next_multiple_of(4), 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_come_back() {
        let mut out = vec![0xaa];
        put_param(&mut out, 7, |out| out.extend_from_slice(b"hello"));
        put_param(&mut out, 0xc006, |_| ());
        let params: Vec<_> = Params::new(&out[1..]).map(|p| p.unwrap()).map(|p| (p.kind, p.value.to_vec())).collect();
        assert_eq!(params, [(7, b"hello".to_vec()), (0xc006, vec![])]);
    }

    /// Guards the walk over parameters, as that over chunks.
    #[test]
    fn sctp_3_impossible_parameter_lengths_end_the_walk() {
        for len in [0, 1, 2, 3, 9] {
            let bytes = [0, 7, 0, len, 0, 0, 0, 0];
            let mut params = Params::new(&bytes);
            assert!(params.next().unwrap().is_err(), "length {len}");
            assert_eq!(params.next(), None);
        }
    }
}
