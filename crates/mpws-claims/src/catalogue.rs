//! The claims, in the order of the article.

use mpws_model::bench::Measure;

use crate::claim::{Ask, Aspect, Claim, Reading, Sense, Source};

/// Every claim.
pub const CLAIMS: &[Claim] = &[
    SERVER_RECIPE,
    CLIENT_RECIPE,
    SAME_VERSION,
    VERSIONS_INCOMPATIBLE,
    CONNECT_FIRST,
    PROTOCOL_ERROR,
    DEBUG_LOG,
    MORE_RELIABLE,
    NEEDS_SUPPORT,
    PROTOCOL_OVERHEAD,
    SLOWER_SETUP,
    ANY_SPECIAL_SOCKET,
];

const SERVER_RECIPE: Claim = Claim {
    id: "server-recipe",
    number: 1,
    statement: "A bound, listening, non-blocking MPTCP socket passed to serve(sock=) serves MPTCP clients",
    aspects: &[Aspect {
        name: "the recipe's server",
        source: Source::Cells {
            select: &[
                "server-ordering/listening-nonblocking@fixture:websockets-*-legacy/*",
                "server-ordering/listening-nonblocking@fixture:websockets-*-asyncio/*",
            ],
            read: Reading::Passes,
        },
        yes: Sense::Supports,
    }],
    hinges_on: &["mptcp-socket-v4"],
};

const CLIENT_RECIPE: Claim = Claim {
    id: "client-recipe",
    number: 2,
    statement: "A non-blocking MPTCP socket that `await loop.sock_connect(sock, (host, port))` has connected can be passed to connect(sock=)",
    aspects: &[Aspect {
        name: "the recipe's client",
        source: Source::Cells {
            select: &["client-ordering/published-recipe@websockets-*"],
            read: Reading::Passes,
        },
        yes: Sense::Supports,
    }],
    hinges_on: &["mptcp-socket-v4", "mptcp-resolver"],
};

const SAME_VERSION: Claim = Claim {
    id: "same-version",
    number: 3,
    statement: "Client and server must run the same version of the library",
    aspects: &[Aspect {
        name: "13.x with 14.x on the wire, both ways",
        source: Source::Cells {
            select: &[
                "compatibility/conversation@websockets-*:websockets-*",
                "compatibility/client-closes@websockets-*:websockets-*",
                "compatibility/server-closes@websockets-*:websockets-*",
                "compatibility/deflate@websockets-*:websockets-*",
                "compatibility/subprotocol@websockets-*:websockets-*",
                "compatibility/too-big@websockets-*:websockets-*",
            ],
            read: Reading::FailsOnlyAcrossVersions,
        },
        yes: Sense::Supports,
    }],
    hinges_on: &[],
};

const VERSIONS_INCOMPATIBLE: Claim = Claim {
    id: "versions-incompatible",
    number: 3,
    statement: "13.x and 14.x are incompatible with each other",
    aspects: &[
        Aspect {
            name: "on the wire",
            source: Source::Cells {
                select: &["compatibility/conversation@websockets-*:websockets-*"],
                read: Reading::FailsOnlyAcrossVersions,
            },
            yes: Sense::Supports,
        },
        Aspect {
            name: "programs written against the top-level names",
            source: Source::Cells {
                select: &[
                    "compatibility/api-extra-headers@*",
                    "compatibility/api-additional-headers@*",
                    "compatibility/api-handler-with-path@*",
                    "compatibility/api-hook-*@*",
                ],
                read: Reading::ChangesBetweenVersions,
            },
            yes: Sense::Supports,
        },
    ],
    hinges_on: &[],
};

const CONNECT_FIRST: Claim = Claim {
    id: "connect-first",
    number: 4,
    statement: "The socket must be connected before it is handed to connect()",
    aspects: &[
        Aspect {
            name: "a socket that was never connected is refused",
            source: Source::Cells {
                select: &["client-ordering/unconnected@websockets-*"],
                read: Reading::Check("an error is raised"),
            },
            yes: Sense::Supports,
        },
        Aspect {
            name: "a socket whose connect is still under way is refused",
            source: Source::Cells {
                select: &["client-ordering/in-progress@websockets-*"],
                read: Reading::Recorded {
                    name: "in-progress socket",
                    yes: &["refused"],
                    no: &["waited for"],
                },
            },
            yes: Sense::Supports,
        },
    ],
    hinges_on: &[],
};

/// The recipe is written for asyncio; which error the sync implementation raises is a race of its
/// two threads.
const PROTOCOL_ERROR: Claim = Claim {
    id: "protocol-error",
    number: 4,
    statement: "Handing over an unconnected socket raises a protocol error",
    aspects: &[Aspect {
        name: "the error is the library's own, about the handshake",
        source: Source::Cells {
            select: &[
                "client-ordering/unconnected@websockets-*-legacy:*",
                "client-ordering/unconnected@websockets-*-asyncio:*",
            ],
            read: Reading::LibraryError(&[
                "ProtocolError",
                "InvalidHandshake",
                "InvalidMessage",
                "InvalidStatus",
                "InvalidUpgrade",
            ]),
        },
        yes: Sense::Supports,
    }],
    hinges_on: &[],
};

const DEBUG_LOG: Claim = Claim {
    id: "debug-log",
    number: 5,
    statement: "The library's debug log tells more when something fails",
    aspects: &[
        Aspect {
            name: "the socket is not connected: the log names the cause",
            source: Source::Cells {
                select: &[
                    "client-ordering/unconnected@websockets-*-legacy:*",
                    "client-ordering/unconnected@websockets-*-asyncio:*",
                ],
                read: Reading::Check("the debug log names the cause"),
            },
            yes: Sense::Supports,
        },
        Aspect {
            name: "the server does not upgrade: the log shows what it answered",
            source: Source::Cells {
                select: &[
                    "client-ordering/http-200@websockets-*-legacy:*",
                    "client-ordering/http-200@websockets-*-asyncio:*",
                ],
                read: Reading::Recorded {
                    name: "debug log shows the answer's header fields",
                    yes: &["true"],
                    no: &["false"],
                },
            },
            yes: Sense::Supports,
        },
    ],
    hinges_on: &[],
};

const MORE_RELIABLE: Claim = Claim {
    id: "more-reliable",
    number: 6,
    statement: "MPTCP makes the connection more reliable",
    aspects: &[
        Aspect {
            name: "one of two paths fails: the WebSocket goes on and loses nothing",
            source: Source::Cells {
                select: &[
                    "failover/link-down@fixture:fixture/*",
                    "failover/link-down@fixture:websockets-*",
                    "failover/link-down@websockets-*:fixture/*",
                    "failover/silent-loss@fixture:fixture/*",
                    "failover/silent-loss@fixture:websockets-*",
                    "failover/silent-loss@websockets-*:fixture/*",
                    "failover/path-reset@fixture:fixture/*",
                    "failover/path-reset@fixture:websockets-*",
                    "failover/path-reset@websockets-*:fixture/*",
                ],
                read: Reading::Passes,
            },
            yes: Sense::Supports,
        },
        Aspect {
            name: "a path is cut for a while: the silence is shorter than over TCP",
            source: Source::Figures {
                measures: &[Measure::Failover],
                ask: Ask::Smaller,
            },
            yes: Sense::Supports,
        },
    ],
    hinges_on: &[],
};

const NEEDS_SUPPORT: Claim = Claim {
    id: "needs-support",
    number: 6,
    statement: "Servers and network devices must support MPTCP",
    aspects: &[
        Aspect {
            name: "a server without MPTCP is reached all the same",
            source: Source::Cells {
                select: &[
                    "negotiation/tcp-server@fixture:fixture/*",
                    "negotiation/tcp-server@fixture:websockets-*",
                    "negotiation/tcp-server@websockets-*:fixture/*",
                ],
                read: Reading::Passes,
            },
            yes: Sense::Contradicts,
        },
        Aspect {
            name: "behind a box that removes the options it works all the same",
            source: Source::Cells {
                select: &[
                    "fallback/option-stripped-everywhere@fixture:fixture/*",
                    "fallback/option-stripped-everywhere@fixture:websockets-*",
                    "fallback/option-stripped-everywhere@websockets-*:fixture/*",
                    "fallback/stripped-mid-connection@fixture:fixture/*",
                    "fallback/stripped-mid-connection@fixture:websockets-*",
                    "fallback/stripped-mid-connection@websockets-*:fixture/*",
                ],
                read: Reading::Passes,
            },
            yes: Sense::Contradicts,
        },
        Aspect {
            name: "a box that resets or drops what carries MPTCP is an error for the program",
            source: Source::Cells {
                select: &[
                    "fallback/mptcp-syn-reset@fixture:fixture/*",
                    "fallback/mptcp-syn-reset@websockets-*:fixture/*",
                    "fallback/mptcp-syn-ack-dropped@fixture:fixture/*",
                    "fallback/dss-data-dropped@fixture:fixture/*",
                    "fallback/dss-data-dropped@websockets-*:fixture/*",
                ],
                read: Reading::Passes,
            },
            yes: Sense::Supports,
        },
    ],
    hinges_on: &[],
};

const PROTOCOL_OVERHEAD: Claim = Claim {
    id: "protocol-overhead",
    number: 6,
    statement: "MPTCP has more protocol overhead",
    aspects: &[
        Aspect {
            name: "goodput of large messages is lower",
            source: Source::Figures {
                measures: &[Measure::BulkUp, Measure::BulkDown],
                ask: Ask::Smaller,
            },
            yes: Sense::Supports,
        },
        Aspect {
            name: "a small message takes longer there and back",
            source: Source::Figures {
                measures: &[Measure::Latency64],
                ask: Ask::Larger,
            },
            yes: Sense::Supports,
        },
        Aspect {
            name: "two small writes in a row wait for an ACK, as they do not over TCP",
            source: Source::Cells {
                select: &["latency/client-two-writes@websockets-*"],
                read: Reading::FailsOnlyOverMptcp("segments of the * that wait for an ACK"),
            },
            yes: Sense::Supports,
        },
    ],
    hinges_on: &[],
};

const SLOWER_SETUP: Claim = Claim {
    id: "slower-setup",
    number: 6,
    statement: "Setting up a connection takes slightly longer",
    aspects: &[
        Aspect {
            name: "the connection stands later",
            source: Source::Figures {
                measures: &[Measure::Connect],
                ask: Ask::Larger,
            },
            yes: Sense::Supports,
        },
        Aspect {
            name: "the opening handshake takes longer",
            source: Source::Figures {
                measures: &[Measure::Upgrade],
                ask: Ask::Larger,
            },
            yes: Sense::Supports,
        },
        Aspect {
            name: "where a box drops MPTCP's SYN, connecting waits for the SYN timer",
            source: Source::Cells {
                select: &[
                    "fallback/mptcp-syn-dropped@fixture:fixture/*",
                    "fallback/mptcp-syn-dropped@fixture:websockets-*",
                    "fallback/mptcp-syn-dropped@websockets-*:fixture/*",
                ],
                read: Reading::Passes,
            },
            yes: Sense::Supports,
        },
    ],
    hinges_on: &[],
};

const ANY_SPECIAL_SOCKET: Claim = Claim {
    id: "any-special-socket",
    number: 7,
    statement: "The same technique serves any socket that needs special configuration",
    aspects: &[
        Aspect {
            name: "options set before the hand-over stay set",
            source: Source::Cells {
                select: &[
                    "sockopts/client-keeps-users-options@websockets-*",
                    "sockopts/server-keeps-users-options@fixture:websockets-*",
                ],
                read: Reading::Passes,
            },
            yes: Sense::Supports,
        },
        Aspect {
            name: "listeners for IPv6 only, and two that share a port",
            source: Source::Cells {
                select: &[
                    "server-ordering/v6-only@*:websockets-*",
                    "server-ordering/reuseport-twins@*:websockets-*",
                ],
                read: Reading::Passes,
            },
            yes: Sense::Supports,
        },
        Aspect {
            name: "any blocking mode of the client's socket",
            source: Source::Cells {
                select: &[
                    "client-ordering/connected-nonblocking@websockets-*",
                    "client-ordering/connected-blocking@websockets-*",
                    "client-ordering/connected-with-timeout@websockets-*",
                ],
                read: Reading::Passes,
            },
            yes: Sense::Supports,
        },
        Aspect {
            name: "TCP_USER_TIMEOUT, TCP_QUICKACK and TCP_SYNCNT are refused",
            source: Source::Cells {
                select: &["sockopts/client-option-refused@websockets-*/mptcp/*"],
                read: Reading::Passes,
            },
            yes: Sense::Contradicts,
        },
    ],
    hinges_on: &[],
};
