//! `mpws peers`: images for peers in containers.

use std::collections::BTreeSet;
use std::io::{self, Write as _};
use std::path::Path;

use mpws_peers::image::{Condition, ListedImage, image_name};
use mpws_peers::{Catalogue, ImageError, Images, PeerSpec, StateFolder};
use mpws_report::text;
use mpws_suite::plan::Pattern;

use crate::args::{Peers, PeersBuild, PeersClean, PeersCommand, PeersList};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;

/// Builds, lists or removes images.
pub(crate) fn run(args: &Peers) -> Result<Exit, Failure> {
    match &args.command {
        PeersCommand::Build(args) => build(args),
        PeersCommand::List(args) => list(args),
        PeersCommand::Clean(args) => clean(args),
    }
}

fn build(args: &PeersBuild) -> Result<Exit, Failure> {
    let catalogue = catalogue(&args.peer_files)?;
    let chosen = chosen(catalogue.everyone(), &args.peers)?;
    let images = images(args.state.as_deref())?;
    let progress = |line: &str| {
        // The work goes on without a reader.
        let _ = writeln!(
            io::stderr().lock(),
            "{}",
            text::line(line, text::LINE_LIMIT)
        );
    };
    let mut output = Output::default();
    let mut missing = false;
    for base in &args.bases {
        for (name, spec) in &chosen {
            match images.build(spec, base, &progress) {
                Ok(built) => output.line(format_args!(
                    "{}  {} on {base}: Python {}, {}",
                    built.reference,
                    text::line(name, text::LINE_LIMIT),
                    text::line(&built.python, text::LINE_LIMIT),
                    text::line(&built.libc, text::LINE_LIMIT),
                )),
                Err(error @ ImageError::NotForPython { .. }) => {
                    missing = true;
                    output.line(format_args!(
                        "no image  {}",
                        text::line(&error.to_string(), text::LINE_LIMIT)
                    ));
                }
                Err(error) => return Err(refused("the images are not all there", &error)),
            }
        }
    }
    output.finish()?;
    Ok(if missing { Exit::Red } else { Exit::Green })
}

fn list(args: &PeersList) -> Result<Exit, Failure> {
    let catalogue = catalogue(&args.peer_files)?;
    let listing = images(args.state.as_deref())?
        .list(catalogue.everyone())
        .map_err(|error| refused("the images cannot be listed", &error))?;
    let mut output = Output::default();
    if args.json {
        let json = serde_json::to_string_pretty(&listing)
            .map_err(|error| Failure::of(Exit::Internal, "cannot write JSON", &error))?;
        output.line(json);
        return output.finish();
    }
    if listing.images.is_empty() {
        output.line("no images; `mpws peers build` makes them");
    }
    let rows: Vec<[String; 6]> = listing.images.iter().map(row).collect();
    let widths: [usize; 6] = std::array::from_fn(|at| {
        rows.iter()
            .map(|row| row[at].chars().count())
            .max()
            .unwrap_or(0)
    });
    for row in rows {
        let cells: Vec<String> = row
            .iter()
            .zip(widths)
            .map(|(cell, width)| format!("{cell:<width$}"))
            .collect();
        output.line(cells.join("  ").trim_end());
    }
    output.finish()
}

/// What it is, on what, with what, how large, whether current, under which name.
fn row(image: &ListedImage) -> [String; 6] {
    let words = [&image.python, &image.libc];
    let inside: Vec<&str> = words.into_iter().flatten().map(String::as_str).collect();
    let own = match (&image.peer, image.own_size) {
        (Some(_), Some(own)) => format!(" (own {})", size(own)),
        _ => String::new(),
    };
    [
        match (&image.peer, image.packages.as_slice()) {
            (Some(peer), _) => peer.clone(),
            (None, []) => image.kind.clone(),
            (None, packages) => format!("{} with {}", image.kind, packages.join(", ")),
        },
        image.base.clone(),
        inside.join(", "),
        format!("{}{own}", size(image.size)),
        match image.condition {
            Condition::Current => "current",
            Condition::Stale => "stale",
        }
        .to_owned(),
        image.reference.clone(),
    ]
    .map(|cell| text::line(&cell, text::LINE_LIMIT).to_string())
}

fn clean(args: &PeersClean) -> Result<Exit, Failure> {
    let cleaned = images(args.state.as_deref())?
        .clean()
        .map_err(|error| refused("not everything is removed", &error))?;
    let mut output = Output::default();
    for (what, names) in [
        ("container", &cleaned.containers),
        ("image", &cleaned.images),
        ("volume", &cleaned.volumes),
    ] {
        for name in names {
            output.line(format_args!("removed {what} {name}"));
        }
    }
    for name in &cleaned.kept {
        output.line(format_args!(
            "kept image {name}: somebody else's image stands on it"
        ));
    }
    if cleaned == Default::default() {
        output.line("nothing to remove");
    }
    output.finish()?;
    Ok(if cleaned.kept.is_empty() {
        Exit::Green
    } else {
        Exit::Red
    })
}

fn catalogue(files: &[std::path::PathBuf]) -> Result<Catalogue, Failure> {
    let mut catalogue = Catalogue::builtin()
        .map_err(|error| Failure::of(Exit::Internal, "our own peers cannot be read", &error))?;
    for file in files {
        catalogue
            .add_file(file)
            .map_err(|error| Failure::of(Exit::Usage, "a peer file cannot be used", &error))?;
    }
    Ok(catalogue)
}

/// One peer for each image that is asked for, with the name of that: by name or glob of a peer, or
/// of library and version; those of an ordinary run where nothing is said.
fn chosen<'a>(
    peers: &'a [PeerSpec],
    names: &[String],
) -> Result<Vec<(String, &'a PeerSpec)>, Failure> {
    let with_image: Vec<(String, &PeerSpec)> = peers
        .iter()
        .filter_map(|peer| Some((image_name(peer)?, peer)))
        .collect();
    let read = |name: &String| {
        let refused = |error| Failure::of(Exit::Usage, "no image is meant", &error);
        name.parse::<Pattern>().map_err(refused)
    };
    let names: Vec<Pattern> = names.iter().map(read).collect::<Result<_, _>>()?;
    let means = |name: &Pattern, image: &str, peer: &PeerSpec| {
        name.matches(&peer.name) || name.matches(image)
    };
    for name in &names {
        if !with_image
            .iter()
            .any(|(image, peer)| means(name, image, peer))
        {
            let what = format!("no peer with an image has the name `{name}`");
            let known: BTreeSet<&str> = with_image.iter().map(|(image, _)| &**image).collect();
            let known = known.into_iter().collect::<Vec<_>>().join(", ");
            return Err(Failure::new(Exit::Usage, what).next(format!("there are {known}")));
        }
    }
    let mut seen = BTreeSet::new();
    Ok(with_image
        .into_iter()
        .filter(|(image, peer)| match &names[..] {
            [] => !peer.matrix_only,
            names => names.iter().any(|name| means(name, image, peer)),
        })
        .filter(|(image, _)| seen.insert(image.clone()))
        .collect())
}

fn images(state: Option<&Path>) -> Result<Images, Failure> {
    let state = match state {
        Some(path) => StateFolder::new(path),
        None => StateFolder::usual(),
    };
    let state = state.map_err(|error| {
        Failure::of(Exit::Usage, "there is no folder of state", &error).next(error.remedy())
    })?;
    Images::new(state).map_err(|error| refused("there are no containers here", &error))
}

fn refused(what: &str, error: &ImageError) -> Failure {
    let exit = match error {
        ImageError::NoBase { .. } | ImageError::NoImageFor { .. } => Exit::Usage,
        ImageError::Vanished { .. } | ImageError::Context(_) => Exit::Internal,
        _ => Exit::Host,
    };
    Failure::of(exit, what, error).next(error.remedy())
}

/// In megabytes of a million bytes, as engines count.
fn size(bytes: u64) -> String {
    let tenths = bytes.div_ceil(100_000);
    format!("{}.{} MB", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(asked: &[&str]) -> Vec<String> {
        let catalogue = Catalogue::builtin().expect("our own peers");
        let asked: Vec<String> = asked.iter().map(|name| (*name).to_owned()).collect();
        chosen(catalogue.everyone(), &asked)
            .expect("peers")
            .into_iter()
            .map(|(image, _)| image)
            .collect()
    }

    #[test]
    fn without_a_name_the_peers_of_an_ordinary_run_are_chosen_once_each() {
        assert_eq!(names(&[]), ["websockets-13.1", "websockets-14.2"]);
    }

    #[test]
    fn names_of_peers_and_of_images_choose_also_from_the_matrix() {
        assert_eq!(names(&["websockets-10.4"]), ["websockets-10.4"]);
        let asked = ["websockets-14.2-sync", "websockets-14.2-*"];
        assert_eq!(names(&asked), ["websockets-14.2"]);
    }

    #[test]
    fn blind_peers_and_programs_of_their_own_have_images_and_the_fixture_has_none() {
        let asked = ["node-ws", "tungstenite-*"];
        assert_eq!(names(&asked), ["node-ws", "tungstenite-0.30.0-sync"]);
        let catalogue = Catalogue::builtin().expect("our own peers");
        let fixture = ["fixture".to_owned()];
        assert!(chosen(catalogue.everyone(), &fixture).is_err());
    }

    #[test]
    fn sizes_are_rounded_up_to_tenths() {
        assert_eq!(size(0), "0.0 MB");
        assert_eq!(size(91_400_001), "91.5 MB");
    }
}
