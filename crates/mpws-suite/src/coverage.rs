//! From a requirement to the cases that answer to it.

use std::collections::BTreeMap;

use mpws_model::requirement::{Document, Source};

use crate::case::Case;

/// What covers one source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Covered {
    /// A section, an interface or a page.
    pub source: Source,
    /// The title of a section.
    pub title: Option<&'static str>,
    /// Slugs of the cases that answer to it, in the catalogue's order; none where no case does.
    pub cases: Vec<&'static str>,
}

/// What of each source these cases cover: every section of [`Document::WHOLE`], whether a case
/// answers to it or not, then all else that they cite. A case that answers to a section counts for
/// this section alone, not for those above or below.
pub fn coverage<'a>(cases: impl IntoIterator<Item = &'a Case>) -> Vec<Covered> {
    let mut cited: BTreeMap<Source, Vec<&'static str>> = BTreeMap::new();
    for document in Document::WHOLE {
        for (number, _) in document.sections() {
            cited.insert(Source::Section(document, number), Vec::new());
        }
    }
    for case in cases {
        for requirement in case.requirements {
            let slugs = cited.entry(requirement.source).or_default();
            // A case may answer to two sentences of one section.
            if slugs.last() != Some(&case.slug) {
                slugs.push(case.slug);
            }
        }
    }
    let mut all: Vec<Covered> = cited
        .into_iter()
        .map(|(source, cases)| Covered {
            source,
            title: title(source),
            cases,
        })
        .collect();
    // A section's number is no text: 3.10 stands behind 3.9. What is no section keeps the order of
    // its name.
    all.sort_by_key(|one| place(one.source));
    all
}

fn title(source: Source) -> Option<&'static str> {
    match source {
        Source::Section(document, number) => document.title(number),
        Source::Kernel(_) | Source::Library { .. } => None,
    }
}

/// The place of a section in its document's table of contents, behind all where it is none.
fn place(source: Source) -> (bool, Option<Document>, usize) {
    match source {
        Source::Section(document, number) => {
            let mut all = document.sections().iter();
            let place = all.position(|(one, _)| *one == number);
            (false, Some(document), place.unwrap_or(usize::MAX))
        }
        Source::Kernel(_) | Source::Library { .. } => (true, None, 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases::catalogue;
    use crate::requirement::{rfc8684, sysctl};

    #[test]
    fn every_section_that_a_case_answers_to_exists() {
        for case in catalogue() {
            for requirement in case.requirements {
                if let Source::Section(document, number) = requirement.source {
                    let title = document.title(number);
                    assert!(title.is_some(), "{}: no {}", case.slug, requirement.source);
                }
            }
        }
    }

    #[test]
    fn a_section_names_its_cases_and_one_without_is_listed() {
        const CASES: [Case; 2] = [
            Case {
                slug: "family/one",
                requirements: &[rfc8684("3.2").says("this"), rfc8684("3.2").says("that")],
                ..Case::BASE
            },
            Case {
                slug: "family/two",
                requirements: &[rfc8684("3.2"), sysctl("net.mptcp.enabled")],
                ..Case::BASE
            },
        ];
        let all = coverage(&CASES);
        let of = |source: Source| {
            let one = all.iter().find(|one| one.source == source);
            one.map(|one| one.cases.clone())
        };
        assert_eq!(
            of(rfc8684("3.2").source),
            Some(vec!["family/one", "family/two"])
        );
        assert_eq!(of(rfc8684("3.9.1").source), Some(vec![]));
        assert_eq!(
            of(sysctl("net.mptcp.enabled").source),
            Some(vec!["family/two"])
        );
        assert_eq!(of(sysctl("net.mptcp.pm_type").source), None);
        let sections: usize = Document::WHOLE.iter().map(|one| one.sections().len()).sum();
        assert_eq!(all.len(), sections + 1);
    }

    #[test]
    fn sections_come_in_the_order_of_their_document_and_the_rest_behind_them() {
        const CASES: [Case; 1] = [Case {
            slug: "family/one",
            requirements: &[sysctl("net.mptcp.enabled")],
            ..Case::BASE
        }];
        let all = coverage(&CASES);
        let numbers: Vec<String> = all.iter().map(|one| one.source.to_string()).collect();
        let at = |name: &str| numbers.iter().position(|one| one == name).expect(name);
        assert!(at("RFC 8684 section 3.9.3") < at("RFC 8684 section 4"));
        assert!(at("RFC 6455 section 9") < at("RFC 6455 section 10"));
        assert_eq!(at("net.mptcp.enabled"), all.len() - 1);
    }
}
