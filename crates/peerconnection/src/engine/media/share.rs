//! What each of several encodings may spend of what the peer allows them together.

/// What one encoding may claim.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Claim {
    /// How much it gets beside the others.
    pub weight: f64,
    /// The most it can use, in bits per second.
    pub most: Option<u64>,
}

/// Splits `total`, in bits per second, by weight. What one cannot use goes to the others.
pub(super) fn split(total: u64, claims: &[Claim]) -> Vec<u64> {
    let mut shares = vec![0; claims.len()];
    let mut open: Vec<usize> = (0..claims.len()).collect();
    let mut left = total;
    loop {
        let weights: f64 = open.iter().map(|at| claims[*at].weight).sum();
        let fair = |at: usize| (left as f64 * claims[at].weight / weights) as u64;
        let (full, rest): (Vec<usize>, Vec<usize>) =
            open.iter().partition(|at| claims[**at].most.is_some_and(|most| most <= fair(**at)));
        if full.is_empty() {
            for at in open {
                shares[at] = fair(at);
            }
            return shares;
        }
        for at in full {
            shares[at] = claims[at].most.unwrap_or_default();
            left -= shares[at];
        }
        open = rest;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_go_by_weight_and_what_one_cannot_use_goes_to_the_others() {
        let claim = |weight, most| Claim { weight, most };
        assert_eq!(split(1_000, &[claim(1.0, None)]), [1_000]);
        assert_eq!(split(1_000, &[claim(1.0, None), claim(3.0, None)]), [250, 750]);
        assert_eq!(split(1_000, &[claim(1.0, None), claim(3.0, Some(100))]), [900, 100]);
        assert_eq!(split(1_000, &[claim(1.0, Some(50)), claim(1.0, Some(60)), claim(2.0, None)]), [50, 60, 890]);
        assert_eq!(split(1_000, &[claim(1.0, Some(50)), claim(1.0, Some(60))]), [50, 60]);
        assert!(split(10, &[]).is_empty());
    }
}
