//! ICE in fragments: what to tell of a local description, and the answer that a fragment makes of a remote one.

use super::error::ResponseError;
use crate::Direction;
use ortica_sdp::{Attribute, Fragment, Group, GroupSemantics, Media, Section, Session, Setup};

/// What a fragment has told, or can.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Told {
    ufrag: String,
    candidates: usize,
    /// There will be no more.
    pub complete: bool,
}

impl Told {
    /// What a description says.
    pub fn of(description: &Session) -> Self {
        let Some(section) = leading(description) else { return Self::default() };
        Self {
            ufrag: section.ice_ufrag().unwrap_or_default().to_owned(),
            candidates: section.candidates().count(),
            complete: section.end_of_candidates(),
        }
    }
}

/// The fragment that tells all candidates of a description, of the one section that has any, since all share a transport.
///
/// Source: [RFC 9725 §4.3.2](https://www.rfc-editor.org/rfc/rfc9725#section-4.3.2),
/// [RFC 8840 §4.4](https://www.rfc-editor.org/rfc/rfc8840#section-4.4)
pub(super) fn fragment(description: &Session) -> Option<Fragment> {
    let section = leading(description)?;
    let mut fragment = Fragment::default();
    // The same as in the description (RFC 9725 §4.3.3).
    fragment.attributes.extend(section.ice_options().cloned().map(Attribute::from));
    fragment.attributes.extend(section.bundle().cloned().map(Attribute::from));
    let mut media = Fragment::section(section.mid()?);
    (media.kind, media.protocol, media.formats) =
        (section.kind.clone(), section.protocol.clone(), section.formats.clone());
    let (ufrag, pwd) = section.ice_credentials()?;
    media.push(Attribute::IceUfrag(ufrag.to_owned()));
    media.push(Attribute::IcePwd(pwd.to_owned()));
    section.candidates().for_each(|candidate| media.push(Attribute::Candidate(candidate.to_owned())));
    if section.end_of_candidates() {
        media.push(Attribute::EndOfCandidates);
    }
    fragment.media.push(media);
    Some(fragment)
}

/// The section whose transport all share: the first of the bundle, else the first that is not rejected.
fn leading(description: &Session) -> Option<Section<'_>> {
    let bundle = description.groups().find(|group| group.semantics == GroupSemantics::Bundle);
    let named = bundle.and_then(|group: &Group| description.section_by_mid(group.mids.first()?));
    named.or_else(|| description.sections().find(|section| !section.is_rejected()))
}

/// Whether an offer changes nothing of what was agreed on but ICE.
pub(super) fn only_restarts(before: &Session, offer: &Session) -> bool {
    let shape = |section: Section<'_>| {
        let direction = (!section.is_rejected()).then(|| section.direction());
        (section.kind.clone(), section.mid().map(str::to_owned), direction)
    };
    before.sections().map(shape).eq(offer.sections().map(shape))
}

/// The answer to an offer that restarts ICE: what the other side said before, but for its ICE. `ours` is this side's part of
/// the DTLS handshake.
///
/// Source: [RFC 9725 §4.3.3](https://www.rfc-editor.org/rfc/rfc9725#section-4.3.3)
pub(super) fn answer(before: &Session, ours: Option<Setup>, fragment: &Fragment) -> Result<Session, ResponseError> {
    let (ufrag, pwd) = fragment.ice_credentials().ok_or(ResponseError::NoCredentials)?;
    if leading(before).and_then(|section| section.ice_ufrag()) == Some(ufrag) {
        return Err(ResponseError::NotRestarted);
    }
    let known = |media: &Media| media.mid().is_some_and(|mid| before.section_by_mid(mid).is_some());
    if !fragment.media.iter().all(known) {
        return Err(ResponseError::UnknownSection);
    }
    let mut answer = before.clone();
    answer.origin.session_version += 1;
    forget_ice(&mut answer.attributes);
    let complete = fragment.end_of_candidates();
    for media in &mut answer.media {
        forget_ice(&mut media.attributes);
        if media.is_rejected() {
            continue;
        }
        accept(media, ours);
        media.push(Attribute::IceUfrag(ufrag.to_owned()));
        media.push(Attribute::IcePwd(pwd.to_owned()));
        let told = fragment.media.iter().find(|told| told.mid() == media.mid());
        let candidates = told.into_iter().flat_map(Media::candidates);
        media.attributes.extend(candidates.map(|candidate| Attribute::Candidate(candidate.to_owned())));
        if complete || told.is_some_and(Media::end_of_candidates) {
            media.push(Attribute::EndOfCandidates);
        }
    }
    Ok(answer)
}

/// Makes a section one of an answer, if it was one of an offer.
fn accept(media: &mut Media, ours: Option<Setup>) {
    if media.bundle_only() {
        media.remove("bundle-only");
        media.port = 9;
    }
    let theirs = match ours {
        Some(Setup::Active) => Setup::Passive,
        Some(Setup::Passive) => Setup::Active,
        _ => return,
    };
    media.set(theirs);
}

fn forget_ice(attributes: &mut Vec<Attribute>) {
    attributes.retain(|attribute| {
        !matches!(
            attribute,
            Attribute::IceUfrag(_)
                | Attribute::IcePwd(_)
                | Attribute::Candidate(_)
                | Attribute::RemoteCandidates(_)
                | Attribute::EndOfCandidates
        )
    });
}

/// The first section of an offer that does not go the way of the session, or that there is none for media.
pub(super) fn goes(offer: &Session, way: Direction) -> Result<(), Option<usize>> {
    let mut media = offer.sections().filter(|section| section.protocol.is_rtp() && !section.is_rejected()).peekable();
    if media.peek().is_none() {
        return Err(None);
    }
    let goes = |section: &Section<'_>| match way {
        Direction::SendOnly => section.direction().sends(),
        _ => section.direction().receives(),
    };
    media.find(|section| !goes(section)).map_or(Ok(()), |section| Err(Some(section.index())))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFFER: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE a v\r\n\
        m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=mid:a\r\na=sendonly\r\na=setup:actpass\r\n\
        a=ice-ufrag:zjkk\r\na=ice-pwd:bP+XJMM09aR8AiX1jdukzR6Y\r\na=ice-options:trickle ice2\r\n\
        a=candidate:1 1 udp 2130706431 198.51.100.1 39132 typ host\r\n\
        m=video 0 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=mid:v\r\na=sendonly\r\na=bundle-only\r\n";

    fn offer() -> Session {
        OFFER.parse().unwrap()
    }

    fn answered() -> Session {
        OFFER.replace("a=sendonly", "a=recvonly").replace("actpass", "passive").parse().unwrap()
    }

    fn restart() -> Fragment {
        let text = "a=ice-lite\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:a\r\na=ice-ufrag:289b\r\n\
            a=ice-pwd:0b66f472495ef0ccac7bda653ab6be49\r\na=candidate:1 1 udp 2130706431 198.51.100.2 39133 typ host\r\n\
            a=end-of-candidates\r\n";
        text.parse().unwrap()
    }

    #[test]
    fn api_8_a_fragment_tells_the_one_section_that_gathers() {
        let text = fragment(&offer()).unwrap().to_string();
        let wanted = "a=ice-options:trickle ice2\r\na=group:BUNDLE a v\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:a\r\n\
            a=ice-ufrag:zjkk\r\na=ice-pwd:bP+XJMM09aR8AiX1jdukzR6Y\r\n\
            a=candidate:1 1 udp 2130706431 198.51.100.1 39132 typ host\r\n";
        assert_eq!(text, wanted);
        let mut done = offer();
        done.media[0].push(Attribute::EndOfCandidates);
        assert_eq!(fragment(&done).unwrap().to_string(), format!("{wanted}a=end-of-candidates\r\n"));
        assert_eq!(fragment(&Session::new(1, 1)), None);
    }

    #[test]
    fn api_8_what_was_told_changes_with_each_candidate_the_end_and_the_generation() {
        let before = Told::of(&offer());
        let mut more = offer();
        more.media[0].push(Attribute::Candidate("2 1 udp 1 192.0.2.7 9 typ host".into()));
        let mut ended = offer();
        ended.media[0].push(Attribute::EndOfCandidates);
        let mut restarted = offer();
        restarted.media[0].set(Attribute::IceUfrag("other".into()));
        for changed in [&more, &ended, &restarted] {
            assert_ne!(Told::of(changed), before);
        }
        assert!(Told::of(&ended).complete && !before.complete);
        assert_eq!(Told::of(&offer()), before);
    }

    #[test]
    fn api_8_a_restart_changes_ice_alone() {
        let made = answer(&answered(), Some(Setup::ActPass), &restart()).unwrap();
        assert_eq!(made.origin.session_version, 2);
        for section in made.sections() {
            assert_eq!(section.ice_credentials(), Some(("289b", "0b66f472495ef0ccac7bda653ab6be49")));
            assert_eq!(section.direction(), Direction::RecvOnly);
        }
        assert_eq!(made.media[0].candidates().collect::<Vec<_>>(), ["1 1 udp 2130706431 198.51.100.2 39133 typ host"]);
        assert!(made.media[0].end_of_candidates() && made.media[1].candidates().next().is_none());
        assert_eq!(made.media[0].setup(), Some(Setup::Passive));
    }

    /// What was a server's offer says `actpass` and has sections that only a bundle carries; an answer has neither.
    #[test]
    fn api_8_an_offer_of_the_server_becomes_an_answer() {
        for (ours, theirs) in [(Setup::Active, Setup::Passive), (Setup::Passive, Setup::Active)] {
            let made = answer(&offer(), Some(ours), &restart()).unwrap();
            assert_eq!(made.media[0].setup(), Some(theirs));
            assert!(!made.media[1].bundle_only() && !made.media[1].is_rejected());
        }
    }

    #[test]
    fn api_8_a_fragment_that_restarts_nothing_makes_no_answer() {
        let made = |text: &str| answer(&answered(), None, &text.parse().unwrap()).unwrap_err();
        assert_eq!(made("a=ice-lite\r\n"), ResponseError::NoCredentials);
        assert_eq!(made("a=ice-ufrag:new1\r\n"), ResponseError::NoCredentials);
        assert_eq!(made("a=ice-ufrag:zjkk\r\na=ice-pwd:other\r\n"), ResponseError::NotRestarted);
        let elsewhere = "a=ice-ufrag:new1\r\na=ice-pwd:other\r\nm=audio 9 RTP/AVP 0\r\n";
        assert_eq!(made(elsewhere), ResponseError::UnknownSection);
        assert_eq!(made(&format!("{elsewhere}a=mid:x\r\n")), ResponseError::UnknownSection);
    }

    #[test]
    fn api_8_an_offer_that_changes_more_than_ice_is_no_restart() {
        assert!(only_restarts(&offer(), &offer()));
        let mut more = offer();
        more.media.push(Media::data("d"));
        let mut turned = offer();
        turned.media[0].set(Direction::RecvOnly);
        let mut given_up = offer();
        given_up.media[0].reject();
        for other in [more, turned, given_up] {
            assert!(!only_restarts(&offer(), &other) && !only_restarts(&other, &offer()));
        }
    }

    #[test]
    fn api_8_every_section_goes_the_way_of_the_session() {
        assert_eq!(goes(&offer(), Direction::SendOnly), Ok(()));
        assert_eq!(goes(&offer(), Direction::RecvOnly), Err(Some(0)));
        let mut both = offer();
        both.media[0].set(Direction::SendRecv);
        assert_eq!(goes(&both, Direction::SendOnly), Ok(()));
        both.media[1].port = 9;
        both.media[1].set(Direction::Inactive);
        assert_eq!(goes(&both, Direction::SendOnly), Err(Some(1)));
        let mut data = Session::new(1, 1);
        data.media.push(Media::data("0"));
        assert_eq!(goes(&data, Direction::SendOnly), Err(None));
    }
}
