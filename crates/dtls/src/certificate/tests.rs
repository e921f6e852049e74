use super::*;
use ortica_core::Rng;
use ortica_core::crypto::rust_crypto::provider;
use proptest::prelude::*;

const NOW: Duration = Duration::from_secs(1_700_000_000);

fn certificate() -> Certificate {
    Certificate::generate(&provider(), &mut Rng::from_number(1), NOW).unwrap()
}

fn made_for(lifetime: Duration) -> Result<Certificate, CertificateError> {
    let options = CertificateOptions { lifetime, ..CertificateOptions::default() };
    Certificate::generate_with(&provider(), &mut Rng::from_number(1), NOW, options)
}

#[test]
fn a_made_certificate_shows_its_key_and_its_end() {
    let certificate = certificate();
    let leaf = Leaf::decode(certificate.der()).unwrap();
    assert_eq!(leaf.public_key, certificate.key.public_key());
    assert_eq!(leaf.not_after, NOW + Certificate::DEFAULT_LIFETIME);
    assert_eq!(leaf.not_after, certificate.not_after());
}

#[test]
fn a_made_certificate_is_signed_by_its_own_key() {
    let certificate = certificate();
    let mut r = Reader::new(certificate.der());
    let mut r = Reader::new(der::expect(&mut r, der::SEQUENCE, "certificate").unwrap());
    let before = r.rest();
    let body = der::expect(&mut r, der::SEQUENCE, "tbs").unwrap();
    let signed = &before[..before.len() - r.remaining()];
    assert!(signed.ends_with(body));
    der::expect(&mut r, der::SEQUENCE, "algorithm").unwrap();
    let signature = der::expect(&mut r, der::BIT_STRING, "signature").unwrap();
    let key = certificate.key.public_key();
    provider().signature.verify(SignatureScheme::EcdsaP256Sha256, key, signed, &signature[1..]).unwrap();
}

#[test]
fn two_certificates_share_neither_key_nor_serial() {
    let mut rng = Rng::from_number(3);
    let a = Certificate::generate(&provider(), &mut rng, NOW).unwrap();
    let b = Certificate::generate(&provider(), &mut rng, NOW).unwrap();
    assert_ne!(a.fingerprint(HashAlgorithm::Sha256), b.fingerprint(HashAlgorithm::Sha256));
    assert_ne!(a.pkcs8(), b.pkcs8());
}

#[test]
fn parts_make_the_same_certificate_again() {
    let made = certificate();
    let again = Certificate::from_parts(&provider(), made.der().to_vec(), made.pkcs8()).unwrap();
    assert_eq!(again.der(), made.der());
    assert_eq!(again.not_after(), made.not_after());
}

#[test]
fn refuses_the_key_of_another_certificate() {
    let other = Certificate::generate(&provider(), &mut Rng::from_number(2), NOW).unwrap();
    let result = Certificate::from_parts(&provider(), certificate().der().to_vec(), other.pkcs8());
    assert_eq!(result.err(), Some(CertificateError::Mismatch));
}

#[test]
fn refuses_an_end_that_no_certificate_can_express() {
    let result = made_for(Duration::MAX);
    assert_eq!(result.err(), Some(CertificateError::Range));
}

#[test]
fn years_from_2050_on_take_the_longer_form() {
    let lifetime = Duration::from_secs(100 * 365 * 86_400);
    let made = made_for(lifetime).unwrap();
    assert_eq!(Leaf::decode(made.der()).unwrap().not_after, NOW + lifetime);
}

#[test]
fn known_dates() {
    assert_eq!(civil_from_days(0), (1970, 1, 1));
    assert_eq!(civil_from_days(19_782), (2024, 2, 29));
    assert_eq!(days_from_civil(2100, 3, 1), 47_541);
    assert_eq!(days_from_civil(1950, 1, 1), 0);
}

#[test]
fn debug_shows_no_key() {
    assert_eq!(
        format!("{:?}", certificate()),
        format!("Certificate {{ scheme: EcdsaP256Sha256, not_after: {:?}, .. }}", certificate().not_after())
    );
}

/// The guard is `Leaf::decode`: a walk over a bounded number of elements that never builds a path.
#[test]
fn cve_49_a_certificate_cut_anywhere_is_an_error() {
    let certificate = certificate();
    for len in 0..certificate.der().len() {
        assert!(Leaf::decode(&certificate.der()[..len]).is_err(), "{len} bytes");
    }
}

/// Nested sequences cost nothing: the walk goes no deeper than its own seven fields.
#[test]
fn cve_49_deep_nesting_is_not_followed() {
    let mut bomb = Vec::new();
    for _ in 0..2000 {
        let mut outer = Vec::new();
        der::primitive(&mut outer, der::SEQUENCE, &bomb);
        bomb = outer;
    }
    assert!(bomb.len() > 7000);
    assert!(Leaf::decode(&bomb).is_err());
}

#[test]
fn cve_49_every_changed_byte_is_an_error_or_a_certificate() {
    let certificate = certificate();
    for index in 0..certificate.der().len() {
        for value in [0, 1, 0x7f, 0x80, 0x81, 0x82, 0xff] {
            let mut der = certificate.der().to_vec();
            der[index] = value;
            if let Ok(leaf) = Leaf::decode(&der) {
                assert_eq!(leaf.public_key.len(), 65);
            }
        }
    }
}

proptest! {
    #[test]
    fn dates_survive_a_round_trip(day in 0u64..2_932_896) {
        let (year, month, date) = civil_from_days(day);
        prop_assert_eq!(days_from_civil(year, month, date), day);
    }

    #[test]
    fn times_survive_a_round_trip(seconds in 0u64..253_402_300_799) {
        let mut out = Vec::new();
        time(&mut out, Duration::from_secs(seconds));
        prop_assert_eq!(decode_time(&mut Reader::new(&out)), Ok(Duration::from_secs(seconds)));
    }

    #[test]
    fn junk_is_no_certificate(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(Leaf::decode(&bytes).is_err());
    }
}
