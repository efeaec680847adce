//! Parameters of permessage-deflate on the command line, written as in the header.

use mpws_fixture::deflate::{Agreement, Extension, ExtensionList, Offer, Preferences};

/// What a client offers.
pub(crate) fn offer(parameters: &str) -> Result<Offer, String> {
    Offer::parse(&extension(parameters)?).map_err(|error| error.to_string())
}

/// What a server asks for.
pub(crate) fn preferences(parameters: &str) -> Result<Preferences, String> {
    let wanted = Agreement::parse(&extension(parameters)?).map_err(|error| error.to_string())?;
    Ok(Preferences {
        server_no_context_takeover: wanted.server_no_context_takeover,
        client_no_context_takeover: wanted.client_no_context_takeover,
        server_max_window_bits: wanted.server_max_window_bits,
        client_max_window_bits: wanted.client_max_window_bits,
        require_client_max_window_bits: false,
    })
}

fn extension(parameters: &str) -> Result<Extension, String> {
    let header = match parameters.trim() {
        "" => "permessage-deflate".to_owned(),
        parameters => format!("permessage-deflate; {parameters}"),
    };
    let list = ExtensionList::parse([header.as_bytes()]).map_err(|error| error.to_string())?;
    match <[Extension; 1]>::try_from(list.0) {
        Ok([one]) => Ok(one),
        Err(_) => Err("the parameters of one extension, separated by ';'".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_read_as_they_stand_in_the_header() {
        let offer = offer("server_max_window_bits=10; client_max_window_bits").expect("an offer");
        let text = "permessage-deflate; server_max_window_bits=10; client_max_window_bits";
        assert_eq!(offer.to_string(), text);
        assert_eq!(
            preferences("").expect("nothing asked for"),
            Preferences::default()
        );
    }

    #[test]
    fn what_is_no_parameter_is_refused_with_its_name() {
        for (wrong, word) in [
            ("window=10", "window"),
            ("server_max_window_bits=16", "server_max_window_bits"),
            ("server_no_context_takeover, other", "one extension"),
            ("=", "name of a parameter"),
        ] {
            let error = offer(wrong).expect_err(wrong);
            assert!(error.contains(word), "{wrong}: {error}");
        }
        // Only an offer may leave its value out.
        assert!(preferences("client_max_window_bits").is_err());
    }
}
