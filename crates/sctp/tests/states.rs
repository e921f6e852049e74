//! What each state makes of each chunk, and the rules of RFC 9260 that take several steps to show.

mod common;

use common::script::{Act::*, End, ROW, Row, Say, Say::*, Start, Start::*, run};
use ortica_sctp::CloseReason;

const STATES: [Start; 8] =
    [Closed, CookieWait, CookieEchoed, Established, ShutdownPending, ShutdownSent, ShutdownReceived, ShutdownAckSent];

/// Guards the state machine (RFC 9260 §4, §5.2, §8.4, §9): a chunk under the right tag, in every state, and its answer.
/// `!` marks the end of the association, `^` that it comes up.
#[test]
fn sctp_every_state_knows_every_chunk() {
    let silent = [""; 8];
    let table: [(Say, [&str; 8]); 15] = [
        // Before there is a handshake nobody has a tag to use. Data that come too early are dropped, and come again.
        (Data(1), ["", "", "", "SACK(1)", "SACK(1)", "SACK(1) SHUTDOWN(1)", "", ""]),
        // DATA(1) is outstanding where the end waits for it.
        (Sack(1), ["", "", "", "", "SHUTDOWN(0)", "", "SHUTDOWN_ACK", ""]),
        (Sack(9), silent),
        (InitAck, ["", "COOKIE_ECHO", "", "", "", "", "", ""]),
        (ForgedCookie, silent),
        (CookieAck, ["", "", "^", "", "", "", "", ""]),
        (Heartbeat, ["", "", "", "HEARTBEAT_ACK", "HEARTBEAT_ACK", "HEARTBEAT_ACK", "HEARTBEAT_ACK", "HEARTBEAT_ACK"]),
        (Other(5, &[0, 1, 0, 8, 1, 2, 3, 4]), silent),
        (Abort(0), ["", "!", "!", "!", "!", "!", "!", "!"]),
        (Error(6, 0), silent),
        (Shutdown(0), ["", "", "", "SHUTDOWN_ACK", "", "SHUTDOWN_ACK", "SACK(0)", "SHUTDOWN_ACK"]),
        (
            ShutdownAck,
            [
                "",
                "SHUTDOWN_COMPLETE(T)",
                "SHUTDOWN_COMPLETE(T)",
                "",
                "",
                "SHUTDOWN_COMPLETE!",
                "",
                "SHUTDOWN_COMPLETE!",
            ],
        ),
        (ShutdownComplete(0), ["", "", "", "", "", "", "", "!"]),
        (ForwardTsn(1, 1, 0), silent),
        (
            ResetOut(1, 0, 1),
            [
                "",
                "",
                "",
                "SACK(0) RE_CONFIG(answer 1 1)",
                "SACK(0) RE_CONFIG(answer 1 1)",
                "SACK(0) RE_CONFIG(answer 1 1)",
                "SACK(0) RE_CONFIG(answer 1 1)",
                "RE_CONFIG(answer 1 1)",
            ],
        ),
    ];
    for (say, answers) in table {
        for (start, answer) in STATES.into_iter().zip(answers) {
            let (answer, ends) = answer.strip_suffix('!').map_or((answer, false), |answer| (answer, true));
            let (answer, opens) = answer.strip_suffix('^').map_or((answer, false), |answer| (answer, true));
            let up = opens || !matches!(start, Closed | CookieWait | CookieEchoed);
            let end = match say {
                _ if !ends && up => End::Up,
                _ if !ends => End::NotYet,
                Abort(_) => End::Over(CloseReason::AbortedByPeer(0)),
                _ => End::Over(CloseReason::Shutdown),
            };
            // The tables live as long as the program; these few do as well.
            let name = String::leak(format!("{say:?} in {start:?}"));
            let heard = Box::leak(Box::new([say]));
            // Under a tag that is not known yet none is right.
            let act = if start == Closed { HearUnder(9, heard) } else { Hear(heard) };
            run(&[Row { name, start, steps: Box::leak(Box::new([(0, act, answer)])), end, ..ROW }]);
        }
    }
}

/// Guards the table of RFC 9260 §5.2.4 where an association is on its way to an end, or the handshake crossed another.
#[test]
fn sctp_2_cookies_meet_every_state() {
    run(&[
        Row {
            name: "action A, and the old association is ending: the peer has to wait for that",
            start: Established,
            steps: &[
                (20, Hear(&[InitOf(8, 9, 9)]), "INIT_ACK"),
                (20, Hear(&[Shutdown(0)]), "SHUTDOWN_ACK"),
                (20, Hear(&[CookieEcho]), "ERROR(10) / SHUTDOWN_ACK"),
            ],
            ..ROW
        },
        Row {
            name: "action A in every other state that has an association: it is emptied",
            start: ShutdownReceived,
            steps: &[
                (20, Hear(&[InitOf(8, 9, 9)]), "INIT_ACK"),
                (20, Hear(&[CookieEcho]), "COOKIE_ACK"),
                (20, Send(9), "DATA.."),
            ],
            end: End::UpWith(9, 9),
            ..ROW
        },
        Row {
            name: "action B: both began at once, and the peer's tag is the one of its cookie",
            start: CookieEchoed,
            steps: &[
                (20, Hear(&[InitOf(8, 9, 9)]), "INIT_ACK"),
                (20, Hear(&[CookieEcho]), "COOKIE_ACK"),
                (20, Hear(&[Data(1)]), "SACK(1)"),
            ],
            end: End::UpWith(9, 9),
            ..ROW
        },
        Row {
            name: "action C: an answer that came too late",
            start: Established,
            steps: &[
                (20, Hear(&[InitOf(8, 9, 9)]), "INIT_ACK"),
                (20, Hear(&[CookieEcho]), "COOKIE_ACK"),
                // The cookie of the association before.
                (20, HearUnder(9, &[FirstCookie]), ""),
            ],
            end: End::UpWith(9, 9),
            ..ROW
        },
        Row {
            name: "action D: COOKIE ACK was lost",
            start: Established,
            steps: &[(20, Hear(&[CookieEcho]), "COOKIE_ACK"), (90_000, Hear(&[CookieEcho]), "COOKIE_ACK")],
            ..ROW
        },
    ]);
}

/// Guards the handshake against a window that no association can live with: it is answered and changes nothing (§3.3.3).
#[test]
fn sctp_2_a_window_too_small_is_refused() {
    run(&[Row {
        name: "INIT ACK",
        start: CookieWait,
        steps: &[
            (0, Hear(&[InitAckWindow(1_499)]), "ABORT(7)"),
            (0, Hear(&[InitAckWindow(1_500)]), "COOKIE_ECHO"),
            (0, Hear(&[CookieAck]), ""),
        ],
        ..ROW
    }]);
}

/// Guards the time that a cookie is good for: longer if the peer asks for it, but not for as long as it likes; and against
/// a peer whose cookies are always too old.
#[test]
fn sctp_2_stale_cookies_are_asked_to_live_longer() {
    run(&[
        Row {
            name: "the wish is granted",
            steps: &[
                (0, Hear(&[InitWith(&[0, 9, 0, 8, 0, 0, 0x0b, 0xb8])]), "INIT_ACK"),
                (63_000, Hear(&[CookieEcho]), "COOKIE_ACK"),
            ],
            ..ROW
        },
        Row {
            name: "and no more than it",
            steps: &[
                (0, Hear(&[InitWith(&[0, 9, 0, 8, 0, 0, 0x0b, 0xb8])]), "INIT_ACK"),
                (63_001, Hear(&[CookieEcho]), "ERROR(3)"),
            ],
            end: End::NotYet,
            ..ROW
        },
        Row {
            name: "within bounds",
            steps: &[
                (0, Hear(&[InitWith(&[0, 9, 0, 8, 0xff, 0xff, 0xff, 0xff])]), "INIT_ACK"),
                (120_001, Hear(&[CookieEcho]), "ERROR(3)"),
            ],
            end: End::NotYet,
            ..ROW
        },
        Row {
            name: "a peer whose cookies are always stale is given up",
            config: |config| config.with_max_init_retransmits(2),
            start: CookieEchoed,
            steps: &[
                (10, Hear(&[Error(3, 9)]), "INIT(preserve)"),
                (20, Hear(&[InitAck]), "COOKIE_ECHO"),
                (30, Hear(&[Error(3, 9)]), "INIT(preserve)"),
                (40, Hear(&[InitAck]), "COOKIE_ECHO"),
                (50, Hear(&[Error(3, 9)]), "ABORT"),
            ],
            end: End::Over(CloseReason::ConnectTimeout),
            ..ROW
        },
    ]);
}

/// Guards requests about streams (RFC 6525): what is never granted is denied, numbers out of turn are told so, a request that
/// is asked for is answered by one of our own, and a peer that never offered any is left alone.
#[test]
fn sctp_10_requests_are_answered_in_turn() {
    const UP: Row = Row { start: Established, ..ROW };
    run(&[
        Row {
            name: "TSNs that begin anew",
            steps: &[(0, Hear(&[Other(130, &[0, 15, 0, 8, 0, 0, 0, 1])]), "SACK(0) RE_CONFIG(answer 1 2)")],
            ..UP
        },
        Row {
            name: "more streams, either way",
            steps: &[
                (0, Hear(&[Other(130, &[0, 17, 0, 12, 0, 0, 0, 1, 0, 9, 0, 0])]), "SACK(0) RE_CONFIG(answer 1 2)"),
                (0, Hear(&[Other(130, &[0, 18, 0, 12, 0, 0, 0, 2, 0, 9, 0, 0])]), "SACK(0) RE_CONFIG(answer 2 2)"),
            ],
            ..UP
        },
        Row {
            name: "numbers out of turn",
            steps: &[
                (0, Hear(&[ResetOut(3, 0, 1)]), "SACK(0) RE_CONFIG(answer 3 5)"),
                (0, Hear(&[ResetOut(0, 0, 1)]), "SACK(0) RE_CONFIG(answer 0 5)"),
                (0, Hear(&[ResetOut(1, 0, 1)]), "SACK(0) RE_CONFIG(answer 1 1)"),
            ],
            ..UP
        },
        Row {
            name: "a request for a request",
            steps: &[
                (0, Send(9), "DATA(1)"),
                (50, Hear(&[Sack(1)]), ""),
                (60, Hear(&[ResetIn(1, 1)]), "SACK(0) RE_CONFIG(answer 1 6) RE_CONFIG(reset out 1)"),
                (70, Hear(&[Answer(1, 1)]), "SACK(0)"),
                // It is done: that is what the repetition hears.
                (80, Hear(&[ResetIn(1, 1)]), "SACK(0) RE_CONFIG(answer 1 1)"),
                (90, Send(9), "DATA(2)"),
            ],
            ..UP
        },
    ]);
}
