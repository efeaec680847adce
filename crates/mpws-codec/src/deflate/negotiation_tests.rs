use proptest::prelude::*;

use super::*;

fn list(text: &str) -> ExtensionList {
    ExtensionList::parse([text.as_bytes()]).expect("the grammar")
}

fn answer(preferences: &Preferences, offered: &str) -> Option<String> {
    let answer = preferences.answer(&list(offered));
    answer.map(|agreement| agreement.to_string())
}

fn accept(answered: &str, offers: &[Offer]) -> Result<Option<Agreement>, AnswerError> {
    Agreement::accept(&list(answered), offers)
}

fn bits(bits: u8) -> Option<WindowBits> {
    Some(WindowBits::new(bits).expect("8 to 15"))
}

#[test]
fn a_server_answers_what_the_offer_asks_for() {
    let none = Preferences::default();
    for (offered, answered) in [
        ("permessage-deflate", ""),
        ("permessage-deflate; client_max_window_bits", ""),
        (
            "permessage-deflate; client_max_window_bits=10",
            "; client_max_window_bits=10",
        ),
        (
            "permessage-deflate; server_max_window_bits=\"10\"",
            "; server_max_window_bits=10",
        ),
        (
            "permessage-deflate; server_no_context_takeover",
            "; server_no_context_takeover",
        ),
        (
            "permessage-deflate; client_no_context_takeover",
            "; client_no_context_takeover",
        ),
        (
            "other, permessage-deflate; server_max_window_bits=8",
            "; server_max_window_bits=8",
        ),
    ] {
        let expected = format!("{NAME}{answered}");
        assert_eq!(answer(&none, offered), Some(expected), "{offered}");
    }
}

#[test]
fn a_server_asks_for_what_it_prefers() {
    let preferences = Preferences {
        server_no_context_takeover: true,
        client_no_context_takeover: true,
        server_max_window_bits: bits(12),
        client_max_window_bits: bits(11),
        require_client_max_window_bits: false,
    };
    let both = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
    assert_eq!(
        answer(&preferences, "permessage-deflate; client_max_window_bits"),
        Some(format!(
            "{both}; server_max_window_bits=12; client_max_window_bits=11"
        ))
    );
    // RFC 7692 section 7.1.2.2: the parameter must have been offered.
    assert_eq!(
        answer(
            &preferences,
            "permessage-deflate; server_max_window_bits=10"
        ),
        Some(format!("{both}; server_max_window_bits=10"))
    );
    let strict = Preferences {
        require_client_max_window_bits: true,
        ..preferences
    };
    assert_eq!(answer(&strict, "permessage-deflate"), None);
}

#[test]
fn an_offer_with_a_mistake_is_declined_and_the_next_one_taken() {
    for wrong in [
        "permessage-deflate; unknown",
        "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
        "permessage-deflate; server_no_context_takeover=1",
        "permessage-deflate; client_no_context_takeover=true",
        "permessage-deflate; server_max_window_bits",
        "permessage-deflate; server_max_window_bits=7",
        "permessage-deflate; server_max_window_bits=16",
        "permessage-deflate; server_max_window_bits=08",
        "permessage-deflate; server_max_window_bits=+9",
        "permessage-deflate; client_max_window_bits=9; client_max_window_bits",
        "permessage-deflate; client_max_window_bits=1000000000000",
        "Permessage-Deflate",
        "x-webkit-deflate-frame",
    ] {
        let none = Preferences::default();
        assert_eq!(answer(&none, wrong), None, "{wrong}");
        let next = format!("{wrong}, permessage-deflate; server_max_window_bits=9");
        let taken = answer(&none, &next).expect("the second one");
        assert!(taken.ends_with("server_max_window_bits=9"), "{next}");
    }
}

#[test]
fn a_client_takes_every_answer_that_one_of_its_offers_allows() {
    let small = Offer {
        server_max_window_bits: bits(10),
        ..Offer::default()
    };
    let offers = [small, Offer::default()];
    for answered in [
        "permessage-deflate",
        "permessage-deflate; server_max_window_bits=10",
        "permessage-deflate; server_max_window_bits=15",
        "permessage-deflate; client_max_window_bits=\"8\"; client_no_context_takeover",
        "permessage-deflate; server_no_context_takeover",
    ] {
        assert!(
            matches!(accept(answered, &offers), Ok(Some(_))),
            "{answered}"
        );
    }
    assert_eq!(
        Agreement::accept(&ExtensionList::default(), &offers),
        Ok(None)
    );
}

#[test]
fn a_client_fails_on_an_answer_that_nothing_allows() {
    let offer = Offer {
        server_no_context_takeover: true,
        client_no_context_takeover: false,
        server_max_window_bits: bits(10),
        client_max_window_bits: ClientWindow::Absent,
    };
    let fine = "server_no_context_takeover; server_max_window_bits=10";
    assert!(accept(&format!("{NAME}; {fine}"), &[offer]).is_ok());
    for (answered, text) in [
        (format!("{NAME}; {fine}, {NAME}; {fine}"), "more than once"),
        (format!("{NAME}; {fine}, other"), "other was not offered"),
        ("permessage-bzip2".to_owned(), "was not offered"),
        (
            format!("{NAME}; server_max_window_bits=10"),
            "takeover is missing",
        ),
        (
            format!("{NAME}; server_no_context_takeover"),
            "missing or too large",
        ),
        (
            format!("{NAME}; server_no_context_takeover; server_max_window_bits=11"),
            "missing or too large",
        ),
        (
            format!("{NAME}; {fine}; client_max_window_bits=9"),
            "was not offered",
        ),
        (
            format!("{NAME}; {fine}; client_max_window_bits"),
            "invalid value",
        ),
        (
            format!("{NAME}; {fine}; mode=fast"),
            "unknown parameter mode",
        ),
        (
            format!("{NAME}; {fine}; server_max_window_bits=9"),
            "more than once",
        ),
    ] {
        let error = accept(&answered, &[offer]).expect_err(&answered);
        assert!(error.to_string().contains(text), "{answered}: {error}");
    }
}

#[test]
fn nothing_may_be_answered_where_nothing_was_offered() {
    let error = accept("permessage-deflate", &[]).expect_err("not offered");
    assert_eq!(error, AnswerError::NotOffered(NAME.to_owned()));
}

fn window() -> impl Strategy<Value = Option<WindowBits>> {
    proptest::option::of(some_window())
}

fn some_window() -> impl Strategy<Value = WindowBits> {
    (8u8..=15).prop_map(|bits| WindowBits::new(bits).expect("in range"))
}

fn client_window() -> impl Strategy<Value = ClientWindow> {
    prop_oneof![
        Just(ClientWindow::Absent),
        Just(ClientWindow::Limitable),
        some_window().prop_map(ClientWindow::AtMost),
    ]
}

proptest! {
    #[test]
    fn what_a_server_answers_its_client_accepts(
        offer in (any::<bool>(), any::<bool>(), window(), client_window()),
        wanted in (any::<bool>(), any::<bool>(), window(), window(), any::<bool>()),
    ) {
        let offer = Offer {
            server_no_context_takeover: offer.0,
            client_no_context_takeover: offer.1,
            server_max_window_bits: offer.2,
            client_max_window_bits: offer.3,
        };
        let preferences = Preferences {
            server_no_context_takeover: wanted.0,
            client_no_context_takeover: wanted.1,
            server_max_window_bits: wanted.2,
            client_max_window_bits: wanted.3,
            require_client_max_window_bits: wanted.4,
        };
        prop_assert_eq!(Offer::parse(&offer.into()), Ok(offer));
        match preferences.answer(&list(&offer.to_string())) {
            Some(agreed) => {
                prop_assert_eq!(accept(&agreed.to_string(), &[offer]), Ok(Some(agreed)));
                prop_assert!(agreed.window(Sender::Server) <= preferences.server_max_window_bits.unwrap_or_default());
            }
            None => prop_assert!(wanted.4 && wanted.3.is_some() && offer.client_max_window_bits == ClientWindow::Absent),
        }
    }
}
