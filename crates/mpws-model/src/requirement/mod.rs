//! What a case answers to: a section of a document, an interface of the kernel, or the
//! documentation of a library.

mod contents;

use std::fmt;

/// One place that says what a case demands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Requirement {
    /// Where it stands.
    pub source: Source,
    /// What it says there, in our words; empty where the place alone tells enough.
    pub says: &'static str,
}

/// Where a requirement stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// A section of a document, such as `3.2`.
    Section(Document, &'static str),
    /// An interface of the kernel.
    Kernel(Interface),
    /// The documentation of a library.
    Library {
        /// The library.
        library: &'static str,
        /// A page or a function of its documentation.
        page: &'static str,
    },
}

/// Documents with sections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Document {
    /// TCP Extensions for Multipath Operation with Multiple Addresses.
    Rfc8684,
    /// The WebSocket Protocol.
    Rfc6455,
    /// Compression Extensions for WebSocket.
    Rfc7692,
    /// Requirements for Internet Hosts: Communication Layers.
    Rfc1122,
    /// Protection of BGP Sessions via the TCP MD5 Signature Option.
    Rfc2385,
    /// Known TCP Implementation Problems.
    Rfc2525,
    /// HTTP Over TLS.
    Rfc2818,
    /// The Transport Layer Security (TLS) Protocol Version 1.3.
    Rfc8446,
    /// HTTP/1.1.
    Rfc9112,
    /// Transmission Control Protocol (TCP).
    Rfc9293,
}

/// Interfaces of Linux, by the kernel's own names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Interface {
    /// A sysctl, such as `net.mptcp.enabled`.
    Sysctl(&'static str),
    /// A socket option.
    SocketOption {
        /// Its name, such as `SO_LINGER`.
        name: &'static str,
        /// The manual page or header that describes it.
        page: &'static str,
    },
    /// A command of a generic netlink family.
    NetlinkCommand {
        /// The family.
        family: &'static str,
        /// The command, as the family's specification spells it.
        command: &'static str,
    },
    /// A multicast group of a generic netlink family.
    NetlinkGroup {
        /// The family.
        family: &'static str,
        /// The group.
        group: &'static str,
    },
    /// A counter of `/proc/net/netstat`.
    Counter(&'static str),
    /// A file below `/proc`.
    Proc(&'static str),
    /// A manual page, such as `accept(2)`.
    Manual(&'static str),
    /// A file of the kernel's source, where nothing else describes what it does.
    SourceFile(&'static str),
}

impl Requirement {
    /// With what the place says, in our words.
    #[must_use]
    pub const fn says(mut self, says: &'static str) -> Self {
        self.says = says;
        self
    }
}

impl Document {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Rfc8684,
        Self::Rfc6455,
        Self::Rfc7692,
        Self::Rfc1122,
        Self::Rfc2385,
        Self::Rfc2525,
        Self::Rfc2818,
        Self::Rfc8446,
        Self::Rfc9112,
        Self::Rfc9293,
    ];

    /// The documents that the suite is about. Their whole table of contents is known, so that a
    /// section that no case answers to can be named.
    pub const WHOLE: [Self; 3] = [Self::Rfc8684, Self::Rfc6455, Self::Rfc7692];

    /// Numbers and titles of its sections, in order: all of those of [`Document::WHOLE`], those
    /// that cases cite of the others.
    pub fn sections(self) -> &'static [(&'static str, &'static str)] {
        sections(self)
    }

    /// The title of a section, if there is such a section.
    pub fn title(self, section: &str) -> Option<&'static str> {
        let mut all = self.sections().iter();
        all.find(|(number, _)| *number == section)
            .map(|(_, title)| *title)
    }
}

/// A section of RFC 8684.
pub const fn rfc8684(number: &'static str) -> Requirement {
    section(Document::Rfc8684, number)
}

/// A section of RFC 6455.
pub const fn rfc6455(number: &'static str) -> Requirement {
    section(Document::Rfc6455, number)
}

/// A section of RFC 7692.
pub const fn rfc7692(number: &'static str) -> Requirement {
    section(Document::Rfc7692, number)
}

/// A section of a document.
pub const fn section(document: Document, number: &'static str) -> Requirement {
    at(Source::Section(document, number))
}

/// A sysctl.
pub const fn sysctl(name: &'static str) -> Requirement {
    kernel(Interface::Sysctl(name))
}

/// A socket option, and the page or header that describes it.
pub const fn socket_option(name: &'static str, page: &'static str) -> Requirement {
    kernel(Interface::SocketOption { name, page })
}

/// A command of a netlink family.
pub const fn netlink(family: &'static str, command: &'static str) -> Requirement {
    kernel(Interface::NetlinkCommand { family, command })
}

/// A multicast group of a netlink family.
pub const fn netlink_group(family: &'static str, group: &'static str) -> Requirement {
    kernel(Interface::NetlinkGroup { family, group })
}

/// A counter of the kernel.
pub const fn counter(name: &'static str) -> Requirement {
    kernel(Interface::Counter(name))
}

/// A file below `/proc`.
pub const fn proc(path: &'static str) -> Requirement {
    kernel(Interface::Proc(path))
}

/// A manual page of Linux.
pub const fn manual(page: &'static str) -> Requirement {
    kernel(Interface::Manual(page))
}

/// A file of the kernel's source.
pub const fn linux_source(path: &'static str) -> Requirement {
    kernel(Interface::SourceFile(path))
}

/// A page or a function in the documentation of a library.
pub const fn library(library: &'static str, page: &'static str) -> Requirement {
    at(Source::Library { library, page })
}

const fn kernel(interface: Interface) -> Requirement {
    at(Source::Kernel(interface))
}

const fn at(source: Source) -> Requirement {
    Requirement { source, says: "" }
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.source.fmt(f)?;
        if !self.says.is_empty() {
            write!(f, ": {}", self.says)?;
        }
        Ok(())
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Section(document, number) => write!(f, "{document} section {number}"),
            Self::Kernel(interface) => interface.fmt(f),
            Self::Library { library, page } => write!(f, "documentation of {library}, {page}"),
        }
    }
}

impl fmt::Display for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rfc8684 => "RFC 8684",
            Self::Rfc6455 => "RFC 6455",
            Self::Rfc7692 => "RFC 7692",
            Self::Rfc1122 => "RFC 1122",
            Self::Rfc2385 => "RFC 2385",
            Self::Rfc2525 => "RFC 2525",
            Self::Rfc2818 => "RFC 2818",
            Self::Rfc8446 => "RFC 8446",
            Self::Rfc9112 => "RFC 9112",
            Self::Rfc9293 => "RFC 9293",
        })
    }
}

impl fmt::Display for Interface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sysctl(name) | Self::Proc(name) | Self::Manual(name) => f.write_str(name),
            Self::SocketOption { name, page } => write!(f, "{name} of {page}"),
            Self::NetlinkCommand { family, command } => {
                write!(f, "netlink family {family}, command {command}")
            }
            Self::NetlinkGroup { family, group } => {
                write!(f, "netlink family {family}, multicast group {group}")
            }
            Self::Counter(name) => write!(f, "counter {name} of Linux"),
            Self::SourceFile(path) => write!(f, "{path} of Linux"),
        }
    }
}

/// The sections of a document.
fn sections(document: Document) -> &'static [(&'static str, &'static str)] {
    match document {
        Document::Rfc8684 => contents::RFC_8684,
        Document::Rfc6455 => contents::RFC_6455,
        Document::Rfc7692 => contents::RFC_7692,
        Document::Rfc1122 => &[
            ("4.2.3.2", "When to Send an ACK Segment"),
            ("4.2.3.9", "ICMP Messages"),
        ],
        Document::Rfc2385 => &[("2", "Proposal")],
        Document::Rfc2525 => &[("2.17", "Failure to RST on close with data pending")],
        Document::Rfc2818 => &[("3.1", "Server Identity")],
        Document::Rfc8446 => &[("5", "Record Protocol")],
        Document::Rfc9112 => &[("2.2", "Message Parsing")],
        Document::Rfc9293 => &[
            ("3.7.4", "Nagle Algorithm"),
            ("3.8.1", "Retransmission Timeout"),
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_that_does_not_exist_has_no_title() {
        assert_eq!(
            Document::Rfc8684.title("3.2"),
            Some("Starting a New Subflow")
        );
        assert_eq!(Document::Rfc8684.title("3.10"), None);
        assert_eq!(Document::Rfc8684.title(""), None);
    }

    #[test]
    fn sections_stand_in_order_and_below_one_that_exists() {
        for document in Document::ALL {
            let numbers: Vec<&str> = document.sections().iter().map(|(one, _)| *one).collect();
            let parts = |number: &str| -> Vec<(bool, u32, String)> {
                let part = |part: &str| {
                    let number = part.parse();
                    (number.is_err(), number.unwrap_or(0), part.to_owned())
                };
                number.split('.').map(part).collect()
            };
            assert!(numbers.is_sorted_by_key(|one| parts(one)), "{document}");
            if Document::WHOLE.contains(&document) {
                for number in &numbers {
                    let above = number.rsplit_once('.').map(|(above, _)| above);
                    assert!(
                        above.is_none_or(|above| numbers.contains(&above)),
                        "{document} {number}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_requirement_reads_as_a_citation() {
        let read = |one: Requirement| one.to_string();
        assert_eq!(read(rfc8684("3.1")), "RFC 8684 section 3.1");
        assert_eq!(
            read(rfc8684("3.3.8").says("flag B")),
            "RFC 8684 section 3.3.8: flag B"
        );
        assert_eq!(read(sysctl("net.mptcp.enabled")), "net.mptcp.enabled");
        assert_eq!(
            read(socket_option("SO_LINGER", "socket(7)")),
            "SO_LINGER of socket(7)"
        );
        assert_eq!(
            read(netlink("mptcp_pm", "announce")),
            "netlink family mptcp_pm, command announce"
        );
        assert_eq!(
            read(library("websockets", "connect(sock=)")),
            "documentation of websockets, connect(sock=)"
        );
    }
}
